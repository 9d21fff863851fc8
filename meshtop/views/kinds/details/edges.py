"""An edge opened: codes and flags in words, both reporters, its hops, and its course over time."""

from __future__ import annotations

from collections.abc import Mapping

from meshtop.analysis.traffic.flags import code_meaning, flag_meaning
from meshtop.model.constants import CONTRADICTED_FROM
from meshtop.model.traffic import Peer, Target
from meshtop.views.frame.charts import SOURCE_SIDE, Chart, bytes_chart, equals, request_charts, to_services
from meshtop.views.frame.columns import error_tone
from meshtop.views.frame.detail import BY_NAME, Detail, Fact, Section, fact, related_at, verdict
from meshtop.views.frame.numbers import percent, quantity
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.edges import EdgeItem, end_text
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: EdgeItem, key: str) -> Detail:
    """Everything about one edge."""
    ends = {(e.cluster, e.namespace, e.workload) for e in (item.source, item.destination)}
    return Detail(
        kind="edges",
        key=key,
        title=f"{end_text(item.source)} → {end_text(item.destination)}",
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section("Ends", (*_end("from", item.source), *_end("to", item.destination), *_path(item))),
            Section("Answers", answers(item.protocol, item.codes, item.flags)),
            Section("Reporters", _reporters(picture, item, key)),
        ),
        related=(
            related_at(
                picture,
                "workloads",
                "Both ends",
                ends,
                BY_NAME,
                "Neither end is a workload that is known.",
            ),
        ),
        charts=_charts(picture, item),
    )


def _end(label: str, end: Peer | Target) -> tuple[Fact, ...]:
    where = f" in {end.cluster}" if end.cluster else ""
    version = f", version {end.version}" if end.version else ""
    return (fact(label, f"{end.kind} {end_text(end)}{version}{where}"),)


def _path(item: EdgeItem) -> tuple[Fact, ...]:
    return (
        fact("service", item.destination.service),
        fact("protocol", item.protocol),
        fact("hops", item.hops or "none"),
        fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} %"),
    )


def answers(protocol: str, codes: Mapping[str, float], flags: Mapping[str, float]) -> tuple[Fact, ...]:
    """Codes and flags (rates per second) with their meaning in words, the most frequent first."""
    total = sum(codes.values())
    facts = []
    for code, rate in sorted(codes.items(), key=lambda c: -c[1]):
        share = rate / total if total else 0.0
        bad = code[:1] in ("4", "5", "-") or (protocol == "grpc" and code not in ("0", "200"))
        tone = error_tone(share) if bad else Tone.PLAIN
        facts.append(fact(f"{percent(share)} %", f"{code_meaning(protocol, code)}, {quantity(rate)}/s", tone))
    for flag, rate in sorted(flags.items(), key=lambda f: -f[1]):
        if flag not in ("", "-"):
            facts.append(fact(flag, f"{flag_meaning(flag)}, {quantity(rate)}/s", Tone.DEGRADED))
    return tuple(facts) or (fact("", "no requests in this window", Tone.DIM),)


def _reporters(picture: Picture, item: EdgeItem, key: str) -> tuple[Fact, ...]:
    """What each side counted; TCP sides count connections."""
    edge = next((e for e, i in zip(picture.edges, _items(picture), strict=True) if i is item), None)
    unit = "connections/s" if item.protocol == "tcp" else "/s"
    facts = [fact(name, f"{quantity(rate)} {unit}") for name, rate in sorted(edge.reports.items())] if edge else []
    if item.disagreement is not None:
        tone = Tone.DEGRADED if item.disagreement >= CONTRADICTED_FROM else Tone.PLAIN
        facts.append(fact("disagreement", f"{percent(item.disagreement)} %", tone))
    elif len(facts) == 1:
        facts.append(fact("", "only one side reports it, so nothing can be held against it", Tone.DIM))
    return tuple(facts)


def _items(picture: Picture) -> list[EdgeItem]:
    from meshtop.views.frame.registry import view

    items: list[EdgeItem] = view("edges").all_items(picture)
    return items


def _charts(picture: Picture, item: EdgeItem) -> tuple[Chart, ...]:
    cluster = item.source.cluster or item.destination.cluster
    labels = {
        "source_workload": item.source.workload,
        "source_workload_namespace": item.source.namespace,
        "destination_workload": item.destination.workload,
        "destination_workload_namespace": item.destination.namespace,
    }
    asked = [item.destination.service] if item.destination.service and not item.destination.workload else []
    matchers = (SOURCE_SIDE, *equals(labels), *to_services(asked))
    window = picture.snapshot.window_seconds
    if item.protocol == "tcp":
        return (bytes_chart(cluster, matchers, window_seconds=window),)
    return request_charts(cluster, matchers, window_seconds=window)
