"""Units of tenancy: every level is the sum of what stands under it, in any scope, and findings rise."""

from __future__ import annotations

from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.tenancy.findings import TenantFinding, tenant_findings
from meshtop.analysis.tenancy.ownership import NONE, Owners, owners_of
from meshtop.analysis.tenancy.traffic import Pairs, Within
from meshtop.analysis.tenancy.units import TenancyLevel, UnitFigures, Units
from meshtop.model.state import Finding, Severity
from meshtop.model.traffic import Sums
from tests.analysis.tenancy.fleets import GROUPED, fleet, tenancy

EAST: Within = lambda cluster, namespace: cluster == "east"  # noqa: E731 - a scope is a function
_clusters = st.sampled_from(["east", "west", ""])
_places = st.tuples(_clusters, st.sampled_from(["shop", "pay", "tools", "mixed", "gone", ""]))
_pairs = st.dictionaries(
    st.tuples(_places, _places), st.floats(0, 1e5).map(lambda rate: Sums(requests=rate)), max_size=20
)


def requests(figures: UnitFigures) -> float:
    return figures.traffic.figures.received.requests or 0.0


def total(pairs: Pairs, within: Within | None) -> float:
    """What is asked in a scope; an end that is in no cluster goes with the other one."""
    return fsum(
        sums.requests or 0.0
        for (source, target), sums in pairs.items()
        if within is None or within(*(target if target[0] else source))
    )


@settings(max_examples=60)
@given(_pairs, st.sampled_from([None, GROUPED]), st.sampled_from([None, EAST]))
def test_every_level_adds_up(pairs: Pairs, file: str | None, within: Within | None) -> None:
    units = Units(pairs, owners_of(fleet(), tenancy(file) if file else None), within=within)
    whole = total(pairs, within)
    assert fsum(map(requests, units.workspaces())) == pytest.approx(whole)
    assert fsum(pair.sums.requests or 0.0 for pair in units.tenant_pairs()) == pytest.approx(whole)
    tree = {figures.unit.key: figures for figures in units.tree()}
    assert fsum(requests(f) for f in tree.values() if f.unit.parent is None) == pytest.approx(whole)
    for key, figures in tree.items():
        below = [f for f in tree.values() if f.unit.parent == key and f.unit.level is not TenancyLevel.GROUP]
        if below:
            assert requests(figures) == pytest.approx(fsum(map(requests, below))), key
            assert set(figures.namespaces) == {place for f in below for place in f.namespaces}


def names(figures: list[UnitFigures]) -> list[str]:
    return [one.unit.key for one in figures]


def test_workspaces_stand_by_tenant_and_what_is_no_tenants_at_the_end() -> None:
    units = Units({}, owners_of(fleet(), tenancy()))
    assert names(units.workspaces()) == [
        "workspace:payments/cards",
        "tenant:payments|storefront",
        "workspace:storefront/web",
        f"tenant:{NONE}",
    ]


def test_a_workspace_without_a_namespace_is_there_where_it_may_be_named_and_in_no_scope() -> None:
    owners = Owners({}, tenancy=tenancy())
    assert names(Units({}, owners).workspaces()) == ["workspace:payments/cards", "workspace:storefront/web"]
    assert "group:storefront/web/all" in names(Units({}, owners).tree())
    one = Units({}, owners, may_name=lambda tenant, workspace: tenant == "payments")
    assert names(one.workspaces()) == ["workspace:payments/cards"]
    assert names(one.tree()) == ["organization:acme", "tenant:payments", "workspace:payments/cards"]
    assert not Units({}, owners, within=EAST).workspaces()
    assert not Units({}, owners, within=EAST).tree()


def test_what_is_said_of_the_namespaces_of_a_unit() -> None:
    (web,) = (f for f in Units({}, owners_of(fleet(), tenancy())).workspaces() if f.unit.workspace == "web")
    assert web.namespaces == (("east", "shop"), ("west", "shop"))
    assert (web.clusters, web.marks, web.groups) == (("east", "west"), ("tenancy",), ("security/all",))
    (marked,) = (f for f in Units({}, owners_of(fleet())).workspaces() if f.unit.tenant == "payments|storefront")
    assert marked.marks == ("kubesphere.io/workspace", "capsule.clastix.io/tenant")


def _finding(code: str, severity: Severity, unit: tuple[str, str], **where: tuple[str, str]) -> TenantFinding:
    return TenantFinding(unit, Finding(code=code, severity=severity, message="", fix=None), **where)


def test_findings_rise_to_what_they_stand_under_and_pairs_have_their_own() -> None:
    found = [
        _finding("INFO", Severity.INFO, ("storefront", "web"), place=("east", "shop")),
        _finding("ERROR", Severity.ERROR, ("storefront", "web"), pair=("payments", "storefront")),
    ]
    pairs = {(("east", "pay"), ("east", "shop")): Sums(requests=1.0)}
    units = Units(pairs, owners_of(fleet(), tenancy()), found)
    codes = {f.unit.key: [one.code for one in f.findings] for f in units.tree() if f.findings}
    assert codes == {
        "organization:acme": ["ERROR", "INFO"],
        "tenant:storefront": ["ERROR", "INFO"],
        "workspace:storefront/web": ["ERROR", "INFO"],
        "namespace:east/shop": ["INFO"],
    }
    (pair,) = units.tenant_pairs()
    assert (pair.source, pair.target, [one.code for one in pair.findings]) == ("payments", "storefront", ["ERROR"])


def test_selectors_are_judged_only_where_all_clusters_are_named() -> None:
    owners = owners_of(fleet(), tenancy(GROUPED.replace("*/pay", "north/pay")))
    assert "TENANT-UNKNOWN-CLUSTER" not in [f.finding.code for f in tenant_findings((), owners)]
    found = tenant_findings((), owners, clusters=["east", "west"], read=["east", "west"])
    assert "TENANT-UNKNOWN-CLUSTER" in [f.finding.code for f in found]
