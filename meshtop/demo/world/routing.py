"""How a proxy decides: routes, subsets, TLS and policies, read from one cluster's configuration objects.

Only what the demo's traffic needs is understood: routes without a match (or the last route), one level of delegates,
aborting faults, DestinationRules by namespace order and host, PeerAuthentication by level, AuthorizationPolicies,
Sidecars, `exportTo`, and Services that were changed or deleted; ties by age. Sources: Istio's reference of traffic
management and of PeerAuthentication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from meshtop.demo.world.sight import EXPORTED, exported, exported_by, imports, sidecar_of

Json = dict[str, Any]
SUFFIX = ".svc.cluster.local"
"""What the full names of Services end with where a cluster has Kubernetes' default domain."""
CONTROLLERS = frozenset({"Deployment", "StatefulSet"})
WATCHED = frozenset(
    {
        "VirtualService",
        "DestinationRule",
        "PeerAuthentication",
        "HTTPRoute",
        "TCPRoute",
        "GRPCRoute",
        "AuthorizationPolicy",
        "Sidecar",
        "ServiceEntry",
        "Service",
    }
    | CONTROLLERS
)
OF_ITS_CLUSTER = CONTROLLERS | {"Service"}
"""What counts for the pods and endpoints of its own cluster, wherever configuration is read."""


class Destination(NamedTuple):
    """One weighted destination: a host, perhaps a subset, and its share of the route (0 to 1)."""

    host: str
    subset: str
    share: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A DestinationRule as a client sees it: subsets' labels, and the TLS mode of each level (None: not said)."""

    subsets: Mapping[str, Mapping[str, str]]
    tls: str | None
    subset_tls: Mapping[str, str]
    port_tls: Mapping[int, str | None]
    exports: tuple[str, ...] = ()

    def mode(self, subset: str, port: int) -> str | None:
        """The client's TLS mode toward a subset and port; None leaves it to auto mTLS."""
        if subset in self.subset_tls:
            return self.subset_tls[subset]
        if port in self.port_tls:
            return self.port_tls[port]
        return self.tls


NO_RULE = Rule({}, None, {}, {})


def full_name(host: str, namespace: str, suffix: str = SUFFIX) -> str:
    """A host as a fully qualified name: short names belong to the namespace of the object that contains them."""
    if host == "*" or "." in host:
        return host
    return f"{host}.{namespace}{suffix}"


class Config:
    """The configuration objects of one cluster, as its istiod last saw them; full names end with `suffix`."""

    def __init__(self, root_namespace: str = "istio-system", suffix: str = SUFFIX) -> None:
        self._root = root_namespace
        self._suffix = suffix
        self._objects: dict[str, dict[tuple[str, str], Json]] = {kind: {} for kind in WATCHED}
        self._deleted: set[tuple[str, str]] = set()
        self._views: dict[str, Any] = {}

    def apply(self, event: str, obj: Json) -> bool:
        """Take in one change; False when it cannot matter to traffic."""
        kind = obj.get("kind", "")
        if kind not in self._objects:
            return False
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        known = self._objects[kind].get(key)
        if kind == "Service":
            (self._deleted.add if event == "DELETED" else self._deleted.discard)(key)
        if event == "DELETED":
            self._objects[kind].pop(key, None)
        elif known is not None and known.get("spec") == obj.get("spec") and _audience(known) == _audience(obj):
            return False
        else:
            self._objects[kind][key] = obj
        self._views.clear()
        return True

    def replicas(self, kind: str, namespace: str, name: str) -> int | None:
        """The wanted pods of a controller; None where it does not exist."""
        found = self._objects.get(kind, {}).get((namespace, name))
        return None if found is None else int(found.get("spec", {}).get("replicas", 1))

    def size(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return len(self._objects.get(kind, {}))

    def route(self, host: str, protocol: str, client: str | None = None) -> list[Destination]:
        """Where the mesh sends requests for a host: itself where no route says otherwise, nowhere without weight.

        A Gateway API route that hangs on the Service comes first. `client` is the namespace of the caller, which sees
        what is exported to it; None sees everything.
        """
        parent = self._view("parents", self._parents).get(host)
        if parent is not None:
            return parent  # type: ignore[no-any-return]
        namespace, route = self._rule_for(host, protocol, client)
        if route is None or not route.get("route"):
            return [Destination(host, "", 1.0)]
        listed = [
            (
                self._full(d["destination"]["host"], namespace),
                d["destination"].get("subset", ""),
                float(d.get("weight", 0)),
            )
            for d in route["route"]
        ]
        return _shares([(h, s, 1.0) for h, s, _ in listed] if len(listed) == 1 else listed)

    def _rule_for(self, host: str, protocol: str, client: str | None) -> tuple[str, Json | None]:
        """The rule of a VirtualService that takes requests for a host, and the namespace in which it names hosts."""
        seen = self._view("routes", self._routes).get(host, ())
        known = next((one for one in seen if client is None or _exported(one, client)), None)
        if known is None:
            return "", None
        namespace, spec = known
        routes = spec.get("tcp" if protocol == "tcp" else "http") or []
        route = next((r for r in routes if not _picky(r)), routes[-1] if routes else None)
        if route is not None and "delegate" in route:
            key = (route["delegate"].get("namespace", namespace), route["delegate"]["name"])
            delegate = self._objects["VirtualService"].get(key)
            routes = (delegate or {}).get("spec", {}).get("http") or []
            namespace, route = key[0], next((r for r in routes if not _picky(r)), routes[-1] if routes else None)
        return namespace, route

    def abort(self, host: str, protocol: str, client: str) -> tuple[float, str] | None:
        """The share of requests that a route's fault ends, and the status it answers; None where it ends none."""
        _, route = self._rule_for(host, protocol, client)
        fault = ((route or {}).get("fault") or {}).get("abort") or {}
        share = float((fault.get("percentage") or {}).get("value", 0)) / 100
        return (min(share, 1.0), str(fault.get("httpStatus", 503))) if share > 0 else None

    def policies(self) -> list[tuple[str, Json]]:
        """The AuthorizationPolicies, each with its namespace."""
        return self._view("authorization", lambda: list(self._oldest("AuthorizationPolicy")))  # type: ignore[no-any-return]

    @property
    def root(self) -> str:
        """The root namespace."""
        return self._root

    def sidecar(self, namespace: str, labels: Mapping[str, str]) -> Json | None:
        """The Sidecar that a workload has."""
        listed = self._view("sidecars", lambda: list(self._oldest("Sidecar")))
        return sidecar_of(listed, namespace, labels, self._root) if listed else None

    def knows(self, host: str, home: str, name: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether the sidecar of a workload knows the host of a Service: exported to it, and imported.

        A host that a visible route sends to is known as well.
        """
        written = self._objects["Service"].get((home, name))
        if (written is None or exported_by(written, namespace)) and imports(
            self.sidecar(namespace, labels), namespace, home, host
        ):
            return True
        sidecar = self.sidecar(namespace, labels)
        for where, spec in self._view("vs", lambda: list(self._oldest("VirtualService"))):
            if "mesh" not in (spec.get("gateways") or ["mesh"]):
                continue
            sent = {
                self._full(d["destination"]["host"], where)
                for r in spec.get("http") or []
                for d in r.get("route") or []
            }
            named = [self._full(one, where) for one in spec.get("hosts") or []]
            if host in sent and _exported((where, spec), namespace) and any(
                imports(sidecar, namespace, where, one) for one in named
            ):  # fmt: skip
                return True
        return False

    def declares(self, host: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a ServiceEntry that the sidecar of a workload sees declares a host outside of the mesh."""
        sidecar = self.sidecar(namespace, labels)
        return any(
            host in (spec.get("hosts") or [])
            and _exported((home, spec), namespace)
            and imports(sidecar, namespace, home, host)
            for home, spec in self._view("entries", lambda: list(self._oldest("ServiceEntry")))
        )

    def deleted(self, namespace: str, name: str) -> bool:
        """Whether the Service of that name was deleted in this cluster."""
        return (namespace, name) in self._deleted

    def selects(self, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a Service has a workload of this cluster behind it; one that nobody changed has its own."""
        if self.deleted(namespace, name):
            return False
        written = self._objects["Service"].get((namespace, name))
        wanted = ((written or {}).get("spec") or {}).get("selector") or {}
        return wanted.items() <= labels.items()

    def ingress(self, gateway: str, host: str) -> list[Destination]:
        """Where an ingress gateway (NAMESPACE/NAME) sends requests for a service: the first route that names it."""
        return self._view("ingress", self._ingress).get((gateway, host)) or [Destination(host, "", 1.0)]

    def rule(self, host: str, client_namespace: str, service_namespace: str) -> Rule:
        """The DestinationRule that a client uses for a host: the client's namespace, the service's, the root's."""
        rules = self._view("rules", self._rules)
        for namespace in (client_namespace, service_namespace, self._root):
            exact: Rule | None = rules.get((namespace, host))
            if exact is not None and exported(exact.exports, namespace, client_namespace):
                return exact
            wild = [h for n, h in rules if n == namespace and h.startswith("*") and host.endswith(h[1:])]
            if wild:
                return rules[(namespace, max(wild, key=len))]  # type: ignore[no-any-return]
        return NO_RULE

    def server_mode(self, namespace: str, labels: Mapping[str, str], port: int) -> str:
        """The effective PeerAuthentication mode of a workload's port."""
        policies = self._view("policies", self._policies)
        mode = "PERMISSIVE"
        for scope in (self._root, namespace):
            mode = _mode(policies.get((scope, False), [{}])[0].get("mtls"), mode)
        for spec in policies.get((namespace, True), []):
            wanted = spec["selector"]["matchLabels"]
            if all(labels.get(name) == value for name, value in wanted.items()):
                mode = _mode(spec.get("mtls"), mode)
                ports = spec.get("portLevelMtls") or {}
                return _mode(ports.get(str(port)) or ports.get(port), mode)
        return mode

    def _full(self, host: str, namespace: str) -> str:
        return full_name(host, namespace, self._suffix)

    def _view(self, name: str, make: Any) -> Any:
        if name not in self._views:
            self._views[name] = make()
        return self._views[name]

    def _oldest(self, kind: str) -> Iterable[tuple[str, Json]]:
        objects = self._objects[kind].items()
        aged = sorted(
            objects, key=lambda item: (item[1]["metadata"].get("creationTimestamp", ""), item[0][1], item[0][0])
        )
        return [(namespace, obj.get("spec") or {}) for (namespace, _), obj in aged]

    def _routes(self) -> dict[str, list[tuple[str, Json]]]:
        found: dict[str, list[tuple[str, Json]]] = {}
        for namespace, spec in self._oldest("VirtualService"):
            if "mesh" in (spec.get("gateways") or ["mesh"]):
                for host in spec.get("hosts") or []:
                    found.setdefault(self._full(host, namespace), []).append((namespace, spec))
        return found

    def _ingress(self) -> dict[tuple[str, str], list[Destination]]:
        found: dict[tuple[str, str], list[Destination]] = {}
        for namespace, spec in self._oldest("VirtualService"):
            for route in spec.get("http") or []:
                listed = [
                    (
                        self._full(d["destination"]["host"], namespace),
                        d["destination"].get("subset", ""),
                        float(d.get("weight", 0)),
                    )
                    for d in route.get("route") or []
                ]
                shares = _shares([(h, s, 1.0) for h, s, _ in listed] if len(listed) == 1 else listed)
                for gateway in spec.get("gateways") or []:
                    place = gateway if "/" in gateway else f"{namespace}/{gateway}"
                    for host, _, _ in listed:
                        found.setdefault((place, host), shares)
        return found

    def _parents(self) -> dict[str, list[Destination]]:
        found: dict[str, list[Destination]] = {}
        for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute"):
            for namespace, spec in self._oldest(kind):
                for parent in spec.get("parentRefs") or []:
                    if parent.get("kind") != "Service":
                        continue
                    rules = spec.get("rules") or [{}]
                    backends = next((r for r in rules if not r.get("matches")), rules[-1]).get("backendRefs") or []
                    listed = [
                        (self._full(b["name"], b.get("namespace", namespace)), "", float(b.get("weight", 1)))
                        for b in backends
                    ]
                    found.setdefault(self._full(parent["name"], parent.get("namespace", namespace)), _shares(listed))
        return found

    def _rules(self) -> dict[tuple[str, str], Rule]:
        found: dict[tuple[str, str], Rule] = {}
        for namespace, spec in self._oldest("DestinationRule"):
            key = (namespace, self._full(spec.get("host", ""), namespace))
            subsets = spec.get("subsets") or []
            policy = spec.get("trafficPolicy") or {}
            rule = Rule(
                {s["name"]: s.get("labels") or {} for s in subsets},
                _tls(policy),
                {s["name"]: mode for s in subsets if (mode := _tls(s.get("trafficPolicy") or {})) is not None},
                {int(p["port"]["number"]): _tls(p) for p in policy.get("portLevelSettings") or [] if "port" in p},
                tuple(spec.get("exportTo") or ()),
            )
            known = found.get(key)
            if known is not None:
                rule = Rule(
                    {**rule.subsets, **known.subsets},
                    known.tls,
                    {**rule.subset_tls, **known.subset_tls},
                    known.port_tls,
                    known.exports,
                )
            found[key] = rule
        return found

    def _policies(self) -> dict[tuple[str, bool], list[Json]]:
        found: dict[tuple[str, bool], list[Json]] = {}
        for namespace, spec in self._oldest("PeerAuthentication"):
            selected = bool((spec.get("selector") or {}).get("matchLabels"))
            found.setdefault((namespace, selected), []).append(spec)
        return found


def _exported(one: tuple[str, Json], client: str) -> bool:
    return exported(one[1].get("exportTo") or [], one[0], client)


def _audience(obj: Json) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(EXPORTED, ""))


def _picky(route: Json) -> bool:
    matches = route.get("match") or []
    return bool(matches) and not any(
        set(m) <= {"uri", "gateways", "port"} and (m.get("uri") or {}).get("prefix", "/") == "/" for m in matches
    )


def _shares(listed: list[tuple[str, str, float]]) -> list[Destination]:
    total = sum(weight for _, _, weight in listed)
    return [Destination(host, subset, weight / total) for host, subset, weight in listed if weight > 0] if total else []


def _mode(setting: Any, parent: str) -> str:
    mode = (setting or {}).get("mode") or "UNSET"
    return parent if mode == "UNSET" else str(mode)


def _tls(policy: Json) -> str | None:
    mode = (policy.get("tls") or {}).get("mode")
    return None if mode is None else str(mode)
