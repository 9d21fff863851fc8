"""A proxy before a served API server that passes a request on and then breaks the connection instead of answering."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

Loses = Callable[[str, str], bool]
"""(method, path with its query) → whether the answer is lost."""


class LossyProxy:
    """Counts what arrives, by method and path; the first answer that `loses` chooses is lost, all others come back."""

    def __init__(self, upstream: str, loses: Loses) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._loses = loses
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.lost = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection, which is closed behind it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        first, *fields = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        named = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        body = await reader.readexactly(int(named.get("content-length", "0")))
        self.arrived[method, path] += 1
        kept = [field for field in fields if field and not field.lower().startswith("connection:")]
        request = "\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1") + body
        answer = await self._pass_on(request)
        if not self.lost and self._loses(method, path):
            self.lost += 1
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    async def _pass_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(request)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def lossy(upstream: str, loses: Loses) -> AsyncIterator[LossyProxy]:
    """Serve a proxy before `upstream` until the block ends."""
    proxy = LossyProxy(upstream, loses)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await server.wait_closed()
