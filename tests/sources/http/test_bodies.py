"""What is read of an answer: no more than its limit, and no more of all answers together than theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

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
