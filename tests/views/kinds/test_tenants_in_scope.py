"""Figures of tenants follow the scope, and what a policy leaves out is worked out once for the same inventories."""

from __future__ import annotations

from math import fsum

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.tenancy.access.rights import AccessRules
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.views.frame.registry import view
from meshtop.views.kinds.tenantmatrix import TenantPair
from meshtop.views.kinds.tenants import TenantItem
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import sums_in
from tests import worlds
from tests.analysis.tenancy.fleets import GROUPED, call, cluster, fleet, tenancy


def rows(picture: Picture, query: Query) -> list[TenantItem]:
    found: list[TenantItem] = view("tenants").items(picture, query)
    return found


def pairs(picture: Picture, query: Query) -> list[TenantPair]:
    found: list[TenantPair] = view("tenantmatrix").items(picture, query)
    return found


@pytest.fixture(scope="module")
def picture() -> Picture:
    return PictureFactory(tenancy=tenancy(GROUPED)).picture(fleet())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), {"storefront/web": (60.0, 11.5), "payments/cards": (51.5, 5.0)}),
        (Query(clusters=("east",)), {"storefront/web": (55.0, 16.5), "payments/cards": (11.5, 5.0)}),
        (Query(clusters=("west",)), {"storefront/web": (5.0, None), "payments/cards": (40.0, None)}),
        (Query(namespaces=("pay",)), {"payments/cards": (51.5, 5.0)}),
        (Query(tenant="storefront/web/front"), {"storefront/web": (55.0, 10.0)}),
        (Query(clusters=("east",), tenant="payments"), {"payments/cards": (11.5, 5.0)}),
    ],
)
def test_rows_have_the_figures_of_the_scope(
    picture: Picture, query: Query, expected: dict[str, tuple[float, float | None]]
) -> None:
    found = {
        f"{row.tenant}/{row.workspace}": (row.received.requests_per_second, row.outbound.requests_per_second)
        for row in rows(picture, query)
        if row.workspace
    }
    assert found == {key: pytest.approx(figures) for key, figures in expected.items()}


def test_rows_name_the_namespaces_of_the_scope(picture: Picture) -> None:
    (row,) = rows(picture, Query(clusters=("west",), tenant="storefront"))
    assert row.namespaces == ("west/shop", "west/tools")
    assert row.clusters == ("west",)


@pytest.mark.parametrize(
    ("query", "rates"),
    [
        (Query(clusters=("west",)), {("payments", "payments"): 40.0, ("storefront", "storefront"): 5.0}),
        (
            Query(tenant="payments/cards"),
            {("payments", "payments"): 40.0, ("payments", "storefront"): 5.0, ("storefront", "payments"): 11.5},
        ),
        (Query(clusters=("west",), tenant="payments"), {("payments", "payments"): 40.0}),
    ],
)
def test_pairs_follow_the_scope(picture: Picture, query: Query, rates: dict[tuple[str, str], float]) -> None:
    found = {(pair.from_, pair.to): pair.traffic.requests_per_second for pair in pairs(picture, query)}
    assert found == pytest.approx(rates)


_ends = st.tuples(st.sampled_from(["east", "west"]), st.sampled_from(["shop", "pay", "tools", "gone", "istio-system"]))
_calls = st.lists(st.tuples(_ends, _ends, st.floats(0.5, 1e3)), max_size=12)
_scopes = st.builds(
    Query,
    clusters=st.sampled_from([(), ("east",), ("east", "west")]),
    namespaces=st.sampled_from([(), ("shop",), ("s*", "tools")]),
)


@settings(max_examples=60)
@given(_calls, _scopes, st.booleans())
def test_rows_and_pairs_add_up_to_the_total_of_the_scope(
    calls: list[tuple[tuple[str, str], tuple[str, str], float]], query: Query, declared: bool
) -> None:
    samples = [call(f"{a[0]}/{a[1]}/w", f"{b[0]}/{b[1]}/w", rate) for a, b, rate in calls]
    clusters = [
        cluster(name, [sample for sample in samples if sample.labels.destination_cluster == name])
        for name in ("east", "west")
    ]
    picture = PictureFactory(tenancy=tenancy(GROUPED) if declared else None).picture(worlds.world(*clusters))
    total = sums_in(picture, query).requests or 0.0
    assert fsum(row.received.requests_per_second or 0.0 for row in rows(picture, query)) == pytest.approx(total)
    assert fsum(pair.traffic.requests_per_second or 0.0 for pair in pairs(picture, query)) == pytest.approx(total)


def test_findings_follow_the_scope() -> None:
    picture = PictureFactory(tenancy=tenancy()).picture(fleet())

    def codes(query: Query) -> set[str]:
        return {finding.code for row in rows(picture, query) for finding in row.findings}

    assert codes(Query(clusters=("east",))) == {"TENANT-PLAINTEXT", "TENANT-OUTSIDE", "TENANT-MARKS-CONFLICT"}
    assert codes(Query(clusters=("west",))) == set()
    assert codes(Query(namespaces=("mixed",))) == {"TENANT-MARKS-CONFLICT"}


def restricted() -> PictureFactory:
    declared = tenancy()
    return PictureFactory(tenancy=declared, rules=AccessRules(None, declared, "maria"))


def again(snapshot: Snapshot, **east: object) -> Snapshot:
    """The next snapshot, in which only what is given of east is another object."""
    first, *others = snapshot.clusters
    changed: ClusterSnapshot = msgspec.structs.replace(first, **east)
    return msgspec.structs.replace(snapshot, sequence=snapshot.sequence + 1, clusters=(changed, *others))


def test_what_a_policy_leaves_out_is_worked_out_once_while_nothing_changes() -> None:
    pictures, snapshot = restricted(), fleet()
    first, second = pictures.picture(snapshot), pictures.picture(again(snapshot))
    assert second.access is first.access
    assert second.edges is first.edges
    assert second.owners is first.owners
    for before, after in zip(first.snapshot.clusters, second.snapshot.clusters, strict=True):
        assert after.inventory is before.inventory
        assert after.telemetry is before.telemetry


def test_new_telemetry_is_made_nameless_and_decisions_hold() -> None:
    pictures, snapshot = restricted(), fleet()
    first = pictures.picture(snapshot)
    telemetry = snapshot.clusters[0].telemetry
    assert telemetry is not None
    second = pictures.picture(again(snapshot, telemetry=msgspec.structs.replace(telemetry, at=telemetry.at + 5)))
    assert second.access is first.access
    east = second.snapshot.clusters[0].telemetry
    assert east is not None
    assert east.at == telemetry.at + 5
    assert {s.labels.source_workload_namespace for s in east.requests} == {"shop", "(hidden)"}
    assert second.snapshot.clusters[1].telemetry is first.snapshot.clusters[1].telemetry


def test_another_namespace_is_decided_about_anew() -> None:
    pictures, snapshot = restricted(), fleet()
    first = pictures.picture(snapshot)
    inventory = snapshot.clusters[0].inventory
    assert inventory is not None
    fewer = tuple(one for one in inventory.namespaces if one.meta.name != "shop")
    second = pictures.picture(again(snapshot, inventory=msgspec.structs.replace(inventory, namespaces=fewer)))
    assert second.access is not first.access
    assert second.owners is not first.owners
    seen = second.snapshot.clusters[0].inventory
    assert seen is not None
    assert {one.meta.name for one in seen.namespaces} == {"istio-system"}


def test_pods_that_come_and_go_change_no_decision() -> None:
    pictures, snapshot = restricted(), fleet()
    first = pictures.picture(snapshot)
    inventory = snapshot.clusters[0].inventory
    assert inventory is not None
    second = pictures.picture(again(snapshot, inventory=msgspec.structs.replace(inventory, pods=())))
    assert second.access is first.access
    assert second.snapshot.clusters[0].telemetry is first.snapshot.clusters[0].telemetry
    seen = second.snapshot.clusters[0].inventory
    assert seen is not None
    assert seen.pods == ()
