"""The kind `slos`: objectives, how much of their error budgets is left, and how fast they burn."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.alerting.burning import SloState, burn_pairs
from meshtop.model.numbers import UNKNOWN, percent, quantity
from meshtop.model.state import Severity
from meshtop.settings.durations import format_duration
from meshtop.views.frame.columns import NOTHING, Columns, signed, text_cell
from meshtop.views.frame.detail import find_item, related_items
from meshtop.views.frame.facts import Detail, Fact, Section, fact
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.things import Thing
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.alerts import about_words, thing_of
from meshtop.views.picture.alerting import SLOS, JudgedSlo, alerting_unknowns, slos_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

_DAY = 86_400.0
_TONES = {
    SloState.OK: Tone.PLAIN, SloState.BURNING: Tone.FAILING, SloState.SPENT: Tone.FAILING,
    SloState.UNKNOWN: Tone.UNKNOWN,
}  # fmt: skip
_SIGNS = {SloState.OK: "", SloState.BURNING: "✗ ", SloState.SPENT: "✗ ", SloState.UNKNOWN: "? "}
_ORDER = (SloState.BURNING, SloState.SPENT, SloState.UNKNOWN, SloState.OK)


class BurnRates(Struct, frozen=True, rename="camel", kw_only=True):
    """How fast a budget burns over a short and a long window: 1 spends it exactly over the objective's window.

    Null where there was no traffic. The windows (seconds) are those of the pair that decides.
    """

    short: float | None
    long: float | None
    short_seconds: float
    long_seconds: float


class SloItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An objective of one service in one cluster (INTERFACE.md, kind slos).

    `errorBudgetLeft` is a share, below 0 where more than all was spent; it was measured over `budgetSeconds`, less than
    `windowSeconds` where Prometheus does not hold that much. `recorded` is whose recording rules tell it (sloth,
    pyrra), null where it was counted for the settings. `why` says the state in words.
    """

    name: str
    about: Thing | None
    objective: float | None
    window_seconds: float | None
    error_budget_left: float | None
    burn: BurnRates
    state: SloState
    cluster: str
    namespace: str | None
    service: str | None
    latency_ms: float | None
    budget_seconds: float | None
    recorded: str | None
    why: str
    severity: Severity
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[SloItem]:
    """A row for each objective of each service."""
    return picture.rows("slos", slos_of(picture), lambda one: slo_item(picture, one), lambda one: one.reading.name)


def slo_item(picture: Picture, judged: JudgedSlo) -> SloItem:
    """The item of an objective."""
    reading, verdict, tie = judged.reading, judged.verdict, judged.tie
    namespace = tie.namespace if tie is not None else reading.namespace
    return SloItem(
        name=reading.name,
        about=None if tie is None else thing_of(tie),
        objective=reading.objective,
        window_seconds=reading.window_seconds,
        error_budget_left=None if reading.budget_left is None else round(reading.budget_left, 6),
        burn=BurnRates(
            short=None if verdict.short is None else round(verdict.short, 4),
            long=None if verdict.long is None else round(verdict.long, 4),
            short_seconds=verdict.pair.short,
            long_seconds=verdict.pair.long,
        ),
        state=verdict.state,
        cluster=judged.cluster,
        namespace=namespace or None,
        service=(tie.name if tie is not None else reading.service) or None,
        latency_ms=reading.latency_ms,
        budget_seconds=reading.budget_seconds,
        recorded=reading.recorded,
        why=verdict.why + _held_words(reading.window_seconds, reading.budget_seconds),
        severity=verdict.severity,
        tenants=picture.tenants(judged.cluster, namespace) if namespace else (),
    )


def _held_words(window: float | None, held: float | None) -> str:
    if window is None or held is None or held >= window:
        return ""
    return f"; its budget is known over {span_text(held)} only, which is all that Prometheus holds"


def span_text(seconds: float) -> str:
    """A window in words: `30d`, `1d`, `6h`, `5m`."""
    return f"{seconds / _DAY:g}d" if seconds >= _DAY and seconds % _DAY == 0 else format_duration(seconds)


def slo_key(item: SloItem) -> str:
    """The identity of an objective: one name may be of many services."""
    return "/".join(_path(item))


def _path(item: SloItem) -> tuple[str, ...]:
    return (item.cluster, item.namespace or "", item.service or "", item.name)


def _state_cell(item: SloItem) -> Cell:
    tone = Tone.DEGRADED if item.severity is Severity.WARNING else _TONES[item.state]
    return signed(_SIGNS[item.state], item.state.value, tone)


def _burn_cell(value: float | None, item: SloItem) -> Cell:
    if value is None:
        return NOTHING
    return text_cell(quantity(value), _TONES[item.state] if item.state is SloState.BURNING else Tone.PLAIN)


def _left_cell(item: SloItem) -> Cell:
    left = item.error_budget_left
    if left is None:
        return NOTHING
    part = "~" if item.budget_seconds is not None and item.budget_seconds < (item.window_seconds or 0.0) else ""
    return text_cell(part + percent(left), Tone.FAILING if left <= 0 else Tone.PLAIN)


def objective_text(item: SloItem) -> str:
    """`99.9 % within 250 ms over 30d`."""
    if item.objective is None:
        return UNKNOWN
    within = "" if item.latency_ms is None else f" within {item.latency_ms:g} ms"
    over = "" if item.window_seconds is None else f" over {span_text(item.window_seconds)}"
    return f"{item.objective * 100:.6g} %{within}{over}"


def detail(picture: Picture, item: SloItem, key: str) -> Detail:
    """The detail of one objective: its budget, and each pair of windows."""
    about = item.about
    found = None if about is None else find_item(picture, about.kind, about.key)
    return Detail(
        kind="slos",
        key=key,
        title=item.name,
        health=None,
        sections=(
            Section(
                "Objective",
                (
                    *VIEW.facts(item, "state"),
                    fact("why", item.why),
                    *VIEW.facts(item, "cluster", "about", "objective", "errorBudgetLeft"),
                    fact("measured by", f"recording rules ({item.recorded})" if item.recorded else "meshtop's queries"),
                ),
            ),
            Section("Burn rates", tuple(_pair_facts(picture, item))),
        ),
        related=(related_items(picture, about.kind, "Service", (found,), ""),) if about and found is not None else (),
        charts=(),
    )


def _pair_facts(picture: Picture, item: SloItem) -> list[Fact]:
    judged = next((one for one in slos_of(picture) if slo_item(picture, one) == item), None)
    if judged is None or item.objective is None:
        return []
    ratios, budget = judged.reading.ratios, 1.0 - item.objective

    def rate(window: float) -> str:
        ratio = ratios.get(window)
        return UNKNOWN if ratio is None else quantity(ratio / budget)

    return [
        fact(
            f"{span_text(pair.short)} and {span_text(pair.long)}",
            f"{rate(pair.short)} and {rate(pair.long)}; both above {pair.factor:.3g} are "
            f"{'an error' if pair.severity is Severity.ERROR else 'a warning'}",
        )
        for pair in burn_pairs(item.window_seconds)
    ]


c = Columns(SloItem)

VIEW: View[SloItem] = View(
    kind="slos",
    singular="slo",
    list_kind="SloList",
    title="SLOs",
    item=SloItem,
    columns=(
        c.custom(name="state", title="STATE", help_="ok, burning, spent, or unknown where there is no traffic.",
                 value=lambda i: i.state.value, cell=_state_cell, order=lambda i: _ORDER.index(i.state), priority=0,
                 min_width=9, max_width=11),
        c.text("name", "SLO", "Its name.", "name", aliases=("slo",), priority=0, max_width=40),
        c.text("cluster", "CLUSTER", "Whose Prometheus tells it.", "cluster", priority=1, max_width=32),
        c.text("about", "ABOUT", "The service.", lambda i: about_words((i.about,)) if i.about else i.service,
               aliases=("service",), priority=1, max_width=44),
        c.custom(name="objective", title="OBJECTIVE", help_="The share that must be good, and over which window.",
                 value=lambda i: i.objective, cell=lambda i: text_cell(objective_text(i)), numeric=True, unit="ratio",
                 order=lambda i: i.objective, priority=2, min_width=12, max_width=36),
        c.custom(name="errorBudgetLeft", title="BUDGET LEFT", help_="The share of the error budget that is left.",
                 value=lambda i: i.error_budget_left, cell=_left_cell, align=Align.RIGHT, numeric=True,
                 unit="ratio", order=lambda i: i.error_budget_left, aliases=("budget", "left"),
                 priority=0, min_width=7),
        c.custom(name="burnShort", title="BURN", help_="How fast it burns over the short window; 1 spends it in time.",
                 value=lambda i: i.burn.short, cell=lambda i: _burn_cell(i.burn.short, i), align=Align.RIGHT,
                 numeric=True, order=lambda i: i.burn.short, priority=1, min_width=5),
        c.custom(name="burnLong", title="BURN LONG", help_="And over the long one.", value=lambda i: i.burn.long,
                 cell=lambda i: _burn_cell(i.burn.long, i), align=Align.RIGHT, numeric=True,
                 order=lambda i: i.burn.long, priority=1, min_width=5),
        c.text("why", "WHY", "The state in words.", "why", priority=3, max_width=90),
        c.text("recorded", "RECORDED BY", "Whose recording rules tell it; a dash for what the settings ask for.",
               "recorded", wide=True, priority=6, max_width=12),
        c.text("namespace", "NAMESPACE", "The service's namespace.", "namespace", wide=True, aliases=("ns",),
               priority=6),
        c.words("tenants", "TENANTS", "Whose it is.", "tenants", wide=True, aliases=("tenant",), priority=6),
    ),
    build=build,
    detail=detail,
    path=_path,
    key=slo_key,
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace or "", tenants=i.tenants),),
    default_sort="state,errorBudgetLeft,name",
    empty="There is no objective: the settings have none (slos), and no recording rules were found that measure one.",
    # What it is about, and so whose scope it is in, stands on these.
    needs=Needs(("Namespace", "Service", "Pod")),
    unknowns=lambda picture: alerting_unknowns(picture, SLOS),
    related=("services", "workloads"),
)  # fmt: skip
