"""watch: a stream of changes, with bookmarks, until the client, the time limit or the server ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

import msgspec
from aiohttp import web

from meshtop.demo.kube import tables
from meshtop.demo.kube.answers import form_of
from meshtop.demo.kube.entry import Change, Entry
from meshtop.demo.kube.reading import selection, whole_number
from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.selectors import Test
from meshtop.demo.kube.status import expired
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.kube.target import RequestTarget, truth

DEFAULT_SECONDS = 1800.0
"""How long a watch lasts that names no limit."""
LOOK_SECONDS = 2.0
"""How often an idle watch looks whether its client is still there."""
BACKLOG = 20_000
"""Events a client may be behind before its watch is ended."""


class _Queue:
    """Changes on their way to one client."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque()
        self.ended = False
        self._event = asyncio.Event()

    def put(self, change: Change | None) -> None:
        if change is None or len(self.changes) >= BACKLOG:
            self.ended = True
        else:
            self.changes.append(change)
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), max(seconds, 0.0))
        self._event.clear()


class Watches:
    """The open watches of a server, so that it can end them when it stops."""

    def __init__(self, bookmark_seconds: float) -> None:
        self.bookmark_seconds = bookmark_seconds
        self._open: set[_Queue] = set()

    def __len__(self) -> int:
        return len(self._open)

    def end(self) -> None:
        """End all watches."""
        for queue in self._open:
            queue.put(None)

    @contextlib.contextmanager
    def opened(self, queue: _Queue) -> Iterator[None]:
        """Count a watch while it is open."""
        self._open.add(queue)
        try:
            yield
        finally:
            self._open.discard(queue)


class _Encoder:
    """Changes as the lines that one client wants to see."""

    def __init__(self, store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request) -> None:
        self._store = store
        self._resource = resource
        self._version = target.version
        self._namespace = target.namespace if resource.namespaced else ""
        self._form = form_of(request)
        self._include = request.query.get("includeObject", "Metadata")
        self._test: Test | None = selection(resource, request)
        self._columns_sent = False

    def sees(self, entry: Entry | None) -> bool:
        if entry is None or (self._namespace and entry.key[0] != self._namespace):
            return False
        return self._test is None or self._test(entry.object)

    def line(self, change: Change) -> bytes:
        """The event as this selection sees it; nothing where it sees neither the old nor the new state."""
        new, old = self.sees(change.entry), self.sees(change.previous)
        if change.kind == "DELETED":
            return self._event("DELETED", change.entry) if old else b""
        if new:
            return self._event("MODIFIED" if old else "ADDED", change.entry)
        return self._event("DELETED", change.entry) if old else b""

    def added(self, entry: Entry) -> bytes:
        return self._event("ADDED", entry) if self.sees(entry) else b""

    def _event(self, kind: str, entry: Entry) -> bytes:
        if self._form == "table":
            rows = tables.rows([entry], self._resource, self._version, self._store.clock(), self._include)
            columns = [] if self._columns_sent else tables.definitions(self._resource, self._version)
            self._columns_sent = True
            metadata = {"resourceVersion": str(entry.revision)}
            body = msgspec.json.encode(tables.table(metadata, columns, rows))
        elif self._form == "partial":
            body = entry.partial()
        else:
            body = entry.encoded(self._version)
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)

    def bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        """A bookmark; `initial` marks the end of the initial events."""
        metadata: Json = {"resourceVersion": str(revision)}
        if initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        if self._form == "table":
            obj = tables.table(metadata, [], [])
        else:
            kind, api_version = self._resource.kind, self._resource.api_version(self._version)
            if self._form == "partial":
                kind, api_version = "PartialObjectMetadata", "meta.k8s.io/v1"
            obj = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
        return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"


async def watch_objects(
    store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request, watches: Watches
) -> web.StreamResponse:
    """Answer a watch."""
    encoder = _Encoder(store, resource, target, request)
    seconds = whole_number(request, "timeoutSeconds") or DEFAULT_SECONDS
    since = whole_number(request, "resourceVersion")
    initial = truth(request, "sendInitialEvents")
    bookmarks = truth(request, "allowWatchBookmarks")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    queue = _Queue()
    first: list[bytes] = []
    missed = store.changes_since(resource, since) if since and not initial else ()
    if missed is None:
        error = expired(f"too old resource version: {since} ({store.floor(resource)})")
        first.append(msgspec.json.encode({"type": "ERROR", "object": error.status()}) + b"\n")
        queue.ended = True
    elif not since or initial:
        first = [encoder.added(entry) for entry in store.entries(resource.group, resource.kind)]
        if initial and bookmarks:
            first.append(encoder.bookmark(store.revision, initial=True))
    else:
        queue.changes.extend(missed)
    stop = store.watch(resource, queue.put)
    try:
        with watches.opened(queue), contextlib.suppress(ConnectionError):
            await response.prepare(request)
            if first:
                await response.write(b"".join(first))
            await _stream(store, request, response, queue, encoder, seconds, watches.bookmark_seconds * bookmarks)
            await response.write_eof()
    finally:
        stop()
    return response


async def _stream(
    store: KubeStore,
    request: web.Request,
    response: web.StreamResponse,
    queue: _Queue,
    encoder: _Encoder,
    seconds: float,
    bookmark_seconds: float,
) -> None:
    """Send what comes until the watch ends; a bookmark each `bookmark_seconds` (0: none) and before the end."""
    now = asyncio.get_running_loop().time
    end = now() + seconds
    bookmark_at = now() + bookmark_seconds if bookmark_seconds else end + 1
    while True:
        lines = [encoder.line(change) for change in queue.changes]
        queue.changes.clear()
        timed_out = now() >= end
        if bookmark_seconds and (now() >= bookmark_at or timed_out) and not queue.ended:
            lines.append(encoder.bookmark(store.revision))
            bookmark_at = now() + bookmark_seconds
        if body := b"".join(lines):
            await response.write(body)
        if queue.changes:
            continue
        if timed_out or queue.ended or request.transport is None or request.transport.is_closing():
            return
        await queue.wait(min(LOOK_SECONDS, end - now(), bookmark_at - now()))
