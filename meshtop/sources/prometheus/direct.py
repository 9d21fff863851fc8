"""A connection to an engine by its own URL, with the settings' headers, tokens and certificates."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from meshtop.model.state import State
from meshtop.sources.http.client import TRANSPORT_ERRORS, Params, Response, ServerClient
from meshtop.sources.http.failures import engine_problem, leads_elsewhere
from meshtop.sources.http.gate import QueryTransport
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.http.origin import plain_http_note
from meshtop.sources.http.transport import engine_transport
from meshtop.sources.problem import SourceProblem, root_cause, sendable

if TYPE_CHECKING:
    from meshtop.settings.schema import HttpEndpoint
    from meshtop.sources.http.requests_session import OneServerSession

CONNECT_SECONDS = 2.0
_SETTINGS_REMEDY = "Correct it in the settings (meshtop config validate)."


class DirectWire:
    """One HTTP client for one engine; opened at the first request. `server` is its URL without credentials.

    Nothing but queries can be sent (`meshtop.sources.http.gate`), with `read_only` by GET alone. Files with tokens and
    passwords are read for each request, because they are renewed while meshtop runs.
    """

    def __init__(
        self,
        endpoint: HttpEndpoint,
        *,
        name: str,
        timeout: float,
        read_only: bool = False,
        limits: Limits = LIMITS,
    ) -> None:
        parts = urlsplit(endpoint.url or "")
        host = parts.netloc.rpartition("@")[2]
        self.server = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._endpoint = endpoint
        self._name = name
        self._read_only = read_only
        self._timeout = timeout
        self._limits = limits
        self._client: ServerClient | None = None

    @property
    def note(self) -> str | None:
        """What the user should know of how the engine is reached: that its login can be read on the way."""
        given = self._endpoint
        secret = bool(self._login or given.basic_auth or given.bearer_token_file or given.headers)
        return plain_http_note(self.server, f"the Prometheus of {self._name}", credentials=secret)

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
    ) -> Response:
        """Send one request below the URL and return the answer, whatever its status but a redirect.

        Raises SourceProblem when none comes, or one that is too large or leads elsewhere; ReadOnlyError for what is no
        query.
        """
        try:
            if self._client is None:
                self._client = self._open()
            response = await self._client.ask(
                method,
                self.server + path,
                silence=self._timeout if timeout is None else timeout,
                connect=CONNECT_SECONDS,
                params=params,
                headers={**self._headers(), **(headers or {})},
                content=content,
            )
        except TRANSPORT_ERRORS as error:
            raise engine_problem(error, f"Prometheus of {self._name} ({self.server})", self._limits) from error
        if 300 <= response.status_code < 400:
            raise leads_elsewhere(response, f"The Prometheus of {self._name}", path.partition("?")[0])
        return response

    def requests_session(self) -> OneServerSession:
        """A session of the `requests` library on this connection, for other threads. Call it in the event loop."""
        from meshtop.sources.http.requests_session import session_on

        return session_on(self, asyncio.get_running_loop())

    async def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> ServerClient:
        given = self._endpoint
        try:
            transport = engine_transport(
                self.server,
                ca_file=given.ca_file,
                certificate=(given.client_cert_file, given.client_key_file) if given.client_cert_file else None,
                verify=not given.insecure_skip_verify,
            )
        except (OSError, ValueError, ImportError) as error:
            raise SourceProblem(
                State.UNREACHABLE,
                f"The certificates for the Prometheus of {self._name} cannot be used ({root_cause(error)}).",
                _SETTINGS_REMEDY,
            ) from error
        engine = f"The Prometheus of {self._name}"
        return ServerClient(
            self.server, QueryTransport(transport, engine=engine, read_only=self._read_only), limits=self._limits
        )

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
