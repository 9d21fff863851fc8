"""Unit tests of policies: a call of a test file, judged by the policies beside it, and the verdict it should get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.attachment import TargetService
from meshtop.analysis.authorization.call import UNTOLD, JudgedCall, Untold
from meshtop.analysis.authorization.decision import AccessVerdict, Permission
from meshtop.analysis.authorization.identities import principal_of
from meshtop.analysis.authorization.policies import AuthorizationConfig, MeshPolicySettings
from meshtop.analysis.authorization.way import BoundWaypoint, CalledWorkload, CallWay, Joins, judge_call
from meshtop.model.kube import ConfigObject, Meta
from meshtop.settings.access_tests import (
    AccessTest,
    CallUnderTest,
    MeshUnderTest,
    NamedWaypoint,
    ServiceUnderTest,
    WorkloadUnderTest,
)

_WORDS = {Permission.ALLOWED: "allow", Permission.DENIED: "deny", Permission.DEPENDS: "depends"}
_INGRESS_LABEL = "istio.io/ingress-use-waypoint"


class AccessTestAnswer(Struct, frozen=True, rename="camel"):
    """The outcome of one case: allow, deny, custom (a provider decides) or depends, and the reason."""

    name: str
    expected: str
    got: str
    why: str

    @property
    def passed(self) -> bool:
        """Whether the verdict is the one that was expected."""
        return self.expected == self.got


def judge_test(test: AccessTest, *, now: float) -> AccessTestAnswer:
    """Judge one case; `now` (Unix seconds) is for tokens that expire."""
    verdict = judge_call(*call_of(test), now=now)
    return AccessTestAnswer(test.name, test.expected, said_in_tests(verdict), verdict.why)


def call_of(test: AccessTest) -> tuple[AuthorizationConfig, CallWay, JudgedCall]:
    """A case as what is judged: the policies, the way of its call, and the call."""
    config = AuthorizationConfig([policy_object(policy) for policy in test.policies], policy_settings(test.mesh))
    return config, _way(test), _call(test)


def said_in_tests(verdict: AccessVerdict) -> str:
    """A verdict in the words of test files: allow, deny, custom, depends."""
    return "custom" if verdict.asked else _WORDS[verdict.permission]


def policy_settings(mesh: MeshUnderTest) -> MeshPolicySettings:
    """A test's mesh as policies depend on it."""
    providers = mesh.extension_providers
    return MeshPolicySettings(
        root_namespace=mesh.root_namespace,
        trust_domains=(mesh.trust_domain, *mesh.trust_domain_aliases),
        normalization=mesh.path_normalization,
        providers=None if providers is None else frozenset(providers),
        several_providers=mesh.features.multiple_custom_providers,
    )


def policy_object(written: Mapping[str, Any]) -> ConfigObject:
    """A policy of a test file as the object that the analyses read; its metadata is checked."""
    metadata = written["metadata"]
    spec = written.get("spec")
    group, _, version = str(written.get("apiVersion") or "").rpartition("/")
    return ConfigObject(
        group=group,
        version=version,
        kind=written["kind"],
        meta=Meta(
            name=metadata["name"],
            namespace=metadata["namespace"],
            labels=dict(metadata.get("labels") or {}),
            annotations=dict(metadata.get("annotations") or {}),
        ),
        spec={} if spec is None else spec,
    )


def _call(test: AccessTest) -> JudgedCall:
    call = test.call
    given = call.from_.model_fields_set
    caller = test.workloads.get((call.from_.namespace or "", call.from_.workload or ""))
    principal: str | Untold | None = call.from_.principal if "principal" in given else _identity(caller, test.mesh)
    ip = call.from_.ip or (caller.ip if caller is not None else None)
    remote = call.from_.remote_ip or (None if "remote_ip" in given else ip)
    target = test.workloads[call.to.namespace, call.to.workload]
    told = call.model_fields_set
    return JudgedCall(
        protocol=call.protocol,
        principal=principal,
        source_ip=_or_untold(ip),
        remote_ip=_or_untold(remote),
        destination_ip=_or_untold(target.ip),
        port=_port(call, target),
        method=_or_untold(call.method),
        path=_or_untold(call.path),
        host=_or_untold(call.host),
        headers=UNTOLD if call.headers is None else {name.lower(): value for name, value in call.headers.items()},
        claims=call.jwt if "jwt" in told else UNTOLD,
        sni=call.sni if "sni" in told else UNTOLD,
    )


def _or_untold(value: str | None) -> str | Untold:
    return UNTOLD if value is None else value


def _identity(workload: WorkloadUnderTest | None, mesh: MeshUnderTest) -> str | None:
    """The identity that a workload's proxy gives it; none outside of the mesh."""
    if workload is None or workload.proxy == "none":
        return None
    return principal_of(mesh.trust_domain, workload.namespace, workload.service_account)


def _port(call: CallUnderTest, target: WorkloadUnderTest) -> int | Untold:
    if call.to.port is not None:
        return call.to.port
    wanted = call.to.service_port
    ports = [one.port for one in target.ports if wanted is None or one.service_port == wanted]
    return ports[0] if len(ports) == 1 else UNTOLD


def _way(test: AccessTest) -> CallWay:
    call = test.call
    caller = test.workloads.get((call.from_.namespace or "", call.from_.workload or ""))
    target = test.workloads[call.to.namespace, call.to.workload]
    service = _service(test, target)
    known = _known_service(test, service)
    waypoint = (known.waypoint if known is not None else None) or target.waypoint
    return CallWay(
        caller=Joins.NONE if caller is None else Joins(caller.proxy),
        target=CalledWorkload(
            namespace=target.namespace,
            name=target.name,
            labels=target.labels,
            joins=Joins(target.proxy),
            address=_or_untold(target.ip),
        ),
        service=service,
        service_port=UNTOLD if call.to.service_port is None else call.to.service_port,
        waypoint=_bound(test, waypoint) if target.proxy != "waypoint" else None,
        ingress_uses_waypoint=known is not None and known.labels.get(_INGRESS_LABEL) == "true",
        selectors=test.mesh.features.selector_based_k8s_gateway_policy,
    )


def _service(test: AccessTest, target: WorkloadUnderTest) -> TargetService | None:
    """The Service that is called: the one that is named, else the workload's own where one of its ports is in one."""
    call = test.call
    if "service" in call.to.model_fields_set:
        written = call.to.service
    else:
        in_one = call.to.service_port is not None or any(port.service_port is not None for port in target.ports)
        written = target.name if in_one else None
    if written is None:
        return None
    for one in test.services:
        if one.service_entry and (one.name == written or written in one.hosts):
            return TargetService(one.namespace, one.name, entry=True)
    name, _, rest = written.partition(".")
    return TargetService(rest.partition(".")[0] or target.namespace, name)


def _known_service(test: AccessTest, service: TargetService | None) -> ServiceUnderTest | None:
    if service is None:
        return None
    return next((one for one in test.services if (one.namespace, one.name) == (service.namespace, service.name)), None)


def _bound(test: AccessTest, named: NamedWaypoint | None) -> BoundWaypoint | None:
    workload = test.workloads.get((named.namespace, named.name)) if named is not None else None
    if named is None or workload is None:
        return None
    return BoundWaypoint(
        namespace=named.namespace,
        name=named.name,
        labels=workload.labels,
        serves=named.for_,
        principal=principal_of(test.mesh.trust_domain, workload.namespace, workload.service_account),
        address=_or_untold(workload.ip),
    )
