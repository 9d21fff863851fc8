"""Calls in one mesh, with rates and errors: the company's call graph routed through its configuration.

Load starts at the ingress gateways and at clients outside the mesh and flows down the call graph; every hop obeys the
routes, subsets, replicas and TLS settings that its cluster has. What proxies would report comes out as rates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from meshtop.demo.world import company, labels
from meshtop.demo.world.answering import DENIED, DENIED_IN_GRPC, Outcome, allows, machine_service, refused, with_success
from meshtop.demo.world.company import External, Service
from meshtop.demo.world.conditions import Conditions
from meshtop.demo.world.plan import EASTWEST, Cluster, Mesh, Plan, Workload
from meshtop.demo.world.routing import Config, Destination
from meshtop.demo.world.sight import registry_only
from meshtop.demo.world.stream import Profile

CROSSING_MS = 82.0
"""What a request between two clusters takes longer."""
REQUESTS_PER_CONNECTION = 60.0

Key = tuple[str, str, str]


class Report(NamedTuple):
    """What one reporter counts for one label set: `family` is http, messages or tcp, `rate` is per second."""

    target: Key
    family: str
    labels: dict[str, str]
    rate: float
    profile: Profile
    flow: str


class Traffic:
    """One mesh's reports under one set of configurations and conditions."""

    def __init__(self, plan: Plan, mesh: Mesh, configs: Mapping[str, Config], conditions: Conditions) -> None:
        self._plan = plan
        self._mesh = mesh
        self._configs = configs
        self._conditions = conditions
        self._clusters = plan.members(mesh.name)
        self._services = plan.services(mesh.template)
        self._workloads: dict[str, list[Workload]] = defaultdict(list)
        for cluster in self._clusters:
            for workload in plan.workloads(cluster):
                self._workloads[workload.service].append(workload)
        self._waypoints = frozenset[str]().union(*(plan.waypoints(c) for c in self._clusters))
        self._externals = {e.name: e for e in company.EXTERNALS}
        self._load: dict[Key, float] = defaultdict(float)
        self.reports: list[Report] = []

    def run(self) -> list[Report]:
        """Every report of the mesh."""
        by_host = [c for c in self._clusters if c.name not in self._conditions.down]
        for cluster in by_host:
            for service in self._services.values():
                self._enter(cluster, service)
        for name in self._plan.order(self._mesh.template):
            for workload in self._workloads[name]:
                load = self._load[workload.key]
                if load and workload.cluster not in self._conditions.down:
                    self._call(workload, self._services[name], load)
        return self.reports

    def ready(self, workload: Workload) -> int:
        """How many pods of a workload serve at present."""
        if workload.kind == "WorkloadGroup":
            return 1
        if workload.rollout:
            return workload.replicas
        replicas = self._configs[workload.cluster].replicas(workload.kind, workload.namespace, workload.name)
        return 0 if replicas is None else replicas

    def _enter(self, cluster: Cluster, service: Service) -> None:
        rate = (
            service.entry_rate * self._conditions.business(cluster.name, service.name) / (1 + 0.45 * cluster.position)
        )
        own = [w for w in self._workloads[service.name] if w.cluster == cluster.name]
        if rate and own and own[0].proxy == "none":
            self._load[own[0].key] += rate
        elif rate:
            route = self._configs[cluster.name].ingress(self._mesh.public, self._host(service))
            self._send(self._plan.gateway(cluster), service, rate, route)
        intruder = self._conditions.intruder.get((cluster.name, service.name))
        if intruder:
            for target in own[:1]:
                self._arrive(None, target, service, "", intruder)

    def _call(self, client: Workload, service: Service, load: float) -> None:
        for call in service.calls:
            rate = load * call.fanout * self._conditions.calls.get((service.name, call.service), 1.0)
            external = self._externals.get(call.service)
            if external is not None:
                self._leave(client, external, rate)
            elif self._workloads.get(call.service):
                self._ask(client, self._services.get(call.service) or machine_service(call.service), rate)
        for stray in company.STRAYS:
            if stray.caller == service.name and client.proxy == "sidecar":
                self._stray(client, stray.host, load * stray.fanout)

    def _ask(self, client: Workload, target: Service, rate: float) -> None:
        """A workload's requests to a Service of the mesh, as far as its proxy knows it."""
        config, host = self._configs[client.cluster], self._host(target)
        if all(self._configs[c.name].deleted(target.namespace, target.name) for c in self._clusters):
            return  # Its name does not resolve, and no proxy sees a request.
        if client.proxy == "sidecar" and not config.knows(
            host, target.namespace, target.name, client.namespace, client.labels
        ):
            self._unseen(client, target, rate)
            return
        route = [Destination(host, "", 1.0)]
        if client.proxy != "ambient" or target.namespace in self._waypoints:
            # A ztunnel knows no routes; sidecars and waypoints obey both APIs'.
            seen_by = client.namespace if client.proxy == "sidecar" else None
            route = config.route(host, target.protocol, seen_by)
            aborted = config.abort(host, target.protocol, client.namespace) if client.proxy == "sidecar" else None
            if aborted is not None and target.protocol != "tcp":
                share, status = aborted
                self._local_reply(client, target, rate * share, (status, "14", "FI", 1.0))
                rate *= 1.0 - share
        if rate > 0:
            self._send(client, target, rate, self._split(client, target, route))

    def _unseen(self, client: Workload, target: Service, rate: float) -> None:
        """Requests to a Service that the client's sidecar does not know: stopped, or passed on in plaintext."""
        config, host = self._configs[client.cluster], self._host(target)
        if registry_only(config.sidecar(client.namespace, client.labels), self._mesh.registry_only):
            self._caught(client, target, host, "BlackHoleCluster", rate, [("502", "14", "-", 1.0)])
            return
        pods = {w.key: self.ready(w) for w in self._behind(target, "") if w.cluster == client.cluster}
        ready = [w for w in self._behind(target, "") if pods.get(w.key)]
        total = sum(pods[w.key] for w in ready)
        if not total:
            self._caught(client, target, host, "PassthroughCluster", rate, [("503", "14", "UF", 1.0)])
        for endpoint in ready:
            part = rate * pods[endpoint.key] / total
            server = self._configs[endpoint.cluster].server_mode(endpoint.namespace, endpoint.labels, target.port)
            if endpoint.proxy != "none" and server == "STRICT":
                self._caught(client, target, host, "PassthroughCluster", part, [("503", "14", "UF", 1.0)])
                continue
            outcomes = self._answers(None, endpoint, target, False)
            self._caught(client, target, host, "PassthroughCluster", part, outcomes)
            if endpoint.proxy != "none":
                flow = f"{client.cluster}/{client.namespace}/{client.name}>{target.name}"
                self._exchange(None, endpoint, target, part, False, flow)
            if not refused(outcomes):
                self._load[endpoint.key] += part

    def _caught(
        self, client: Workload, target: Service, host: str, name: str, rate: float, outcomes: list[Outcome]
    ) -> None:
        """What a sidecar reports of calls that its catch-all takes."""
        base = labels.peers("source", client, None, (host, name, labels.UNKNOWN), False)
        flow = f"{client.cluster}/{client.namespace}/{client.name}>{target.name}"
        if target.protocol == "tcp":
            flags = "UH" if name == "BlackHoleCluster" else outcomes[0][2]
            listed = labels.tcp(base, flags=flags, policy=labels.UNKNOWN)
            profile = Profile(0, 1, 0.0, 0.0) if flags != "-" else Profile(0, 1, target.sent, target.received)
            self.reports.append(Report(client.key, "tcp", listed, rate, profile, flow))
            return
        profile = Profile(1.0, 0.4, target.request_bytes, 0.0)
        self._requests(client.key, base, target, rate, profile, outcomes, labels.UNKNOWN, flow)

    def _answers(self, client: Workload | None, endpoint: Workload, service: Service, secured: bool) -> list[Outcome]:
        """How requests that arrive at an endpoint are answered: by policies, if they refuse them, else by itself."""
        if self._allows(client, endpoint, service, secured):
            return self._outcomes(endpoint, service)
        return [DENIED_IN_GRPC if service.protocol == "grpc" else DENIED]

    def _allows(self, client: Workload | None, endpoint: Workload, service: Service, secured: bool) -> bool:
        """Whether the policies on the way let a client's requests pass."""
        waypoint = None
        ambient = client is not None and client.proxy == "ambient"
        if ambient and endpoint.namespace in self._waypoints and service.protocol != "tcp":
            waypoint = self._plan.waypoint(self._plan.cluster(endpoint.cluster), endpoint.namespace)
        config = self._configs[endpoint.cluster]
        return allows(config, client if secured else None, endpoint, service, self._host(service), waypoint)

    def _split(self, client: Workload, target: Service, route: list[Destination]) -> list[Destination]:
        """The route, with the weights that it had at this time."""
        past = self._conditions.split.get((client.cluster, target.name))
        if past is None:
            return route
        total = sum(past.values())
        return [Destination(self._host(target), subset, weight / total) for subset, weight in past.items() if weight]

    def _host(self, service: Service) -> str:
        return f"{service.name}.{service.namespace}{self._mesh.suffix}"

    def _send(self, client: Workload, service: Service, rate: float, route: list[Destination]) -> None:
        if not route:
            self._local_reply(client, service, rate, ("500", "", "-", 1.0))
        config = self._configs[client.cluster]
        for host, subset, share in route:
            name, _, rest = host.partition(".")
            target, version = self._services.get(name), ""
            if target is None and name.startswith(f"{service.name}-"):
                target, version = service, name.removeprefix(f"{service.name}-")
            if target is None or rest != f"{target.namespace}{self._mesh.suffix}":
                target = service if host == self._host(service) else None
            if target is None:
                self._local_reply(client, service, rate * share, ("503", "14", "NC", 1.0))
                continue
            candidates = self._behind(target, version)
            if subset:
                wanted = config.rule(host, client.namespace, target.namespace).subsets.get(subset)
                if wanted is None:
                    self._local_reply(client, service, rate * share, ("503", "14", "NC", 1.0))
                    continue
                candidates = [w for w in candidates if all(w.labels.get(k) == v for k, v in wanted.items())]
            pods = {w.key: self.ready(w) for w in candidates}
            ready = [w for w in candidates if pods[w.key] and w.cluster == client.cluster] or [
                w for w in candidates if pods[w.key]
            ]
            total = sum(pods[w.key] for w in ready)
            if not total:
                self._local_reply(client, service, rate * share, ("503", "14", "UH", 1.0))
            for endpoint in ready:
                self._arrive(client, endpoint, target, subset, rate * share * pods[endpoint.key] / total)

    def _behind(self, service: Service, version: str) -> list[Workload]:
        """The workloads behind a Service, or that of one version; Flagger's plain one selects its primary."""
        name = f"{service.name}-{version}" if version else service.name
        found = [
            w
            for w in self._workloads[service.name]
            if self._configs[w.cluster].selects(service.namespace, name, w.labels)
        ]
        if not version:
            return [w for w in found if w.track == "primary"] or found
        return [w for w in found if version in (w.version, w.track)]

    def _arrive(self, client: Workload | None, endpoint: Workload, service: Service, subset: str, rate: float) -> None:
        """One client's requests at one endpoint: whether the connection works, and who reports what."""
        crossing = client is not None and client.cluster != endpoint.cluster
        secured, works = self._handshake(client, endpoint, service, subset)
        flow = (
            f"{client.cluster}/{client.namespace}/{client.name}>{service.name}"
            if client
            else f"?>{endpoint.cluster}/{service.name}"
        )
        if endpoint.cluster in self._conditions.down:
            works = False
        if client is not None and client.proxy == "none":
            if works and endpoint.proxy != "none":
                self._exchange(None, endpoint, service, rate, False, flow)
        elif works:
            self._exchange(client, endpoint, service, rate, secured, flow)
        elif client is not None and client.kind != "WorkloadGroup":
            self._fail(client, None if crossing else endpoint, service, rate, flow)
        if works:
            if not refused(self._answers(client, endpoint, service, secured)):
                self._load[endpoint.key] += rate
            if crossing:
                self._cross(endpoint, service, rate)

    def _handshake(
        self, client: Workload | None, endpoint: Workload, service: Service, subset: str
    ) -> tuple[bool, bool]:
        """Whether a connection is mutual TLS, and whether it comes about at all."""
        server = self._configs[endpoint.cluster].server_mode(endpoint.namespace, endpoint.labels, service.port)
        meshed = endpoint.proxy != "none"
        if client is None or client.proxy == "none":
            return False, not (meshed and server == "STRICT")
        if client.cluster != endpoint.cluster and {client.cluster, endpoint.cluster} & self._conditions.untrusted:
            return True, False
        if endpoint.proxy == "ambient" and client.proxy == "ambient":
            return True, True
        mode = (
            self._configs[client.cluster]
            .rule(self._host(service), client.namespace, service.namespace)
            .mode(subset, service.port)
        )
        if mode is None:
            inferred = self._configs[client.cluster].server_mode(service.namespace, {}, 0)
            mode = "ISTIO_MUTUAL" if meshed and inferred != "DISABLE" else "DISABLE"
        secured = mode in ("ISTIO_MUTUAL", "MUTUAL")
        if secured:
            return True, meshed and (server != "DISABLE" or endpoint.proxy == "ambient")
        return False, mode == "DISABLE" and not (meshed and server == "STRICT")

    def _exchange(
        self, client: Workload | None, endpoint: Workload, service: Service, rate: float, secured: bool, flow: str
    ) -> None:
        """Requests that are answered, well or badly, and both ends' reports of them."""
        crossing = client is not None and client.cluster != endpoint.cluster
        served = self._profile(endpoint, service)
        seen = served._replace(median_ms=served.median_ms * 1.04 + 0.4 + (CROSSING_MS if crossing else 0.0))
        outcomes = self._answers(client, endpoint, service, secured)
        ambient_client = client is not None and client.proxy == "ambient"
        if refused(outcomes):
            served = served._replace(median_ms=1.0)
        through_waypoint = ambient_client and endpoint.namespace in self._waypoints and service.protocol != "tcp"
        if refused(outcomes) and endpoint.proxy == "ambient" and not through_waypoint:
            # A ztunnel refuses the connection, of which it reports nothing.
            if client is not None and client.proxy == "sidecar":
                self._fail(client, None if crossing else endpoint, service, rate, flow)
            return
        if through_waypoint and client is not None:
            waypoint = self._plan.waypoint(self._plan.cluster(endpoint.cluster), endpoint.namespace)
            self._ztunnel(client, waypoint, service, rate, "source", flow)
            base = labels.peers("waypoint", client, endpoint, self._service(service, endpoint), secured)
            self._requests(
                waypoint.key, base, service, rate, seen, outcomes, labels.security("waypoint", secured), flow
            )
            if endpoint.proxy == "ambient":
                self._ztunnel(waypoint, endpoint, service, rate, "destination", flow)
            return
        if client is not None and client.kind != "WorkloadGroup":
            if ambient_client:
                self._ztunnel(client, endpoint, service, rate, "source", flow)
            else:
                self._report("source", client.key, client, endpoint, service, rate, seen, outcomes, secured, flow)
        if endpoint.proxy == "sidecar" and endpoint.kind != "WorkloadGroup":
            self._report("destination", endpoint.key, client, endpoint, service, rate, served, outcomes, secured, flow)
        elif endpoint.proxy == "ambient":
            self._ztunnel(client, endpoint, service, rate, "destination", flow, secured)

    def _report(
        self, reporter: str, target: Key, client: Workload | None, endpoint: Workload | None, service: Service,
        rate: float, profile: Profile, outcomes: list[Outcome], secured: bool, flow: str,
    ) -> None:  # fmt: skip
        base = labels.peers(reporter, client, endpoint, self._service(service, endpoint), secured)
        policy = labels.security(reporter, secured)
        if service.protocol == "tcp":
            flags = outcomes[0][2]
            self.reports.append(
                Report(target, "tcp", labels.tcp(base, flags=flags, policy=policy), rate, profile, flow)
            )
        else:
            self._requests(target, base, service, rate, profile, outcomes, policy, flow)

    def _requests(
        self, target: Key, base: dict[str, str], service: Service, rate: float, profile: Profile,
        outcomes: list[Outcome], policy: str, flow: str,
    ) -> None:  # fmt: skip
        for code, grpc, flags, share in outcomes:
            if share:
                listed = labels.http(
                    base,
                    protocol=service.protocol,
                    code=code,
                    grpc=grpc if service.protocol == "grpc" else "",
                    flags=flags,
                    policy=policy,
                )
                self.reports.append(Report(target, "http", listed, rate * share, profile, flow))
        if service.protocol == "grpc":
            self.reports.append(Report(target, "messages", base, rate, profile, flow))

    def _ztunnel(
        self, client: Workload | None, endpoint: Workload, service: Service, rate: float, reporter: str, flow: str,
        secured: bool = True,
    ) -> None:  # fmt: skip
        """A ztunnel's report: connections and bytes, whatever is spoken inside."""
        reporting = client if reporter == "source" and client is not None else endpoint
        base = labels.peers(reporter, client, endpoint, self._service(service, endpoint), secured)
        ends = [self._plan.cluster(w.cluster).region if w is not None else labels.UNKNOWN for w in (client, endpoint)]
        localities = (ends[0], labels.home_zone(ends[0]), ends[1], labels.home_zone(ends[1]))
        listed = labels.tcp(
            base, flags="-", policy=labels.security(reporter, secured, ztunnel=True), localities=localities
        )
        connections, profile = self._connections(service, rate)
        self.reports.append(
            Report((reporting.cluster, self._mesh.system, "ztunnel"), "tcp", listed, connections, profile, flow)
        )

    def _cross(self, endpoint: Workload, service: Service, rate: float) -> None:
        """An east-west gateway's report: TLS passes through, so it knows connections and bytes and no identity."""
        gateway = self._plan.gateway(self._plan.cluster(endpoint.cluster), EASTWEST)
        base = labels.peers("source", gateway, endpoint, self._service(service, endpoint), False)
        connections, profile = self._connections(service, rate)
        listed = labels.tcp(base, flags="-", policy=labels.UNKNOWN)
        self.reports.append(
            Report(gateway.key, "tcp", listed, connections, profile, f"{endpoint.cluster}/{EASTWEST}>{service.name}")
        )

    @staticmethod
    def _connections(service: Service, rate: float) -> tuple[float, Profile]:
        if service.protocol == "tcp":
            return rate, Profile(0, 1, service.sent, service.received)
        many = REQUESTS_PER_CONNECTION
        return rate / many, Profile(0, 1, service.request_bytes * many, service.response_bytes * many)

    def _fail(self, client: Workload, endpoint: Workload | None, service: Service, rate: float, flow: str) -> None:
        """Connections that do not come about: the source alone knows."""
        if client.proxy == "ambient":
            return
        profile = Profile(4.0, 0.8, *((0.0, 0.0) if service.protocol == "tcp" else (service.request_bytes, 180.0)))
        outcomes: list[Outcome] = [("503", "14", "UF", 1.0)]
        self._report("source", client.key, client, endpoint, service, rate, profile, outcomes, False, flow)

    def _local_reply(self, client: Workload, service: Service, rate: float, outcome: Outcome) -> None:
        """What a proxy answers by itself because there is nowhere to send a request."""
        if client.proxy != "sidecar":
            return
        flow = f"{client.cluster}/{client.namespace}/{client.name}>{service.name}"
        sizes = (0.0, 0.0) if service.protocol == "tcp" else (service.request_bytes, 90.0)
        profile = Profile(0.4, 0.4, *sizes)
        self._report("source", client.key, client, None, service, rate, profile, [outcome], False, flow)

    def _leave(self, client: Workload, external: External, rate: float) -> None:
        """Calls to a host that a ServiceEntry declares: no workload answers in the mesh."""
        if client.proxy != "sidecar":
            return
        if not self._configs[client.cluster].declares(external.host, client.namespace, client.labels):
            self._stray(client, external.host, rate)
            return
        base = labels.peers("source", client, None, (external.host, external.host, external.namespace), False)
        outcomes = with_success(external.errors, "http")
        service = Service(external.name, external.namespace, external.port, ())
        flow = f"{client.cluster}/{client.namespace}/{client.name}>{external.host}"
        profile = Profile(external.median_ms, 0.5, 1_100, 700)
        self._requests(client.key, base, service, rate, profile, outcomes, labels.UNKNOWN, flow)

    def _stray(self, client: Workload, host: str, rate: float) -> None:
        """Calls to an undeclared host."""
        sidecar = self._configs[client.cluster].sidecar(client.namespace, client.labels)
        stopped = registry_only(sidecar, self._mesh.registry_only)
        name = "BlackHoleCluster" if stopped else "PassthroughCluster"
        base = labels.peers("source", client, None, (host, name, labels.UNKNOWN), False)
        profile = Profile(0.3, 0.4, 200, 0) if stopped else Profile(120.0, 0.8, 200, 64_000)
        outcome: Outcome = ("502" if stopped else "200", "", "-", 1.0)
        flow = f"{client.cluster}/{client.namespace}/{client.name}>{host}"
        self._requests(client.key, base, Service(host, "", 80, ()), rate, profile, [outcome], labels.UNKNOWN, flow)

    def _service(self, service: Service, endpoint: Workload | None = None) -> tuple[str, str, str]:
        """Host, name and namespace of the Service that was meant: Flagger's tracks have Services of their own."""
        if endpoint is not None and endpoint.track and not endpoint.rollout:
            service = replace(service, name=f"{service.name}-{endpoint.track}")
        return (self._host(service), service.name, service.namespace)

    def _profile(self, endpoint: Workload, service: Service) -> Profile:
        if service.protocol == "tcp":
            return Profile(0, 1, service.sent, service.received)
        factor = self._conditions.slowness(endpoint.cluster, service.name, endpoint.version)
        serving = endpoint.serving
        return Profile(serving.median_ms * factor, serving.spread, service.request_bytes, service.response_bytes)

    def _outcomes(self, endpoint: Workload, service: Service) -> list[Outcome]:
        errors = self._conditions.errors_of(endpoint.cluster, service.name, endpoint.version, endpoint.serving.errors)
        return with_success(errors, service.protocol)
