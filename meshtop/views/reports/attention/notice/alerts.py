"""Alerts that fire, and objectives whose error budget burns or is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshtop.analysis.alerting.burning import SloState
from meshtop.analysis.alerting.ties import Tie, TieKind
from meshtop.analysis.alerting.weight import alert_weight
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.kinds.alerts import about_words, alert_item, alert_key
from meshtop.views.kinds.slos import slo_item, slo_key
from meshtop.views.picture.alerting import TiedAlert, alerts_of, slos_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place
from meshtop.views.reports.attention.draft import Draft, WorkloadId

_WORST = (Severity.ERROR, Severity.WARNING)


class _Hit(Struct, frozen=True):
    """The workloads, the service and the requests per second that an alert touches."""

    workloads: tuple[WorkloadId, ...]
    service: str
    requests: float


def of_alerts(picture: Picture) -> Iterator[Draft]:
    """One draft for each name of firing alerts and thing that they are about, of the worst of them."""
    groups: dict[str, list[TiedAlert]] = {}
    for tied in alerts_of(picture):
        if alert_weight(tied.alert) in _WORST:
            first = tied.ties[0] if tied.ties else None
            where = () if first is None else (first.cluster, first.namespace, first.name)
            parts = ("alert", tied.cluster or "", tied.alert.name, *where)
            groups.setdefault("/".join(filter(None, parts)), []).append(tied)
    for identity, group in groups.items():
        yield _of_alerts(picture, identity, group)


def _of_alerts(picture: Picture, identity: str, group: list[TiedAlert]) -> Draft:
    worst = min(group, key=lambda tied: (_WORST.index(alert_weight(tied.alert)), tied.alert.since or 0.0))
    item = alert_item(picture, worst)
    ties = tuple(dict.fromkeys(tie for tied in group for tie in tied.ties))
    first = worst.ties[0] if worst.ties else None
    where = "" if first is None or first.kind is TieKind.CLUSTER else f" in {first.cluster}"
    more = f" ({len(group)} of them)" if len(group) > 1 else ""
    about = about_words(item.about) or worst.cluster or "no cluster that is known"
    summary = f": {item.summary.strip().rstrip('.')}" if item.summary.strip() else ""
    hit = _hit(picture, ties)
    return Draft(
        id=identity,
        severity=alert_weight(worst.alert),
        title=f"{clean(about)}{where}: alert {clean(item.name)}{more}{clean(summary)}",
        kind="alerts",
        key=alert_key(item),
        places=_places(picture, ties),
        onset=min((tied.alert.since for tied in group if tied.alert.since is not None), default=None),
        requests=hit.requests,
        workloads=hit.workloads,
        service=hit.service,
    )


def of_slos(picture: Picture) -> Iterator[Draft]:
    """Objectives whose budget burns too fast, or is spent."""
    for judged in slos_of(picture):
        verdict = judged.verdict
        if verdict.state not in (SloState.BURNING, SloState.SPENT):
            continue
        item = slo_item(picture, judged)
        named = clean("/".join(filter(None, (item.namespace, item.service))) or item.name)
        ties = () if judged.tie is None else (judged.tie,)
        places, hit = _places(picture, ties), _hit(picture, ties)
        yield Draft(
            id=f"slo/{slo_key(item)}",
            severity=verdict.severity,
            title=f"{named} in {item.cluster}: SLO {clean(item.name)}: {item.why}",
            kind="slos",
            key=slo_key(item),
            places=places or (Place(cluster=item.cluster, namespace=item.namespace or "", tenants=item.tenants),),
            requests=hit.requests,
            workloads=hit.workloads,
            service=hit.service,
        )


def _places(picture: Picture, ties: Iterable[Tie]) -> tuple[Place, ...]:
    spots = {(t.cluster, t.namespace) if t.namespace else (t.cluster, t.name) for t in ties if _placed(t)}
    found = [Place(cluster=c, namespace=n, tenants=picture.tenants(c, n)) for c, n in sorted(spots)]
    clusters = [Place(cluster=tie.name) for tie in ties if tie.kind is TieKind.CLUSTER]
    return tuple(found) or tuple(clusters) or (Place(),)


def _placed(tie: Tie) -> bool:
    return bool(tie.namespace) or tie.kind is TieKind.NAMESPACE


def _hit(picture: Picture, ties: Sequence[Tie]) -> _Hit:
    """The workloads that an alert is about, those behind a service among them, and what is asked of them."""
    workloads: list[WorkloadId] = []
    service = ""
    for tie in ties:
        if tie.kind in (TieKind.WORKLOAD, TieKind.MACHINE):
            workloads.append((tie.cluster, tie.namespace, tie.name))
        elif tie.kind is TieKind.SERVICE:
            service = service or f"{tie.name}.{tie.namespace}"
    if not workloads:
        for tie in ties:
            if tie.kind is TieKind.SERVICE:
                backends = picture.backends(tie.cluster, tie.namespace, (tie.name,))
                workloads += [(one.cluster, one.namespace, one.name) for one in backends]
    received = [picture.workload_figures(*where).received.requests or 0.0 for where in dict.fromkeys(workloads)]
    return _Hit(tuple(dict.fromkeys(workloads)), service, sum(received))
