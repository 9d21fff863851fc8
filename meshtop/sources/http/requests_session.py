"""A `requests` session on a connection of ours, for libraries that speak only requests."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from meshtop.sources.http.client import Response
from meshtop.sources.http.origin import Origin, require_origin
from meshtop.sources.http.transport import Wire

_OUR_OWN = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "user-agent", "authorization", "cookie"}
)
"""Headers that only the connection may set, such as the login."""


class ServerWire(Wire, Protocol):
    """What a session needs of a connection."""

    @property
    def server(self) -> str:
        """The server's URL, without credentials."""


class WireAdapter(BaseAdapter):
    """Sends what `requests` is asked for over a connection of ours, in its event loop, while this thread waits.

    So there is one way out, with one login, gate and set of limits, whichever library asks. Raises what the connection
    raises (SourceProblem, ReadOnlyError), and WrongServerError for a request to another server.
    """

    def __init__(self, wire: ServerWire, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._wire = wire
        self._loop = loop
        # Sessions are made in the loop; one that waited there would wait for itself.
        self._thread = threading.get_ident()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and give its whole answer. Trust, certificates and proxies are the connection's own."""
        if threading.get_ident() == self._thread:
            raise AssertionError("a session waits for the event loop of its connection, and is for other threads")
        url = request.url or ""
        require_origin(url, Origin.of(self._wire.server))
        parts, base = urlsplit(url), urlsplit(self._wire.server).path.rstrip("/")
        path = parts.path.removeprefix(base) + (f"?{parts.query}" if parts.query else "")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        asking = self._wire.request(
            request.method or "GET",
            path,
            headers={name: str(value) for name, value in request.headers.items() if name.lower() not in _OUR_OWN},
            content=body if isinstance(body, bytes) else None,
            timeout=float(timeout) if isinstance(timeout, int | float) else None,
        )
        try:
            waiting = asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError as error:
            asking.close()
            raise requests.ConnectionError("the program is ending", request=request) from error
        try:
            return _as_requests(waiting.result(), request)
        except CancelledError as error:
            raise requests.ConnectionError("the program is ending", request=request) from error

    def close(self) -> None:
        """Do nothing: the connection is closed by its owner."""


class OneServerSession(requests.Session):
    """A session that can reach what was mounted and nothing else; a redirect is an answer, and is not followed."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: credentials stay with the server that they are meant for."""


def session_on(wire: ServerWire, loop: asyncio.AbstractEventLoop) -> OneServerSession:
    """A session that can reach a connection's server and nothing else; `loop` is the one that the connection is in."""
    session = OneServerSession()
    session.mount(wire.server, WireAdapter(wire, loop))
    return session


def _as_requests(answer: Response, request: requests.PreparedRequest) -> requests.Response:
    made = requests.Response()
    made.status_code = answer.status_code
    made.reason = answer.reason_phrase
    made.headers = CaseInsensitiveDict(answer.headers)
    made.encoding = answer.charset_encoding
    made.url = request.url or ""
    made.request = request
    made.raw = io.BytesIO(answer.content)
    return made
