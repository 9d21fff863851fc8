"""A tenant or workspace opened: its settings, traffic by direction and cluster, top talkers, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshtop.analysis.tenancy.ownership import NamespaceOwner
from meshtop.analysis.tenancy.traffic import LevelTraffic, Talker, apdex, of_level
from meshtop.model.traffic import Sums
from meshtop.sources.prometheus.promql import one_of
from meshtop.views.frame.charts import DESTINATION_SIDE, Chart, charts_by_cluster
from meshtop.views.frame.columns import error_tone, mtls_tone
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related, verdict
from meshtop.views.frame.numbers import milliseconds, percent, quantity
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.tenants import TenantItem, finding_facts
from meshtop.views.kinds.tenanttree import TenantNode
from meshtop.views.picture.picture import Picture

TALKERS = 8


Level = TenantItem | TenantNode
"""A tenant, or any level of one."""


def detail(picture: Picture, item: TenantItem, key: str) -> Detail:
    """Everything about one tenant, or one workspace of it."""
    level = f"{item.tenant}/{item.workspace}" if item.workspace else item.tenant
    return level_detail(picture, "tenants", item, key, title=level, belongs=lambda owner: owner.within(level))


def level_detail(
    picture: Picture,
    kind: str,
    item: Level,
    key: str,
    *,
    title: str,
    belongs: Callable[[NamespaceOwner], bool],
    group: str | None = None,
) -> Detail:
    """Everything about one level; `belongs` says whose namespaces are in it, whatever the scope is."""
    traffic = of_level(picture.edges, picture.owners, belongs)
    owned = frozenset("/".join(place) for place, owner in picture.owners.all_known().items() if belongs(owner))
    return Detail(
        kind=kind,
        key=key,
        title=title,
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            *_wrong(item),
            Section("What it is", _facts(picture, item, group)),
            Section("Traffic", _directions(picture, traffic)),
            Section("By cluster, what it answers", _clusters(traffic)),
            Section("Top talkers", _talkers(traffic)),
            *_bindings(picture, item, group),
        ),
        related=(
            related(
                picture,
                "namespaces",
                "Namespaces",
                lambda n: f"{n.cluster}/{n.name}" in owned,
                "It has no namespaces.",
            ),
            related(
                picture,
                "services",
                "Services",
                lambda s: f"{s.cluster}/{s.namespace}" in owned,
                "It has no services.",
            ),
        ),
        charts=_charts(picture, sorted(owned)),
    )


def _wrong(item: Level) -> tuple[Section, ...]:
    facts = finding_facts(item.findings)
    return (Section("What is wrong", facts),) if facts else ()


def _facts(picture: Picture, item: Level, group: str | None) -> tuple[Fact, ...]:
    modes = {_modes(picture, name) for name in item.namespaces}
    facts = [
        fact("organization", item.organization),
        fact("tenant", item.tenant),
        fact("workspace", item.workspace),
        *((fact("group", group),) if group else ()),
        fact("found by", item.marks),
        fact("clusters", item.clusters),
        fact("namespaces", item.namespaces),
        fact("groups", item.groups),
    ]
    for label, index in (("traffic mode", 0), ("authorization", 1)):
        said = sorted({mode[index] for mode in modes if mode[index]})
        facts.append(fact(label, ", ".join(said) or None))
    facts.append(fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} %"))
    return tuple(facts)


def _modes(picture: Picture, name: str) -> tuple[str, str]:
    cluster, _, namespace = name.rpartition("/")
    owner = picture.owner(cluster, namespace)
    return (owner.traffic_mode or "", owner.authorization_mode or "")


def _directions(picture: Picture, level: LevelTraffic) -> tuple[Fact, ...]:
    figures = level.traffic.figures
    sides = (
        ("in", figures.inbound),
        ("out", figures.outbound),
        ("within", figures.internal),
        ("other tenants", level.traffic.crossing),
    )
    facts = [_signals(label, sums) for label, sums in sides]
    score = apdex(figures.received.buckets, picture.apdex_ms)
    said = None if score is None else f"{score:.2f} (satisfied within {milliseconds(picture.apdex_ms)} ms)"
    return (*facts, fact("apdex", said))


def _signals(label: str, sums: Sums) -> Fact:
    traffic = sums.traffic()
    if traffic.requests_per_second is None:
        if traffic.connections_per_second is None and traffic.bytes_per_second.sent is None:
            return fact(label, None)
        return fact(label, f"TCP {quantity(traffic.connections_per_second)} connections/s")
    ratio = sums.mtls_ratio
    words = f"{quantity(traffic.requests_per_second)}/s"
    if traffic.error_ratio is not None:
        words += f"  {percent(traffic.error_ratio)} % errors"
    words += f"  p50 {milliseconds(traffic.latency_ms.p50)}  p99 {milliseconds(traffic.latency_ms.p99)} ms"
    words += "" if ratio is None else f"  mTLS {percent(ratio)} %"
    bad = error_tone(traffic.error_ratio or 0.0)
    return fact(label, words, bad if bad is not Tone.PLAIN or ratio is None else mtls_tone(ratio))


def _clusters(level: LevelTraffic) -> tuple[Fact, ...]:
    facts = tuple(_signals(cluster or "no cluster", sums) for cluster, sums in level.clusters.items())
    return facts or (fact("", "nothing was asked of it in this window", Tone.DIM),)


def _talkers(level: LevelTraffic) -> tuple[Fact, ...]:
    facts = [_talker(talker) for talker in level.talkers[:TALKERS]]
    more = len(level.talkers) - len(facts)
    if more > 0:
        facts.append(fact("", f"and {more} more", Tone.DIM))
    return tuple(facts) or (fact("", "nobody from outside", Tone.DIM),)


def _talker(talker: Talker) -> Fact:
    where = "/".join(part for part in (talker.namespace, talker.workload or "unknown") if part)
    place = f" in {talker.cluster}" if talker.cluster else ""
    line = _signals("from" if talker.inbound else "to", talker.sums)
    return fact(line.label, f"{talker.tenant} {where}{place}  {line.cell.text}", line.cell.tone)


def _bindings(picture: Picture, item: Level, group: str | None) -> tuple[Section, ...]:
    """Roles on the level itself, on what it is part of, and on parts of it."""
    if picture.tenancy is None:
        return ()
    path = [part for part in (item.tenant, item.workspace, group) if part]
    facts = tuple(
        fact(binding.role, f"{', '.join(binding.subjects)} on {binding.on}")
        for binding in picture.tenancy.file.bindings
        if (on := _path_of(binding.on)) == path[: len(on)] or (path == on[: len(path)] and _may_name(picture, on))
    )
    return (Section("Who may", facts),) if facts else ()


def _may_name(picture: Picture, on: list[str]) -> bool:
    """Whether a part of a level may be named: not where the access policy keeps it from the user."""
    return picture.access is None or (len(on) > 1 and picture.access.may_read_workspace(on[0], on[1]))


def _path_of(on: str) -> list[str]:
    """What a binding is on as tenant, workspace, group; nothing for the organization."""
    level, _, path = on.partition("/")
    return [] if level == "organization" else path.split("/")


def _charts(picture: Picture, namespaces: Sequence[str]) -> tuple[Chart, ...]:
    """What is answered in each cluster, over time; quantiles are each cluster's own, for they cannot be added."""
    names: dict[str, list[str]] = {}
    for place in namespaces:
        cluster, _, namespace = place.rpartition("/")
        names.setdefault(cluster, []).append(namespace)
    into = {
        cluster: (DESTINATION_SIDE, one_of("destination_workload_namespace", some)) for cluster, some in names.items()
    }
    return charts_by_cluster(into, window_seconds=picture.snapshot.window_seconds)
