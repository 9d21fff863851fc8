"""Where the body of an answer ends, whatever pieces it comes in."""

from __future__ import annotations

import itertools

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.sources.http.exchange import parse_head
from meshtop.sources.http.framing import BodyReader, ChunkedBody, reader_of


def reader(status: int, *fields: bytes, bodiless: bool = False) -> BodyReader:
    head = parse_head(b"\r\n".join((b"HTTP/1.1 %d Something" % status, *fields)))
    return reader_of(head.status, head.values, bodiless=bodiless)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    extension=st.sampled_from([b"", b";a=b", b" ; q"]),
    end=st.sampled_from([b"0\r\n\r\n", b"000\r\nTrailer: x\r\nOther: y\r\n\r\n", b"0;last\r\n\r\n"]),
    cuts=st.lists(st.integers(0, 300), max_size=20),
)
def test_chunks_are_put_together_wherever_they_are_cut(
    chunks: list[bytes], extension: bytes, end: bytes, cuts: list[int]
) -> None:
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + end
    body = ChunkedBody(leaves_the_connection=True)
    found = []
    for piece in split(wire, cuts):
        assert not body.is_complete
        found.append(body.feed(piece))
    assert b"".join(found) == b"".join(chunks)
    assert body.is_complete
    assert not body.has_more_than_asked


@pytest.mark.parametrize(
    "wire",
    [
        b"\r\n\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b"1_0\r\n",
        b"11111111111111111\r\n",
        b"2\r\nabc\r\n",
        b"2\r\nab\r0\r\n",
        b"1;" + b"x" * 20_000,
        b"0\r\n" + b"A: " + b"x" * 9_000 + b"\r\nB: " + b"x" * 9_000 + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_chunks_that_are_none(wire: bytes, step: int) -> None:
    body = ChunkedBody(leaves_the_connection=True)

    def feed() -> None:
        for at in range(0, len(wire), step):
            body.feed(wire[at : at + step])

    with pytest.raises(httpx.RemoteProtocolError):
        feed()
    assert not body.is_complete


@pytest.mark.parametrize(
    ("status", "fields", "bodiless", "size", "kept"),
    [
        (200, [b"Content-Length: 3"], False, 3, True),
        (200, [b"Content-Length: 3, 3", b"content-length: 3"], False, 3, True),
        (200, [b"Content-Length: 3"], True, 0, True),
        (204, [b"Content-Length: 3"], False, 0, True),
        (304, [], False, 0, True),
        (200, [], False, None, False),
        (200, [b"Transfer-Encoding: Chunked"], False, None, True),
        # Two ways to tell where it ends: the chunks count, and nobody can trust what comes after them.
        (200, [b"Transfer-Encoding: chunked", b"Content-Length: 3"], False, None, False),
    ],
)
def test_how_an_answer_ends(status: int, fields: list[bytes], bodiless: bool, size: int | None, kept: bool) -> None:
    body = reader(status, *fields, bodiless=bodiless)
    assert body.leaves_the_connection is kept
    assert body.is_complete is (size == 0)
    if size:
        assert body.feed(b"abcdef") == b"abcdef"[:size]
        assert body.is_complete
        assert body.has_more_than_asked


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: -1"],
        [b"Content-Length: 1.0"],
        [b"Content-Length: "],
        [b"Content-Length: 1", b"Content-Length: 2"],
        [b"Content-Length: 1, 2"],
        [b"Content-Length: " + b"9" * 30],
        [b"Content-Length: \xc2\xb2"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: identity"],
    ],
)
def test_an_end_that_cannot_be_told(fields: list[bytes]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        reader(200, *fields)
