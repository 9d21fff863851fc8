"""What was forgotten, or does nothing: faults, mirrors, idle routes, rules that nobody sees, deny-all policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.calls import Calls
from meshtop.analysis.findings.finding import ConfigFinding, Touched
from meshtop.analysis.findings.revisions import RevisionConfig, target_host, touched_by
from meshtop.analysis.inventory.untyped import items, mapping, maps, text, texts
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.kube import ConfigObject

_ROUTES = ("HTTPRoute", "GRPCRoute")


def faults_and_mirrors(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Routes that delay, abort or copy requests."""
    for service in config.objects("VirtualService"):
        for number, rule in enumerate(maps(service.spec.get("http"))):
            if not (rule.get("fault") or rule.get("mirror") or rule.get("mirrors")):
                continue
            path = f"spec.http[{number}]"
            touches = touched_by(
                config, service, (target_host(mapping(r.get("destination"))) for r in maps(rule.get("route")))
            )
            fault = mapping(rule.get("fault"))
            done = [f"{_share(part)} {kind}" for kind, part in (("delayed", fault.get("delay")), ("aborted", fault.get(
                "abort"))) if isinstance(part, Mapping) and part and _percent(part) > 0]  # fmt: skip
            if done:
                yield config.finding(
                    "CONFIG-FAULT-LEFT", service, f"fault of {_named(rule, number)}: {' and '.join(done)}.",
                    "Take `fault` away when the experiment is over.", path=f"{path}.fault", touches=touches,
                )  # fmt: skip
            for target, share in _mirrors(rule):
                if share > 0:
                    yield config.finding(
                        "CONFIG-MIRROR-LEFT", service, f"mirror of {_named(rule, number)}: {share:g} % of the requests "
                        f"are sent to {target_host(target)} as well.", "Take the mirror away when nobody looks at it.",
                        path=f"{path}.mirror", touches=touches,
                    )  # fmt: skip


def _named(rule: Mapping[str, Any], number: int) -> str:
    return f"rule {text(rule.get('name')) or f'#{number}'}"


def _percent(part: Mapping[str, Any], *, field: str = "percentage") -> float:
    """The share in per cent; what is not set means all."""
    value = mapping(part.get(field)).get("value")
    if isinstance(value, int | float):
        return float(value)
    whole = part.get("percent")
    if isinstance(whole, int | float):
        return float(whole)
    return 0.0 if isinstance(part.get(field), Mapping) else 100.0


def _share(part: object) -> str:
    return f"{_percent(mapping(part)):g} % of requests are"


def _mirrors(rule: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], float]]:
    if isinstance(rule.get("mirror"), Mapping):
        yield rule["mirror"], _percent(rule, field="mirrorPercentage")
    for mirror in maps(rule.get("mirrors")):
        yield mapping(mirror.get("destination")), _percent(mirror)


def idle_routes(config: RevisionConfig, calls: Calls) -> Iterator[ConfigFinding]:
    """Routes whose destinations got no request at all; `calls` are those of all telemetry."""
    for service in config.objects("VirtualService"):
        reached = [target_host(target) for _, role, target in config.destinations(service) if role == "route"]
        yield from _idle(config, calls, service, reached, texts(service.spec.get("hosts")))
    for kind in _ROUTES:
        for route in config.objects(kind):
            backends = [ref for rule in maps(route.spec.get("rules")) for ref in maps(rule.get("backendRefs"))]
            parents = [
                _named_service(config, ref, route, default="Gateway") for ref in maps(route.spec.get("parentRefs"))
            ]
            yield from _idle(config, calls, route, [_named_service(config, ref, route) for ref in backends], parents)


def _named_service(
    config: RevisionConfig, ref: Mapping[str, Any], route: ConfigObject, *, default: str = "Service"
) -> str:
    if ref.get("kind", default) != "Service":
        return ""
    return f"{ref.get('name', '')}.{ref.get('namespace') or route.meta.namespace}.svc.{config.domain}"


def _idle(
    config: RevisionConfig, calls: Calls, route: ConfigObject, reached: Iterable[str], asked_for: Iterable[str]
) -> Iterator[ConfigFinding]:
    """Nobody calls what the route leads to, nor the host that it is for: telemetry names the one or the other."""
    touches = touched_by(config, route, (host for host in reached if host))
    under = touched_by(config, route, (host for host in asked_for if host and not host.startswith("*")))
    if touches and not calls.touching((*touches, *under)):
        named = ", ".join(f"{namespace}/{name}" for namespace, name in touches[:3])
        yield config.finding(
            "CONFIG-ROUTE-IDLE", route, f"no request reached {named} in this window; the route is called by nobody.",
            touches=touches,
        )  # fmt: skip


def unseen_rules(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """DestinationRules exported only to namespaces that have no workload in the mesh."""
    with_clients = {namespace for namespace, pods in config.pods.items() if any(pod.in_mesh for pod in pods)}
    for rule in config.objects("DestinationRule"):
        seen = config.exports.of(rule)
        if seen.everyone or seen.namespaces & with_clients:
            continue
        names = ", ".join(sorted(seen.namespaces))
        yield config.finding(
            "CONFIG-RULE-UNSEEN",
            rule,
            f"exportTo {names or '~'}: no client is there, so nobody follows the rule for {rule.spec.get('host')}.",
            'exportTo:\n- "*"',
            path="spec.exportTo",
            touches=touched_by(config, rule, (text(rule.spec.get("host")) or "",)),
        )


def deny_all(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Policies that deny all requests to their workloads, without another one that allows any."""
    policies = config.objects("AuthorizationPolicy")
    allowing: dict[str, list[ConfigObject]] = {}
    for policy in policies:
        if _action(policy) == "ALLOW" and items(policy.spec.get("rules")):
            allowing.setdefault(policy.meta.namespace, []).append(policy)
    for policy in policies:
        rules, action = items(policy.spec.get("rules")), _action(policy)
        denies = action == "DENY" and any(not rule for rule in rules)
        if not denies and (action != "ALLOW" or rules):
            continue
        home = policy.meta.namespace
        everywhere = home == config.root_namespace
        wanted = match_labels(policy.spec)
        others = [p for homes in allowing.values() for p in homes] if everywhere else (
            allowing.get(home, []) + allowing.get(config.root_namespace, [])
        )  # fmt: skip
        if not denies and (others if not wanted else any(_meets(p, wanted) for p in others)):
            continue
        hit = [pod for pod in (config.all_pods if everywhere else config.pods.get(home, ()))
               if pod.in_mesh and pod.served and selects(wanted, pod.labels)]  # fmt: skip
        if not hit:
            continue
        where = "the whole mesh" if everywhere else home or "its namespace"
        which = f"the {len(hit)} pods it selects in {where}" if wanted else f"all of {where}"
        touches: tuple[Touched, ...] = tuple(dict.fromkeys((pod.pod.meta.namespace, "") for pod in hit))
        yield config.finding(
            "CONFIG-DENY-ALL",
            policy,
            f"denies every request to {which}: "
            + ("a DENY rule without conditions." if denies else "no rule, and no other policy allows anything."),
            "rules:\n- from:\n  - source:\n      namespaces: [NAMESPACE]",
            path="spec.rules",
            touches=touches,
        )


def _action(policy: ConfigObject) -> str:
    return text(policy.spec.get("action")) or "ALLOW"


def _meets(policy: ConfigObject, wanted: Mapping[str, str]) -> bool:
    """Whether a policy may allow something for workloads with these labels."""
    theirs = match_labels(policy.spec)
    return all(wanted.get(key, value) == value for key, value in theirs.items())
