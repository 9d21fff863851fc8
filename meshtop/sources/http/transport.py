"""Transport of requests to a cluster: TLS, proxies, connection pools; and the interface of a connection."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.http.client import Params as Params
from meshtop.sources.http.client import Response
from meshtop.sources.http.direct import DirectTransport, HttpProxy, PoolLimits
from meshtop.sources.problem import SourceProblem

WATCH = "meshtop_watch"
"""A request's extension that marks a long-lived stream."""
_REQUESTS = PoolLimits(24, 24)
_WATCHES = PoolLimits(96, 8, shared=False)
_ENGINE = PoolLimits(16, 8)


class Wire(Protocol):
    """Interface of a connection for readers and writers, to an API server or a Prometheus by its own URL."""

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
        """Send one request and return the answer; raises SourceProblem when none came, or one that leads elsewhere."""

    async def close(self) -> None:
        """Close every connection."""


class ConnectionPools(httpx.AsyncBaseTransport):
    """The connections to one cluster: a pool for requests, which are reused, and one for watches, which are held.

    Forty watches never keep a request waiting. A watch takes over a connection that the first lists left idle, or that
    another watch had, which spares a handshake. httpcore, which speaks to some proxies, compares all open connections,
    not only idle ones, with the number of idle ones to keep: in one pool with the watches, every request would close
    its connection and the next one would need a new handshake.
    """

    def __init__(self, make: Callable[[PoolLimits], httpx.AsyncBaseTransport]) -> None:
        self._requests = make(_REQUESTS)
        self._watches = make(_WATCHES)
        if isinstance(self._watches, DirectTransport) and isinstance(self._requests, DirectTransport):
            self._watches.borrow_from(self._requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through its pool."""
        pool = self._watches if request.extensions.get(WATCH) else self._requests
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._requests.aclose()
        await self._watches.aclose()


def cluster_transport(credentials: Credentials, cluster: str) -> ConnectionPools:
    """The pools of a cluster, through its proxy if it has one. Raises SourceProblem for an unusable proxy or TLS."""
    secure = credentials.server.startswith("https")
    context = tls_context(credentials, cluster) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    proxy = credentials.proxy or proxy_of_environment(credentials.server)

    def pool(limits: PoolLimits) -> httpx.AsyncBaseTransport:
        try:
            return _pool(context, limits, proxy)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise _proxy_problem(proxy, cluster) from error

    return ConnectionPools(pool)


def engine_transport(
    server: str, *, ca_file: str | None, certificate: tuple[str, str | None] | None, verify: bool
) -> httpx.AsyncBaseTransport:
    """The connections to a telemetry engine by its own URL; certificates are files that the settings name.

    `certificate` is a client certificate and its key (None where both are in one file). Raises OSError, ssl.SSLError
    or ValueError for what cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server.startswith("https"):
        context = ssl.create_default_context(cafile=ca_file)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["http/1.1"])
    return _pool(context, _ENGINE, proxy_of_environment(server))


def _pool(context: ssl.SSLContext, limits: PoolLimits, proxy: str | None) -> httpx.AsyncBaseTransport:
    """Connections to a server, straight or through an http proxy; httpx's own through others (https, SOCKS).

    Raises ImportError, ValueError or httpx.InvalidURL for a proxy that cannot be used.
    """
    given = None if proxy is None else httpx.Proxy(proxy)
    if given is None or given.url.scheme == "http":
        return DirectTransport(context, limits, HttpProxy.of(given) if given else None)
    theirs = httpx.Limits(
        max_connections=limits.open,
        max_keepalive_connections=limits.idle if limits.shared else 0,
        keepalive_expiry=limits.idle_seconds,
    )
    return httpx.AsyncHTTPTransport(verify=context, http2=False, limits=theirs, proxy=given)


def tls_context(credentials: Credentials, cluster: str) -> ssl.SSLContext:
    """An SSL context that trusts the cluster's own authority. Raises SourceProblem for unusable certificates."""
    try:
        context = ssl.create_default_context(cadata=credentials.ca) if credentials.ca else ssl.create_default_context()
    except (ssl.SSLError, ValueError):
        raise SourceProblem(
            State.UNREACHABLE,
            f"The certificate authority of {cluster} in the kubeconfig is not a valid PEM certificate.",
            "Correct certificate-authority-data (or certificate-authority) of this cluster in the kubeconfig.",
        ) from None
    # Many clusters' authorities lack extensions that newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not credentials.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.certificate:
        _show_certificate(context, credentials.certificate, credentials.key or "", cluster)
    return context


def _show_certificate(context: ssl.SSLContext, certificate: str, key: str, cluster: str) -> None:
    """Load a client certificate into a context. Python only loads files, so temporary ones exist for that moment."""
    try:
        with TemporaryDirectory(prefix="meshtop-") as folder:
            files = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            for file, text in zip(files, (certificate, key), strict=True):
                file.touch(mode=0o600)
                file.write_text(text, encoding="utf-8")
            context.load_cert_chain(*files, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        mismatch = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        why = "do not belong together" if mismatch else "must be a PEM certificate and an unencrypted key"
        raise SourceProblem(
            State.DENIED,
            f"The client certificate and key for {cluster} in the kubeconfig {why}.",
            "Renew client-certificate and client-key (or their -data) of its user in the kubeconfig.",
            code=401,
        ) from None


def _proxy_problem(proxy: str | None, cluster: str) -> SourceProblem:
    """The problem of an unusable proxy; its address is not shown, as it may contain a password."""
    scheme = (proxy or "").partition("://")[0]
    if scheme.startswith("socks"):
        return SourceProblem(
            State.UNREACHABLE,
            f"{cluster} is reached by a SOCKS proxy, which needs one more package.",
            "pip install socksio",
        )
    return SourceProblem(
        State.UNREACHABLE,
        f"The proxy of {cluster} is not a valid URL.",
        "Correct proxy-url in the kubeconfig, or HTTPS_PROXY.",
    )


def proxy_of_environment(server: str) -> str | None:
    """The proxy from HTTPS_PROXY and NO_PROXY, as in kubectl."""
    parts = urlsplit(server)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or parts.hostname in ("localhost", "127.0.0.1", "::1") or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
