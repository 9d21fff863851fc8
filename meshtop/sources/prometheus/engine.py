"""One engine behind a connection: how a query reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote as url_quote
from urllib.parse import urlencode

from msgspec import Struct

from meshtop.model.state import State
from meshtop.sources.http.client import Response
from meshtop.sources.http.gate import ReadOnlyError
from meshtop.sources.http.transport import Wire
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.answers import QueryFailed, error_of, looks_like_page, query_refused
from meshtop.sources.prometheus.labelsets import LabelSets

if TYPE_CHECKING:
    from meshtop.sources.http.requests_session import OneServerSession

LEADS_ELSEWHERE = "it leads elsewhere, as a login page does"
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
LONGEST_GET = 6_000
"""Maximum bytes of a request line accepted by all proxies (the usual limit is 8 kB)."""
_AS_THEY_ARE = (ascii_letters + digits + "_.-~ ").encode()
"""Characters that forms write as one byte, a space as `+`; of each other byte they make three."""
_TAKES_NO_POST = (405, 501)
_ASKED_AGAIN = (*_TAKES_NO_POST, 403)
"""Status codes of a POST after which Prometheus' own client (client_golang) uses GET."""
_LINE_TOO_LONG = (414, 431)


class EngineWire(Wire, Protocol):
    """Interface of a connection for an engine (`meshtop.sources.http.connection`, `DirectWire`)."""

    @property
    def server(self) -> str:
        """The server's URL, without credentials."""

    def requests_session(self) -> OneServerSession:
        """A session of the `requests` library with the credentials and trust of this connection."""


class EngineAddress(Struct, frozen=True):
    """Where an engine is: a path below the connection's URL; `proxied` through the API server."""

    path: str = ""
    proxied: bool = False
    label: str = ""


def proxy_path(namespace: str, service: str, port: str, *, scheme: str = "", prefix: str = "") -> str:
    """The path of a Service behind the API server's proxy."""
    name = f"{scheme}:{service}:{port}" if scheme else f"{service}:{port}"
    return f"/api/v1/namespaces/{url_quote(namespace)}/services/{url_quote(name, safe=':')}/proxy{prefix}"


def _is_too_long(form: Mapping[str, str]) -> bool:
    """Whether a form is longer than what every proxy takes in a request line."""
    # An encoded byte takes three: what is short in any case need not be encoded to see that.
    least = sum(len(name) + len(value) + 2 for name, value in form.items())
    if 3 * least <= LONGEST_GET and all(map(str.isascii, form.values())):
        return False
    return sum(encoded_length(name) + encoded_length(value) + 2 for name, value in form.items()) - 1 > LONGEST_GET


def encoded_length(text: str) -> int:
    """How many bytes of a form or a request line a text takes."""
    raw = text.encode()
    return len(raw) + 2 * len(raw.translate(None, _AS_THEY_ARE))


class Meter:
    """Counts requests and (decompressed) bytes, for all engines of one source together."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0


class Engine:
    """Sends queries to one engine and counts what that costs.

    Through the API server's proxy queries are GET requests: the proxy asks Kubernetes for the right that fits the
    method, and GET needs only `get` on services/proxy where POST needs `create`. GET also serves read-only
    mode. A URL longer than 6 kB, or an answer 414 or 431, falls back to POST where writing is allowed, and fails as
    too big (to be asked narrower) where it is not. An engine reached by its own URL gets POST, which has no limit of
    length; where POST is answered 405, 501 or 403 the query is sent again by GET, and so are all that follow.
    """

    def __init__(
        self,
        wire: EngineWire,
        address: EngineAddress,
        *,
        timeout: float,
        read_only: bool,
        headers: Mapping[str, str] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.wire = wire
        self.address = address
        self.timeout = timeout
        self.meter = meter or Meter()
        self.label_sets = LabelSets()
        self.headers = dict(headers or {})
        self._may_post = not read_only
        self._post_first = not address.proxied and not read_only
        self._takes_get_only = False

    @property
    def url(self) -> str:
        """The engine's address for display and as its identity."""
        return f"{self.wire.server.rstrip('/')}{self.address.path}"

    async def query(self, expression: str, *, at: float | None = None) -> bytes:
        """The body of an instant query's answer, at Unix seconds or the engine's own present; raises QueryFailed."""
        form = {"query": expression, "timeout": f"{self.timeout:g}s"}
        if at is not None:
            form["time"] = f"{at:.3f}"
        return await self._ask("/api/v1/query", form)

    async def query_range(self, expression: str, *, start: float, end: float, step: float) -> bytes:
        """The body of a range query's answer; times in Unix seconds, step in seconds; raises QueryFailed."""
        return await self._ask(
            "/api/v1/query_range",
            {
                "query": expression,
                "start": f"{start:.3f}",
                "end": f"{end:.3f}",
                "step": f"{step:g}",
                "timeout": f"{self.timeout:g}s",
            },
        )

    async def api(self, path: str, **params: str) -> bytes:
        """The body of another answer of the API, such as `/api/v1/alerts`; raises QueryFailed."""
        return self._body(await self._get(path, params))

    async def _ask(self, path: str, form: dict[str, str]) -> bytes:
        if self._post_first:
            try:
                return self._body(await self._post_or_get(path, form))
            except ReadOnlyError:
                self._post_first = self._may_post = False
        if not self._takes_get_only and _is_too_long(form):
            return self._body(await self._long(path, form))
        response = await self._get(path, form)
        if response.status_code in _LINE_TOO_LONG:
            response = await self._long(path, form)
        return self._body(response)

    async def _long(self, path: str, form: Mapping[str, str]) -> Response:
        """The answer by POST to a query that is too long for GET."""
        if not self._may_post:
            raise self._too_long()
        try:
            return await self._post_or_get(path, form)
        except ReadOnlyError:
            self._may_post = False
            raise self._too_long() from None

    async def _post_or_get(self, path: str, form: Mapping[str, str]) -> Response:
        """The answer by POST; by GET, whatever the length (only the server knows its limit), where POST is refused."""
        refused_with = await self._post(path, urlencode(form))
        if refused_with.status_code not in _ASKED_AGAIN:
            return refused_with
        response = await self._get(path, form)
        # A 403 may mean the reader and not the method: then GET gets it too, and POST stays for when it is granted.
        if refused_with.status_code in _TAKES_NO_POST or response.status_code not in (401, 403):
            self._post_first = self._may_post = False
            self._takes_get_only = True
        if response.status_code in _LINE_TOO_LONG:
            raise self._too_long()
        return response

    def _too_long(self) -> QueryFailed:
        remedy = "Let it take POST, or longer URLs."
        if self.address.proxied:
            remedy = "Set prometheus.url, which is asked by POST."
        return QueryFailed(
            State.PARTIAL, f"A query is too long for a GET request to {self.address.label}.", remedy, too_much=True
        )

    async def _get(self, path: str, form: Mapping[str, str]) -> Response:
        return await self._send("GET", f"{self.address.path}{path}", params=form)

    async def _post(self, path: str, encoded: str) -> Response:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._send("POST", f"{self.address.path}{path}", content=encoded.encode(), headers=kind)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        self.meter.requests += 1
        try:
            response = await self.wire.request(
                method,
                path,
                params=params,
                content=content,
                headers={**self.headers, **(headers or {})} or None,
                timeout=self.timeout,
            )
        except QueryFailed:
            raise
        except SourceProblem as problem:
            raise self.failure(problem) from problem
        self.meter.bytes += len(response.content)
        return response

    def failure(self, problem: SourceProblem) -> QueryFailed:
        """A connection's problem as this engine's: what came of a query that got no answer."""
        code = problem.code
        if code in (400, 413, 422):
            return query_refused(problem.message, code)
        if code is not None and 300 <= code < 400:
            said = f"{self.address.label} answers HTTP {code}: {LEADS_ELSEWHERE}."
            return QueryFailed(State.UNREACHABLE, said, problem.remedy, code=code)
        if problem.too_much:
            return QueryFailed(State.PARTIAL, problem.message, problem.remedy, too_much=True)
        return QueryFailed(problem.state, problem.message, problem.remedy, code=code)

    def _body(self, response: Response) -> bytes:
        """The body of a good response; raises QueryFailed with the engine's message for any other."""
        code, body = response.status_code, response.content
        if code == 200:
            return body
        said = None if looks_like_page(body) else error_of(body)
        if code in (401, 403):
            remedy = (
                "Ask for the right to get services/proxy in that namespace (README: what it reads)."
                if self.address.proxied
                else "Give prometheus.bearerTokenFile, basicAuth or headers in the settings."
            )
            raise QueryFailed(
                State.DENIED, f"{self.address.label} denies reading{f': {said}' if said else ''}.", remedy, code=code
            )
        if code in (400, 413, 422):
            raise query_refused(said or f"HTTP {code}", code)
        if said and said.startswith("query timed out"):
            raise QueryFailed(State.PARTIAL, f"{self.address.label} timed out on a query.", code=code)
        remedy = "See whether its pods are ready; meshtop doctor shows its address."
        raise QueryFailed(
            State.UNREACHABLE,
            f"{self.address.label} answers HTTP {code}{f': {said}' if said else ''}.",
            remedy,
            code=code,
        )
