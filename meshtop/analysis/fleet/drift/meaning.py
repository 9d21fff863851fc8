"""Normalised configuration: defaults filled in, sets ordered, server-set and per-cluster fields removed.

Two objects mean the same exactly when their meanings are equal, so the comparison is an equivalence. Rules: Istio's
and Gateway API's references on defaults; lists whose order has no effect are sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.fleet.drift.trees import Tree, as_set, duration, key, proportions
from meshtop.analysis.inventory.untyped import items, mapping, text
from meshtop.analysis.visibility.exports import ExportDefaults
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Controller, Meta, Namespace, Service

_DURATIONS = frozenset(
    {
        "timeout", "perTryTimeout", "interval", "baseEjectionTime", "connectTimeout", "idleTimeout", "fixedDelay",
        "maxAge", "ttl", "warmupDurationSecs", "maxConnectionDuration", "request", "backendRequest", "time",
    }
)  # fmt: skip
_SETS: Mapping[str, frozenset[str]] = {
    "VirtualService": frozenset({"hosts", "gateways", "match", "route", "exportTo"}),
    "DestinationRule": frozenset({"subsets", "portLevelSettings", "exportTo", "subjectAltNames"}),
    "Gateway": frozenset({"servers", "hosts"}),
    "AuthorizationPolicy": frozenset(
        {
            "rules", "from", "to", "when", "principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals",
            "namespaces", "notNamespaces", "ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "hosts",
            "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths", "values", "notValues",
            "serviceAccounts", "notServiceAccounts", "targetRefs",
        }
    ),
    "PeerAuthentication": frozenset(),
    "Telemetry": frozenset({"targetRefs"}),
    "HTTPRoute": frozenset({"parentRefs", "hostnames", "matches", "headers", "queryParams", "backendRefs"}),
    "GRPCRoute": frozenset({"parentRefs", "hostnames", "matches", "headers", "backendRefs"}),
    "TCPRoute": frozenset({"parentRefs", "backendRefs"}),
    "TLSRoute": frozenset({"parentRefs", "hostnames", "backendRefs"}),
    "ServiceEntry": frozenset({"hosts", "addresses", "ports", "endpoints", "exportTo", "subjectAltNames"}),
    "Sidecar": frozenset({"hosts"}),
    "RequestAuthentication": frozenset({"jwtRules", "audiences", "fromParams", "targetRefs"}),
    "WorkloadEntry": frozenset(),
}  # fmt: skip
"""Lists whose order has no effect. Rules of routes are ordered."""
_EMPTY_IS_ABSENT = frozenset({"selector", "rules", "from", "to", "when", "exportTo", "gateways", "match", "mtls"})
"""Fields for which empty and absent mean the same (AuthorizationPolicy's rule `{}` stays)."""
_TELLING = ("istio.io/", "pod-security.kubernetes.io/", "rbac.authorization.k8s.io/aggregate-to-")
_OF_ONE_CLUSTER = ("topology.istio.io/", "istio.io/rev", "istio.io/config", "gateway.istio.io/", "operator.istio.io/")
"""Labels with an effect, and among them those that differ between clusters by design."""
_PROXY = "istio-proxy"
_UNKNOWN_EXPORT = ["the mesh's default"]
"""Placeholder for the audience of an object without `exportTo`, where MeshConfig was not read."""
_FULL_HOST = re.compile(r"((?:[^/]+/)?(?:[^./]+\.){1,2}svc)\.[^/]+")
_DEEPEST = 60
"""Levels of nesting that are compared; objects of Istio and Gateway API have about fifteen."""


class LocalDefaults(Struct, frozen=True):
    """Defaults of a cluster for fields that an object leaves out: the DNS domain, and the audience of exports.

    `domain` is None and `exports.known` False where unknown. `shown` replaces the cluster's own domain, so that hosts
    of clusters with different domains compare as equal.
    """

    domain: str | None = CLUSTER_DOMAIN
    exports: ExportDefaults = ExportDefaults()
    shown: str = CLUSTER_DOMAIN

    @property
    def known(self) -> bool:
        """Whether nothing of it is assumed."""
        return self.domain is not None and self.exports.known


def of_config(obj: ConfigObject, defaults: LocalDefaults = LocalDefaults()) -> Tree:  # noqa: B008 - frozen
    """What an object of Istio or Gateway API means in a cluster with these defaults."""
    kind = obj.kind
    spec = _plain(obj.spec, _SETS.get(kind, frozenset()))
    finish = _FINISH.get(kind)
    tree = finish(spec, _Home(obj, defaults)) if finish is not None else spec
    return _with_labels({"spec": tree}, obj.meta)


def alike_perhaps(left: Tree, right: Tree) -> bool:
    """Whether two meanings may be one, where a domain or a default for exports is not known to either side."""
    open_exports = _assumes_exports(left) or _assumes_exports(right)
    return bool(_blurred(left, open_exports) == _blurred(right, open_exports))


def _assumes_exports(tree: Tree) -> bool:
    return isinstance(tree, Mapping) and mapping(tree.get("spec")).get("exportTo") == _UNKNOWN_EXPORT


def _blurred(tree: Tree, open_exports: bool) -> Tree:
    if isinstance(tree, Mapping):
        return {name: _blurred(part, open_exports) for name, part in tree.items()
                if not (open_exports and name == "exportTo")}  # fmt: skip
    if isinstance(tree, list):
        return as_set([_blurred(part, open_exports) for part in tree])
    full = _FULL_HOST.fullmatch(tree) if isinstance(tree, str) else None
    return full[1] if full else tree


def of_namespace(namespace: Namespace) -> Tree:
    """The normalised form of a namespace: injection, ambient mode, and its labels that have an effect."""
    labels = namespace.meta.labels
    injected = labels.get("istio-injection") == "enabled" or bool(labels.get("istio.io/rev"))
    said = "disabled" if labels.get("istio-injection") == "disabled" else "enabled" if injected else None
    return _with_labels({} if said is None else {"injection": said}, namespace.meta)


def of_service(service: Service) -> Tree:
    """The normalised form of a Service, without the addresses and node ports that its cluster assigned."""
    ports = [
        {
            "port": port.port,
            "name": port.name,
            "protocol": port.protocol or "TCP",
            "target": port.port if port.target in (None, 0) else port.target,
            **({"appProtocol": port.app_protocol} if port.app_protocol else {}),
        }
        for port in service.ports
    ]
    spec: dict[str, Tree] = {"type": service.type, "ports": as_set(ports)}
    # A gateway between networks selects pods by the network's name, which is each cluster's own.
    if selector := {key: value for key, value in service.selector.items() if not key.startswith(_OF_ONE_CLUSTER)}:
        spec["selector"] = selector
    if service.cluster_ip == "None":
        spec["headless"] = True
    if service.external_name:
        spec["externalName"] = service.external_name
    return _with_labels({"spec": spec}, service.meta)


def of_images(controller: Controller) -> Tree:
    """The images of a workload's own containers, without the registry's host, which may differ between clusters."""
    images = {c.name: _image(c.image) for c in controller.containers if c.name != _PROXY and c.image}
    return {"images": images}


def of_rbac(obj: ConfigObject) -> Tree:
    """The grants of a role or binding as single permissions, so that their grouping into rules does not matter."""
    tree: dict[str, Tree] = {}
    spec = obj.spec
    if spec.get("aggregationRule") is not None:
        # Its rules are filled in by the cluster from whatever it aggregates there.
        selectors = items(mapping(spec["aggregationRule"]).get("clusterRoleSelectors"))
        tree["aggregationRule"] = as_set(list(selectors))
    elif obj.kind in ("Role", "ClusterRole"):
        tree["permissions"] = as_set([p for rule in items(spec.get("rules")) for p in _permissions(mapping(rule))])
    if spec.get("roleRef") is not None:
        role = mapping(spec["roleRef"])
        tree["roleRef"] = f"{role.get('kind', '')}/{role.get('name', '')}"
        tree["subjects"] = as_set([_subject(mapping(s), obj.meta.namespace) for s in items(spec.get("subjects"))])
    return _with_labels(tree, obj.meta)


def _permissions(rule: Mapping[str, Any]) -> list[str]:
    def each(name: str) -> list[str]:
        return [str(value) for value in items(rule.get(name))]

    names = each("resourceNames") or [""]
    found = [
        f"{verb} {group + '/' if group else ''}{resource}" + (f" {name}" if name else "")
        for verb in each("verbs")
        for group in each("apiGroups") or [""]
        for resource in each("resources")
        for name in names
    ]
    return found + [f"{verb} {url}" for verb in each("verbs") for url in each("nonResourceURLs")]


def _subject(subject: Mapping[str, Any], namespace: str) -> str:
    kind = str(subject.get("kind", ""))
    home = f"{subject.get('namespace') or namespace}/" if kind == "ServiceAccount" else ""
    return f"{kind} {home}{subject.get('name', '')}"


def _image(image: str) -> str:
    first, slash, rest = image.partition("/")
    return rest if slash and ("." in first or ":" in first or first == "localhost") else image


def _with_labels(tree: dict[str, Tree], meta: Meta) -> Tree:
    labels = {
        name: value
        for name, value in sorted(meta.labels.items())
        if any(mark in name for mark in _TELLING) and not name.startswith(_OF_ONE_CLUSTER)
    }
    return {**tree, "labels": labels} if labels else tree


def _plain(value: Tree, sets: frozenset[str], name: str = "", depth: int = 0) -> Tree:
    """The value with sets ordered, durations in one notation, and values equivalent to absence removed.

    Values nested deeper than in any real object are compared as written.
    """
    if depth > _DEEPEST and isinstance(value, Mapping | list | tuple):
        return _written(value)
    if isinstance(value, Mapping):
        inner = {str(key): _plain(part, sets, str(key), depth + 1) for key, part in value.items() if part is not None}
        return {key: part for key, part in inner.items() if part not in ({}, []) or key not in _EMPTY_IS_ABSENT}
    if isinstance(value, list | tuple):
        parts = [_plain(part, sets, name, depth + 1) for part in value]
        return as_set(parts) if name in sets else parts
    if name in _DURATIONS:
        return duration(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(value: Tree) -> str:
    try:
        return key(value).decode()
    except RecursionError:
        return "nested too deep to be compared"


class _Home(Struct, frozen=True):
    """Where an object lives: the object itself, and what its cluster fills in."""

    obj: ConfigObject
    defaults: LocalDefaults

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return self.obj.meta.namespace

    def full_host(self, host: Tree) -> Tree:
        """A short name is completed in its own namespace; names with dots, wildcards and addresses stay (istio: hosts).

        The cluster's own domain is replaced by `shown`, whether it was written or filled in by istiod.
        """
        if not isinstance(host, str) or not host:
            return host
        if not {".", "*"} & {*host}:
            return f"{host}.{self.namespace}.svc.{self.defaults.shown}"
        return self.own_domain(host)

    def own_domain(self, host: Tree) -> Tree:
        """A host in which the cluster's own domain, if it ends with that, is replaced by `shown`."""
        domain = self.defaults.domain
        if domain is None or not isinstance(host, str):
            return host
        if not host.endswith(f".svc.{domain}") and host.rpartition("/")[2] != f"*.{domain}":
            return host
        return f"{host.removesuffix(domain)}{self.defaults.shown}"

    def imported(self, host: Tree) -> Tree:
        """A host of a Sidecar's egress or a Gateway's server, `NAMESPACE/HOST`: `.` is the object's own namespace.

        Short names stay as they are: istiod completes none here.
        """
        where, slash, rest = host.partition("/") if isinstance(host, str) else ("", "", "")
        return self.own_domain(f"{self.namespace}/{rest}" if slash and where == "." else host)

    def gateways(self, names: Tree) -> list[Tree]:
        """The gateways that a VirtualService names, with their namespaces."""
        return as_set([g if g == "mesh" or "/" in str(g) else f"{self.namespace}/{g}" for g in items(names)])

    def exported(self, spec: Mapping[str, Tree]) -> list[Tree]:
        """The namespaces that see the object, by their names."""
        written = items(spec.get("exportTo"))
        if not written:
            if not self.defaults.exports.known:
                return list(_UNKNOWN_EXPORT)
            seen = self.defaults.exports.of(self.obj)
            return ["*"] if seen.everyone else as_set(list(seen.namespaces))
        return as_set([self.namespace if to == "." else to for to in written])


def _virtual_service(spec: dict[str, Tree], home: _Home) -> Tree:
    hosts = as_set([home.full_host(host) for host in items(spec.get("hosts"))])
    gateways = home.gateways(spec.get("gateways")) or ["mesh"]
    found = {**spec, "hosts": hosts, "gateways": gateways, "exportTo": home.exported(spec)}
    for protocol in ("http", "tls", "tcp"):
        if items(spec.get(protocol)):
            found[protocol] = [_route(mapping(route), home) for route in items(spec[protocol])]
    return found


def _route(route: Mapping[str, Tree], home: _Home) -> Tree:
    found = dict(route)
    if items(route.get("route")):
        found["route"] = _weighted([_destination(mapping(d), home) for d in items(route["route"])], default=0)
    if isinstance(mirror := route.get("mirror"), Mapping) and "host" in mirror:
        found["mirror"] = {**mirror, "host": home.full_host(mirror["host"])}
    if mirrors := items(route.get("mirrors")):
        found["mirrors"] = [_destination(mapping(one), home) for one in mirrors]
    if isinstance(delegate := route.get("delegate"), Mapping):
        found["delegate"] = {**delegate, "namespace": text(delegate.get("namespace")) or home.namespace}
    if matches := items(route.get("match")):
        found["match"] = as_set([_match(match, home) for match in matches])
    return found


def _match(match: Tree, home: _Home) -> Tree:
    if not isinstance(match, Mapping) or "gateways" not in match:
        return match
    return {**match, "gateways": home.gateways(match["gateways"])}


def _destination(weighted: Mapping[str, Tree], home: _Home) -> dict[str, Tree]:
    to = dict(mapping(weighted.get("destination")))
    return {**weighted, "destination": {**to, "host": home.full_host(to.get("host"))}}


def _weighted(destinations: list[dict[str, Tree]], *, default: int) -> list[Tree]:
    """Destinations with weights as proportions; of a single one only whether its weight is positive."""
    weights = [d.get("weight", default) for d in destinations]
    if len(destinations) == 1 and default == 0:
        return [{key: value for key, value in destinations[0].items() if key != "weight"}]
    if not all(isinstance(weight, int) and weight >= 0 for weight in weights):
        return as_set(destinations)
    shares = proportions([int(weight) for weight in weights])
    return as_set([{**d, "weight": share} for d, share in zip(destinations, shares, strict=True)])


def _destination_rule(spec: dict[str, Tree], home: _Home) -> Tree:
    return {**spec, "host": home.full_host(spec.get("host")), "exportTo": home.exported(spec)}


def _authorization_policy(spec: dict[str, Tree], home: _Home) -> Tree:
    return {**spec, "action": spec.get("action") or "ALLOW"}


def _peer_authentication(spec: dict[str, Tree], home: _Home) -> Tree:
    mode = mapping(spec.get("mtls")).get("mode")
    rest = {key: value for key, value in spec.items() if key != "mtls"}
    return rest if mode in (None, "UNSET") else {**rest, "mtls": {"mode": mode}}


def _gateway_route(spec: dict[str, Tree], home: _Home) -> Tree:
    """The normalised form of an HTTPRoute, GRPCRoute, TCPRoute or TLSRoute: its parents and its rules."""
    found = dict(spec)
    parents = ({"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": home.namespace, **mapping(p)}
               for p in items(spec.get("parentRefs")))  # fmt: skip
    found["parentRefs"] = as_set(list(parents))
    found["rules"] = [_backends(mapping(rule), home) for rule in items(spec.get("rules")) or ({},)]
    return found


def _backends(rule: Mapping[str, Tree], home: _Home) -> dict[str, Tree]:
    backends = [{"group": "", "kind": "Service", "namespace": home.namespace, "weight": 1, **mapping(b)}
                for b in items(rule.get("backendRefs"))]  # fmt: skip
    return {**rule, "backendRefs": _weighted(backends, default=1)}


def _http_route(spec: dict[str, Tree], home: _Home) -> Tree:
    return _with_matches(_gateway_route(spec, home), "path", {"type": "PathPrefix", "value": "/"})


def _grpc_route(spec: dict[str, Tree], home: _Home) -> Tree:
    return _with_matches(_gateway_route(spec, home), "method", {"type": "Exact"})


def _with_matches(route: dict[str, Tree], name: str, default: Mapping[str, str]) -> Tree:
    """The route with the default match written out in rules without one."""
    rules = []
    for rule in route["rules"]:
        matches = [dict(mapping(match)) for match in items(rule.get("matches")) or ({},)]
        for match in matches:
            said = mapping(match.get(name))
            match[name] = {**said, **{key: text(said.get(key)) or value for key, value in default.items()}}
        rules.append({**rule, "matches": as_set(matches)})
    return {**route, "rules": rules}


def _sidecar(spec: dict[str, Tree], home: _Home) -> Tree:
    listeners = [_with_imports(listener, home) for listener in items(spec.get("egress"))]
    return {**spec, "egress": listeners} if listeners else spec


def _gateway(spec: dict[str, Tree], home: _Home) -> Tree:
    servers = [_with_imports(server, home) for server in items(spec.get("servers"))]
    return {**spec, "servers": as_set(servers)} if servers else spec


def _with_imports(part: Tree, home: _Home) -> Tree:
    if not isinstance(part, Mapping) or "hosts" not in part:
        return part
    return {**part, "hosts": as_set([home.imported(host) for host in items(part["hosts"])])}


def _service_entry(spec: dict[str, Tree], home: _Home) -> Tree:
    hosts = as_set([home.own_domain(host) for host in items(spec.get("hosts"))])
    location, resolution = spec.get("location") or "MESH_EXTERNAL", spec.get("resolution") or "NONE"
    return {
        **spec, "hosts": hosts, "location": location, "resolution": resolution, "exportTo": home.exported(spec)
    }  # fmt: skip


_FINISH: Mapping[str, Callable[[dict[str, Tree], _Home], Tree]] = {
    "VirtualService": _virtual_service,
    "DestinationRule": _destination_rule,
    "Gateway": _gateway,
    "Sidecar": _sidecar,
    "AuthorizationPolicy": _authorization_policy,
    "PeerAuthentication": _peer_authentication,
    "HTTPRoute": _http_route,
    "GRPCRoute": _grpc_route,
    "TCPRoute": _gateway_route,
    "TLSRoute": _gateway_route,
    "ServiceEntry": _service_entry,
}
