"""The tenants' tree: who stands under whom, what is added up, what is said where, and what a policy leaves out."""

from __future__ import annotations

from math import fsum

import pytest

from meshtop.analysis.tenancy.access.rights import AccessRules
from meshtop.analysis.tenancy.units import TenancyLevel
from meshtop.model.traffic import Traffic
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.frame.tree import ALL_OPEN, Folding
from meshtop.views.kinds.tenanttree import TenantNode, at_first, tree_of
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import sums_in
from tests.analysis.tenancy.fleets import GROUPED, fleet, tenancy

SCOPES = (
    Query(),
    Query(clusters=("east",)),
    Query(namespaces=("pay", "tools")),
    Query(tenant="storefront"),
    Query(tenant="storefront/web"),
    Query(tenant="storefront/web/front"),
    Query(clusters=("west",), tenant="payments"),
)


@pytest.fixture(scope="module", params=["declared", "marks"])
def picture(request: pytest.FixtureRequest) -> Picture:
    return PictureFactory(tenancy=tenancy(GROUPED) if request.param == "declared" else None).picture(fleet())


def nodes(picture: Picture, query: Query = Query()) -> dict[str, TenantNode]:  # noqa: B008 - it is frozen
    found: list[TenantNode] = view("tenanttree").in_scope(picture, picture.resolved(query))
    return {node.key: node for node in found}


def shape(picture: Picture, folding: Folding = ALL_OPEN) -> list[str]:
    found = list(nodes(picture).values())
    order = view("tenanttree").order(Query(sort="name"))
    return [twig.lead + twig.item.name for twig in tree_of(found).rows(folding, order)]


def test_the_tree_of_a_tenancy_file() -> None:
    picture = PictureFactory(tenancy=tenancy(GROUPED)).picture(fleet())
    assert shape(picture) == [
        "▾ acme",
        "├─▾ payments",
        "│ └─▾ cards",
        "│   ├── east/pay",
        "│   └── west/pay",
        "└─▾ storefront",
        "  └─▾ web",
        "    ├── east/shop",
        "    ├── east/tools",
        "    ├── west/shop",
        "    ├── west/tools",
        "    └── traffic group front",
        "▾ payments|storefront",
        "└── east/mixed",
        "▾ (none)",
        "├── east/istio-system",
        "└── west/istio-system",
    ]
    first = at_first(list(nodes(picture).values()), Folding())
    assert shape(picture, first) == [
        "▾ acme",
        "├─▾ payments",
        "│ └─▸ cards",
        "└─▾ storefront",
        "  └─▸ web",
        "▸ payments|storefront",
        "▸ (none)",
    ]


def test_the_tree_of_marks_has_tenants_on_top() -> None:
    top = shape(PictureFactory().picture(fleet()))[:4]
    assert top == [
        "▾ payments",
        "├── east/pay",
        "└── west/pay",
        "▾ storefront",
    ]


def figures(traffic: Traffic) -> tuple[float, float]:
    return traffic.requests_per_second or 0.0, traffic.errors_per_second or 0.0


@pytest.mark.parametrize("query", SCOPES, ids=str)
def test_every_row_is_the_sum_of_those_under_it(picture: Picture, query: Query) -> None:
    found = nodes(picture, query)
    for node in found.values():
        below = [n for n in found.values() if n.parent == node.key and n.level != TenancyLevel.GROUP]
        for index in (0, 1) if below else ():
            parts = fsum(figures(one.received)[index] for one in below)
            assert figures(node.received)[index] == pytest.approx(parts), node.key
        if below:
            assert {*node.namespaces} == {name for one in below for name in one.namespaces}


@pytest.mark.parametrize("query", SCOPES[:3], ids=str)
def test_what_stands_on_top_adds_up_to_the_total_of_the_scope(picture: Picture, query: Query) -> None:
    tops = [node for node in nodes(picture, query).values() if node.parent is None]
    total = sums_in(picture, query).requests or 0.0
    assert fsum(figures(node.received)[0] for node in tops) == pytest.approx(total)


def test_levels_are_those_of_the_table(picture: Picture) -> None:
    found = nodes(picture)
    for row in view("tenants").items(picture, Query()):
        key = f"workspace:{row.tenant}/{row.workspace}" if row.workspace else f"tenant:{row.tenant}"
        assert found[key].inbound == row.inbound
        assert found[key].outbound == row.outbound
        assert found[key].apdex == row.apdex
        assert found[key].health == row.health


def test_findings_rise_to_what_they_stand_under() -> None:
    picture = PictureFactory(tenancy=tenancy()).picture(fleet())
    found = {key: [f.code for f in node.findings] for key, node in nodes(picture).items() if node.findings}
    assert found == {
        "organization:acme": ["TENANT-PLAINTEXT", "TENANT-OUTSIDE"],
        "tenant:payments": ["TENANT-PLAINTEXT"],
        "workspace:payments/cards": ["TENANT-PLAINTEXT"],
        "tenant:storefront": ["TENANT-OUTSIDE"],
        "workspace:storefront/web": ["TENANT-OUTSIDE"],
        "tenant:payments|storefront": ["TENANT-MARKS-CONFLICT"],
        "namespace:east/mixed": ["TENANT-MARKS-CONFLICT"],
    }


def test_every_row_opens(picture: Picture) -> None:
    for key, node in nodes(picture).items():
        opened = detail(picture, "tenanttree", key)
        assert opened is not None
        assert all(fact.cell.text for section in opened.sections for fact in section.facts), key
        assert node.level == "namespace" or opened.title == node.name


def test_a_group_opened() -> None:
    picture = PictureFactory(tenancy=tenancy(GROUPED)).picture(fleet())
    opened = detail(picture, "tenanttree", "group:storefront/web/front")
    assert opened is not None
    facts = {section.title: {f.label: f.cell.text for f in section.facts} for section in opened.sections}
    assert facts["About"]["group"] == "front"
    assert facts["About"]["namespaces"] == "east/shop, west/shop"
    assert facts["Traffic"]["in"].startswith("5/s")
    assert facts["Traffic"]["within"].startswith("50/s")
    assert [len(related.table) for related in opened.related] == [2, 2]


def test_an_organization_opened_is_all_its_tenants() -> None:
    picture = PictureFactory(tenancy=tenancy(GROUPED)).picture(fleet())
    opened = detail(picture, "tenanttree", "organization:acme")
    assert opened is not None
    facts = {section.title: {f.label: f.cell.text for f in section.facts} for section in opened.sections}
    assert facts["Traffic"]["within"].startswith("112/s")
    assert facts["Traffic"]["other tenants"].startswith("16.5/s")


def test_what_a_policy_hides_is_no_row() -> None:
    declared = tenancy()
    rules = AccessRules(None, declared, "maria")
    found = nodes(PictureFactory(tenancy=declared, rules=rules).picture(fleet()))
    assert set(found) == {
        "organization:acme", "tenant:storefront", "workspace:storefront/web", "group:storefront/web/all",
        "namespace:east/shop", "namespace:west/shop", "tenant:(none)", "namespace:east/istio-system",
        "namespace:west/istio-system", "tenant:(hidden)",
    }  # fmt: skip


def test_what_is_asked_of_namespaces_that_are_not_known_is_no_idling() -> None:
    declared = tenancy()
    picture = PictureFactory(tenancy=declared, rules=AccessRules(None, declared, "maria")).picture(fleet())
    found = nodes(picture)
    assert found["tenant:(hidden)"].health.status == "unknown"
    assert found["namespace:west/istio-system"].health.status == "idle"
