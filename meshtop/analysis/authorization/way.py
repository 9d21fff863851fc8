"""The way of a call past the points that enforce policies, and the verdict over all of them.

A call of an ambient workload to an address that has a waypoint is judged there first, with the caller's identity, then
by the called workload's own proxy, which sees the waypoint's. Callers with a sidecar or none go around waypoints;
gateways do too, unless the Service says `istio.io/ingress-use-waypoint`. A workload without a proxy enforces nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from meshtop.analysis.authorization.attachment import EnforcementPoint, Enforcer, TargetService
from meshtop.analysis.authorization.call import UNTOLD, JudgedCall, Untold
from meshtop.analysis.authorization.decision import AccessVerdict, combined, decide_call
from meshtop.analysis.authorization.policies import AuthorizationConfig


class Joins(StrEnum):
    """How an end of a call joins the mesh; gateways and waypoints are proxies themselves."""

    SIDECAR = "sidecar"
    AMBIENT = "ambient"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    NONE = "none"


class CalledWorkload(Struct, frozen=True, kw_only=True):
    """The workload that a call is for; `address` is that of its pod, UNTOLD where several have one each."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    joins: Joins
    address: str | Untold = UNTOLD


class BoundWaypoint(Struct, frozen=True, kw_only=True):
    """A waypoint that is bound to what is called; `serves` is service, workload, all or none (`istio.io/waypoint-for`).

    `principal` is the identity with which it goes on to the workload.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    serves: str = "service"
    principal: str | Untold = UNTOLD
    address: str | Untold = UNTOLD

    def takes(self, *, service: bool) -> bool:
        """Whether calls to a Service, or to the address of a workload, go through it."""
        return self.serves in ("all", "service" if service else "workload")


class CallWay(Struct, frozen=True, kw_only=True):
    """Who calls what, as far as the way depends on it; `service` is None where a workload's address is called.

    `service_port` is the port of the Service, by which waypoints judge. `selectors` as in EnforcementPoint.
    """

    caller: Joins
    target: CalledWorkload
    service: TargetService | None = None
    service_port: int | Untold = UNTOLD
    waypoint: BoundWaypoint | None = None
    ingress_uses_waypoint: bool = False
    selectors: bool = True


def judge_call(config: AuthorizationConfig, way: CallWay, call: JudgedCall, *, now: float) -> AccessVerdict:
    """The verdict on a call over its whole way."""
    return combined([decide_call(config, point, seen, now=now) for point, seen in enforcement_steps(way, call)])


def enforcement_steps(way: CallWay, call: JudgedCall) -> Sequence[tuple[EnforcementPoint, JudgedCall]]:
    """The points that judge a call on its way, first to last, each with the call as it sees it."""
    steps: list[tuple[EnforcementPoint, JudgedCall]] = []
    waypoint = way.waypoint
    asks = way.caller is Joins.AMBIENT or (way.caller is Joins.GATEWAY and way.ingress_uses_waypoint)
    if waypoint is not None and asks and waypoint.takes(service=way.service is not None):
        point = EnforcementPoint(
            enforcer=Enforcer.WAYPOINT,
            namespace=waypoint.namespace,
            name=waypoint.name,
            labels=waypoint.labels,
            services=(way.service,) if way.service is not None else (),
        )
        seen = call
        if way.service is not None:
            seen = structs.replace(call, port=way.service_port, destination_ip=UNTOLD)
        steps.append((point, seen))
        call = structs.replace(call, principal=waypoint.principal, source_ip=waypoint.address, sni=UNTOLD)
    own = _own_point(way)
    return [*steps, (own, call)] if own is not None else steps


_ENFORCERS = {
    Joins.SIDECAR: Enforcer.SIDECAR,
    Joins.AMBIENT: Enforcer.ZTUNNEL,
    Joins.GATEWAY: Enforcer.GATEWAY,
    Joins.WAYPOINT: Enforcer.WAYPOINT,
}


def _own_point(way: CallWay) -> EnforcementPoint | None:
    target = way.target
    enforcer = _ENFORCERS.get(target.joins)
    if enforcer is None:
        return None
    return EnforcementPoint(
        enforcer=enforcer,
        namespace=target.namespace,
        name=target.name,
        labels=target.labels,
        services=(way.service,) if way.service is not None and enforcer is Enforcer.WAYPOINT else (),
        selectors=way.selectors,
    )
