"""Findings about weighted routes; every code is documented in docs/findings.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.canary.attachment import BrokenBackend
from meshtop.analysis.canary.backends import Backend
from meshtop.analysis.canary.binding import RouteBinding
from meshtop.analysis.canary.governing import MIXED_RULES
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.owners import MESHTOP, NOBODY, LastChange, RouteControllerStatus, RouteOwner, is_gitops
from meshtop.analysis.canary.routes import HOST, VIRTUAL_SERVICE, RouteDestination, WeightedRoute
from meshtop.analysis.canary.verdict import (
    Comparison,
    Honesty,
    HonestyVerdict,
)
from meshtop.analysis.visibility.clients import MESH
from meshtop.model.kube import ConfigObject, Manager
from meshtop.model.numbers import written_out
from meshtop.model.state import Finding, Severity

STUCK_SECONDS = 24 * 3600.0
"""A split unchanged for this long (a day, in seconds), whose canary is not worse, is reported as forgotten."""
FIGHT_SECONDS = 3600.0
GRAVE_FROM = 0.01
"""A canary whose share of errors, or of slow answers, is above its baseline's by this much is an error."""


class RouteFacts(Struct, frozen=True, kw_only=True):
    """Facts about one route, the input of its findings.

    `split` are the requests of each destination, in the route's order; times are Unix seconds. `domain` is the DNS
    domain of the route's cluster, None where it is not known.
    """

    route: WeightedRoute
    binding: RouteBinding
    backends: tuple[Backend, ...]
    owner: RouteOwner
    controller: RouteControllerStatus | None
    change: LastChange | None
    split: tuple[float, ...]
    honesty: HonestyVerdict
    verdict: CanaryVerdict
    now: float
    broken: tuple[BrokenBackend, ...] = ()
    untold: str | None = None
    domain: str | None = None


def findings(known: RouteFacts) -> list[Finding]:
    """Findings about one route by itself, the most severe first."""
    if known.binding.refused is not None:
        return [_not_in_force(known.route, known.binding.refused), *_weights(known.route), *_fight(known)]
    unresolved = {one.destination.name for one in known.broken if one.destination is not None}
    return [
        *_weights(known.route),
        *_unresolved(known.route, known.broken),
        *(one for b in known.backends if b.destination.name not in unresolved for one in _behind(known, b)),
        *_judged(known),
        *_controller(known),
        *_fight(known),
        *_stuck(known),
        *_mixed(known),
    ]


def _not_in_force(route: WeightedRoute, refused: str) -> Finding:
    return _finding(
        "NOT-IN-FORCE",
        Severity.WARNING,
        f"{route.label}: not in force; {refused}.",
        "Name a parent, section and port that exist and accept this route, or delete the route.",
    )


def _unresolved(route: WeightedRoute, broken: Sequence[BrokenBackend]) -> list[Finding]:
    found = []
    for one in broken:
        named = one.destination
        share = f"{named.share * 100:g} %" if named is not None else "a share"
        where = f" to {named.namespace}/{named.host.split('.')[0] or named.name}" if named is not None else ""
        found.append(
            _finding(
                "UNRESOLVED",
                Severity.ERROR,
                f"{route.label}: {share}{where} is answered 500, as the backend is not resolved ({one.why}).",
                "Create the backend, or a ReferenceGrant in its namespace that lets this route name it.",
            )
        )
    return found


def _finding(code: str, severity: Severity, message: str, fix: str) -> Finding:
    return Finding(code=f"CANARY-{code}", severity=severity, message=message, fix=fix)


def _weights(route: WeightedRoute) -> list[Finding]:
    found = []
    written = [d.weight for d in route.destinations if d.weight is not None]
    if sum(d.share for d in route.destinations) == 0:
        found.append(
            _finding(
                "ZERO-SUM",
                Severity.ERROR,
                f"{route.label}: no weight is above 0, so requests get 500 or no answer.",
                "Give at least one destination a weight.",
            )
        )
    if any(weight < 0 for weight in written):
        found.append(
            _finding("NEGATIVE", Severity.ERROR, f"{route.label} has a negative weight.", "Set it to 0 or more.")
        )
    for destination in route.destinations:
        if not destination.host:
            found.append(
                _finding(
                    "EMPTY-HOST",
                    Severity.ERROR,
                    f"{route.label}: a destination has no host, so requests sent there fail.",
                    "Set destination.host.",
                )
            )
    return found


def _behind(known: RouteFacts, backend: Backend) -> list[Finding]:
    route, destination = known.route, backend.destination
    share = f"{destination.share * 100:g} %"
    if destination.share <= 0 or not destination.host:
        return []
    if backend.subset_exists is False:
        return [
            _finding(
                "NO-SUBSET",
                Severity.ERROR,
                f"{route.label}: {share} goes to subset {destination.subset}, which no DestinationRule for "
                f"{destination.host} defines (503 NC).",
                "Define the subset, or set its weight to 0.",
            )
        ]
    if not backend.service_exists:
        return [
            _finding(
                "NO-SERVICE",
                Severity.ERROR,
                f"{route.label}: {share} goes to {destination.host}, which is not a Service of this cluster.",
                _existing(destination, known.domain),
            )
        ]
    if backend.is_empty and (backend.subset_exists or not destination.subset):
        if backend.perhaps_in:
            return [
                _finding(
                    "NOT-JUDGED",
                    Severity.INFO,
                    f"{route.label}: {destination.name} has no ready pod in the clusters that are known to be of this "
                    f"mesh; whether {', '.join(backend.perhaps_in)} serves it is not known.",
                    "See what is unknown of that cluster: meshtop doctor.",
                )
            ]
        return [
            _finding(
                "NO-PODS",
                Severity.ERROR,
                f"{route.label}: {share} goes to {destination.name}, which has no ready pod (503 UH).",
                f"Set its weight to 0 until its pods are ready ({backend.pods.total} wanted).",
            )
        ]
    return []


def _existing(destination: RouteDestination, domain: str | None) -> str:
    """What to do about a host that does not exist; Istio completes only names without a dot."""
    name, *rest = destination.host.split(".")
    foreign = domain and len(rest) > 2 and rest[1] == "svc" and ".".join(rest[2:]) != domain
    if destination.kind == HOST and foreign:
        return f"Write {name}.{rest[0]}.svc.{domain}: {domain} is the DNS domain of this cluster."
    if destination.kind == HOST and rest and (len(rest) == 1 or rest[1:] == ["svc"]):
        return f"Write {name}.{rest[0]}.svc.{domain or 'DOMAIN'}: Istio completes only names without a dot."
    return "Create the Service, or set its weight to 0."


def _judged(known: RouteFacts) -> list[Finding]:
    found = []
    route, verdict = known.route, known.verdict
    if known.honesty.verdict is Honesty.NOT_HONOURED:
        found.append(
            _finding(
                "NOT-HONOURED",
                Severity.ERROR,
                f"{route.label}: split is {_parts(known.split)}, set {_parts(route.shares)} "
                f"({written_out(known.honesty.requests or 0.0)} requests).",
                "Look for another VirtualService on the host, a proxy that lags behind, or callers without a proxy.",
            )
        )
    if verdict.verdict is Comparison.WORSE:
        found.append(
            _finding(
                "WORSE",
                Severity.ERROR if _matters(verdict) else Severity.WARNING,
                f"{route.label}: {verdict.summary}.",
                f"Roll it back: meshtop shift {route.label} --to {verdict.canary}=0",
            )
        )
    return found


def _parts(shares: Sequence[float]) -> str:
    """Shares in percent, such as 80/20."""
    total = sum(shares)
    return "/".join(f"{share / total * 100:.3g}" if total else "0" for share in shares)


def _matters(verdict: CanaryVerdict) -> bool:
    """Whether it is grave enough to be an error: what is worse by little more than the margin is a warning."""
    return any(one.is_bad and (one.difference or 0.0) >= GRAVE_FROM for _, one in verdict.questions)


def _controller(known: RouteFacts) -> list[Finding]:
    view, route = known.controller, known.route
    if view is None:
        return []
    canary = known.verdict.canary
    share = next((d.share for d in route.destinations if d.name == canary), 0.0)
    if view.aborted and share > 0:
        return [
            _finding(
                "ABORTED",
                Severity.WARNING,
                f"{view.kind} {view.name} has aborted ({view.phase or 'no phase'}), but {canary} still gets "
                f"{share * 100:g} %.",
                f"Set {canary} to 0, or restart the {view.kind}.",
            )
        ]
    shares = [round(d.share * 100) for d in route.destinations]
    if view.by_request:
        return []
    if view.weight is not None and view.weight not in shares:
        return [
            _finding(
                "STATUS-APART",
                Severity.WARNING,
                f"{view.kind} {view.name} reports {view.weight} % for the canary, but the route is set to "
                f"{'/'.join(map(str, shares))}.",
                f"See the events of {view.kind} {view.name}: it has not written its weight.",
            )
        ]
    return []


def fought(managers: Iterable[Manager], owner: RouteOwner) -> tuple[Manager, Manager] | None:
    """The write of a person (or meshtop) and the controller's write that followed within an hour, if any."""
    known = list(managers)
    controllers = [m for m in known if is_gitops(m.manager) or m.manager in ("flagger", "rollouts-controller")]
    others = [m for m in known if m not in controllers and (m.manager == MESHTOP or m.manager.startswith("kubectl"))]
    for after in controllers:
        for before in others:
            if 0 < after.time - before.time <= FIGHT_SECONDS and owner.controller != NOBODY:
                return before, after
    return None


def _fight(known: RouteFacts) -> list[Finding]:
    pair = fought(known.route.managers, known.owner)
    if pair is None:
        return []
    before, after = pair
    return [
        _finding(
            "FIGHT",
            Severity.WARNING,
            f"{known.route.label}: {after.manager} overwrote the change by {before.manager} after "
            f"{after.time - before.time:.0f} s.",
            "Change the weights where that controller reads them, or pause it.",
        )
    ]


def _stuck(known: RouteFacts) -> list[Finding]:
    """That nobody goes on although the canary is not worse; one that is worse, or not judged yet, waits for that."""
    split = [d for d in known.route.destinations if 0 < d.share < 1]
    if known.change is None or not split or known.now - known.change.at < STUCK_SECONDS:
        return []
    if known.verdict.verdict is not Comparison.NOT_WORSE or known.honesty.verdict is Honesty.NOT_HONOURED:
        return []
    days = round((known.now - known.change.at) / 86400)
    return [
        _finding(
            "STUCK",
            Severity.INFO,
            f"{known.route.label} has been at {_parts(known.route.shares)} for {days} day{'s' * (days != 1)}, "
            f"although {known.verdict.canary} is not worse.",
            "Finish the shift or roll it back; ignore this if the split is meant to stay.",
        )
    ]


def _mixed(known: RouteFacts) -> list[Finding]:
    """Findings that say why the split is not judged: another rule interferes, or telemetry cannot tell it."""
    if known.broken:
        return []
    if known.untold is not None and (not known.binding.mixed or known.untold != MIXED_RULES):
        return [
            _finding(
                "NOT-JUDGED",
                Severity.INFO,
                f"{known.route.label}: its split is not judged; {known.untold}.",
                "Nothing to do.",
            )
        ]
    if not known.binding.mixed or known.honesty.verdict in (Honesty.HONOURED, Honesty.NOT_HONOURED):
        return []
    return [
        _finding(
            "MIXED",
            Severity.INFO,
            f"{known.route.label}: another of its rules sends to the same host, so telemetry cannot tell the split.",
            "Nothing to do; the split is not judged here.",
        )
    ]


def duplicates(
    services: Sequence[ConfigObject],
    bindings: Mapping[tuple[str, str], RouteBinding],
    shares: Callable[[ConfigObject, ConfigObject], bool],
) -> dict[tuple[str, str], str]:
    """VirtualServices of one cluster that share a host for sidecars: each one's key with the other's name.

    For sidecars two VirtualServices for one host do not merge; the oldest wins. `shares` tells whether some client
    sees both of two.
    """
    owners: dict[str, list[ConfigObject]] = {}
    for service in services:
        binding = bindings.get(service.meta.key)
        if service.kind == VIRTUAL_SERVICE and binding is not None and MESH in binding.gateways:
            for host in dict.fromkeys(binding.hosts):
                owners.setdefault(host, []).append(service)
    found: dict[tuple[str, str], str] = {}
    for several in owners.values():
        for one in several:
            other = next((o for o in several if o is not one and shares(one, o)), None)
            if other is not None:
                found.setdefault(one.meta.key, "/".join(other.meta.key))
    return found


def duplicate(route: WeightedRoute, other: str) -> Finding:
    """The finding of two VirtualServices on one host."""
    return _finding(
        "TWO-ROUTES",
        Severity.ERROR,
        f"{route.label} and {other} route the same host; sidecars obey only the older one.",
        "Merge them into one VirtualService, or make one a delegate of the other.",
    )


def differing(route: WeightedRoute, others: Sequence[WeightedRoute]) -> Finding | None:
    """The finding of clusters of one mesh whose weights for one route differ; None where they agree."""
    mine = {d.name: d.share for d in route.destinations}
    unlike = [o.cluster for o in others if {d.name: d.share for d in o.destinations} != mine]
    if not unlike:
        return None
    return _finding(
        "CLUSTERS-DIFFER",
        Severity.WARNING,
        f"{route.label} is split differently in {', '.join(unlike)} than in {route.cluster}.",
        "Finish the shift in every cluster, or roll it back: meshtop rollback.",
    )
