"""A server that answers byte by byte as a test says, and a transport to ask it with."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from meshtop.sources.http.direct import DirectTransport, PoolLimits
from tests.patience import PATIENCE_SECONDS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection as the server sees it."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def is_left(self) -> bool:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read() == b""
        return True


class Server:
    """Answers one request after the other with the next of `answers`, then with OK; keeps what was asked."""

    def __init__(self, *answers: Answer | bytes) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(self, reader, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = next((int(v) for n, v in parse_fields(head) if n == b"content-length"), 0)
                self.bodies.append(await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else OK
                if isinstance(answer, bytes):
                    await peer.say(answer)
                else:
                    await answer(peer)
        writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=64)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()


def parse_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    return [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]


@contextlib.asynccontextmanager
async def transport(open_: int = 4, idle: int = 4, seconds: float = 60.0) -> AsyncIterator[DirectTransport]:
    made = DirectTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), PoolLimits(open_, idle, seconds))
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            yield made
        finally:
            await made.aclose()


def question(url: str, method: str = "GET", content: bytes | None = None, **times: float) -> httpx.Request:
    limits = httpx.Timeout(times.pop("read", PATIENCE_SECONDS), **times)
    return httpx.Request(method, url, content=content, extensions={"timeout": limits.as_dict()})


async def body_of(response: httpx.Response) -> bytes:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        return b"".join([chunk async for chunk in response.stream])
    finally:
        await response.stream.aclose()


async def ask(way: DirectTransport, url: str, method: str = "GET", content: bytes | None = None) -> bytes:
    return await body_of(await way.handle_async_request(question(url, method, content)))
