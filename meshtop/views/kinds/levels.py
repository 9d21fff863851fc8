"""Common parts of tenants, workspaces, groups and organizations: columns of figures, and the detail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from meshtop.analysis.tenancy.ownership import NamespaceOwner
from meshtop.analysis.tenancy.traffic import LevelTraffic, Talker, apdex, of_level
from meshtop.analysis.tenancy.units import UnitFigures
from meshtop.model.numbers import milliseconds, percent, quantity
from meshtop.model.state import Finding, Health, HealthStatus
from meshtop.model.traffic import Sums, Traffic
from meshtop.views.frame.charts import Chart, RequestsLine, answered_in, asked_of, charts_of_lines, into_namespaces
from meshtop.views.frame.columns import NOTHING, Columns, error_tone, mtls_tone
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.findings import findings_column, findings_section
from meshtop.views.frame.table import Align, Cell, Column, Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query

TALKERS = 8
"""Maximum number of top callers and callees listed for a level."""


class TenantLevel(Protocol):
    """A tenant or any level of one: a set of namespaces with their combined figures."""

    @property
    def organization(self) -> str | None:
        """The organization of the tenancy file."""

    @property
    def tenant(self) -> str | None:
        """The tenant; several joined by `|` where marks disagree."""

    @property
    def workspace(self) -> str | None:
        """The workspace; None without one."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces, as `CLUSTER/NAMESPACE`."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Sources of the ownership: marks, or `tenancy`."""

    @property
    def inbound(self) -> Traffic:
        """Traffic from outside."""

    @property
    def outbound(self) -> Traffic:
        """Traffic to outside."""

    @property
    def internal(self) -> Traffic:
        """Traffic inside the level."""

    @property
    def cross_tenant(self) -> Traffic:
        """Traffic from and to other tenants."""

    @property
    def mtls_ratio(self) -> float | None:
        """The share of received traffic seen as mutual TLS."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings about the level."""

    @property
    def received(self) -> Traffic:
        """All traffic that it receives."""

    @property
    def apdex(self) -> float | None:
        """The Apdex score of all requests that it receives."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that its namespaces are in."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Its groups, as `KIND/NAME`."""

    @property
    def health(self) -> Health:
        """The combined health of its workloads."""


def of_tenant(query: Query, *tenants: str | None) -> bool:
    """Whether the item's tenants match the query's; a level of a tenant selects namespaces, not rows."""
    if query.tenant is None or query.within is not None:
        return True
    return any(tenant is not None and query.tenant in tenant.split("|") for tenant in tenants)


def figures_of(picture: Picture, figures: UnitFigures) -> dict[str, Any]:
    """The fields of an item that are common to units of all levels."""
    sides, received = figures.traffic.figures, figures.traffic.figures.received
    workloads = [workload for place in figures.namespaces for workload in picture.workloads_in(*place)]
    return {
        "namespaces": tuple("/".join(place) for place in figures.namespaces),
        "marks": figures.marks,
        "inbound": sides.inbound.traffic(),
        "outbound": sides.outbound.traffic(),
        "internal": sides.internal.traffic(),
        "cross_tenant": figures.traffic.crossing.traffic(),
        "mtls_ratio": received.mtls_ratio,
        "findings": figures.findings,
        "received": received.traffic(),
        "apdex": apdex(received.buckets, picture.apdex_ms),
        "clusters": figures.clusters,
        "groups": figures.groups,
        "health": _together(picture, workloads, figures.namespaces, asked=received != Sums()),
    }


def _together(picture: Picture, workloads: list[Any], places: Sequence[tuple[str, str]], *, asked: bool) -> Health:
    if asked and not workloads:
        return Health(HealthStatus.UNKNOWN, ("what answers here is not known",))
    return picture.group_health(workloads, places)


def _apdex_tone(value: float) -> Tone:
    """Colour by the Apdex Alliance's ratings: below 0.7 is poor, below 0.85 fair."""
    if value < 0.7:
        return Tone.FAILING
    return Tone.DEGRADED if value < 0.85 else Tone.PLAIN


def _apdex_cell(item: TenantLevel) -> Cell:
    return NOTHING if item.apdex is None else Cell(f"{item.apdex:.2f}", _apdex_tone(item.apdex))


c = Columns(TenantLevel)  # type: ignore[type-abstract]
FIGURES: tuple[Column[TenantLevel], ...] = (
    c.health(),
    c.text("organization", "ORGANIZATION", "The organization.", "organization", wide=True, priority=7),
    c.count("count", "NS", "Namespaces, over all clusters.", lambda i: len(i.namespaces), priority=3),
    c.words("namespaces", "NAMESPACES", "The namespaces, as cluster/namespace.", "namespaces", wide=True,
            aliases=("namespace", "ns"), priority=8, max_width=48),
    c.words("clusters", "CLUSTERS", "The clusters that its namespaces are in.", "clusters", wide=True,
            aliases=("cluster",), priority=6),
    c.words("marks", "FOUND BY", "How the owner was found; `tenancy` is the tenancy file.", "marks", wide=True,
            priority=8),
    c.words("groups", "GROUPS", "Traffic, security and gateway groups.", "groups", wide=True, priority=8),
    *c.golden("received"),
    c.custom(name="apdex", title="APDEX", help_="Share of users who are satisfied, those who tolerate counting half.",
             value=lambda i: i.apdex, cell=_apdex_cell, numeric=True, align=Align.RIGHT, priority=3),
    c.rate("inbound", "IN/S", "Requests per second from outside of the row.",
           lambda i: i.inbound.requests_per_second, priority=4),
    c.rate("outbound", "OUT/S", "Requests per second to outside of the row.",
           lambda i: i.outbound.requests_per_second, priority=4),
    c.rate("internal", "WITHIN/S", "Requests per second within the row.",
           lambda i: i.internal.requests_per_second, priority=5),
    c.rate("crossTenant", "CROSS/S", "Requests per second from and to other tenants.",
           lambda i: i.cross_tenant.requests_per_second, aliases=("crossing",), priority=3),
    c.mtls(priority=2),
    findings_column(),
)  # fmt: skip
"""The columns that all levels have in common."""


def level_detail(
    picture: Picture,
    kind: str,
    item: TenantLevel,
    key: str,
    *,
    title: str,
    belongs: Callable[[NamespaceOwner], bool],
    group: str | None = None,
) -> Detail:
    """The detail of one level; `belongs` tells which owners' namespaces are in it, independent of the scope."""
    traffic = of_level(picture.edges, picture.owners, belongs)
    owned = frozenset("/".join(place) for place, owner in picture.owners.all_known().items() if belongs(owner))
    return Detail(
        kind=kind,
        key=key,
        title=title,
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            *((findings_section(item.findings),) if item.findings else ()),
            Section("About", _facts(picture, item, group)),
            Section("Traffic", _directions(picture, traffic)),
            Section("Inbound by cluster", _clusters(picture, traffic)),
            Section("Top talkers", _talkers(picture, traffic)),
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


def _facts(picture: Picture, item: TenantLevel, group: str | None) -> tuple[Fact, ...]:
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
    facts = [_signals(picture, label, sums) for label, sums in sides]
    score = apdex(figures.received.buckets, picture.apdex_ms)
    said = None if score is None else f"{score:.2f} (satisfied within {milliseconds(picture.apdex_ms)} ms)"
    return (*facts, fact("apdex", said))


def _signals(picture: Picture, label: str, sums: Sums) -> Fact:
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
    bad = error_tone(traffic.error_ratio or 0.0, picture.thresholds)
    return fact(label, words, bad if bad is not Tone.PLAIN or ratio is None else mtls_tone(ratio))


def _clusters(picture: Picture, level: LevelTraffic) -> tuple[Fact, ...]:
    facts = tuple(_signals(picture, cluster or "no cluster", sums) for cluster, sums in level.clusters.items())
    return facts or (fact("", "no requests to it in this window", Tone.DIM),)


def _talkers(picture: Picture, level: LevelTraffic) -> tuple[Fact, ...]:
    facts = [_talker(picture, talker) for talker in level.talkers[:TALKERS]]
    more = len(level.talkers) - len(facts)
    if more > 0:
        facts.append(fact("", f"and {more} more", Tone.DIM))
    return tuple(facts) or (fact("", "none from outside", Tone.DIM),)


def _talker(picture: Picture, talker: Talker) -> Fact:
    where = "/".join(part for part in (talker.namespace, talker.workload or "unknown") if part)
    place = f" in {talker.cluster}" if talker.cluster else ""
    line = _signals(picture, "from" if talker.inbound else "to", talker.sums)
    return fact(line.label, f"{talker.tenant} {where}{place}  {line.cell.text}", line.cell.tone)


def _bindings(picture: Picture, item: TenantLevel, group: str | None) -> tuple[Section, ...]:
    """Role bindings on the level itself, on levels above it, and on parts of it."""
    if picture.tenancy is None:
        return ()
    path = [part for part in (item.tenant, item.workspace, group) if part]
    facts = tuple(
        fact(binding.role, f"{', '.join(binding.subjects)} on {binding.on}")
        for binding in picture.tenancy.file.bindings
        if (on := _path_of(binding.on)) == path[: len(on)] or (path == on[: len(path)] and _may_name(picture, on))
    )
    return (Section("Roles", facts),) if facts else ()


def _may_name(picture: Picture, on: list[str]) -> bool:
    """Whether a part of a level may be shown: not where the access policy hides it from the user."""
    return picture.access is None or (len(on) > 1 and picture.access.may_read_workspace(on[0], on[1]))


def _path_of(on: str) -> list[str]:
    """The level of a binding as [tenant, workspace, group]; empty for the organization."""
    level, _, path = on.partition("/")
    return [] if level == "organization" else path.split("/")


def _charts(picture: Picture, namespaces: Sequence[str]) -> tuple[Chart, ...]:
    """Charts of received traffic, for each cluster with some of the namespaces from wherever its figures come."""
    names: dict[str, list[str]] = {}
    for place in namespaces:
        cluster, _, namespace = place.rpartition("/")
        names.setdefault(cluster, []).append(namespace)
    lines: list[RequestsLine] = []
    for home, some in sorted(names.items()):
        calls = [call for namespace in some for call in picture.edges_into(home, namespace)]
        called, missed = into_namespaces(some)
        told = asked_of(calls, home, called, answered=answered_in(picture.cluster_id(home)), missed=missed)
        elsewhere = any(one.cluster != home for one in told)
        lines += [one._replace(name=f"{one.cluster} to {home}") if elsewhere else one for one in told]
    return charts_of_lines(lines, window_seconds=picture.snapshot.window_seconds)
