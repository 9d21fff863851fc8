"""What somebody who was not there has to know of an outage: one moment of all clusters in words, tables and a graph."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.model.text import clean
from meshtop.settings.durations import format_duration
from meshtop.views.frame.document import missing, rfc3339
from meshtop.views.frame.moments import clock
from meshtop.views.frame.unknowns import doubt
from meshtop.views.kinds.canaries import VIEW as CANARIES
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import VIEW as ATTENTION
from meshtop.views.reports.attention.view import attention, hit_text, since_text
from meshtop.views.reports.graph import Sight, readable_level, service_graph
from meshtop.views.reports.moments_compared import MomentsCompared

GRAPH_CELLS = 110
"""The width of the graph to aim for, in cells."""
MOST_NODES = 30
"""Up to so many workloads, or services, are drawn one by one."""
_MOST_ROWS = 200


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


class IncidentReport(Struct, frozen=True):
    """A page: its title, one line about when and where, and its sections."""

    title: str
    about: str
    sections: tuple[IncidentSection, ...]


def incident_report(
    picture: Picture, query: Query, *, recording: str, changes: MomentsCompared | None = None
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
        *((_changes(changes),) if changes is not None else ()),
        _graph(picture, query),
        _verdicts(picture, query),
        _unknown(picture, query),
        IncidentSection(
            "The recording", (f"{recording} holds all that this page was made of; meshtop replay opens it.",)
        ),
    )
    return IncidentReport(f"Incident: {worst}", about, sections)


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
        table=IncidentTable(titles, tuple(rows)) if rows else None,
        nothing="Nothing needs attention, as far as it is known.",
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
        table=IncidentTable(("Change", "What", "Cluster", "Namespace", "Name", "Differences"), rows) if rows else None,
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
        table=IncidentTable(("Cluster", "Route", "Weights", "Split", "Verdict"), rows) if rows else None,
        nothing="There is no weighted route.",
    )


def _unknown(picture: Picture, query: Query) -> IncidentSection:
    unknowns = ATTENTION.all_unknowns(picture, query)
    sentences = (*missing(picture.snapshot), *((doubt(unknowns),) if unknowns else ()))
    hidden = (picture.snapshot.hidden,) if picture.snapshot.hidden is not None else ()
    return IncidentSection(
        "What was not known", (*sentences, *hidden), nothing="Everything that was asked was answered."
    )
