"""Weighted routes that need somebody, and canaries that are ill: one source for NOW and for the cockpit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from meshtop.analysis.canary.board import CanaryDestination, CanaryRow
from meshtop.analysis.canary.verdict import Comparison
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.frame.registry import view
from meshtop.views.kinds.canaries import rows_in_brief
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.draft import Draft, WorkloadId
from meshtop.views.reports.attention.notice.calls import fault_of
from meshtop.views.reports.attention.notice.configuration import namespace_place


def of_canaries(picture: Picture, ill: Sequence[Draft]) -> Iterator[Draft]:
    """The worst finding of each weighted route, or that its canary is ill where its baseline is well.

    What was counted since the weights changed says late that a canary has become worse than it was: `ill`, the
    workloads with a fault of their own, say it at once. What is only worth knowing stays on the board.
    """
    of_kind = view("canaries")
    order = (Severity.ERROR, Severity.WARNING)
    faults = {where: draft for draft in ill for where in draft.workloads}
    for row in rows_in_brief(picture):
        worst = min(
            (f for f in row.findings if f.severity in order), key=lambda f: order.index(f.severity), default=None
        )
        worse = [d for d in row.destinations if _is_worse(row, d)]
        message = "" if worst is None else _without_label(row, worst.message)
        severities = [] if worst is None else [worst.severity]
        if not worse and (found := _ill_canary(picture, row, faults.get)) is not None:
            worse = [found.canary]
            severities.append(found.fault.severity)
            message = f"{found.canary.name} is ill, {found.baseline.name} is not: {found.why}"
        if not severities:
            continue
        changed = (
            f"{row.last_change.how} of {row.label or row.name} by {row.last_change.who}" if row.last_change else ""
        )
        yield Draft(
            id=f"canary/{of_kind.key(row)}",
            severity=min(severities, key=order.index),
            title=f"{clean(row.namespace)}/{clean(row.name)} in {row.cluster}: {clean(message)}",
            kind="canaries",
            key=of_kind.key(row),
            places=(namespace_place(picture, row.cluster, row.namespace),),
            requests=sum(d.traffic.requests_per_second or 0.0 for d in worse),
            workloads=_behind(picture, row, worse, _mesh_of(picture, row)),
            findings=tuple(f.code for f in row.findings if f.severity in order),
            changed=clean(changed),
            changed_at=row.last_change.time.timestamp() if row.last_change else None,
        )


def _without_label(row: CanaryRow, message: str) -> str:
    """A finding's message without the route's name, which the title begins with already."""
    return message.removeprefix(f"{row.label}: ")


def _is_worse(row: CanaryRow, destination: CanaryDestination) -> bool:
    return row.verdict.verdict is Comparison.WORSE and destination.name == row.verdict.canary


def _mesh_of(picture: Picture, row: CanaryRow) -> frozenset[str]:
    return frozenset(picture.meshes.peers(row.cluster)) | {row.cluster}


class IllCanary(NamedTuple):
    """A canary whose workload has a fault of its own, while that of the baseline has none."""

    canary: CanaryDestination
    baseline: CanaryDestination
    fault: Draft

    @property
    def why(self) -> str:
        """What is wrong with it, without its name."""
        return self.fault.title.partition(": ")[2]


def ill_canary(picture: Picture, row: CanaryRow) -> IllCanary | None:
    """A canary of a route that is ill in the route's cluster; None where none is, or the baseline is ill too.

    What has been counted since the weights changed says late that a canary has become worse than it was: this says it
    as soon as its workload is ill.
    """
    return _ill_canary(picture, row, lambda where: fault_of(picture, where))


def _ill_canary(picture: Picture, row: CanaryRow, fault: Callable[[WorkloadId], Draft | None]) -> IllCanary | None:
    weighted = [d for d in row.destinations if d.share > 0]
    if len(weighted) < 2:
        return None
    baseline = max(weighted, key=lambda d: d.share)
    here = frozenset({row.cluster})
    usual = _behind(picture, row, [baseline], here)
    if not usual or any(fault(where) is not None for where in usual):
        return None
    for destination in weighted:
        if destination is baseline:
            continue
        # Where telemetry tells versions apart only: a workload that serves both is no canary.
        mine = [where for where in _behind(picture, row, [destination], here) if where not in usual]
        for one in map(fault, mine):
            if one is not None and one.onset is not None:
                return IllCanary(destination, baseline, one)
    return None


def _behind(
    picture: Picture, row: CanaryRow, destinations: Sequence[CanaryDestination], clusters: frozenset[str]
) -> tuple[WorkloadId, ...]:
    """The workloads behind destinations of a route, in these clusters."""
    found = []
    for workload in picture.workloads if destinations else ():
        if workload.cluster not in clusters or workload.namespace != row.namespace:
            continue
        for destination in destinations:
            host = destination.host.split(".")[0]
            served = host in workload.services or host == workload.app
            if served and destination.version in (None, workload.version):
                found.append((workload.cluster, workload.namespace, workload.name))
    return tuple(dict.fromkeys(found))
