"""A `requests` session on a cluster's connection, for libraries that speak only requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
from urllib3.util.retry import Retry

from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.http.gate import require_query, require_read
from meshtop.sources.http.transport import tls_context


class ClusterAdapter(HTTPAdapter):
    """Sends with a cluster's credentials and trust, with a time limit and without retries.

    What is not a read is refused with ReadOnlyError unless `writes`. `credentials` is asked before each
    request and may block.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        *,
        cluster: str,
        timeout: tuple[float, float],
        writes: bool,
        base: str,
        count: Callable[[int], None],
    ) -> None:
        self._ask = credentials
        self._cluster = cluster
        self._timeout = timeout
        self._writes = writes
        self._base = base
        self._count = count
        self._lock = threading.Lock()
        self._tls: Credentials | None = None
        self._pool_arguments: dict[str, Any] = {}
        super().__init__(max_retries=Retry(0, read=False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **arguments: Any) -> None:
        """Make the pool with the cluster's own trust."""
        super().init_poolmanager(connections, maxsize, block, **{**arguments, **self._pool_arguments})

    def proxy_manager_for(self, proxy: str, **arguments: Any) -> Any:
        """Make the pool of a proxy with the cluster's own trust."""
        return super().proxy_manager_for(proxy, **{**arguments, **self._pool_arguments})

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> Any:
        """The SSL context decides about trust; the session's own bundle must not be added to it."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connection's trust as the SSL context has it."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request; raises ReadOnlyError, SourceProblem (no login), or what requests raises."""
        parts = urlsplit(request.url or "")
        if not self._writes:
            require_read(request.method or "", parts.path, request.headers, cluster=self._cluster, base=self._base)
        credentials = self._ask()
        self._trust(credentials)
        headers = HTTPHeaderDict(request.headers)
        for name in {name for name, _ in credentials.headers}:
            headers.discard(name)
        for name, value in credentials.headers:
            headers.add(name, value)
        request.headers = headers  # type: ignore[assignment]
        proxy = {parts.scheme: credentials.proxy} if credentials.proxy else proxies
        response = super().send(request, stream, timeout or self._timeout, verify, cert, proxy)
        self._count(len(response.content) if not stream else 0)
        return response

    def _trust(self, credentials: Credentials) -> None:
        with self._lock:
            if self._tls is not None and credentials.same_tls(self._tls):
                return
            self._pool_arguments = {}
            if not credentials.verify:
                # The kubeconfig says so; a warning would be written across the screen.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            if credentials.server.startswith("https"):
                self._pool_arguments["ssl_context"] = tls_context(credentials, self._cluster)
                if credentials.server_name:
                    self._pool_arguments["server_hostname"] = credentials.server_name
                    self._pool_arguments["assert_hostname"] = credentials.server_name if credentials.verify else False
            self.proxy_manager.clear()
            self.init_poolmanager(4, 8)
            self._tls = credentials


class OneServerSession(requests.Session):
    """A session that can reach what was mounted and nothing else; a redirect is an answer, and is not followed."""

    def __init__(self) -> None:
        super().__init__()
        self.adapters.clear()

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: credentials stay with the server that they are meant for."""


def cluster_session(server: str, adapter: ClusterAdapter) -> requests.Session:
    """A session that can reach a cluster's API server and nothing else."""
    session = OneServerSession()
    session.mount(server, adapter)
    return session


class QueryAdapter(HTTPAdapter):
    """Sends queries to one engine and refuses everything else with ReadOnlyError; without retries.

    `headers` (the login among them) is asked before each request: files with tokens are renewed while meshtop runs.
    """

    def __init__(self, *, engine: str, headers: Callable[[], Mapping[str, str]], read_only: bool) -> None:
        self._engine = engine
        self._headers = headers
        self._read_only = read_only
        super().__init__(max_retries=Retry(0, read=False))

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one query; raises ReadOnlyError, SourceProblem (a login's file), or what requests raises."""
        path = urlsplit(request.url or "").path
        require_query(request.method or "", path, engine=self._engine, read_only=self._read_only)
        request.headers.update(self._headers())
        return super().send(request, stream, timeout, verify, cert, proxies)


def query_session(
    server: str, *, engine: str, headers: Callable[[], Mapping[str, str]], read_only: bool
) -> requests.Session:
    """A session that can ask one engine and nothing else."""
    session = OneServerSession()
    session.mount(server, QueryAdapter(engine=engine, headers=headers, read_only=read_only))
    return session
