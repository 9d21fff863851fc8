"""Every client of the program: whatever opens a connection, as the program itself makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from meshtop.actions.kube import KubeApi, RouteObject
from meshtop.model.errors import MeshtopError
from meshtop.model.kube import Meta, Service, ServicePort
from meshtop.model.state import SourceStatus
from meshtop.observatory.adoption import Adopter
from meshtop.settings.schema import PrometheusSettings, TelemetrySettings
from meshtop.sources.auth.kubeconfig import ClusterRef, find_clusters
from meshtop.sources.auth.openid import renewed
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.limits import Limits
from meshtop.sources.http.provider import ask_provider
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.discovery import discover
from meshtop.sources.kubernetes.pacing import Pace
from meshtop.sources.kubernetes.rights import who_am_i
from meshtop.sources.prometheus.central import CentralTelemetry
from meshtop.sources.prometheus.charts import LineQuery
from meshtop.sources.prometheus.source import PrometheusSource

TOKEN = "t0ken-of-the-kubeconfig"
HEADER = "s3cret-of-the-settings"
SMALL = Limits(
    answer_bytes=300_000,
    list_bytes=600_000,
    list_pages=12,
    list_seconds=2.0,
    line_bytes=100_000,
    answer_patience=1.5,
    retry_after_seconds=0.02,
    too_much_pause_seconds=0.05,
)
"""Limits that a test reaches at once."""
QUICK = Pace(refresh=0.2, backoff=0.01, backoff_most=0.05, denied=0.1, slow=0.2, discovery=0.2, watch=60)
PROMETHEUS = Service(
    meta=Meta(name="prometheus", namespace="istio-system"), ports=(ServicePort(9090, "http"),), cluster_ip="10.0.0.9"
)
_ROUTE = RouteObject(
    cluster="east",
    group="networking.istio.io",
    version="v1",
    kind="VirtualService",
    namespace="shop",
    name="r",
    index=0,
)


def reference(folder: Path, server: str, *, verify: bool = True, token: str | None = TOKEN) -> ClusterRef:
    """A context that leads to a server, with a token."""
    cluster: dict[str, Any] = {"server": server}
    if not verify:
        cluster["insecure-skip-tls-verify"] = True
    path = folder / "kubeconfig"
    document = {
        "current-context": "east",
        "clusters": [{"name": "east", "cluster": cluster}],
        "users": [{"name": "me", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "east", "context": {"cluster": "east", "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return find_clusters(kubeconfig=str(path), contexts=(), clusters=())[0]


class Outcome:
    """What a client says of a server. Whatever is no MeshtopError goes through, and is a defect."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.fresh = False

    def status(self, status: SourceStatus) -> None:
        """Keep what a source says of itself."""
        self.fresh = status.state == "fresh"
        self.said += [text for text in (status.error, status.remedy, *status.notes) if text]

    async def attempt(self, asking: Awaitable[object]) -> None:
        """Keep why a question got no answer."""
        try:
            await asking
        except MeshtopError as error:
            self.said += [error.message, error.remedy]
        else:
            self.fresh = True


class Target(Struct, frozen=True):
    """The server that a client is sent to, and how long it is waited for (seconds of silence)."""

    ref: ClusterRef
    silence: float = 0.3

    def connect(self, *, writes: bool = False) -> Connection:
        """The connection that everything about a cluster goes through."""
        return Connection(self.ref, timeout_seconds=self.silence, connect_seconds=5, writes=writes, limits=SMALL)

    @property
    def settings(self) -> dict[str, Any]:
        """An engine's address and its secrets, as the settings give them."""
        secret = {"X-Secret": HEADER, "Authorization": f"Bearer {HEADER}"}
        return {"url": self.ref.server, "headers": secret, "insecure_skip_verify": True}


Client = Callable[[Target], Awaitable[Outcome]]


async def request(to: Target) -> Outcome:
    """One request, as actions and reviews send it."""
    outcome, connection = Outcome(), to.connect()
    await outcome.attempt(connection.request("GET", "/api/v1/pods"))
    await connection.close()
    return outcome


async def session(to: Target) -> Outcome:
    """The `requests` session that prometheus-api-client gets."""
    outcome, connection = Outcome(), to.connect()
    asking = connection.requests_session()
    await outcome.attempt(asyncio.to_thread(asking.get, f"{to.ref.server}/api/v1/pods"))
    await connection.close()
    return outcome


async def reading_once(to: Target) -> Outcome:
    """A one-shot reading of a cluster."""
    outcome, connection = Outcome(), to.connect()
    source = KubernetesSource(connection, pace=QUICK, identify=True)
    await source.list_all()
    outcome.status(source.status)
    await connection.close()
    return outcome


async def discovering(to: Target) -> Outcome:
    """API discovery."""
    outcome, connection = Outcome(), to.connect()
    await outcome.attempt(discover(connection))
    await connection.close()
    return outcome


async def reviewing(to: Target) -> Outcome:
    """A review of oneself."""
    outcome, connection = Outcome(), to.connect()
    await outcome.attempt(who_am_i(connection))
    await connection.close()
    return outcome


async def acting(to: Target) -> Outcome:
    """What writes: a route is read and patched, with a dry run."""
    outcome, connection = Outcome(), to.connect(writes=True)
    api = KubeApi("east", connection, server=to.ref.server)
    await outcome.attempt(api.read(_ROUTE))
    await outcome.attempt(api.patch(_ROUTE, [], dry_run=True))
    await outcome.attempt(api.may("get", "", "pods", "shop"))
    await api.close()
    return outcome


async def adopting(to: Target) -> Outcome:
    """The kubeconfig that a registry keeps of a member."""
    adopter = Adopter(lambda ref, via: None, timeout_seconds=to.silence)  # type: ignore[arg-type, return-value]
    assert await adopter._inline(to.ref, "member", "member") is None
    return Outcome()


async def prometheus_by_proxy(to: Target) -> Outcome:
    """A Prometheus behind the API server's proxy, and its charts."""
    outcome, connection = Outcome(), to.connect()
    settings = PrometheusSettings(service="istio-system/prometheus:9090")
    source = PrometheusSource(cluster="east", connection=connection.apart(), settings=settings, timeout=to.silence)
    await _telemetry(outcome, source)
    await connection.close()
    return outcome


async def prometheus_by_url(to: Target) -> Outcome:
    """A Prometheus by its own URL, with headers of the settings, and its charts."""
    outcome = Outcome()
    settings = PrometheusSettings.model_validate(to.settings, by_name=True)
    await _telemetry(
        outcome, PrometheusSource(cluster="east", connection=None, settings=settings, timeout=to.silence, limits=SMALL)
    )
    return outcome


async def finding_prometheus(to: Target) -> Outcome:
    """The probes that look for a Prometheus among the Services."""
    outcome, connection = Outcome(), to.connect()
    source = PrometheusSource(cluster="east", connection=connection.apart(), timeout=to.silence)
    await source.refresh((PROMETHEUS,), window_seconds=300)
    outcome.status(source.status)
    await source.close()
    await connection.close()
    return outcome


async def central_engine(to: Target) -> Outcome:
    """One engine above all clusters."""
    outcome = Outcome()
    central = CentralTelemetry(
        TelemetrySettings.model_validate(to.settings, by_name=True), timeout=to.silence, limits=SMALL
    )
    part = central.cluster("east")
    await part.refresh((), window_seconds=300)
    outcome.status(part.status)
    await part.close()
    return outcome


async def _telemetry(outcome: Outcome, source: PrometheusSource) -> None:
    await source.refresh((), window_seconds=300)
    outcome.status(source.status)
    await source.refresh_history()
    await source.refresh_plaintext()
    if source.engine is not None:
        charts = Outcome()
        await charts.attempt(source.lines([LineQuery("load", "up")], start=0, end=60, step=10))
        outcome.said += charts.said
        outcome.fresh = outcome.fresh or charts.fresh
    await source.close()


async def renewing_a_login(to: Target) -> Outcome:
    """An OpenID Connect login that has expired, renewed at its provider with the refresh token and a secret."""
    outcome = Outcome()
    settings = {"client-id": "c", "client-secret": HEADER, "refresh-token": TOKEN, "idp-issuer-url": to.ref.server}
    await outcome.attempt(asyncio.to_thread(renewed, settings, partial(ask_provider, seconds=to.silence)))
    return outcome


CLIENTS: dict[str, Client] = {
    client.__name__: client
    for client in (
        request,
        session,
        reading_once,
        discovering,
        reviewing,
        acting,
        adopting,
        prometheus_by_proxy,
        prometheus_by_url,
        finding_prometheus,
        central_engine,
        renewing_a_login,
    )
}
"""By name. A client that opens a connection and is missing here is not tested against anything hostile."""
