"""Failover that cannot happen, and ambient namespaces whose policies nobody enforces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import REVISION, RevisionConfig, touched_by
from meshtop.analysis.findings.virtual_services import GATEWAY_API
from meshtop.analysis.inventory.untyped import items, mapping, maps, text
from meshtop.model.kube import ConfigObject, Meta, Namespace, Service

USE_WAYPOINT = "istio.io/use-waypoint"
_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
_REQUEST_FIELDS = ("methods", "notMethods", "paths", "notPaths", "hosts", "notHosts")


def blind_failover(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Locality failover without outlier detection, which alone takes an endpoint out."""
    for rule in config.objects("DestinationRule"):
        top = mapping(rule.spec.get("trafficPolicy"))
        levels = [("spec.trafficPolicy", top)]
        levels += [
            (f"spec.subsets[{number}].trafficPolicy", mapping(subset.get("trafficPolicy")))
            for number, subset in enumerate(maps(rule.spec.get("subsets")))
        ]
        for path, level in levels:
            setting = mapping(mapping(level.get("loadBalancer")).get("localityLbSetting"))
            fails_over = items(setting.get("failover")) or items(setting.get("failoverPriority"))
            if not fails_over or setting.get("enabled") is False:
                continue
            if isinstance(level.get("outlierDetection"), Mapping) or isinstance(top.get("outlierDetection"), Mapping):
                continue
            yield config.finding(
                "CONFIG-FAILOVER-BLIND",
                rule,
                f"locality failover of {rule.spec.get('host')} never happens: outlierDetection is not set, so no "
                "endpoint is ever found to be failing.",
                "outlierDetection:\n  consecutive5xxErrors: 5\n  interval: 10s\n  baseEjectionTime: 30s",
                path=path,
                touches=touched_by(config, rule, (text(rule.spec.get("host")) or "",)),
            )


def missing_waypoints(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Namespaces and Services that are to use a waypoint which is not there."""
    gateways = {
        gateway.meta.key for member in config.members for gateway in member.inventory.config.get(GATEWAY_API, ())
    }
    users: list[Namespace | Service] = [*config.inventory.namespaces, *config.inventory.services]
    for one in users:
        place = _waypoint(one.meta)
        if place is None or place in gateways:
            continue
        yield config.finding(
            "CONFIG-WAYPOINT-MISSING",
            one,
            f"waypoint {'/'.join(place)} does not exist; requests that are to go through it are not.",
            f"istioctl waypoint apply -n {place[0]} --name {place[1]}",
            path=f"metadata.labels[{USE_WAYPOINT}]",
            touches=((one.meta.namespace or one.meta.name, one.meta.name if one.meta.namespace else ""),),
        )


def _waypoint(meta: Meta) -> tuple[str, str] | None:
    """The waypoint that an object's label names, by namespace and name; None where there is none."""
    name = meta.labels.get(USE_WAYPOINT)
    if not name or name == "none":
        return None
    return meta.labels.get(_WAYPOINT_NAMESPACE) or meta.namespace or meta.name, name


def unenforced_policies(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Policies on requests in ambient namespaces without a waypoint: ztunnel knows connections only."""
    for namespace in config.inventory.namespaces:
        labels = namespace.meta.labels
        ambient = labels.get("istio.io/dataplane-mode") == "ambient" and not labels.get(REVISION)
        if not ambient or labels.get("istio-injection") == "enabled" or _waypoint(namespace.meta) is not None:
            continue
        bound = {
            service.meta.name
            for service in config.inventory.services
            if service.meta.namespace == namespace.meta.name and _waypoint(service.meta) is not None
        }
        for kind in ("AuthorizationPolicy", "RequestAuthentication"):
            for policy in config.objects(kind):
                if (
                    policy.meta.namespace == namespace.meta.name
                    and _on_requests(policy)
                    and not _has_one(policy, bound)
                ):
                    yield _unenforced(config, policy)


def _unenforced(config: RevisionConfig, policy: ConfigObject) -> ConfigFinding:
    home = policy.meta.namespace
    does = {
        "DENY": "ztunnel denies everything that the rest of its rules take",
        "ALLOW": "ztunnel takes its rules as never met, and allows less than was meant",
    }.get(text(policy.spec.get("action")) or "ALLOW", "nothing enforces it")
    if policy.kind == "RequestAuthentication":
        does = "no token is validated"
    return config.finding(
        "CONFIG-NO-WAYPOINT",
        policy,
        f"{home} is ambient and has no waypoint, and the policy is about requests: {does}.",
        f"istioctl waypoint apply -n {home} --enroll-namespace",
        touches=((home, ""),),
    )


def _on_requests(policy: ConfigObject) -> bool:
    if policy.kind == "RequestAuthentication":
        return True
    for rule in maps(policy.spec.get("rules")):
        operations = (mapping(to.get("operation")) for to in maps(rule.get("to")))
        if any(operation.get(field) for operation in operations for field in _REQUEST_FIELDS):
            return True
        sources = (mapping(origin.get("source")) for origin in maps(rule.get("from")))
        if any(source.get("requestPrincipals") or source.get("notRequestPrincipals") for source in sources):
            return True
        if any(str(when.get("key", "")).startswith("request.") for when in maps(rule.get("when"))):
            return True
    return False


def _has_one(policy: ConfigObject, bound: set[str]) -> bool:
    """Whether the policy's targets have a waypoint: a gateway is one itself, a Service may use one."""
    targets: list[Mapping[str, Any]] = maps(policy.spec.get("targetRefs")) + maps([policy.spec.get("targetRef")])
    return any(t.get("kind") in ("Gateway", "GatewayClass") or t.get("name") in bound for t in targets)
