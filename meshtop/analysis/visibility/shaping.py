"""Which objects of Istio and Gateway API apply to one service or workload, and why.

By host: VirtualService, DestinationRule, ServiceEntry. By reference: Gateway API's routes and `targetRefs`. By labels:
kinds with a selector (PeerAuthentication, AuthorizationPolicy, …); without a selector an object applies to its
namespace, and in the root namespace to the mesh (reference: Istio's API, "selector" and "targetRefs" of each kind).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import maps, texts
from meshtop.analysis.visibility.hosts import full_host, host_matches
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Inventory

_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
_SELECTING = ("PeerAuthentication", "RequestAuthentication", "AuthorizationPolicy", "Telemetry", "WasmPlugin")


class ConfigTarget(Struct, frozen=True, kw_only=True):
    """The target of configuration: a service by full hosts (lower case) and name, its workloads by their labels.

    `domain` is the DNS domain of the cluster, in which short hosts of rules are completed.
    """

    namespace: str
    domain: str = CLUSTER_DOMAIN
    service: str = ""
    hosts: tuple[str, ...] = ()
    workloads: tuple[Mapping[str, str], ...] = ()


class ApplicableConfig(Struct, frozen=True, kw_only=True):
    """One object with the reason, in words, why it applies."""

    kind: str
    namespace: str
    name: str
    why: str


def applicable_config(
    inventory: Inventory, target: ConfigTarget, *, root_namespace: str
) -> tuple[ApplicableConfig, ...]:
    """The objects that apply to a target, sorted by kind, namespace and name; each once, with its first reason."""
    found: dict[tuple[str, str, str], ApplicableConfig] = {}
    for kind, objects in inventory.config.items():
        for obj in objects:
            why = _why(kind, obj, target, root_namespace)
            if why:
                found[kind, obj.meta.namespace, obj.meta.name] = ApplicableConfig(
                    kind=obj.kind, namespace=obj.meta.namespace, name=obj.meta.name, why=why
                )
    return tuple(found[key] for key in sorted(found))


def _why(kind: str, obj: ConfigObject, target: ConfigTarget, root: str) -> str:
    spec = obj.spec
    if kind == "VirtualService":
        return _by_host(texts(spec.get("hosts")), obj, target, "routes") or _by_destination(spec, obj, target)
    if kind == "DestinationRule":
        return _by_host([str(spec.get("host", ""))], obj, target, "for")
    if kind == "ServiceEntry":
        return _by_host(texts(spec.get("hosts")), obj, target, "defines")
    if kind in _ROUTES:
        return _by_route(spec, obj, target)
    if kind in _SELECTING:
        return _by_selector(spec, obj, target, root)
    return ""


def _by_host(patterns: Iterable[str], obj: ConfigObject, target: ConfigTarget, verb: str) -> str:
    for pattern in patterns:
        full = full_host(pattern.lower(), obj.meta.namespace, target.domain)
        if full and any(host_matches(full, host) for host in target.hosts):
            return f"{verb} {pattern}"
    return ""


def _by_destination(spec: Mapping[str, Any], obj: ConfigObject, target: ConfigTarget) -> str:
    """The reason for a route of another host that sends some of its traffic here; "" if it does not."""
    for protocol in ("http", "tcp", "tls"):
        for rule in maps(spec.get(protocol)):
            for destination in maps(rule.get("route")):
                to = destination.get("destination")
                host = str(to.get("host", "")) if isinstance(to, Mapping) else ""
                if host and full_host(host.lower(), obj.meta.namespace, target.domain) in target.hosts:
                    return f"sends {', '.join(texts(spec.get('hosts'))) or 'traffic'} here"
    return ""


def _by_route(spec: Mapping[str, Any], obj: ConfigObject, target: ConfigTarget) -> str:
    if target.service and any(_refers(ref, obj, target) for ref in maps(spec.get("parentRefs"))):
        return "routes its requests"
    if target.service and any(
        _refers(ref, obj, target) for rule in maps(spec.get("rules")) for ref in maps(rule.get("backendRefs"))
    ):
        return "sends traffic here"
    return ""


def _refers(ref: Mapping[str, Any], obj: ConfigObject, target: ConfigTarget) -> bool:
    """Whether a reference names the target's Service; a backend's kind defaults to Service."""
    return (
        ref.get("kind", "Service") == "Service"
        and ref.get("name") == target.service
        and (ref.get("namespace") or obj.meta.namespace) == target.namespace
    )


def _by_selector(spec: Mapping[str, Any], obj: ConfigObject, target: ConfigTarget, root: str) -> str:
    targets = maps(spec.get("targetRefs")) + maps([spec.get("targetRef")])
    if targets:
        return "names it" if target.service and any(_refers(ref, obj, target) for ref in targets) else ""
    if obj.meta.namespace not in (target.namespace, root):
        return ""
    wanted = match_labels(spec)
    if wanted:
        return "selects it" if any(selects(wanted, labels) for labels in target.workloads) else ""
    return "for the whole mesh" if obj.meta.namespace == root else "for the namespace"
