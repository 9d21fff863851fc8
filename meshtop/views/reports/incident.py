"""What somebody who was not there has to know of an outage: one moment of all clusters in words, tables and a graph."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.analysis.alerting.burning import SloState
from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.model.alerting import AlertState
from meshtop.model.evidence import Unknown
from meshtop.model.numbers import percent
from meshtop.model.text import clean
from meshtop.settings.durations import format_duration
from meshtop.views.frame.document import missing, rfc3339
from meshtop.views.frame.moments import clock
from meshtop.views.frame.unknowns import doubt, told
from meshtop.views.kinds.alerts import VIEW as ALERTS
from meshtop.views.kinds.alerts import about_words
from meshtop.views.kinds.canaries import VIEW as CANARIES
from meshtop.views.kinds.slos import VIEW as SLOS
from meshtop.views.kinds.slos import objective_text
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.blame import suspects_by_item
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import VIEW as ATTENTION
from meshtop.views.reports.attention.view import attention, hit_text, since_text
from meshtop.views.reports.changes.item import ChangeItem
from meshtop.views.reports.changes.view import LATELY_SECONDS, impact_text
from meshtop.views.reports.changes.view import VIEW as CHANGES
from meshtop.views.reports.graph import Sight, readable_level, service_graph
from meshtop.views.reports.moments_compared import MomentsCompared

GRAPH_CELLS = 110
"""The width of the graph to aim for, in cells."""
MOST_NODES = 30
"""Up to so many workloads, or services, are drawn one by one."""
_MOST_ROWS = 200
_MOST_SUSPECTS = 5
"""So many suspects stand with each thing that is wrong."""
_MOST_OTHERS = 20


class IncidentTable(Struct, frozen=True):
    """Rows of words under titles."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class IncidentSection(Struct, frozen=True):
    """A part of the page: sentences, then a table, then a graph; `nothing` is said where there is none of them."""

    title: str
    sentences: tuple[str, ...] = ()
    table: IncidentTable | None = None
    graph: ServiceGraph | None = None
    nothing: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but that there is nothing."""
        return not self.sentences and self.table is None and self.graph is None


class IncidentReport(Struct, frozen=True):
    """A page: its title, one line about when and where, and its sections."""

    title: str
    about: str
    sections: tuple[IncidentSection, ...]


def incident_report(
    picture: Picture, query: Query, *, recording: str | None, changes: MomentsCompared | None = None
) -> IncidentReport:
    """The page of a picture; `recording` names the file beside it, `changes` what differs from a moment before."""
    snapshot, now = picture.snapshot, moment_of(picture)
    items = attention(picture, query)
    worst = clean(items[0].title) if items else "nothing that is known"
    about = (
        f"{rfc3339(now)}, rates over {format_duration(snapshot.window_seconds)},"
        f" {', '.join(clean(one.name) for one in snapshot.clusters)}"
    )
    sections = (
        _needs(items, now),
        _suspected(picture, items, now),
        _other_changes(picture, query, now),
        _alerts(picture, query, now),
        _objectives(picture, query),
        *((_changes(changes),) if changes is not None else ()),
        _graph(picture, query),
        _verdicts(picture, query),
        _unknown(picture, query),
        IncidentSection(
            "The recording",
            (f"{recording} holds all that this page was made of; meshtop replay opens it.",) if recording else (),
            nothing="None was made with this page; meshtop record makes one.",
        ),
    )
    return IncidentReport(f"Incident: {worst}", about, sections)


def _table(titles: Sequence[str], rows: Sequence[tuple[str, ...]]) -> IncidentTable | None:
    """The rows, without columns in which none of them has a word; None where there is none."""
    kept = [i for i in range(len(titles)) if i == 0 or any(row[i] for row in rows)]
    found = tuple(tuple(row[i] for i in kept) for row in rows)
    return IncidentTable(tuple(titles[i] for i in kept), found) if rows else None


def _needs(items: Sequence[AttentionItem], now: float) -> IncidentSection:
    rows: list[tuple[str, ...]] = []
    for item in items[:_MOST_ROWS]:
        who = ", ".join(item.impact.tenants) or ", ".join(item.places)
        before = f"{item.cause.title} {clock(item.cause.time, now)}" if item.cause is not None else ""
        rows.append((item.severity.value, item.title, since_text(item, now), hit_text(item), who, before))
        for one in item.consequences:
            since = clock(one.since, now) if one.since is not None else ""
            rows.append(("follows", one.title, since, "", "", ""))
    titles = ("Severity", "What", "Since (UTC)", "Hit", "Who is affected", "Changed just before")
    return IncidentSection(
        "What is wrong",
        table=_table(titles, tuple(rows)),
        nothing="Nothing needs attention, as far as it is known.",
    )


def _suspected(picture: Picture, items: Sequence[AttentionItem], now: float) -> IncidentSection:
    """What may have caused each thing that is wrong, the likeliest first."""
    known = {one.key: one for one in CHANGES.all_items(picture)}
    suspects = suspects_by_item(picture)
    rows: list[tuple[str, ...]] = []
    left = 0
    for item in items:
        found = suspects.get(item.id, ())
        left += len(found[_MOST_SUSPECTS:])
        for place, suspect in enumerate(found[:_MOST_SUSPECTS]):
            change = known.get(suspect.change.key)
            rows.append((item.title if place == 0 else "", suspect.why, *_about_change(change)))
    cut = len(rows) - _MOST_ROWS
    left += max(0, cut)
    more = (f"{left} more are left out; meshtop get changes lists all.",) if left else ()
    titles = ("What is wrong", "What changed before, the likeliest first", "By whom", "Calls around it", "To undo it")
    return IncidentSection(
        "Which change may have caused it",
        ("Suspicion is no proof; it says where to look first.", *more) if rows else (),
        table=_table(titles, tuple(rows[:_MOST_ROWS])),
        nothing=told(
            "Nothing that was changed in the day before is on a path to what is wrong."
            if items
            else "Nothing is suspected.",
            CHANGES.unknowns(picture, Query()),
        ),
    )


def _about_change(change: ChangeItem | None) -> tuple[str, str, str]:
    if change is None:
        return "", "", ""
    return change.who or "", impact_text(change.impact), f"meshtop rollback {change.undo}" if change.undo else ""


def _other_changes(picture: Picture, query: Query, now: float) -> IncidentSection:
    """What else was changed lately: suspicion may be wrong."""
    found = [
        one
        for one in CHANGES.items(picture, query)
        if one.suspicion is None and now - one.time.timestamp() <= LATELY_SECONDS
    ]
    rows = tuple(
        (clock(one.time, now, "%H:%M:%S"), one.title, one.who or "", impact_text(one.impact))
        for one in found[:_MOST_OTHERS]
    )
    left = len(found) - len(rows)
    return IncidentSection(
        "What else changed in the hour before",
        (f"{left} more are left out; meshtop get changes lists all.",) if left else (),
        table=_table(("Time (UTC)", "What", "By whom", "Calls around it"), rows),
        nothing=told("Nothing else.", CHANGES.unknowns(picture, query)),
    )


def _alerts(picture: Picture, query: Query, now: float) -> IncidentSection:
    active = ALERTS.items(picture, query)
    firing = [one for one in active if one.state is AlertState.FIRING]
    rows = tuple(
        (
            one.weight.value,
            one.name,
            one.cluster or "",
            about_words(one.about),
            "" if one.since is None else clock(one.since, now),
            one.summary,
        )
        for one in firing[:_MOST_ROWS]
    )
    pending, left = len(active) - len(firing), len(firing) - len(rows)
    return IncidentSection(
        "Alerts that fire",
        tuple(
            filter(
                None,
                (
                    f"{left} more are left out; meshtop get alerts lists all." if left else "",
                    f"{pending} more {'is' if pending == 1 else 'are'} pending." if pending and rows else "",
                ),
            )
        ),
        table=_table(("Severity", "Alert", "Cluster", "About", "Since (UTC)", "Summary"), rows),
        nothing=told(f"No alert fires{f', {pending} pending' if pending else ''}.", ALERTS.unknowns(picture, query)),
    )


def _objectives(picture: Picture, query: Query) -> IncidentSection:
    known = SLOS.items(picture, query)
    bad = [one for one in known if one.state in (SloState.BURNING, SloState.SPENT)]
    rows = tuple(
        (
            one.severity.value,
            one.name,
            one.cluster,
            objective_text(one),
            "" if one.error_budget_left is None else f"{percent(one.error_budget_left)} %",
            one.why,
        )
        for one in bad[:_MOST_ROWS]
    )
    nothing = f"None of {len(known)} burns too fast or is spent." if known else "There is no objective."
    return IncidentSection(
        "Objectives whose error budget burns or is spent",
        table=_table(("Severity", "SLO", "Cluster", "Objective", "Budget left", "Why"), rows),
        nothing=told(nothing, SLOS.unknowns(picture, query)),
    )


def _changes(changes: MomentsCompared) -> IncidentSection:
    rows = tuple(
        (one.change, one.what, one.cluster, one.namespace, one.name, ", ".join(each.text for each in one.differences))
        for one in changes.items[:_MOST_ROWS]
    )
    left = len(changes.items) - len(rows)
    return IncidentSection(
        f"What is not as it was at {changes.before.at}",
        (f"{left} more are left out; meshtop diff shows them.",) if left else (),
        table=_table(("Change", "What", "Cluster", "Namespace", "Name", "Differences"), rows),
        nothing="Everything is as it was, as far as both moments know it.",
    )


def _graph(picture: Picture, query: Query) -> IncidentSection:
    """Who calls whom where it hurts; all of it where nothing does."""
    for level in (Level.WORKLOADS, Level.SERVICES):
        graph = service_graph(picture, query, Sight(level=level, idle=False, unhealthy=True))
        if 0 < len(graph.nodes) <= MOST_NODES:
            return IncidentSection("Who calls whom", (f"Only what hurts is drawn, by {level.value}.",), graph=graph)
    for unhealthy in (True, False):
        sight = Sight(idle=False, unhealthy=unhealthy)
        level = readable_level(picture, query, sight, width=GRAPH_CELLS)
        graph = service_graph(picture, query, Sight(level=level, idle=False, unhealthy=unhealthy))
        if graph.nodes:
            what = "Only what hurts is drawn" if unhealthy else "Nothing that was seen hurts; all calls are drawn"
            return IncidentSection("Who calls whom", (f"{what}, by {level.value}.",), graph=graph)
    return IncidentSection("Who calls whom", nothing="No call was seen.")


def _verdicts(picture: Picture, query: Query) -> IncidentSection:
    rows = tuple(
        (
            row.cluster,
            f"{row.namespace}/{row.name}",
            " · ".join(f"{one.name} {'?' if one.weight is None else one.weight}" for one in row.destinations),
            row.honesty.summary,
            row.verdict.summary,
        )
        for row in CANARIES.items(picture, query)
    )
    return IncidentSection(
        "Weighted routes",
        table=_table(("Cluster", "Route", "Weights", "Split", "Verdict"), rows),
        nothing="There is no weighted route.",
    )


def _unknown(picture: Picture, query: Query) -> IncidentSection:
    said: set[Unknown] = set()
    sentences = [*missing(picture.snapshot)]
    views = (("What is wrong", ATTENTION), ("What changed", CHANGES), ("Alerts", ALERTS), ("Objectives", SLOS))
    for title, view in views:
        unknowns = [one for one in view.all_unknowns(picture, query) if one not in said]
        said.update(unknowns)
        if unknowns:
            sentences.append(f"{title}: {doubt(unknowns)}")
    hidden = (picture.snapshot.hidden,) if picture.snapshot.hidden is not None else ()
    return IncidentSection(
        "What was not known", (*sentences, *hidden), nothing="Everything that was asked was answered."
    )
