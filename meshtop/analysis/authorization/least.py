"""The smallest AuthorizationPolicies that the calls which were seen need, and the proof that they let these pass.

One ALLOW policy for each workload that is called, selected by its app label, with the identities and ports that were
seen; one for each Service behind a waypoint. What cannot be named by identity (plaintext, a caller that is not known)
is left open on its ports, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from meshtop.analysis.authorization.attachment import GATEWAY_NAME, EnforcementPoint, Enforcer, TargetService
from meshtop.analysis.authorization.call import JudgedCall, Untold
from meshtop.analysis.authorization.decision import AccessVerdict, Permission
from meshtop.analysis.authorization.observed import ObservedAccess, Passage, refused_per_second
from meshtop.analysis.authorization.policies import PolicyAction
from meshtop.analysis.authorization.way import enforcement_steps
from meshtop.model.kube import ConfigObject, Meta
from meshtop.model.mesh import Workload
from meshtop.model.traffic import Edge

SELECTING = ("app", "app.kubernetes.io/name", "k8s-app", "service.istio.io/canonical-name")
"""The labels by which a policy selects a workload, the first that it has; all its versions have the same."""
_API = "security.istio.io"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")


class SuggestedPolicy(Struct, frozen=True, kw_only=True):
    """A policy to apply in these clusters, whose control planes read it. Nothing is applied by meshtop."""

    clusters: tuple[str, ...]
    obj: ConfigObject


class LeastPolicies(Struct, frozen=True, kw_only=True):
    """What is suggested for a namespace, what is silent, and the proof.

    `seen` counts the edges that the policies are made from; `allowed` those that pass with the policies applied beside
    what is there, `failing` the others with the reason. `silent` says in sentences what no policy is made from.
    """

    namespace: str
    policies: tuple[SuggestedPolicy, ...]
    seen: int
    allowed: int
    requests_per_second: float
    failing: tuple[tuple[Edge, str], ...] = ()
    silent: tuple[str, ...] = ()


class _Target(Struct, frozen=True):
    """What one policy is for: a selector, or a Service (a ServiceEntry) or Gateway at a waypoint."""

    cluster: str
    namespace: str
    label: tuple[str, str] | None = None
    service: TargetService | None = None
    gateway: str | None = None

    @property
    def word(self) -> str:
        """The name that it has for people."""
        if self.label is not None:
            return self.label[1]
        return self.service.name if self.service is not None else self.gateway or ""


class _Need(Struct):
    """The identities seen at a target, by port (None: which one is not known); None is a caller without identity."""

    by_port: dict[int | None, set[str | None]] = field(default_factory=dict)

    def add(self, call: JudgedCall) -> None:
        port = None if isinstance(call.port, Untold) else call.port
        principal = call.principal if isinstance(call.principal, str) else None
        self.by_port.setdefault(port, set()).add(principal)


def least_policies(
    access: ObservedAccess, edges: Iterable[Edge], namespace: str, workloads: Iterable[Workload]
) -> LeastPolicies:
    """The smallest policies for the calls into a namespace, in every cluster that has it.

    `workloads` are those of the namespace, so that it can be said which of them nobody was seen to call.
    """
    needs: dict[_Target, _Need] = {}
    silent: list[str] = []
    used: list[Edge] = []
    called: set[tuple[str, str, str]] = set()
    for edge in edges:
        ways = access.passages(edge)
        if isinstance(ways, str):
            silent.append(f"Calls {_from_to(edge)} are left out: {ways}")
            continue
        called |= {way.server.id for way in ways}
        if _is_refused(access, edge):
            silent.append(f"Calls {_from_to(edge)} are left out: all were refused, as the policies there say.")
            continue
        used.append(edge)
        for way in ways:
            silent += _collect(access, way, edge, needs)
    silent += _uncalled(workloads, called)
    objects = _objects(needs, access, silent)
    more = {
        cluster: tuple(one.obj for one in objects if cluster in one.clusters)
        for cluster in {name for one in objects for name in one.clusters}
    }
    proof = ObservedAccess(access.mesh, more)
    failing = [(edge, why) for edge in used if (why := _failure(proof.edge(edge))) is not None]
    return LeastPolicies(
        namespace=namespace,
        policies=tuple(objects),
        seen=len(used),
        allowed=len(used) - len(failing),
        requests_per_second=sum((edge.sums.requests or 0.0 for edge in used), 0.0),
        failing=tuple(failing),
        silent=tuple(dict.fromkeys(silent)),
    )


def _failure(verdict: AccessVerdict | str) -> str | None:
    if isinstance(verdict, str):
        return verdict
    return None if verdict.permission is Permission.ALLOWED else verdict.why


def _is_refused(access: ObservedAccess, edge: Edge) -> bool:
    """Whether policies deny the calls of an edge, and all of them were answered so."""
    verdict = access.edge(edge)
    refused, requests = refused_per_second(edge), edge.sums.requests
    denied = isinstance(verdict, AccessVerdict) and verdict.permission is Permission.DENIED
    return denied and refused is not None and requests is not None and refused >= requests > 0


def _from_to(edge: Edge) -> str:
    source = f"{edge.source.namespace}/{edge.source.workload}" if edge.source.workload else "a caller that is not known"
    target = edge.destination.workload or edge.destination.service
    return f"from {source} to {edge.destination.namespace}/{target}"


def _collect(access: ObservedAccess, way: Passage, edge: Edge, needs: dict[_Target, _Need]) -> Iterable[str]:
    """Book one way of a call at each point that it passes; yields what is silent there."""
    steps = enforcement_steps(way.way, way.call)
    if not steps:
        yield f"{way.server.namespace}/{way.server.name} has no proxy: no policy is enforced there."
    for point, call in steps:
        if point.enforcer is Enforcer.GATEWAY:
            yield f"The gateway {point.namespace}/{point.name} takes calls from outside: no policy is suggested for it."
            continue
        target = _target(way.home, point)
        if target is None:
            yield f"{point.title} has no label such as app, by which a policy could select it."
            continue
        needs.setdefault(target, _Need()).add(call)
        yield from _allowing(access, way.home, point)
        if not isinstance(call.principal, str):
            who = "in plaintext" if call.principal is None else "of a caller whose identity is not known"
            yield f"Calls {_from_to(edge)} are {who}: the policy lets everybody in on their port."


def _allowing(access: ObservedAccess, home: str, point: EnforcementPoint) -> Iterable[str]:
    """Sentences about ALLOW policies in force at a point: what they allow stays allowed beside the suggested ones."""
    config = access.config(home)
    for policy in () if isinstance(config, str) else config.at(point).policies:
        if policy.enforced and policy.action is PolicyAction.ALLOW:
            yield f"{policy.title} of {home} stays in force there: delete it to allow no more than what was seen."


def _target(home: str, point: EnforcementPoint) -> _Target | None:
    if point.enforcer is Enforcer.WAYPOINT:
        if point.services:
            return _Target(home, point.services[0].namespace, service=point.services[0])
        return _Target(home, point.namespace, gateway=point.labels.get(GATEWAY_NAME, point.name))
    key = next((key for key in SELECTING if point.labels.get(key)), None)
    return None if key is None else _Target(home, point.namespace, label=(key, point.labels[key]))


def _uncalled(workloads: Iterable[Workload], called: set[tuple[str, str, str]]) -> Iterable[str]:
    """Sentences about workloads that nobody was seen to call."""
    quiet: dict[str, list[str]] = {}
    for workload in workloads:
        gate = workload.is_gateway or workload.is_waypoint
        if not gate and (workload.cluster, workload.namespace, workload.name) not in called:
            quiet.setdefault(workload.cluster, []).append(workload.name)
    for cluster, names in sorted(quiet.items()):
        shown = ", ".join(sorted(names)[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        yield f"Nobody was seen to call {shown} in {cluster}: they get no policy, and stay open."


def _objects(needs: Mapping[_Target, _Need], access: ObservedAccess, silent: list[str]) -> list[SuggestedPolicy]:
    """A policy for each target; the same one for several clusters is one."""
    taken = {
        policy.obj.meta.key
        for cluster in {target.cluster for target in needs}
        if not isinstance(config := access.config(cluster), str)
        for policy in config.policies
    }
    found: dict[str, tuple[list[str], ConfigObject]] = {}
    for target, need in sorted(needs.items(), key=lambda one: (one[0].namespace, one[0].word, one[0].cluster)):
        rules = _rules(need)
        if any(not rule for rule in rules):
            silent.append(
                f"{target.namespace}/{target.word} in {target.cluster} is called without an identity on a port that is"
                " not known: no policy can narrow it."
            )
            continue
        obj = _policy(target, rules, taken)
        clusters, _ = found.setdefault(repr((obj.meta.key, obj.spec)), ([], obj))
        clusters.append(target.cluster)
    return [SuggestedPolicy(clusters=tuple(clusters), obj=obj) for clusters, obj in found.values()]


def _rules(need: _Need) -> list[dict[str, Any]]:
    """One rule for each set of callers, with the ports on which it was seen; a caller on any port needs no port."""
    everywhere = need.by_port.get(None, set())
    if None in everywhere:
        return [{}]
    ports: dict[frozenset[str] | None, list[int]] = {}
    for port, principals in need.by_port.items():
        if port is None:
            continue
        named = frozenset(one for one in principals if one is not None) - everywhere
        key = None if None in principals else named
        if key is None or key:
            ports.setdefault(key, []).append(port)
    rules = [_rule(everywhere, ())] if everywhere else []
    return rules + [_rule(who or (), where) for who, where in sorted(ports.items(), key=lambda one: sorted(one[1]))]


def _rule(principals: Iterable[str | None], ports: Sequence[int]) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    named = sorted(one for one in principals if one is not None)
    if named:
        rule["from"] = [{"source": {"principals": named}}]
    if ports:
        rule["to"] = [{"operation": {"ports": [str(port) for port in sorted(ports)]}}]
    return rule


def _policy(target: _Target, rules: list[dict[str, Any]], taken: set[tuple[str, str]]) -> ConfigObject:
    spec: dict[str, Any] = {}
    if target.label is not None:
        spec["selector"] = {"matchLabels": {target.label[0]: target.label[1]}}
    elif target.service is not None:
        kind, group = ("ServiceEntry", "networking.istio.io") if target.service.entry else ("Service", "")
        spec["targetRefs"] = [{"kind": kind, "group": group, "name": target.service.name}]
    else:
        spec["targetRefs"] = [{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": target.gateway or ""}]
    spec |= {"action": "ALLOW", "rules": rules}
    name = _name(target, taken)
    return ConfigObject(
        group=_API,
        version="v1",
        kind="AuthorizationPolicy",
        meta=Meta(name=name, namespace=target.namespace),
        spec=spec,
    )


def _name(target: _Target, taken: set[tuple[str, str]]) -> str:
    """A name that no policy there has, so that applying this one replaces nothing."""
    at = "callers" if target.label is not None else "callers-at-waypoint"
    word = _NOT_IN_NAMES.sub("-", target.word.lower()).strip("-")[:40].strip("-") or "workload"
    base = f"{word}-{at}"
    names = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if (target.namespace, name) not in taken)


def manifest_of(obj: ConfigObject) -> dict[str, Any]:
    """A suggested policy as a document for kubectl."""
    return {
        "apiVersion": f"{obj.group}/{obj.version}",
        "kind": obj.kind,
        "metadata": {"name": obj.meta.name, "namespace": obj.meta.namespace},
        "spec": obj.spec,
    }
