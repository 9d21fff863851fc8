"""A server over real sockets that misbehaves as it is told, and remembers every byte of a request.

Without a fault it answers like a small API server with a Prometheus behind its service proxy (and by its own URL).
A fault takes its place for the requests that it is given for. `EvilServer` is nobody's server: whatever arrives there
has leaked.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import itertools
import json
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from tests.patience import PATIENCE_SECONDS

Json = dict[str, Any]
PIECE = 16 * 1024


class Received(Struct):
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"


class Exchange(Struct):
    """A request and the means to answer it badly; `sent` counts bytes, so that a test sees when the client hung up."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sent: int = 0
    whole: bool = False

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    async def head(self, code: int = 200, *, length: int | None = None, **headers: str) -> None:
        """Status and headers; without a length the body ends with the connection."""
        lines = [f"HTTP/1.1 {code} Something", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines.append("Connection: close" if length is None else f"Content-Length: {length}")
        await self.write("\r\n".join((*lines, "", "")).encode())

    async def answer(self, body: bytes | Json, code: int = 200, **headers: str) -> None:
        """A whole answer, with its length."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.head(code, length=len(data), **headers)
        await self.write(data)
        self.whole = True

    async def until_the_client_hangs_up(self) -> None:
        while await self.reader.read(1024):
            pass


Fault = Callable[[Exchange], Awaitable[None]]


class HostileServer:
    """`fault` answers the requests that `wanted` says yes to (all, unless it is set); all others are answered well."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.wanted: Callable[[Received], bool] = lambda request: True
        self.received: list[Received] = []
        self.most_sent = 0
        self.objects: dict[str, list[Json]] = {}
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def asked(self, path: str, *, watch: bool = False) -> list[Received]:
        """The requests for a path, lists or watches of it."""
        return [one for one in self.received if one.path == path and one.is_watch == watch]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._open.add(writer)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError, TimeoutError
            ):
                while (request := await _read(reader)) is not None:
                    self.received.append(request)
                    exchange = Exchange(request, reader, writer)
                    if self.fault is not None and self.wanted(request):
                        try:
                            await self.fault(exchange)
                        finally:
                            self.most_sent = max(self.most_sent, exchange.sent)
                        if exchange.whole:
                            continue
                        return
                    await self.good(exchange)
                    if request.is_watch:
                        return
        finally:
            self._open.discard(writer)
            writer.close()

    async def good(self, exchange: Exchange) -> None:
        """What an honest server would say."""
        path = exchange.request.path
        if exchange.request.is_watch:
            await exchange.head()
            await exchange.until_the_client_hangs_up()
        elif path == "/version":
            await exchange.answer({"gitVersion": "v1.34.1"})
        elif path == "/apis":
            await exchange.answer({"kind": "APIGroupDiscoveryList", "items": [_GROUP]})
        elif path.endswith(("/query", "/query_range")):
            await exchange.answer(prometheus_answer("matrix" if path.endswith("range") else "vector"))
        elif path.startswith(("/api", "/apis")) and "/configmaps/" not in path:
            items = self.objects.get(path, _GOOD.get(path, []))
            kind = "List"
            if "PartialObjectMetadataList" in exchange.request.headers.get("accept", ""):
                kind = "PartialObjectMetadataList"
            await exchange.answer({"kind": kind, "metadata": {"resourceVersion": "7"}, "items": items})
        else:
            await exchange.answer({"kind": "Status", "code": 404, "message": "no such path"}, 404)

    def hang_up_soon(self) -> None:
        """End every connection, from another thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.hang_up)

    def hang_up(self) -> None:
        """End every connection; to be called in the server's loop."""
        for writer in tuple(self._open):
            writer.transport.abort()


@contextlib.contextmanager
def running(server: HostileServer, tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """Serve from a thread of its own until the block ends; `server.url` says where."""
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        stop = asyncio.Event()
        server._loop = asyncio.get_running_loop()
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
        started.set_result((listener.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        listener.close()
        server.hang_up()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    port, loop, stop = started.result(timeout=PATIENCE_SECONDS)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=PATIENCE_SECONDS)


class EvilServer(HostileServer):
    """Where redirects lead. It answers anything well, so that whoever follows goes on, and tells what it got."""

    @property
    def credentials(self) -> list[str]:
        """Headers that nobody but their own server may see."""
        secret = ("authorization", "cookie", "x-secret", "impersonate-user")
        return [f"{name}: {value}" for one in self.received for name, value in one.headers.items() if name in secret]


async def _read(reader: asyncio.StreamReader) -> Received | None:
    line = await reader.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


# --- what an honest server holds ---------------------------------------------------------------------------------

PODS, SERVICES, NAMESPACES = "/api/v1/pods", "/api/v1/services", "/api/v1/namespaces"
VIRTUAL_SERVICES = "/apis/networking.istio.io/v1/virtualservices"
_GROUP: Json = {
    "metadata": {"name": "networking.istio.io"},
    "versions": [{"version": "v1", "resources": [{"resource": "virtualservices"}]}],
}


def named(name: str, namespace: str = "shop", **rest: Any) -> Json:
    """An object of any kind."""
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": "1"}, **rest}


_GOOD: dict[str, list[Json]] = {
    SERVICES: [
        named("reviews"),
        named("prometheus", "istio-system", spec={"ports": [{"port": 9090, "name": "http"}], "clusterIP": "10.0.0.9"}),
    ],
    NAMESPACES: [named("shop", "")],
    PODS: [named("reviews-1"), named("reviews-2")],
}


def prometheus_answer(result_type: str, *series: Any) -> Json:
    """An answer as Prometheus writes it, with one good series unless others are given."""
    one: Json = {"metric": {"reporter": "source", "source_workload": "web"}}
    one |= {"values": [[1.0, "1"]]} if result_type == "matrix" else {"value": [1.0, "1"]}
    return {"status": "success", "data": {"resultType": result_type, "result": list(series) or [one]}}


# --- faults ------------------------------------------------------------------------------------------------------


def redirect(to: str, code: int = 307) -> Fault:
    """Sends every request on to the same path of another server."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(b"", code, Location=to + exchange.request.target)

    return fault


async def trickle(exchange: Exchange) -> None:
    """One byte at a time, for ever: never silent, never whole."""
    await exchange.head(length=1_000_000)
    for byte in itertools.cycle(b'{"items": [], "padding": "' + b"x" * 1000):
        await exchange.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def trickling_headers(exchange: Exchange) -> None:
    """A status line, and then headers that never end."""
    await exchange.write(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        await exchange.write(f"X-{number}: y\r\n".encode())
        await asyncio.sleep(0.02)


async def interim_answers(exchange: Exchange) -> None:
    """`103 Early Hints`, again and again, and no answer."""
    while True:
        await exchange.write(b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n")
        await asyncio.sleep(0.01)


async def endless_body(exchange: Exchange) -> None:
    """A list whose items never end."""
    await exchange.head()
    await exchange.write(b'{"items": [')
    item = json.dumps(named("x" * 200)).encode() + b","
    while True:
        await exchange.write(item * 50)


async def endless_headers(exchange: Exchange) -> None:
    """One header without an end."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        await exchange.write(b"y" * PIECE)


async def gzip_bomb(exchange: Exchange) -> None:
    """64 MiB of spaces in 64 KiB of gzip."""
    await exchange.answer(_bomb(), Content_Encoding="gzip")


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (64 << 20), 9)


@functools.cache
def _bomblets() -> tuple[bytes, bytes]:
    """The beginning of a gzip stream, and what may be added to it for ever."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    parts = [packer.compress(b" " * (4 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    return parts[0], parts[1]


async def endless_gzip(exchange: Exchange) -> None:
    """A gzip stream of nothing but zeros that goes on and on."""
    await exchange.head(Content_Encoding="gzip")

    first, more = _bomblets()
    await exchange.write(first)
    while True:
        await exchange.write(more)


async def unasked_encoding(exchange: Exchange) -> None:
    """An encoding that no client of this program asks for."""
    await exchange.answer(b"\x8b\x03\x80abc\x03", Content_Encoding="br")


async def endless_pages(exchange: Exchange) -> None:
    """Every page names a next one."""
    page = int(exchange.request.query.get("continue", "0")) + 1
    meta = {"resourceVersion": "1", "continue": str(page)}
    await exchange.answer({"kind": "List", "metadata": meta, "items": [named(f"p{page}")]})


async def the_same_page(exchange: Exchange) -> None:
    """A page that names itself as the next one."""
    meta = {"resourceVersion": "1", "continue": "again"}
    await exchange.answer({"kind": "List", "metadata": meta, "items": [named("p")]})


async def a_long_continue(exchange: Exchange) -> None:
    """A name of the next page that no URL can hold."""
    await exchange.answer({"metadata": {"continue": "x" * 100_000}, "items": []})


async def invalid_utf8(exchange: Exchange) -> None:
    """One byte in the second object's name that no text has."""
    body = json.dumps({"kind": "List", "metadata": {"resourceVersion": "7"}, "items": [named("good"), named("b@d")]})
    await exchange.answer(body.encode().replace(b"@", b"\xff"))


async def truncated(exchange: Exchange) -> None:
    """JSON that stops in the middle, in an answer that is whole."""
    await exchange.answer(b'{"kind": "List", "items": [{"metadata": {"name": "a"')


async def half_closed(exchange: Exchange) -> None:
    """Half of the promised bytes; then the server's side is closed, and the client's stays open."""
    await exchange.head(length=1000)
    await exchange.write(b'{"items": [')
    if exchange.writer.can_write_eof():
        exchange.writer.write_eof()
    await exchange.until_the_client_hangs_up()


async def cut_off(exchange: Exchange) -> None:
    """Half of the promised bytes, and a reset."""
    await exchange.head(length=1000)
    await exchange.write(b'{"items": [')
    exchange.writer.transport.abort()


async def silent(exchange: Exchange) -> None:
    """Takes the request and says nothing."""
    await exchange.until_the_client_hangs_up()


async def not_http(exchange: Exchange) -> None:
    """Another protocol."""
    await exchange.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def too_busy(exchange: Exchange) -> None:
    """429, come back in an hour."""
    await exchange.answer({"kind": "Status", "code": 429, "message": "later"}, 429, Retry_After="3600")


async def web_page(exchange: Exchange) -> None:
    """A login page, with 200."""
    await exchange.answer(b"<!doctype html><form>log in</form>", 200)


async def deep_json(exchange: Exchange) -> None:
    """Nested deeper than any parser's stack."""
    await exchange.answer(b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


async def wrong_types(exchange: Exchange) -> None:
    """Well-formed JSON of another shape, for Kubernetes and for Prometheus."""
    await exchange.answer({"items": {"a": 1}, "metadata": [], "status": 7, "data": "x", "kind": [], "code": {}})


async def nothing(exchange: Exchange) -> None:
    """200 without a body."""
    await exchange.answer(b"")


async def json_null(exchange: Exchange) -> None:
    """`null` in the place of everything."""
    await exchange.answer(b"null")


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        trickle,
        trickling_headers,
        interim_answers,
        endless_body,
        endless_headers,
        gzip_bomb,
        endless_gzip,
        unasked_encoding,
        endless_pages,
        the_same_page,
        a_long_continue,
        invalid_utf8,
        truncated,
        half_closed,
        cut_off,
        silent,
        not_http,
        too_busy,
        web_page,
        deep_json,
        wrong_types,
        nothing,
        json_null,
    )
}
"""Faults that any request can meet."""


# --- faults of watches -------------------------------------------------------------------------------------------


def event(kind: str, item: Json) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


async def bookmark_and_close(exchange: Exchange) -> None:
    """A watch that brings one bookmark and ends."""
    await exchange.head()
    await exchange.write(event("BOOKMARK", {"metadata": {"resourceVersion": "8"}}))


async def the_same_news_and_close(exchange: Exchange) -> None:
    """A watch that tells what is known already, and ends."""
    await exchange.head()
    await exchange.write(event("MODIFIED", _GOOD[PODS][0]))


async def no_line_end(exchange: Exchange) -> None:
    """An event that goes on for ever."""
    await exchange.head()
    await exchange.write(b'{"type": "ADDED", "object": {"metadata": {"name": "')
    while True:
        await exchange.write(b"x" * PIECE)


async def trickling_event(exchange: Exchange) -> None:
    """A watch whose first event comes one byte at a time."""
    await exchange.head()
    for byte in itertools.cycle(b'{"type": "ADDED", "object": {"padding": "' + b"x" * 1000):
        await exchange.write(bytes([byte]))
        await asyncio.sleep(0.01)


WATCH_FAULTS: dict[str, Fault] = {
    fault.__name__: fault for fault in (bookmark_and_close, the_same_news_and_close, no_line_end, trickling_event)
}
"""Faults that only watches meet."""
