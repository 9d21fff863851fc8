"""Whose credentials go where: one server's scheme, host and port."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from meshtop.model.addresses import ip_address_of
from meshtop.model.errors import Exit, MeshtopError
from meshtop.sources.http.request import requested_server

PORTS = {"http": 80, "https": 443}


class WrongServerError(MeshtopError):
    """Something tried to send a request over one server's connection to another server."""

    exit_code = Exit.REFUSED


class Origin(Struct, frozen=True):
    """A scheme, a host and a port (RFC 6454): what credentials belong to, exactly."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of a URL. Raises ValueError for a port that is no number."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return cls(scheme, (parts.hostname or "").lower(), parts.port or PORTS.get(scheme, 0))

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that requests do not cross a network."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        address = ip_address_of(self.host)
        return address is not None and address.is_loopback

    @property
    def in_the_open(self) -> bool:
        """Whether what is sent can be read on the way: plain http over a network."""
        return self.scheme == "http" and not self.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class OneServerTransport(httpx.AsyncBaseTransport):
    """An httpx transport that reaches one server: a request to any other is refused before a byte leaves."""

    def __init__(self, inner: httpx.AsyncBaseTransport, origin: Origin) -> None:
        self._inner = inner
        self._origin = origin
        self._passed: httpx.URL | None = None
        """An address that was looked at and is on this server: nearly all requests have the same one."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the server; raises WrongServerError for a request to another."""
        url = requested_server(request)
        if url is not self._passed:
            asked = Origin(url.scheme, url.raw_host.decode("ascii"), url.port or PORTS.get(url.scheme, 0))
            if asked != self._origin:
                _refuse(asked, self._origin)
            self._passed = url
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections below."""
        await self._inner.aclose()


def require_origin(url: str, origin: Origin) -> None:
    """Raise WrongServerError unless a URL is on this server."""
    asked = Origin.of(url)
    if asked != origin:
        _refuse(asked, origin)


def _refuse(asked: Origin, origin: Origin) -> NoReturn:
    raise WrongServerError(f"A connection to {origin} cannot send anything to {asked}.")


def plain_http_note(server: str, whose: str, *, credentials: bool) -> str | None:
    """What to tell of a server that is reached by plain http over a network; None where nothing is to be told.

    `whose` names whose login it is. Without `credentials` nothing secret is sent.
    """
    try:
        origin = Origin.of(server)
    except ValueError:
        return None
    if not credentials or not origin.in_the_open:
        return None
    return f"The login of {whose} is sent by plain http to {origin.host}: anybody on the way can read it."
