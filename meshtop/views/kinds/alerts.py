"""The kind `alerts`: what fires or waits in each cluster's Prometheus, and what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from zlib import crc32

from msgspec import Struct

from meshtop.analysis.alerting.ties import Tie, TieKind
from meshtop.analysis.alerting.weight import alert_weight
from meshtop.model.alerting import AlertState
from meshtop.model.state import Severity
from meshtop.views.frame.columns import NOTHING, Columns, signed, text_cell
from meshtop.views.frame.detail import find_item, related_items
from meshtop.views.frame.facts import Detail, Related, Section, fact
from meshtop.views.frame.moments import ago
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.things import Thing
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.alerting import ALERTS, TiedAlert, alerting_unknowns, alerts_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

_TONES = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED, Severity.INFO: Tone.DIM}
_SIGNS = {Severity.ERROR: "✗ ", Severity.WARNING: "▲ ", Severity.INFO: ""}
_WEIGHTS = list(_TONES)


class AlertItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An alert (INTERFACE.md, kind alerts).

    `cluster` is null for an alert of an engine above several clusters that names none of them. `severity` is the label
    as its rule writes it. `since` is when its condition began to hold, null where nothing tells; `annotations` are
    empty where only its series was read. `about` are the objects that its labels name, the most specific first.
    """

    cluster: str | None
    name: str
    state: AlertState
    severity: str | None
    since: datetime | None
    labels: dict[str, str]
    annotations: dict[str, str]
    about: tuple[Thing, ...]
    weight: Severity
    namespaces: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What its rule says in words; empty where it says nothing."""
        told = self.annotations
        return told.get("summary") or told.get("message") or told.get("description") or ""


def thing_of(tie: Tie) -> Thing:
    """A tie as other views know the object."""
    where = (
        tie.cluster if tie.kind is TieKind.CLUSTER else "/".join(filter(None, (tie.cluster, tie.namespace, tie.name)))
    )
    return Thing(kind=tie.kind.value, key=f"{where}/{tie.type}" if tie.type else where)


def build(picture: Picture) -> list[AlertItem]:
    """A row for each active alert."""
    return picture.rows(
        "alerts", alerts_of(picture), lambda tied: alert_item(picture, tied), lambda tied: tied.alert.name
    )


def alert_item(picture: Picture, tied: TiedAlert) -> AlertItem:
    """The item of an alert."""
    alert = tied.alert
    places = dict.fromkeys((t.cluster, t.name) for t in tied.ties if t.kind is TieKind.NAMESPACE)
    return AlertItem(
        cluster=tied.cluster,
        name=alert.name,
        state=alert.state,
        severity=alert.severity,
        since=None if alert.since is None else datetime.fromtimestamp(alert.since, UTC),
        labels=dict(sorted(alert.labels.items())),
        annotations=dict(sorted(alert.annotations.items())),
        about=tuple(map(thing_of, tied.ties)),
        weight=alert_weight(alert),
        namespaces=tuple("/".join(place) for place in places),
        tenants=tuple(sorted({tenant for place in places for tenant in picture.tenants(*place)})),
    )


def alert_key(item: AlertItem) -> str:
    """The identity of an alert: alerts of one name differ in their labels."""
    digest = crc32(repr(sorted(item.labels.items())).encode("utf-8", "surrogatepass"))
    return "/".join((item.cluster or "", item.name, f"{digest:08x}"))


def _places(item: AlertItem) -> tuple[Place, ...]:
    spots = [where.rpartition("/") for where in item.namespaces]
    found = [Place(cluster=cluster, namespace=name, tenants=item.tenants) for cluster, _, name in spots]
    clusters = [thing.key for thing in item.about if thing.kind == TieKind.CLUSTER.value]
    return tuple(found) or tuple(Place(cluster=name) for name in clusters) or (Place(cluster=item.cluster or ""),)


def _severity_cell(item: AlertItem) -> Cell:
    return signed(_SIGNS[item.weight], item.severity or "none", _TONES[item.weight])


def _state_cell(item: AlertItem) -> Cell:
    return text_cell(item.state.value, _TONES[item.weight] if item.state is AlertState.FIRING else Tone.DIM)


def _since_cell(item: AlertItem) -> Cell:
    return NOTHING if item.since is None else text_cell(f"{item.since.astimezone(UTC):%m-%d %H:%M:%S}Z")


def about_words(things: tuple[Thing, ...]) -> str:
    """The most specific thing in a word: `shop/reviews-v3`, or the node or cluster where there is nothing else."""
    if not things:
        return ""
    first = things[0]
    if first.kind == TieKind.CLUSTER.value:
        return first.key
    parts = first.key.split("/")
    kind = {TieKind.NAMESPACE.value: "namespace ", TieKind.NODE.value: "node "}.get(first.kind, "")
    return kind + "/".join(parts[1:3] if len(parts) > 2 else parts[1:])


def detail(picture: Picture, item: AlertItem, key: str) -> Detail:
    """The detail of one alert: what its rule says, its labels, and what it is about."""
    at = picture.snapshot.at if picture.snapshot.moment is None else picture.snapshot.moment
    since = None if item.since is None else ago(item.since.timestamp(), at)
    return Detail(
        kind="alerts",
        key=key,
        title=item.name,
        health=None,
        sections=(
            Section(
                "Alert",
                (
                    *VIEW.facts(item, "severity", "state", "cluster", "about"),
                    fact("since", since),
                    fact("summary", item.summary, _TONES[item.weight]),
                ),
            ),
            Section("What its rule says", tuple(fact(name, text) for name, text in item.annotations.items())),
            Section("Labels", tuple(fact(name, text) for name, text in item.labels.items())),
        ),
        related=tuple(_related(picture, item)),
        charts=(),
    )


def _related(picture: Picture, item: AlertItem) -> list[Related]:
    found = []
    for kind, title in (("workloads", "Workloads"), ("services", "Services"), ("clusters", "Clusters")):
        keys = [thing.key for thing in item.about if thing.kind == kind]
        items = [one for key in keys if (one := find_item(picture, kind, key)) is not None]
        if items:
            found.append(related_items(picture, kind, title, items, ""))
    return found


c = Columns(AlertItem)

VIEW: View[AlertItem] = View(
    kind="alerts",
    singular="alert",
    list_kind="AlertList",
    title="Alerts",
    item=AlertItem,
    columns=(
        c.custom(name="severity", title="SEVERITY", help_="The label severity, as its rule writes it.",
                 value=lambda i: i.severity, cell=_severity_cell, order=lambda i: _WEIGHTS.index(i.weight), priority=0,
                 min_width=9, max_width=14),
        c.custom(name="state", title="STATE", help_="firing, or pending until it has held for long enough.",
                 value=lambda i: i.state.value, cell=_state_cell, priority=0, min_width=7, max_width=9),
        c.text("name", "ALERT", "Its name.", "name", aliases=("alert", "alertname"), priority=0, max_width=44),
        c.text("cluster", "CLUSTER", "Whose Prometheus tells it.", "cluster", priority=1, max_width=32),
        c.text("about", "ABOUT", "What its labels name, the most specific.", lambda i: about_words(i.about), priority=0,
               max_width=44),
        c.custom(name="since", title="SINCE", help_="When its condition began to hold (UTC).",
                 value=lambda i: i.since and i.since.timestamp(), cell=_since_cell, align=Align.RIGHT, priority=1,
                 min_width=9),
        c.text("summary", "SUMMARY", "What its rule says.", "summary", priority=2, max_width=90),
        c.words("namespaces", "NAMESPACES", "The namespaces that it is about, as cluster/namespace.", "namespaces",
                wide=True, aliases=("namespace", "ns"), priority=6),
        c.words("tenants", "TENANTS", "Whose those are.", "tenants", wide=True, aliases=("tenant",), priority=6),
        c.words("labels", "LABELS", "Its labels, as name=value.",
                lambda i: tuple(f"{name}={value}" for name, value in i.labels.items()), wide=True, priority=8,
                max_width=80),
        c.custom(name="weight", title="WEIGHT", help_="error, warning or info: what it counts for in attention.",
                 value=lambda i: i.weight.value, cell=lambda i: text_cell(i.weight.value),
                 order=lambda i: _WEIGHTS.index(i.weight), hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster or "", i.name),
    key=alert_key,
    places=_places,
    default_sort="severity,state,since,name",
    empty="No alert is firing or pending.",
    # What it is about, and so whose scope it is in, stands on these.
    needs=Needs(("Namespace", "Service", "Pod")),
    unknowns=lambda picture: alerting_unknowns(picture, ALERTS),
    related=("workloads", "services", "clusters"),
)  # fmt: skip
