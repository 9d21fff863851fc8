"""The kind `attention`: what needs somebody, the worst first; commands and screens draw the same items."""

from __future__ import annotations

from datetime import UTC, datetime

from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.numbers import age, quantity
from meshtop.model.state import Health, HealthStatus, Severity
from meshtop.model.text import clean
from meshtop.views.frame.columns import NOTHING, Columns, signed, text_cell
from meshtop.views.frame.facts import Detail, Fact, Section, fact
from meshtop.views.frame.moments import DAY_SECONDS, ago, clock
from meshtop.views.frame.registry import find_kind
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.alerting import ALERTS, alerting_unknowns
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query
from meshtop.views.reports.attention.build import build, places_of
from meshtop.views.reports.attention.item import SIGNS, TONES, AttentionItem

EVERYTHING = Query()
_HEALTH = {
    Severity.ERROR: HealthStatus.FAILING,
    Severity.WARNING: HealthStatus.DEGRADED,
    Severity.INFO: HealthStatus.UNKNOWN,
}


def attention(picture: Picture, query: Query = EVERYTHING) -> tuple[AttentionItem, ...]:
    """Everything in the scope that needs attention, the worst first; an empty answer means nothing does."""
    scope = Query(clusters=query.clusters, namespaces=query.namespaces, tenant=query.tenant, within=query.within)
    return tuple(VIEW.items(picture, scope))


def since_text(item: AttentionItem, now: float) -> str:
    """`14:05 6m`; `≥ 1d` where it was so from the beginning of what is known; `seen 7m` where only that is known."""
    if item.since is not None:
        began = item.since.timestamp()
        if item.lasting:
            return f"≥ {age(now - began)}"
        return f"{clock(item.since, now)} {age(now - began)}" if now - began < DAY_SECONDS else age(now - began)
    seen = item.first_seen.timestamp()
    return f"seen {age(now - seen)}" if now - seen >= 60 else "–"


def hit_text(item: AttentionItem) -> str:
    """What it costs a second, in the word that matters most: `33 err/s`, `1.69k/s unseen`, `480/s slow`."""
    impact = item.impact
    if impact.unseen_per_second is None:
        return "unseen"
    if impact.unseen_per_second:
        return f"{quantity(impact.unseen_per_second)}/s unseen"
    if impact.errors_per_second:
        return f"{quantity(impact.errors_per_second)} err/s"
    if impact.slow_per_second:
        return f"{quantity(impact.slow_per_second)}/s slow"
    if impact.plaintext_per_second:
        return f"{quantity(impact.plaintext_per_second)}/s plaintext"
    return f"{quantity(impact.requests_per_second)} req/s" if impact.requests_per_second else ""


def lines_below(item: AttentionItem, now: float, most: int = 2) -> tuple[str, ...]:
    """What a screen shows under an item: what changed before, and what follows from it."""
    found = []
    if item.cause is not None:
        found.append(f"└ before: {item.cause.title} {clock(item.cause.time, now)}")
    for one in item.consequences[:most]:
        found.append(f"└ {one.title}")
    left = len(item.consequences) - most
    if left > 0:
        found.append(f"└ and {left} more consequence{'s' * (left != 1)}")
    return tuple(map(clean, found))


def unread_alerts(picture: Picture) -> tuple[Unknown, ...]:
    """Alerts that there may be and that could not be read; an engine that serves none leaves nothing out."""
    asked = {cluster.name for cluster in picture.snapshot.clusters if cluster.alerts is not None}
    unknowns = alerting_unknowns(picture, ALERTS)
    return tuple(one for one in unknowns if one.cluster in asked and one.why is not WhyUnknown.UNSUPPORTED)


def _places(item: AttentionItem) -> tuple[Place, ...]:
    return tuple(
        Place(cluster=cluster, namespace=namespace, tenants=item.impact.tenants)
        for cluster, _, namespace in (place.partition("/") for place in item.places)
    ) or (Place(tenants=item.impact.tenants),)


def scoped(picture: Picture, query: Query) -> list[AttentionItem] | None:
    """The items of a scope, by their own places and those of what follows from them."""
    everything = not (query.clusters or query.namespaces or query.tenant or query.within)
    if everything:
        return None
    return [item for item in VIEW.all_items(picture) if query.holds(places_of(picture, item) or _places(item))]


def detail(picture: Picture, item: AttentionItem, key: str) -> Detail:
    """One item: what, since when, who is hit, what changed before, and what follows from it."""
    now = picture.snapshot.at
    impact = item.impact
    about = [
        fact("since", item.since and f"{_when(item.since, now)}{' or longer' if item.lasting else ''}"),
        fact("first seen", _when(item.first_seen, now)),
        *VIEW.facts(item, "requestsPerSecond", "errorsPerSecond"),
        fact("slow", f"{quantity(impact.slow_per_second)}/s" if impact.slow_per_second else None),
        fact("unseen", f"{quantity(impact.unseen_per_second)}/s" if impact.unseen_per_second else None),
        fact("tenants", impact.tenants),
        fact("workloads", impact.workloads),
        fact("id", item.id, Tone.DIM),
    ]
    if item.acknowledged is not None:
        until = _acknowledged_text(item).replace("until gone", "until it goes away")
        told = f"{ago(item.acknowledged.at.timestamp(), now)}, {until}"
        about.append(fact("acknowledged", ": ".join(filter(None, (told, item.acknowledged.reason)))))
    changed: tuple[Fact, ...] = ()
    if item.cause is not None:
        changed = (fact(_when(item.cause.time, now), item.cause.title),)
    return Detail(
        kind="attention",
        key=key,
        title=item.id,
        health=Health(_HEALTH[item.severity], (item.title,)),
        sections=(
            Section("What is wrong", (fact("", item.title, TONES[item.severity]), *about)),
            *((Section("What changed just before", changed),) if changed else ()),
            Section(
                f"Consequences {len(item.consequences)}",
                tuple(
                    fact(SIGNS[one.severity], f"{one.title}{f' (since {clock(one.since, now)})' if one.since else ''}")
                    for one in item.consequences
                )
                or (fact("", "none that is known"),),
            ),
        ),
    )


def opened_by(item: AttentionItem) -> tuple[str, str]:
    """The kind and key that opening an item leads to: what it is about."""
    return (item.about[0].kind, item.about[0].key) if item.about else ("attention", item.id)


def _when(moment: datetime, now: float) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z, {age(now - moment.timestamp())} ago"


def _severity_cell(item: AttentionItem) -> Cell:
    return signed(f"{item.sign} ", item.severity.value, item.tone)


def _title_cell(item: AttentionItem) -> Cell:
    more = f" (+{len(item.consequences)} consequence{'s' * (len(item.consequences) != 1)})" if item.consequences else ""
    return text_cell(item.mark + clean(item.title) + more, item.tone)


def _acknowledged_text(item: AttentionItem) -> str:
    """Until when it steps back; empty for what does not."""
    if item.acknowledged is None:
        return ""
    until = item.acknowledged.until
    return "until gone" if until is None else f"until {until.astimezone(UTC):%m-%d %H:%M}Z"


def _since_cell(item: AttentionItem) -> Cell:
    if item.since is None:
        return NOTHING
    return text_cell(f"{'≤ ' if item.lasting else ''}{item.since.astimezone(UTC):%m-%d %H:%M:%S}Z")


def _cause_cell(item: AttentionItem) -> Cell:
    return NOTHING if item.cause is None else text_cell(clean(item.cause.title))


c = Columns(AttentionItem)

VIEW: View[AttentionItem] = View(
    kind="attention",
    singular=find_kind("attention").singular,
    list_kind="AttentionList",
    title="Now",
    item=AttentionItem,
    columns=(
        c.custom(name="rank", title="#", help_="Its place by impact and newness; 0 is the first.",
                 value=lambda i: i.rank, cell=lambda i: text_cell(str(i.rank)), order=lambda i: i.rank, hidden=True,
                 numeric=True),
        c.custom(name="severity", title="SEVERITY", help_="error, warning or info.", value=lambda i: i.severity.value,
                 cell=_severity_cell, order=lambda i: list(SIGNS).index(i.severity), priority=0, min_width=9,
                 max_width=10),
        c.custom(name="title", title="WHAT", help_="What is wrong, and how many consequences it has.",
                 value=lambda i: i.title, cell=_title_cell, priority=0, min_width=50, max_width=160),
        c.custom(name="since", title="SINCE", help_="When it began (UTC); a dash where nothing tells.",
                 value=lambda i: i.since and i.since.timestamp(), cell=_since_cell, align=Align.RIGHT, priority=1,
                 min_width=9),
        c.custom(name="hit", title="HIT", help_="What it costs a second: failing, slow, unseen or open requests.",
                 value=hit_text, cell=lambda i: text_cell(hit_text(i)), align=Align.RIGHT, priority=1, min_width=10,
                 max_width=20),
        c.rate("requestsPerSecond", "REQ/S", "Requests per second that it touches.",
               lambda i: i.impact.requests_per_second, aliases=("rps",), wide=True, priority=4),
        c.rate("errorsPerSecond", "ERR/S", "Requests per second that fail.", lambda i: i.impact.errors_per_second,
               aliases=("errors",), wide=True, priority=4),
        c.words("tenants", "WHO IS AFFECTED", "Tenants of the place and of the callers.", lambda i: i.impact.tenants,
                aliases=("tenant",), priority=3),
        c.custom(name="cause", title="BEFORE", help_="What changed just before it began.",
                 value=lambda i: i.cause and i.cause.title, cell=_cause_cell, wide=True, priority=5, max_width=60),
        c.custom(name="acknowledged", title="ACKNOWLEDGED", help_="Until when somebody knows of it; a dash is new.",
                 value=_acknowledged_text, cell=lambda i: text_cell(_acknowledged_text(i), Tone.DIM), aliases=("ack",),
                 priority=3, min_width=12),
        c.text("id", "ID", "What meshtop ack takes.", "id", wide=True, priority=2, max_width=70),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.id,),
    places=_places,
    default_sort="rank",
    empty="Nothing needs attention in this scope, as far as it is known.",
    needs=Needs(("Node", "Service", "Pod"), traffic=True),
    all_is_well=True,
    scoped=scoped,
    unknowns=unread_alerts,
    related=("workloads", "edges", "findings", "alerts", "slos"),
)  # fmt: skip
