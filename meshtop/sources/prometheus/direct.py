"""A connection to an engine by its own URL, with what the settings give: headers, tokens, certificates."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from meshtop import __version__
from meshtop.model.state import State
from meshtop.settings.schema import HttpEndpoint
from meshtop.sources.http.gate import require_query
from meshtop.sources.http.transport import Params
from meshtop.sources.problem import SourceProblem, root_cause, sendable

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 2.0
_SETTINGS_REMEDY = "Correct it in the settings (meshtop config validate)."


class DirectWire:
    """One HTTP client for one engine; opened at the first request. `server` is its URL without credentials.

    Nothing but queries can be sent (`meshtop.sources.http.gate`), with `read_only` by GET alone. Files with tokens and
    passwords are read for each request, because they are renewed while meshtop runs.
    """

    def __init__(self, endpoint: HttpEndpoint, *, name: str, timeout: float, read_only: bool = False) -> None:
        parts = urlsplit(endpoint.url or "")
        host = parts.netloc.rpartition("@")[2]
        self.server = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._endpoint = endpoint
        self._name = name
        self._read_only = read_only
        self._timeout = httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
        self._client: httpx.AsyncClient | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is an HTTP client, with connections of its own."""
        return self._client is not None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """Send one request below the URL and return the answer, whatever its status.

        Raises SourceProblem when none comes, ReadOnlyError for what is no query.
        """
        if self._client is None:
            self._client = self._open()
        limits = self._timeout if timeout is None else httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
        try:
            return await self._client.request(
                method,
                self.server + path,
                params=dict(params) if params else None,
                headers={**self._headers(), **(headers or {})},
                content=content,
                timeout=limits,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._lost(error) from error

    def requests_session(self) -> requests.Session:
        """A requests session with this connection's login, trust and gate; for other threads."""
        import urllib3

        from meshtop.sources.http.requests_session import query_session

        endpoint = self._endpoint
        session = query_session(
            self.server, engine=f"The Prometheus of {self._name}", headers=self._headers, read_only=self._read_only
        )
        session.verify = endpoint.ca_file or True
        if endpoint.insecure_skip_verify:
            # The warning would be written over the screen; that trust is off is the user's own setting.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            session.verify = False
        if endpoint.client_cert_file:
            session.cert = (endpoint.client_cert_file, endpoint.client_key_file or endpoint.client_cert_file)
        return session

    async def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx.AsyncClient:
        verify: ssl.SSLContext | bool = False
        if self.server.startswith("https"):
            verify = self._context()
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=60.0)
        kinds = {"User-Agent": f"meshtop/{__version__}", "Accept-Encoding": "gzip"}
        return httpx.AsyncClient(
            verify=verify,
            http2=False,
            limits=limits,
            headers=kinds,
            follow_redirects=False,
            event_hooks={"request": [self._require_query]},
        )

    async def _require_query(self, request: httpx.Request) -> None:
        """Called for each request of the client, before a byte leaves."""
        engine = f"The Prometheus of {self._name}"
        require_query(request.method, request.url.path, engine=engine, read_only=self._read_only)

    def _context(self) -> ssl.SSLContext:
        endpoint = self._endpoint
        try:
            context = ssl.create_default_context(cafile=endpoint.ca_file)
            if endpoint.insecure_skip_verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if endpoint.client_cert_file:
                context.load_cert_chain(endpoint.client_cert_file, endpoint.client_key_file)
        except (OSError, ssl.SSLError) as error:
            raise SourceProblem(
                State.UNREACHABLE,
                f"The certificates for the Prometheus of {self._name} cannot be used ({error}).",
                _SETTINGS_REMEDY,
            ) from error
        return context

    def _headers(self) -> dict[str, str]:
        headers = dict(self._endpoint.headers)
        login = self._basic()
        if login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        if self._endpoint.bearer_token_file:
            headers["Authorization"] = "Bearer " + self._secret(self._endpoint.bearer_token_file, "bearerTokenFile")
        for name, value in headers.items():
            if not sendable(value):
                raise SourceProblem(
                    State.DENIED,
                    f"The header {name} for the Prometheus of {self._name} holds characters that cannot be sent "
                    "(a line's end, or other than ASCII).",
                    _SETTINGS_REMEDY,
                )
        return headers

    def _basic(self) -> tuple[str, str] | None:
        given = self._endpoint.basic_auth
        if given is None:
            return self._login
        if given.password_file:
            return given.username, self._secret(given.password_file, "basicAuth.passwordFile")
        return given.username, given.password.get_secret_value() if given.password else ""

    def _secret(self, path: str, field: str) -> str:
        try:
            return Path(path).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceProblem(
                State.DENIED, f"{field} of {self._name} cannot be read: {path} ({root_cause(error)}).", _SETTINGS_REMEDY
            ) from error

    def _lost(self, error: Exception) -> SourceProblem:
        where = f"Prometheus of {self._name} ({self.server})"
        if isinstance(error, httpx.TimeoutException):
            return SourceProblem(
                State.UNREACHABLE, f"{where} does not answer in time.", "Give it longer with --timeout 15s."
            )
        return SourceProblem(
            State.UNREACHABLE, f"{where} cannot be reached: {root_cause(error)}.", "Check its URL in the settings."
        )
