"""Watches: streams of events, one per line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct, field

from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import response_problem, too_large
from meshtop.sources.kubernetes import wire
from meshtop.sources.kubernetes.kinds import Codec, ObjectNotUnderstood
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

_EVENT = msgspec.json.Decoder(wire.WatchEvent)
_BOOKMARK = msgspec.json.Decoder(wire.Bookmark)
_STATUS = msgspec.json.Decoder(wire.ErrorStatus)
_GRACE_SECONDS = 15.0
"""How much longer than it was asked to last a watch may stay open, and how long it may take to begin."""


class LineTooLong(ValueError):
    """A line has more bytes than its limit."""


class LineSplitter:
    """Puts lines together from chunks that end anywhere; a line of more than `most_bytes` raises LineTooLong."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._rest = bytearray()

    @property
    def is_amid_a_line(self) -> bool:
        """Whether a line has begun that is not complete."""
        return bool(self._rest)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete with this chunk, without empty ones."""
        self._rest += chunk
        if b"\n" not in chunk:
            if len(self._rest) > self._most:
                raise LineTooLong
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        if any(len(line) > self._most for line in (*lines, rest)):
            raise LineTooLong
        return [line for line in lines if line.strip()]


class EventBatch(Struct):
    """What one chunk brought: objects set, objects gone, how far the watch has come, and what was not understood.

    `odd` are objects by namespace and name, with the reason, which is empty for one that is gone: what was known of
    them holds no more.
    """

    changed: list[Any]
    gone: list[Any]
    resource_version: str
    odd: dict[tuple[str, str], str] = field(default_factory=dict)


def decode_events(lines: list[bytes], codec: Codec) -> EventBatch:
    """Decode event lines. Raises SourceProblem with code 410 for an expired watch, and one of NOT_UNDERSTOOD.

    An object that cannot be understood costs no other anything, as long as its name can be read.
    """
    latest: dict[tuple[str, str], tuple[bool, Any]] = {}
    odd: dict[tuple[str, str], str] = {}
    version = ""
    for line in lines:
        event = _EVENT.decode(line)
        if event.type == "BOOKMARK":
            version = _BOOKMARK.decode(event.object).metadata.resource_version or version
        elif event.type == "ERROR":
            status = _STATUS.decode(event.object)
            raise SourceProblem(
                State.STALE, f"The watch ended with {status.code}: {status.message.rstrip('.')}.", code=status.code
            )
        elif event.type in ("ADDED", "MODIFIED", "DELETED"):
            try:
                item = codec.single(event.object)
            except ObjectNotUnderstood as error:
                if error.key is None:
                    raise
                latest.pop(error.key, None)
                odd[error.key] = "" if event.type == "DELETED" else error.why
                continue
            odd.pop(item.meta.key, None)
            latest[item.meta.key] = (event.type != "DELETED", item)
            version = item.meta.resource_version or version
    return EventBatch(
        [item for kept, item in latest.values() if kept],
        [item for kept, item in latest.values() if not kept],
        version,
        odd,
    )


async def watch_kind(
    connection: Connection,
    path: str,
    codec: Codec,
    *,
    what: str,
    resource_version: str,
    seconds: float,
    line_seconds: float,
) -> AsyncGenerator[EventBatch, None]:
    """Batches of events until the server ends the watch. The first batch is empty: the watch is open.

    A watch that goes on longer than `seconds` and a little is ended here. Raises SourceProblem: code 410 when
    `resource_version` is too old, UNREACHABLE when the connection breaks, STALE when it does not begin, or when a line
    is too long or takes longer than `line_seconds`.
    """
    query: dict[str, str | int] = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": max(1, int(seconds)),
        "resourceVersion": resource_version,
    }
    name, limits = connection.name, connection.limits
    clock = asyncio.get_running_loop().time
    end = clock() + seconds + _GRACE_SECONDS
    timer = asyncio.timeout_at(clock() + _GRACE_SECONDS)
    lines = LineSplitter(limits.line_bytes)
    begun = False
    try:
        async with (
            timer,
            connection.stream("GET", path, params=query, timeout=seconds + _GRACE_SECONDS) as response,
        ):
            if response.status_code != 200:
                whole = await connection.whole(response)
                raise response_problem(whole, cluster=name, what=what, verb="watch", limits=limits)
            begun = True
            timer.reschedule(end)
            yield EventBatch([], [], "")
            async for chunk in connection.chunks(response):
                before = lines.is_amid_a_line
                complete = lines.feed(chunk)
                if complete or not before:
                    # A line that has begun must end soon: what trickles is no news.
                    timer.reschedule(min(end, clock() + line_seconds) if lines.is_amid_a_line else end)
                if complete:
                    yield decode_events(complete, codec)
    except LineTooLong:
        raise too_large(name, limits.line_bytes, f"one event of {what}", limits=limits) from None
    except NOT_UNDERSTOOD as error:
        raise SourceProblem(
            State.STALE, f"{name} sent events of {what} that cannot be understood: {error_text(error)}."
        ) from None
    except TimeoutError:
        if not timer.expired():
            raise
        if not begun:
            raise SourceProblem(State.STALE, f"{name} does not begin to watch {what}.") from None
        if clock() < end:
            message = f"{name} sends an event of {what} too slowly: it was not whole within {line_seconds:g} s."
            raise SourceProblem(State.STALE, message) from None
