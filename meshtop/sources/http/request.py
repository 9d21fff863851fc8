"""Requests to one server whose address is not taken apart for each of them.

httpx parses the whole address of every request, scheme, host and port included: a third of what it costs to make one.
Here the server's part is parsed once, and what is asked below it is put together as httpx would write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote_plus

import httpx
from msgspec import Struct

_SERVER = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(?:/.*)?")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)+/?")
"""Paths that stand on the wire as they are: nothing to encode, no segment that leads up, none that is empty."""

_LONGEST_KEPT = 2048
"""Characters: of longer queries only the latest are kept encoded. The others are the same at every refresh."""


class ServerAddress(Struct, frozen=True):
    """A server's part of an address: its text, and what httpx makes of it."""

    text: str
    url: httpx.URL

    @classmethod
    def of(cls, server: str) -> ServerAddress | None:
        """The address of a server's URL; None for one that httpx has to write differently, or with a login in it."""
        found = _SERVER.fullmatch(server)
        if found is None:
            return None
        try:
            return cls(found[1], httpx.URL(found[1]))
        except httpx.InvalidURL:
            return None

    def target(self, address: str, params: Mapping[str, str | int] | None) -> str | None:
        """What is asked of the server, as httpx would write it; None where only httpx knows how."""
        path = address[len(self.text) :]
        if not address.startswith(self.text) or _PLAIN.fullmatch(path) is None:
            return None
        if not params:
            return path
        if any(type(value) not in (str, int) for value in params.values()):
            return None
        return f"{path}?{'&'.join(f'{_quoted(name)}={_quoted(str(value))}' for name, value in params.items())}"


def _quoted(text: str) -> str:
    """A name or value of a query, encoded as forms are."""
    return _quoted_before(text) if len(text) <= _LONGEST_KEPT else _quoted_lately(text)


@lru_cache(maxsize=512)
def _quoted_before(text: str) -> str:
    return quote_plus(text)


@lru_cache(maxsize=64)
def _quoted_lately(text: str) -> str:
    """As `_quoted_before`, of long queries about many metrics, which clusters are asked one after the other."""
    return quote_plus(text)


class ServerRequest(httpx.Request):
    """A request to a server whose address is known already; its whole `url` is made where somebody looks at it."""

    def __init__(
        self,
        method: str,
        server: ServerAddress,
        target: str,
        *,
        headers: Sequence[tuple[str, str]],
        content: bytes | None,
        extensions: Mapping[str, object],
    ) -> None:
        length = [("Content-Length", str(len(content)))] if content else []
        self.server = server
        self.target: str | None = None
        self._whole: httpx.URL | None = None
        super().__init__(
            method,
            server.url,
            headers=[("Host", server.url.netloc.decode("ascii")), *headers, *length],
            stream=httpx.ByteStream(content or b""),
            extensions=dict(extensions),
        )
        self.read()
        self.target = target
        self._whole = None

    @property
    def url(self) -> httpx.URL:
        """The whole address."""
        if self._whole is None:
            self._whole = httpx.URL(f"{self.server.text}{self.target}")
        return self._whole

    @url.setter
    def url(self, url: httpx.URL) -> None:
        """Another address, as httpx's own requests can be given one."""
        self._whole = url
        self.target = None


def requested_server(request: httpx.Request) -> httpx.URL:
    """An address whose scheme, host and port are those that a request goes to."""
    return request.server.url if isinstance(request, ServerRequest) and request.target is not None else request.url


def requested_path(request: httpx.Request) -> str:
    """The path that a request asks for, decoded."""
    if isinstance(request, ServerRequest) and request.target is not None:
        return request.target.partition("?")[0]
    return request.url.path


def requested_target(request: httpx.Request) -> bytes:
    """The path and query of a request, byte for byte as they are sent."""
    if isinstance(request, ServerRequest) and request.target is not None:
        return request.target.encode("ascii")
    return request.url.raw_path
