"""What the Flow says of its centre besides the calls: versions, answers, since when, what shapes it, and its charts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.graph.pipe import call_share, is_plaintext
from meshtop.analysis.graph.service_graph import GraphNode
from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.flags import FLAGS, GRPC_STATUS, is_error
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.mesh import Ready, sum_ready
from meshtop.model.numbers import UNKNOWN, number_of, quantity
from meshtop.model.text import clean
from meshtop.model.traffic import Edge, Peer, Sums, Target
from meshtop.sources.prometheus.promql import Matcher, errors_percent, one_of, selector
from meshtop.views.frame.charts import MOST_LINES, Chart, ChartLine
from meshtop.views.frame.facts import Fact, fact
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.edges import EdgeItem
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import since_text
from meshtop.views.reports.flow import Flow, FlowCall
from meshtop.views.reports.graph import Sight, edges_between, is_group
from meshtop.views.reports.graph_detail import (
    matchers_of_calls,
    reporting_clusters,
    reporting_side,
    shaped_facts,
)
from meshtop.views.reports.graph_words import node_name
from meshtop.views.reports.object_report import WantedObject

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_ANSWERS = 2

Observed = Sequence[tuple[Edge, EdgeItem]]
_NOBODY = one_of("source_workload", ("unknown", ""))
"""What selects calls of which no proxy knows who makes them."""
Expression = Callable[[str, Sequence[Matcher]], str]


class FlowVersion(Struct, frozen=True, kw_only=True):
    """A version of the centre: its part of what is asked of it (0…1), its figures, and its pods.

    `ready` is None where none of its workloads is known, as of virtual machines.
    """

    name: str
    share: float | None
    sums: Sums
    ready: Ready | None


class FlowDetail(Struct, frozen=True, kw_only=True):
    """What is said of the centre: `since` is when it got ill (`since 11:39 6m`), empty where nothing tells.

    `answers` are the codes and flags of what fails, `shaped` the configuration that applies and `objects` the object of
    each such fact, `what_if` what would break. `counted` says whether the first chart has every request of the centre.
    """

    versions: tuple[FlowVersion, ...] = ()
    since: str = ""
    answers: tuple[Cell, ...] = ()
    shaped: tuple[Fact, ...] = ()
    objects: tuple[WantedObject | None, ...] = ()
    what_if: tuple[Fact, ...] = ()
    charts: tuple[Chart, ...] = ()
    counted: bool = False


def flow_detail(picture: Picture, query: Query, sight: Sight, flow: Flow) -> FlowDetail:
    """The detail of a flow's centre. Its costs are those of the centre's own calls."""
    into = edges_between(picture, query, sight, target=flow.centre.id)
    out = edges_between(picture, query, sight, source=flow.centre.id)
    ends: list[Peer | Target] = [*(e.destination for e, _ in into), *(e.source for e, _ in out)]
    shaped = () if is_group(flow.centre) else shaped_facts(picture, ends)
    charts = flow_charts(picture, query, sight, flow)
    return FlowDetail(
        versions=() if is_group(flow.centre) else _versions(picture, into),
        since=_since(flow, picture.snapshot.at),
        answers=_answers(into),
        shaped=tuple(one.fact for one in shaped),
        objects=tuple(one.wanted for one in shaped),
        what_if=what_if_facts(flow),
        charts=charts,
        counted=bool(charts) and _has_every_request(flow, charts[0]),
    )


def _since(flow: Flow, at: float) -> str:
    """When it began, or for how long it lasts; empty where nothing tells."""
    said = UNKNOWN if flow.ill is None else since_text(flow.ill, at)
    if said == UNKNOWN or said.startswith("seen"):
        return said.replace(UNKNOWN, "")
    # A time of day comes with how long ago that is.
    return f"since {said}" if ":" in said else f"for {said}"


def _versions(picture: Picture, into: Observed) -> tuple[FlowVersion, ...]:
    """The versions that calls reached, those that got most first; bytes count where nothing else does."""
    sums: dict[str, list[Sums]] = {}
    places: dict[str, set[tuple[str, str, str]]] = {}
    for edge, _ in into:
        end = edge.destination
        name = end.version or end.workload
        if name:
            sums.setdefault(name, []).append(edge.sums)
            places.setdefault(name, set()).add((end.cluster, end.namespace, end.workload))
    added = {name: add_all(parts) for name, parts in sums.items()}
    whole = add_all(list(added.values()))
    found = [
        FlowVersion(
            name=clean(name), share=call_share(mine, whole).traffic, sums=mine, ready=_ready(picture, places[name])
        )
        for name, mine in added.items()
    ]
    return tuple(sorted(found, key=lambda v: (-(v.share or 0.0), v.name)))


def _ready(picture: Picture, places: Iterable[tuple[str, str, str]]) -> Ready | None:
    known = [workload.pods for place in places if (workload := picture.workload(*place)) is not None]
    return sum_ready(known) if known else None


def _answers(into: Observed) -> tuple[Cell, ...]:
    """The codes of failed requests with their rates, and the flags with the first words of what they mean."""
    codes: dict[str, float] = {}
    flags: dict[str, float] = {}
    for edge, _ in into:
        for code, rate in edge.codes.items():
            if rate > 0 and is_error(edge.protocol, code):
                name = GRPC_STATUS.get(code, code) if edge.protocol == "grpc" else code
                codes[name] = codes.get(name, 0.0) + rate
        for flag, rate in edge.flags.items():
            if rate > 0 and flag not in ("", "-"):
                flags[flag] = flags.get(flag, 0.0) + rate
    told = [Cell(f"{clean(code)} {quantity(rate)}/s", Tone.DEGRADED) for code, rate in _most(codes)]
    told += [Cell(f"{clean(flag)} {_meaning(flag)}".strip(), Tone.DEGRADED) for flag, _ in _most(flags)]
    return tuple(told)


def _most(rates: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(rates.items(), key=lambda one: (-one[1], one[0]))[:MOST_ANSWERS]


def _meaning(flag: str) -> str:
    return FLAGS.get(flag, "").partition(":")[0]


def _plaintext(sums: Sums) -> float:
    """Requests per second that were seen to come without mutual TLS."""
    return max(0.0, (sums.judged or 0.0) - (sums.secured or 0.0))


def what_if_facts(flow: Flow) -> tuple[Fact, ...]:
    """What STRICT would refuse of what was seen in this window; who is silent now is not among it."""
    plain = [call for call in flow.callers if is_plaintext(call.edge)]
    if not plain:
        return ()
    rate = sum(_plaintext(call.edge.sums) for call in plain)
    much = f" ({quantity(rate)} req/s)" if rate else ""
    verb = "sends" if len(plain) == 1 else "send"
    return (fact("STRICT", f"{number_of(len(plain), 'caller')} {verb} plaintext{much} and would break", Tone.DEGRADED),)


def flow_charts(picture: Picture, query: Query, sight: Sight, flow: Flow) -> tuple[Chart, ...]:
    """Requests by caller, the share of errors, and p99; of what only calls, the same of its callees."""
    calls, inward = (flow.callers, True) if _asked(flow.callers) else (flow.callees, False)
    window = duration_text(picture.snapshot.window_seconds)
    lines: list[ChartLine] = []
    for call in _asked(calls)[:MOST_LINES]:
        source, target = call.edge.source, call.edge.target
        found = _requests(edges_between(picture, query, sight, source=source, target=target))
        lines += _lines(_far_name(call.node, flow.centre), "/s", found, window, _rate)
    whole = (
        edges_between(picture, query, sight, target=flow.centre.id)
        if inward
        else edges_between(picture, query, sight, source=flow.centre.id)
    )
    errors = _lines("errors", "%", _requests(whole), window, errors_percent, whole=True)
    if not lines or not errors:
        return ()
    slow = _lines("p99", "ms", _requests(whole), window, _p99, whole=True)
    by = "caller" if inward else "callee"
    return (
        Chart(f"Requests by {by}", "/s", "", tuple(lines[:MOST_LINES])),
        Chart("Error ratio", "%", "", tuple(errors[:MOST_LINES])),
        Chart("Latency p99", "ms", "", tuple(slow[:MOST_LINES])),
    )


def _has_every_request(flow: Flow, chart: Chart) -> bool:
    """Whether each call of the charted side has one line, so that lines can be added up."""
    return len(chart.lines) == len(_asked(flow.callers) or _asked(flow.callees))


def _asked(calls: Sequence[FlowCall]) -> list[FlowCall]:
    return sorted(
        (call for call in calls if call.edge.sums.requests), key=lambda call: -(call.edge.sums.requests or 0.0)
    )


def _requests(found: Observed) -> Observed:
    return [one for one in found if one[0].sums.requests is not None]


def _far_name(node: GraphNode, centre: GraphNode) -> str:
    """The short name; with its cluster where that is another."""
    return node_name(node) if node.cluster in ("", centre.cluster) else f"{node_name(node)} {clean(node.cluster)}"


def _rate(window: str, matchers: Sequence[Matcher]) -> str:
    return f"sum(rate({selector('istio_requests_total', matchers)}[{window}]))"


def _p99(window: str, matchers: Sequence[Matcher]) -> str:
    buckets = selector("istio_request_duration_milliseconds_bucket", matchers)
    return f"histogram_quantile(0.99, sum by (le) (rate({buckets}[{window}])))"


def _lines(
    name: str, unit: str, found: Observed, window: str, expression: Expression, *, whole: bool = False
) -> list[ChartLine]:
    """A line for each cluster that reports the calls, with its name where there are several.

    `whole` is for all calls of the centre: who makes them need not be known.
    """
    side = reporting_side(found)
    clusters = reporting_clusters(found, side)
    unnamed = [not edge.source.workload for edge, _ in found]
    if not found or (any(unnamed) and not all(unnamed) and not whole):
        # Nothing selects these calls alone.
        return []
    matchers = matchers_of_calls(found, side)
    if all(unnamed) and not whole:
        matchers.append(_NOBODY)
    several = len(clusters) > 1
    return [
        ChartLine(f"{name} {clean(one)}" if several and one != name else name, unit, expression(window, matchers), one)
        for one in clusters
    ]
