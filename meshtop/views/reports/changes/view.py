"""The kind `changes`: what changed in the last day, the newest first; commands and screens draw the same items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from meshtop.analysis.changes.cluster_changes import newest_first
from meshtop.analysis.changes.impact import ChangeImpact, impact_of
from meshtop.analysis.changes.suspicion import Suspect
from meshtop.model.changes import Change, ChangeHow
from meshtop.model.kube import FIELD_WRITES
from meshtop.model.numbers import age, latency, percent, quantity
from meshtop.model.text import clean
from meshtop.views.frame.columns import NOTHING, Columns, text_cell
from meshtop.views.frame.facts import Detail, Fact, Section, fact
from meshtop.views.frame.moments import clock
from meshtop.views.frame.registry import find_kind
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.changed import changes_of, moment_shown, paths_of
from meshtop.views.picture.picture import Picture, WorkloadId
from meshtop.views.picture.query import Place
from meshtop.views.reports.attention.blame import suspects_by_item
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import VIEW as ATTENTION
from meshtop.views.reports.changes.item import ChangeItem, Suspicion


def build(picture: Picture) -> list[ChangeItem]:
    """Every change of the last day, with what it is suspected of, the newest first."""
    suspected = _suspected(picture)
    known = changes_of(picture)
    there = {change.key for change in known}
    # What only suspicion knows of: that a cluster ceased to answer.
    more = {one.change.key: one.change for one, _, _ in suspected.values() if one.change.key not in there}
    everything = sorted((*known, *more.values()), key=newest_first)
    return picture.rows("changes", everything, lambda change: _item(picture, change, suspected), lambda c: c.title)


def _suspected(picture: Picture) -> Mapping[str, tuple[Suspect, AttentionItem, int]]:
    """Of each suspected change that for which it is suspected most, and its rank, by its key."""
    items = ATTENTION.all_items(picture)
    by_item = suspects_by_item(picture)
    found: dict[str, tuple[Suspect, AttentionItem]] = {}
    for item in items:
        for suspect in by_item.get(item.id, ()):
            last = found.get(suspect.change.key)
            if last is None or suspect.score > last[0].score:
                found[suspect.change.key] = (suspect, item)
    first = {item.id: by_item[item.id][0].change.key for item in items if by_item.get(item.id)}

    def order(one: tuple[Suspect, AttentionItem]) -> tuple[bool, int, float, str]:
        """First suspects by what needs attention most; behind them the others."""
        suspect, item = one
        return first.get(item.id) != suspect.change.key, item.rank, -suspect.score, suspect.change.key

    ranked = sorted(found.values(), key=order)
    return {suspect.change.key: (suspect, item, rank) for rank, (suspect, item) in enumerate(ranked)}


def _item(picture: Picture, change: Change, suspected: Mapping[str, tuple[Suspect, AttentionItem, int]]) -> ChangeItem:
    tenants = (tenant for name in change.clusters for tenant in picture.tenants(name, change.namespace))
    return ChangeItem(
        time=datetime.fromtimestamp(change.at, UTC),
        cluster=",".join(change.clusters),
        namespace=change.namespace,
        kind=change.kind,
        name=change.name,
        who=change.who or None,
        how=change.how,
        what=change.what,
        impact=_impact(picture, change),
        suspicion=_suspicion(suspected.get(change.key)),
        title=change.title,
        clusters=change.clusters,
        fields=change.fields,
        workloads=tuple("/".join(where) for where in workloads_of_change(picture, change)),
        tenants=tuple(dict.fromkeys(tenants)) if change.namespace else (),
        undo=change.undo or None,
        key=change.key,
    )


def workloads_of_change(picture: Picture, change: Change) -> tuple[WorkloadId, ...]:
    """The workloads that a change is about: its own, and those behind the services that it is about."""
    return tuple(dict.fromkeys(_workloads(picture, change)))


def _workloads(picture: Picture, change: Change) -> Iterator[WorkloadId]:
    for cluster in change.clusters:
        for namespace, name in change.workloads:
            if picture.workload(cluster, namespace, name) is not None:
                yield cluster, namespace, name
        for namespace, service in change.services:
            yield from (where for where in sorted(paths_of(picture).behind(cluster, namespace, service)))


def _impact(picture: Picture, change: Change) -> ChangeImpact | None:
    courses = picture.courses
    return impact_of(change.at, [courses[where] for where in workloads_of_change(picture, change) if where in courses])


def _suspicion(found: tuple[Suspect, AttentionItem, int] | None) -> Suspicion | None:
    if found is None:
        return None
    suspect, item, rank = found
    return Suspicion(
        rank=rank,
        score=suspect.score,
        attention=item.id,
        title=item.title,
        since=item.since,
        distance=suspect.distance,
        seconds_before=suspect.seconds_before,
        why=suspect.why,
    )


LATELY_SECONDS = 3600.0
"""A screen has room for the changes of the last hour."""


def lately(picture: Picture, items: Iterable[ChangeItem], most: int) -> tuple[tuple[ChangeItem, str], ...]:
    """The changes that matter most of the last hour, each in a line: `11:38 reporting-v1 scaled 2→40 in us-east`.

    What is suspected comes first, then the newest.
    """
    now = moment_shown(picture)
    found = [item for item in items if now - item.time.timestamp() <= LATELY_SECONDS]
    found.sort(key=lambda i: (i.suspicion.rank if i.suspicion is not None else 1e9, -i.time.timestamp()))
    return tuple((item, clean(f"{clock(item.time, now)} {item.title}")) for item in found[:most])


def impact_text(impact: ChangeImpact | None) -> str:
    """What changed most: `errors 0.21 → 8.2 %`, `24 → 130 ms`, `6.2 → 248 req/s`; "" where nothing did."""
    if impact is None:
        return ""
    before, after = impact.before, impact.after
    one, other = before.error_ratio, after.error_ratio
    if one is not None and other is not None and abs(other - one) >= 0.005:
        return f"errors {percent(one)} → {percent(other)} %"
    if _moved(before.latency_ms, after.latency_ms):
        return f"{latency(before.latency_ms)} → {latency(after.latency_ms)}"
    if _moved(before.requests_per_second, after.requests_per_second):
        return f"{quantity(before.requests_per_second)} → {quantity(after.requests_per_second)} req/s"
    return ""


def _moved(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and abs(after - before) > 0.3 * max(before, after)


def detail(picture: Picture, item: ChangeItem, key: str) -> Detail:
    """One change: who did what, field by field, what it did to the calls, and what it is suspected of."""
    now = moment_shown(picture)
    sections = [
        Section(
            "What changed",
            (
                fact("", item.title),
                fact("time", f"{item.time:%Y-%m-%d %H:%M:%S}Z, {age(now - item.time.timestamp())} ago"),
                *VIEW.facts(item, "cluster", "namespace", "kind", "name", "how", "who"),
                fact("workloads", item.workloads),
                *((fact("undo", f"meshtop rollback {item.undo}"),) if item.undo else ()),
            ),
        ),
        Section("Fields", tuple(_field_facts(item)) or (fact("", "which fields changed is not known"),)),
    ]
    if item.impact is not None:
        sections.append(Section("Calls before and after", _impact_facts(item.impact)))
    if item.suspicion is not None:
        said = item.suspicion
        sections.append(
            Section(
                "Suspected",
                (fact("", said.why, Tone.DEGRADED), fact("of", said.title), fact("score", f"{said.score:.2f}")),
            )
        )
    return Detail(kind="changes", key=key, title=item.title, health=None, sections=tuple(sections))


def _field_facts(item: ChangeItem) -> Iterator[Fact]:
    told = {field.words() for field in item.fields}
    for field in item.fields:
        before = "not known" if field.before is None else field.before
        after = "not known" if field.after is None else field.after
        yield fact(field.path, f"{before} → {after}")
    yield from (fact("", what) for what in item.what if what not in told)


def _impact_facts(impact: ChangeImpact) -> tuple[Fact, ...]:
    def pair(label: str, before: str, after: str) -> Fact:
        return fact(label, f"{before} → {after}")

    one, other = impact.before, impact.after
    return (
        pair("requests/s", quantity(one.requests_per_second), quantity(other.requests_per_second)),
        pair("errors %", percent(one.error_ratio), percent(other.error_ratio)),
        pair("mean latency", latency(one.latency_ms), latency(other.latency_ms)),
    )


def _tone(item: ChangeItem) -> Tone:
    return Tone.DEGRADED if item.suspicion is not None else Tone.PLAIN


def _suspicion_text(item: ChangeItem) -> str:
    return "" if item.suspicion is None else item.suspicion.why


def _places(item: ChangeItem) -> tuple[Place, ...]:
    return tuple(Place(cluster=c, namespace=item.namespace, tenants=item.tenants) for c in item.clusters)


_HOWS = list(ChangeHow)

c = Columns(ChangeItem)

VIEW: View[ChangeItem] = View(
    kind="changes",
    singular=find_kind("changes").singular,
    list_kind="ChangeList",
    title="Changes",
    item=ChangeItem,
    columns=(
        c.custom(name="time", title="TIME", help_="When it was changed (UTC).", value=lambda i: i.time.timestamp(),
                 cell=lambda i: text_cell(f"{i.time:%m-%d %H:%M:%S}Z"), order=lambda i: i.time.timestamp(), priority=0,
                 min_width=15),
        c.custom(name="title", title="WHAT", help_="What was changed, in a sentence.", value=lambda i: i.title,
                 cell=lambda i: text_cell(i.title, _tone(i)), priority=0, min_width=40, max_width=110),
        c.custom(name="suspicion", title="SUSPICION", help_="Its place among what is suspected; 0 is the first.",
                 value=lambda i: i.suspicion and i.suspicion.rank,
                 cell=lambda i: NOTHING if i.suspicion is None else Cell(f"! {i.suspicion.rank}", Tone.DEGRADED),
                 order=lambda i: 1e9 if i.suspicion is None else i.suspicion.rank, align=Align.RIGHT, numeric=True,
                 priority=1, min_width=9),
        c.custom(name="who", title="WHO", help_="Who wrote it: the field manager, or a user of meshtop.",
                 value=lambda i: i.who, cell=lambda i: text_cell(i.who), priority=1, max_width=30),
        c.custom(name="how", title="HOW", help_="rollout, weights, scale, edit, create, delete, certificate, "
                 "membership, node, restart, lost or event.", value=lambda i: i.how.value,
                 cell=lambda i: text_cell(i.how.value), order=lambda i: _HOWS.index(i.how), priority=2, max_width=12),
        c.custom(name="impact", title="BEFORE → AFTER", help_="What changed most in the calls of what it is about.",
                 value=lambda i: impact_text(i.impact), cell=lambda i: text_cell(impact_text(i.impact)), priority=2,
                 max_width=28),
        c.words("what", "FIELDS", "What was changed, field by field where it is known.", lambda i: i.what, wide=True,
                priority=3),
        c.text("cluster", "CLUSTER", "The cluster, or several of one action.", "cluster", priority=3, max_width=32),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=4, max_width=32),
        c.text("kind", "KIND", "The kind of the object.", "kind", priority=4, max_width=28),
        c.text("name", "NAME", "Its name.", "name", wide=True, priority=4, max_width=48),
        c.words("tenants", "TENANTS", "Tenants of its namespace.", lambda i: i.tenants, aliases=("tenant",), wide=True,
                priority=5),
        c.custom(name="why", title="WHY", help_="Why it is suspected, and of what.", value=_suspicion_text,
                 cell=lambda i: text_cell(_suspicion_text(i)), wide=True, priority=5, max_width=140),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.name),
    key=lambda i: i.key,
    places=_places,
    default_sort="-time",
    empty="Nothing was changed in the last day in this scope, as far as it is known.",
    needs=Needs(("Event", FIELD_WRITES, "ReplicaSet")),
    related=("workloads", "attention"),
)  # fmt: skip
