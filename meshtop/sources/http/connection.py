"""One cluster's API server: one HTTP client, one SSL context, failures in words."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import msgspec

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials, load, load_now, remedy, tls_context
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.gate import ReadOnlyTransport
from meshtop.sources.http.lost import lost, ran_out
from meshtop.sources.http.pools import WATCH, Pools
from meshtop.sources.http.problem import SourceProblem

if TYPE_CHECKING:
    import requests

__all__ = ["Connection", "SourceProblem", "problem_of"]

CONNECT_SECONDS = 3.0
"""Longer than a handshake over a VPN takes, and than this program is ever busy with other clusters."""
LOGIN_SECONDS = 10.0
"""How long a credential plugin may take."""
_RENEW_BEFORE_SECONDS = 60.0
_LOGIN_PAUSE_SECONDS = 5.0
_LOGIN_PAUSE_MOST_SECONDS = 60.0

ELSEWHERE = "its server URL in the kubeconfig leads to something else, or a login stands in front of it"

_NOTHING = httpx.ByteStream(b"")

Params = Mapping[str, str | int]


class Connection:
    """A lazily opened connection to one cluster's API server.

    Without `writes` nothing but reads can be sent through it (`meshtop.sources.http.gate`). Credentials are renewed
    before they expire, and once after a 401; a login that failed is tried again at later requests, with pauses
    from 5 s to a minute between the tries. `requests` and `bytes` count what was sent and received (decompressed).
    """

    def __init__(
        self,
        ref: ClusterRef,
        *,
        timeout_seconds: float = 5.0,
        connect_seconds: float = CONNECT_SECONDS,
        login_seconds: float = LOGIN_SECONDS,
        writes: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ref = ref
        self.writes = writes
        self.requests = 0
        self.bytes = 0
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(connect_seconds, timeout_seconds))
        self._login_seconds = login_seconds
        self._clock = clock
        self._opening = asyncio.Lock()
        self._blocking = threading.Lock()
        self._client: httpx.AsyncClient | None = None
        self._retired: list[httpx.AsyncClient] = []
        self._credentials: Credentials | None = None
        self._renew_at: float | None = None
        self._refused: SourceProblem | None = None
        self._refusals = 0
        self._again_at = 0.0
        self._closed = False

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.ref.name

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.ref.server

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
        """Send a request below the server's URL and return the answer, whatever its status but 401.

        Raises SourceProblem when there is no answer or the login is not accepted, ReadOnlyError for what is not a read.
        `problem_of` turns an answer that is an error into a SourceProblem.
        """
        async with self.stream(
            method, path, params=params, headers=headers, content=content, timeout=timeout
        ) as response:
            return response

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
        read: bool = True,
    ) -> AsyncIterator[httpx.Response]:
        """The same; with `read=False` the body is left to `chunks`, and `timeout` is the longest silence in it."""
        response = await self._send(method, path, params, headers, content, timeout, read=read)
        try:
            yield response
        finally:
            await response.aclose()

    async def chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The raw chunks of a streamed answer; raises SourceProblem when the stream breaks."""
        try:
            async for chunk in response.aiter_bytes():
                self.bytes += len(chunk)
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error

    def requests_session(self) -> requests.Session:
        """A requests session with this connection's login, trust, proxy, time limits and gate; for other threads."""
        from meshtop.sources.http.requests_session import ClusterAdapter, session_for

        connect, read = self._timeout.connect or CONNECT_SECONDS, self._timeout.read or CONNECT_SECONDS
        adapter = ClusterAdapter(
            self._credentials_now,
            cluster=self.name,
            timeout=(connect, read),
            writes=self.writes,
            base=urlsplit(self.server).path.rstrip("/"),
            count=self._count,
        )
        return session_for(self.server, adapter)

    async def close(self) -> None:
        """Let go of every socket; the connection cannot be used afterwards."""
        self._closed = True
        clients = [*self._retired, *([self._client] if self._client else [])]
        self._client, self._retired = None, []
        for client in clients:
            await client.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        timeout: float | None,
        *,
        read: bool,
    ) -> httpx.Response:
        limits = self._timeout if timeout is None else self._limits(timeout)
        for last in (False, True):
            before = self._credentials
            client, credentials = await self._open()
            request = client.build_request(
                method,
                credentials.server + path,
                params=dict(params) if params else None,
                headers=[*credentials.headers, *(headers or {}).items()],
                content=content,
                timeout=limits,
                extensions={WATCH: not read, **_names(credentials)},
            )
            response = await self._answer(client, request, read=read)
            if response.status_code != 401:
                self._refusals = 0
                return response
            await response.aclose()
            if last or credentials is not before:
                break
            await self._renew(credentials)
        problem = SourceProblem(
            State.DENIED,
            f"{self.name} does not accept the login of {self._who()}{ran_out(credentials)}.",
            remedy(self.ref),
            code=401,
        )
        self._refuse(problem)
        raise problem

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request, *, read: bool) -> httpx.Response:
        try:
            response = await self._once_more(client, request)
            if read:
                await response.aread()
                self.bytes += len(response.content)
                # A read answer and its stream hold each other: without this, megabytes wait for the garbage collector.
                response.stream = _NOTHING
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._lost(error) from error
        return response

    async def _once_more(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """A server may close an idle connection just as it is used again; a read is then sent a second time."""
        self.requests += 1
        try:
            return await client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if self.writes:
                raise
        self.requests += 1
        return await client.send(request, stream=True)

    def _limits(self, seconds: float) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=min(self._timeout.connect or seconds, seconds), pool=seconds)

    async def _open(self) -> tuple[httpx.AsyncClient, Credentials]:
        if self._closed:
            raise SourceProblem(State.UNREACHABLE, f"The connection to {self.name} is closed.")
        client, credentials = self._client, self._credentials
        if client is not None and credentials is not None and not self._due():
            return client, credentials
        async with self._opening:
            if self._client is None or self._credentials is None or self._due():
                await self._login()
            assert self._client is not None
            assert self._credentials is not None
            return self._client, self._credentials

    def _due(self) -> bool:
        return self._renew_at is not None and self._clock() >= self._renew_at

    async def _renew(self, used: Credentials) -> None:
        """After a 401: a new login, unless another request has brought one in the meantime."""
        async with self._opening:
            if self._credentials is used:
                await self._login(refused=True)

    async def _login(self, *, refused: bool = False) -> None:
        if self._refused is not None and self._clock() < self._again_at:
            raise self._refused
        old = self._credentials
        try:
            credentials = await load(self.ref, limit_seconds=self._login_seconds)
        except SourceProblem as problem:
            if not refused and old is not None and (old.expires_at or 0.0) > self._clock():
                self._renew_at = min(self._clock() + _LOGIN_PAUSE_SECONDS, old.expires_at or 0.0)
                return
            self._refuse(problem)
            raise
        self._take(credentials)
        while len(self._retired) > 1:
            await self._retired.pop(0).aclose()

    def _take(self, credentials: Credentials) -> None:
        old = self._credentials
        if self._client is None or old is None or not credentials.same_tls(old):
            client = self._make_client(credentials)
            if self._client is not None:
                self._retired.append(self._client)
            self._client = client
        self._credentials = credentials
        self._renew_at = None
        self._refused = None
        if credentials.expires_at is not None:
            life = max(0.0, credentials.expires_at - self._clock())
            self._renew_at = credentials.expires_at - min(_RENEW_BEFORE_SECONDS, life / 5)

    def _refuse(self, problem: SourceProblem) -> None:
        pause = min(_LOGIN_PAUSE_SECONDS * 2**self._refusals, _LOGIN_PAUSE_MOST_SECONDS)
        self._refusals += 1
        self._refused = problem
        self._again_at = self._clock() + pause
        self._credentials = None

    def _credentials_now(self) -> Credentials:
        """For other threads: the login in use, or a new one; blocks."""
        credentials = self._credentials
        if credentials is not None and not self._due():
            return credentials
        with self._blocking:
            return load_now(self.ref, limit_seconds=self._login_seconds)

    def _make_client(self, credentials: Credentials) -> httpx.AsyncClient:
        secure = credentials.server.startswith("https")
        context = tls_context(credentials, self.name) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        proxy = credentials.proxy or _proxy_of_environment(credentials)

        def pool(limits: httpx.Limits) -> httpx.AsyncBaseTransport:
            try:
                return httpx.AsyncHTTPTransport(verify=context, http2=False, limits=limits, proxy=proxy)
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise self._no_proxy(proxy) from error

        transport: httpx.AsyncBaseTransport = Pools(pool)
        if not self.writes:
            base = urlsplit(credentials.server).path
            transport = ReadOnlyTransport(transport, cluster=self.name, base=base)
        return httpx.AsyncClient(transport=transport, headers={"User-Agent": "meshtop", "Accept-Encoding": "gzip"})

    def _no_proxy(self, proxy: str | None) -> SourceProblem:
        """The proxy cannot be used; its address is not shown, as it may hold a password."""
        scheme = (proxy or "").partition("://")[0]
        if scheme.startswith("socks"):
            message, what = (
                f"{self.name} is reached by a SOCKS proxy, which needs one more package.",
                "pip install socksio",
            )
        else:
            message, what = (
                f"The proxy of {self.name} is no URL.",
                "Correct proxy-url in the kubeconfig, or HTTPS_PROXY.",
            )
        return SourceProblem(State.UNREACHABLE, message, what)

    def _count(self, size: int) -> None:
        self.requests += 1
        self.bytes += size

    def _who(self) -> str:
        return f"user {self.ref.user}" if self.ref.user else "the kubeconfig"

    def _lost(self, error: Exception) -> SourceProblem:
        return lost(error, self.ref, self._credentials, self._timeout)


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


def problem_of(response: httpx.Response, *, cluster: str, what: str, verb: str = "list") -> SourceProblem:
    """An answer that is an error, as a SourceProblem: forbidden is denied, everything else stale.

    `what` is the resource as RBAC writes it ("pods", "virtualservices.networking.istio.io").
    """
    code = response.status_code
    if code == 403:
        return SourceProblem(
            State.DENIED,
            f"{cluster} does not let you {verb} {what}.",
            f"Ask for the right to {verb} {what} (and to watch them).",
            code=code,
        )
    if response.is_redirect or is_web_page(response):
        where = "sends requests on to another place" if response.is_redirect else "answers with a web page"
        return SourceProblem(
            State.STALE,
            f"{cluster} {where} when asked to {verb} {what}: {ELSEWHERE}.",
            code=code,
        )
    said = ""
    with contextlib.suppress(msgspec.MsgspecError, httpx.StreamError):
        said = " ".join(msgspec.json.decode(response.content, type=_Status).message.split())[:300].rstrip(".")
    message = f"{cluster} answered {code} when asked to {verb} {what}" + (f": {said}." if said else ".")
    return SourceProblem(State.STALE, message, code=code, retry_after=_retry_after(response))


def is_web_page(response: httpx.Response) -> bool:
    """Whether a login page or another site answered in an API server's place."""
    return response.headers.get("Content-Type", "").startswith("text/html") or response.content[:1] == b"<"


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _names(credentials: Credentials) -> dict[str, str]:
    return {"sni_hostname": credentials.server_name} if credentials.server_name else {}


def _proxy_of_environment(credentials: Credentials) -> str | None:
    """HTTPS_PROXY and NO_PROXY, as kubectl heeds them."""
    parts = urlsplit(credentials.server)
    proxies: dict[str, Any] = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or parts.hostname in ("localhost", "127.0.0.1", "::1") or proxy_bypass(parts.hostname or ""):
        return None
    return str(proxy) if "://" in str(proxy) else f"http://{proxy}"
