"""Requests to one server whose address is not taken apart for each of them.

httpx parses the whole address of every request, scheme, host and port included: a third of what it costs to make one.
Here the server's part is parsed once, and what is asked below it is put together as httpx would write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote_plus

import httpx
from msgspec import Struct

_SERVER = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(?:/.*)?")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)+/?")
"""Paths that stand on the wire as they are: nothing to encode, no segment that leads up, none that is empty."""

_LONGEST_KEPT = 6000
"""Characters: a longer query is encoded each time. The others are the same in every cluster and at every refresh."""


class ServerAddress(Struct, frozen=True):
    """A server's part of an address: its text, and what httpx makes of it."""

    text: str
    url: httpx.URL
    netloc: bytes

    @classmethod
    def of(cls, server: str) -> ServerAddress | None:
        """The address of a server's URL; None for one that httpx has to write differently, or with a login in it."""
        found = _SERVER.fullmatch(server)
        if found is None:
            return None
        try:
            url = httpx.URL(found[1])
        except httpx.InvalidURL:
            return None
        return cls(found[1], url, url.netloc)

    def target(self, address: str, params: Mapping[str, str | int] | None) -> str | None:
        """What is asked of the server, as httpx would write it; None where only httpx knows how."""
        path = address[len(self.text) :]
        if not address.startswith(self.text) or _PLAIN.fullmatch(path) is None:
            return None
        if not params:
            return path
        if any(type(value) not in (str, int) for value in params.values()):
            return None
        return (
            f"{path}?{'&'.join(f'{form_encoded(name)}={form_encoded(str(value))}' for name, value in params.items())}"
        )


def form_encoded(text: str) -> str:
    """A name or value of a query, encoded as forms are."""
    return _encoded_before(text) if len(text) <= _LONGEST_KEPT else quote_plus(text)


@lru_cache(maxsize=512)
def _encoded_before(text: str) -> str:
    return quote_plus(text)


class RequestFields(Struct, frozen=True):
    """Fields of requests, the same in nearly all of them: as they are sent, and their names in lower case."""

    sent: tuple[tuple[bytes, bytes], ...]
    names: frozenset[str]

    def __repr__(self) -> str:
        # A login is among the values.
        return f"RequestFields({', '.join(sorted(self.names))})"

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> RequestFields:
        """Fields by name and value. Raises UnicodeEncodeError, as httpx does, for what is not ASCII."""
        found = tuple(pairs)
        sent = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in found)
        return cls(sent, frozenset(name.lower() for name, _ in found))


class ServerRequest(httpx.Request):
    """A request to a server whose address is known already.

    Its whole `url`, and `headers` that can be looked up and changed, are made where somebody looks at them.
    """

    def __init__(
        self,
        method: str,
        server: ServerAddress,
        target: str,
        *,
        headers: RequestFields | Sequence[tuple[str, str]],
        content: bytes | None,
        extensions: Mapping[str, object],
    ) -> None:
        self.server = server
        self.target: str | None = None
        self._whole: httpx.URL | None = None
        self._body = content or b""
        self._fields = headers if isinstance(headers, RequestFields) else RequestFields.of(headers)
        self._headers: httpx.Headers | None = None
        super().__init__(method, server.url, stream=httpx.ByteStream(self._body), extensions=dict(extensions))
        self.target = target
        self._whole = self._headers = None

    @property
    def content(self) -> bytes:
        """The body."""
        return self._body

    def read(self) -> bytes:
        """The body."""
        return self._body

    async def aread(self) -> bytes:
        """The body."""
        return self._body

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Names and values as they are sent."""
        if self._headers is not None:
            return self._headers.raw
        length = [(b"Content-Length", b"%d" % len(self._body))] if self._body else []
        return [(b"Host", self.server.netloc), *self._fields.sent, *length]

    @property
    def names(self) -> Iterable[str]:
        """The names of all that were given, in lower case."""
        return self._fields.names if self._headers is None else [name.lower() for name in self._headers]

    @property
    def headers(self) -> httpx.Headers:
        """The same, as httpx gives them."""
        if self._headers is None:
            self._headers = httpx.Headers(self.fields)
        return self._headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        """Other fields, as httpx's own requests can be given."""
        self._headers = headers

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


def requested_fields(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    """Names and values of a request's fields, as they are sent."""
    return request.fields if isinstance(request, ServerRequest) else request.headers.raw


def names_of_fields(request: httpx.Request) -> Iterable[str]:
    """The names of a request's fields, but for those about its server and the length of its body."""
    return request.names if isinstance(request, ServerRequest) else request.headers
