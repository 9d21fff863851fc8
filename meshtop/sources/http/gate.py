"""The read-only gate: requests other than reads never leave this program."""

from __future__ import annotations

import re
from collections.abc import Iterable

import httpx

from meshtop.model.errors import Exit, MeshtopError
from meshtop.sources.http.request import names_of_fields, requested_path

_REVIEW = re.compile(r"/apis/auth(?:orization|entication)\.k8s\.io/v\d+(?:(?:alpha|beta)\d+)?/selfsubject[a-z]*reviews")
_SESSION = re.compile(r"/pods/[^/]+/(?:exec|attach|portforward)/?$")
_OVERRIDES = frozenset({"upgrade", "x-http-method-override", "x-http-method", "x-method-override"})


class ReadOnlyError(MeshtopError):
    """Something tried to send a request that is not a read through a reading connection."""

    exit_code = Exit.REFUSED


def is_read(method: str, path: str, headers: Iterable[str] | None = None) -> bool:
    """Whether a request to an API server changes nothing.

    GET and HEAD are reads, unless they open a session in a pod (exec, attach, port-forward) or ask for another
    protocol or method by header. The only POSTs are the access reviews about oneself. `path` is the request's
    path below the API server's base, `headers` the names of its headers.
    """
    if headers is not None and not _OVERRIDES.isdisjoint(map(str.lower, headers)):
        return False
    verb = method.upper()
    if verb in ("GET", "HEAD"):
        return _SESSION.search(path) is None
    return verb == "POST" and _REVIEW.fullmatch(path) is not None


def require_read(method: str, path: str, headers: Iterable[str] | None, *, cluster: str, base: str) -> None:
    """Raise ReadOnlyError unless the request is a read; `base` is the path of the API server's URL."""
    below = path[len(base) :] if base and path.startswith(base) else path
    if not is_read(method, below, headers):
        raise ReadOnlyError(f"{cluster} is read through a connection that cannot send {method.upper()} {below}.")


_QUERY = re.compile(r"/api/v1/(?:query|query_range|query_exemplars|series|labels)$")


def require_query(method: str, path: str, *, engine: str, read_only: bool) -> None:
    """Raise ReadOnlyError unless a request to a Prometheus asks something.

    GET and HEAD ask. POST asks only at the addresses of queries, and not at all where everything is read-only.
    """
    verb = method.upper()
    if verb in ("GET", "HEAD") or (verb == "POST" and not read_only and _QUERY.search(path)):
        return
    raise ReadOnlyError(f"{engine} is only queried; {verb} {path} is not allowed.")


class ReadOnlyTransport(httpx.AsyncBaseTransport):
    """An httpx transport that refuses what is not a read, before a byte leaves."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, cluster: str, base: str = "") -> None:
        self._inner = inner
        self._cluster = cluster
        self._base = base.rstrip("/")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a read; raises ReadOnlyError for anything else."""
        names = names_of_fields(request)
        require_read(request.method, requested_path(request), names, cluster=self._cluster, base=self._base)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections below."""
        await self._inner.aclose()


class QueryTransport(httpx.AsyncBaseTransport):
    """An httpx transport to a telemetry engine that refuses what asks nothing, before a byte leaves."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, engine: str, read_only: bool) -> None:
        self._inner = inner
        self._engine = engine
        self._read_only = read_only

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a query; raises ReadOnlyError for anything else."""
        require_query(request.method, requested_path(request), engine=self._engine, read_only=self._read_only)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections below."""
        await self._inner.aclose()
