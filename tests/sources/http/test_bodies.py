"""What is read of an answer: no more than its limit, and no more of all answers together than theirs."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from meshtop.sources.http import bodies
from meshtop.sources.http.answer import BufferedStream, HttpAnswer, field_of
from meshtop.sources.http.bodies import AnswerTooLarge, BytesInFlight, read_whole


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def answer(*pieces: bytes) -> httpx.Response:
    return httpx.Response(200, stream=_Pieces(*pieces), request=httpx.Request("GET", "http://test"))


async def test_answers_that_are_read_at_once_share_a_limit() -> None:
    in_flight = BytesInFlight(10)
    reading = read_whole(answer(b"12345", b"6789"), most_bytes=100, in_flight=in_flight)
    assert (await reading).content == b"123456789"
    assert in_flight.held == 0, "what was read is the reader's, and no longer on its way"
    in_flight.add(6)
    with pytest.raises(AnswerTooLarge) as refused:
        await read_whole(answer(b"1234", b"5"), most_bytes=100, in_flight=in_flight)
    assert (refused.value.of_all, refused.value.limit) == (True, 10)
    assert in_flight.held == 6, "a refused answer holds nothing"
    assert (await read_whole(answer(b"1234"), most_bytes=100, in_flight=in_flight)).content == b"1234"


async def test_one_answer_has_a_limit_of_its_own() -> None:
    with pytest.raises(AnswerTooLarge) as refused:
        await read_whole(answer(b"123", b"45"), most_bytes=4, in_flight=BytesInFlight(100))
    assert (refused.value.of_all, refused.value.limit) == (False, 4)


class _Buffered(BufferedStream, _Pieces):
    """A body that is there as a whole; who reads it piece by piece finds it gone."""

    def at_once(self) -> bytes | None:
        whole, self.pieces = b"".join(self.pieces), ()
        return whole


FIELDS = [
    (b"Content-Type", b"text/html"),
    (b"content-encoding", b"GZIP"),
    (b"Content-Length", b"3"),
    (b"Warning", b"a"),
    (b"warning", b"b"),
]
ASKED = httpx.Request("GET", "http://test")


def buffered(body: bytes, *, fields: list[tuple[bytes, bytes]] = FIELDS) -> HttpAnswer:
    return HttpAnswer(200, fields, stream=_Buffered(body), request=ASKED)


@pytest.mark.parametrize("piece", [1024 * 1024, 4])
async def test_an_answer_that_came_whole_is_read_at_once(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its body is longer than one piece."""
    monkeypatch.setattr(bodies, "_PIECE", piece)
    in_flight = BytesInFlight(100)
    whole = await read_whole(buffered(gzip.compress(b"123456789")), most_bytes=100, in_flight=in_flight)
    assert (whole.content, whole.read(), await whole.aread(), whole.text) == (b"123456789",) * 3 + ("123456789",)
    assert in_flight.held == 0
    theirs = await read_whole(
        httpx.Response(200, headers=FIELDS, stream=_Pieces(gzip.compress(b"123456789")), request=ASKED),
        most_bytes=100,
        in_flight=in_flight,
    )
    expected = httpx.Response(
        200, headers=[FIELDS[0], *FIELDS[3:]], content=b"123456789", request=httpx.Request("GET", "http://test")
    )
    assert whole.headers == theirs.headers == expected.headers


@pytest.mark.parametrize(
    ("body", "most", "of_all", "expected"),
    [
        (gzip.compress(b"123456789"), 8, 100, AnswerTooLarge),
        (gzip.compress(b"123456789"), 100, 8, AnswerTooLarge),
        (gzip.compress(b"123456789")[:-9], 100, 100, httpx.DecodingError),
        (b"no gzip", 100, 100, httpx.DecodingError),
    ],
    # A compressed text holds the second in which it was made.
    ids=["too long", "too long for all", "cut off", "none"],
)
async def test_what_came_at_once_has_the_same_limits(
    body: bytes, most: int, of_all: int, expected: type[Exception]
) -> None:
    for one in (buffered(body), httpx.Response(200, headers=FIELDS, stream=_Pieces(body), request=ASKED)):
        in_flight = BytesInFlight(of_all)
        with pytest.raises(expected):
            await read_whole(one, most_bytes=most, in_flight=in_flight)
        assert in_flight.held == 0


def test_a_field_is_found_without_looking_at_the_others() -> None:
    received = buffered(b"")
    assert (field_of(received, b"content-type"), field_of(received, b"etag")) == ("text/html", "")
    assert (received.first_look(b"warning"), field_of(received, b"warning")) == (None, "a, b")
    assert received.headers["Content-Encoding"] == "GZIP"
    read = HttpAnswer(200, FIELDS, body=b"long", request=ASKED)
    assert (field_of(read, b"content-encoding"), field_of(read, b"content-length")) == ("", "4")
    read.headers = httpx.Headers({"Content-Type": "application/json"})
    assert field_of(read, b"content-type") == "application/json"
    assert field_of(httpx.Response(200, headers={"ETag": "1"}), b"etag") == "1"
