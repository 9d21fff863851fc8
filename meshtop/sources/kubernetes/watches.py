"""Watches: lines of events, read as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct

from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import response_problem
from meshtop.sources.kubernetes import wire
from meshtop.sources.kubernetes.kinds import Codec
from meshtop.sources.problem import SourceProblem

_EVENT = msgspec.json.Decoder(wire.WatchEvent)
_BOOKMARK = msgspec.json.Decoder(wire.Bookmark)
_STATUS = msgspec.json.Decoder(wire.ErrorStatus)
_GRACE_SECONDS = 15.0


class LineSplitter:
    """Puts lines together from chunks that end anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete with this chunk, without empty ones."""
        if b"\n" not in chunk:
            self._rest += chunk
            return []
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        return [line for line in lines if line.strip()]


class EventBatch(Struct):
    """What one chunk brought: objects set, objects gone, and how far the watch has come."""

    changed: list[Any]
    gone: list[Any]
    resource_version: str


def decode_events(lines: list[bytes], codec: Codec) -> EventBatch:
    """Decode event lines. Raises SourceProblem with code 410 for an expired watch, and msgspec.MsgspecError."""
    latest: dict[tuple[str, str], tuple[bool, Any]] = {}
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
            item = codec.single(event.object)
            latest[item.meta.key] = (event.type != "DELETED", item)
            version = item.meta.resource_version or version
    return EventBatch(
        [item for kept, item in latest.values() if kept], [item for kept, item in latest.values() if not kept], version
    )


async def watch_kind(
    connection: Connection,
    path: str,
    codec: Codec,
    *,
    what: str,
    resource_version: str,
    seconds: float,
    params: dict[str, str | int],
) -> AsyncGenerator[EventBatch, None]:
    """Batches of events until the server ends the watch. The first batch is empty: the watch is open.

    Raises SourceProblem: code 410 when `resource_version` is too old, UNREACHABLE when the connection breaks.
    """
    query: dict[str, str | int] = {
        **params,
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": max(1, int(seconds)),
        "resourceVersion": resource_version,
    }
    async with connection.stream("GET", path, params=query, timeout=seconds + _GRACE_SECONDS, read=False) as response:
        if response.status_code != 200:
            await response.aread()
            raise response_problem(response, cluster=connection.name, what=what, verb="watch")
        yield EventBatch([], [], "")
        lines = LineSplitter()
        async for chunk in connection.chunks(response):
            if complete := lines.feed(chunk):
                try:
                    yield decode_events(complete, codec)
                except msgspec.MsgspecError as error:
                    raise SourceProblem(
                        State.STALE, f"{connection.name} sent events of {what} that cannot be understood: {error}."
                    ) from None
