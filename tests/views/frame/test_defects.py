"""A defect costs the row that it stands in: the others stay, and the list says so."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.canary.judging import Judgements
from meshtop.analysis.fleet import locality
from meshtop.analysis.fleet.locality import HostLocality, LocalityEndpoints
from meshtop.analysis.graph import build as build_module
from meshtop.analysis.graph.service_graph import Level
from meshtop.analysis.security.mtls import posture as posture_module
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.whatif import Effect
from meshtop.model.kube import ConfigObject
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import Severity
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import BROKEN_CELL
from meshtop.views.kinds import tenantmatrix, tenants, tenanttree, workloads
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports import evacuate
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.evacuate import evacuate_answer
from meshtop.views.reports.graph import UNTOLD, Sight, lost_in_graph, service_graph
from meshtop.views.reports.whatif import strict_answer
from tests import worlds
from tests.analysis.tenancy.fleets import fleet, tenancy
from tests.worlds import east, west, world


@pytest.fixture
def picture() -> Picture:
    return Picture(world(east(), west()))


def broken_for(name: str, original: Any) -> Any:
    def make(*arguments: Any) -> Any:
        if any(getattr(one, "name", None) == name for one in arguments):
            raise KeyError("odd")
        return original(*arguments)

    return make


def test_a_row_that_cannot_be_made_costs_itself(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    of_kind = view("workloads")
    names = {item.name for item in of_kind.all_items(picture)}
    odd = sorted(names)[0]
    monkeypatch.setattr(workloads, "_item", broken_for(odd, workloads._item))
    again = Picture(picture.snapshot)
    assert {item.name for item in of_kind.items(again, Query())} == names - {odd}
    assert "could not be shown" in of_kind.lost(again)
    assert odd in of_kind.lost(again)
    assert "KeyError" in of_kind.lost(again)
    assert of_kind.lost(picture) == ""


@pytest.mark.parametrize("part", ["_places", "_path", "_key"])
@pytest.mark.parametrize("kind", ["workloads", "services", "edges", "clusters"])
def test_a_row_that_cannot_be_placed_or_named_costs_itself(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, part: str, kind: str
) -> None:
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    odd, original = items[0], getattr(of_kind, part)
    if original is None:
        pytest.skip("the path is its key")

    def make(item: Any) -> Any:
        if item is odd:
            raise ValueError("odd")
        return original(item)

    monkeypatch.setattr(of_kind, part, make)
    found = of_kind.items(picture, Query())
    if part != "_key":
        assert len(found) == len(items) - 1
        assert of_kind.lost(picture).startswith("1 row could not be shown")


def test_a_filter_that_one_row_cannot_take_leaves_it_out(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    of_kind = view("workloads")
    odd = of_kind.all_items(picture)[0]
    original = type(of_kind.filter(Query(filter="x"))).matches

    def matches(self: Any, item: Any) -> bool:
        if item is odd:
            raise TypeError("odd")
        return original(self, item)

    monkeypatch.setattr(type(of_kind.filter(Query(filter="x"))), "matches", matches)
    found = of_kind.items(picture, Query(filter="namespace:shop"))
    assert odd not in found
    assert "1 row could not be shown" in of_kind.lost(picture)


def test_a_cell_that_cannot_be_formatted_says_so(picture: Picture) -> None:
    from msgspec import structs

    of_kind = view("clusters")

    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    table = of_kind.table(picture, Query())
    table.columns = (structs.replace(table.columns[0], cell=broken), *table.columns[1:])
    assert table.cell(0, 0) is BROKEN_CELL
    assert table.cell(0, 1) is not BROKEN_CELL
    assert "ZeroDivisionError" in of_kind.lost(picture)


PARTS = ("clusters", "workloads", "calls", "machines", "findings", "tenants", "canaries", "drift")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_attention_that_breaks_is_said_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    from meshtop.views.reports.attention import build as report

    def broken(*_: Any) -> Any:
        raise KeyError(f"odd {part}")

    snapshot = world(east(sick=True), west())
    whole = {one.title for one in attention(Picture(snapshot))}
    monkeypatch.setattr(report, f"of_{part}", broken)
    found = attention(Picture(snapshot))
    (said,) = [one for one in found if "is not known: a defect (KeyError)" in one.title]
    kept = {one.title for one in found} & whole
    assert kept or part in ("clusters", "workloads"), "what else is known is still said"
    assert [record for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
    attention(Picture(snapshot))
    assert len([record for record in caplog.records if record.exc_info]) == 1, "its traceback is written once"
    assert said.severity is Severity.WARNING


def fails_once(original: Any, odd: Any) -> Any:
    """A function that raises for the arguments that `odd` picks."""

    def make(*arguments: Any, **named: Any) -> Any:
        if odd(*arguments, **named):
            raise KeyError("odd")
        return original(*arguments, **named)

    return make


ODD_UNITS = (
    ("tenants", tenants, "figures_of", lambda _, figures: figures.unit.tenant == "payments", "payments"),
    ("tenanttree", tenanttree, "figures_of", lambda _, figures: figures.unit.name == "payments", "tenant:payments"),
    ("tenantmatrix", tenantmatrix, "TenantPair", lambda **fields: fields["to"] == "payments", "→ payments"),
)


@pytest.mark.parametrize(("kind", "module", "part", "odd", "named"), ODD_UNITS, ids=[one[0] for one in ODD_UNITS])
@pytest.mark.parametrize("query", [Query(), Query(clusters=("east",))], ids=["all", "scope"])
def test_a_tenants_row_that_cannot_be_made_costs_itself(
    monkeypatch: pytest.MonkeyPatch, kind: str, module: Any, part: str, odd: Any, named: str, query: Query
) -> None:
    of_kind = view(kind)
    factory = PictureFactory(tenancy=tenancy())
    whole = of_kind.items(factory.picture(fleet()), query)
    monkeypatch.setattr(module, part, fails_once(getattr(module, part), odd))
    picture = factory.picture(fleet())
    found = of_kind.items(picture, query)
    assert 0 < len(found) < len(whole)
    assert {of_kind.key(item) for item in found} < {of_kind.key(item) for item in whole}
    assert named in of_kind.lost(picture)
    assert "KeyError" in of_kind.lost(picture)


def with_routes(*names: str) -> Snapshot:
    def route(name: str) -> ConfigObject:
        destinations = [
            {"destination": {"host": f"reviews-{version}"}, "weight": weight}
            for version, weight in (("v1", 90), ("v2", 10))
        ]
        spec = {"hosts": [name], "http": [{"route": destinations}]}
        return ConfigObject(
            group="networking.istio.io", version="v1", kind="VirtualService", meta=worlds.meta(name, "shop"), spec=spec
        )

    cluster = east()
    assert cluster.inventory is not None
    config = {**cluster.inventory.config, "VirtualService": tuple(map(route, names))}
    return world(structs.replace(cluster, inventory=structs.replace(cluster.inventory, config=config)), west())


def test_a_canary_that_cannot_be_judged_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    of_kind = view("canaries")
    snapshot = with_routes("one", "two", "three")
    monkeypatch.setattr(
        Judgements, "of", fails_once(Judgements.of, lambda _, surveyed, **__: surveyed.route.name == "two")
    )
    picture = Picture(snapshot)
    assert [item.name for item in of_kind.items(picture, Query())] == ["one", "three"]
    assert of_kind.lost(picture) == "1 row could not be shown: east/shop/two (KeyError: 'odd')."
    assert not [one for one in attention(picture) if "canaries is not known" in one.title]


@pytest.mark.parametrize(("kind", "part"), [("mtls", "policy"), ("mtlsedges", "edge")])
def test_a_workload_or_call_whose_mutual_tls_cannot_be_judged_costs_itself(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, kind: str, part: str
) -> None:
    of_kind = view(kind)
    whole = len(of_kind.all_items(picture))
    odd: list[Any] = []

    def is_odd(_: Any, thing: Any) -> bool:
        odd.append(thing)
        return bool(thing == odd[0])

    monkeypatch.setattr(MeshTls, part, fails_once(getattr(MeshTls, part), is_odd))
    again = Picture(picture.snapshot)
    assert 0 < len(of_kind.all_items(again)) < whole
    assert "KeyError" in of_kind.lost(again)


def test_a_part_of_the_findings_that_breaks_costs_no_other(monkeypatch: pytest.MonkeyPatch, picture: Picture) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("odd")

    monkeypatch.setattr(posture_module, "policy_findings", broken)
    again = Picture(picture.snapshot)
    view("findings").items(again, Query())
    assert "policies of mutual TLS (KeyError" in view("findings").lost(again)
    assert view("mtls").items(again, Query())


def test_a_call_whose_health_cannot_be_told_stays_in_the_graph(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight = Sight(level=Level.WORKLOADS)
    whole = service_graph(picture, Query(), sight)
    odd = picture.edges[0]
    monkeypatch.setattr(Picture, "edge_health", fails_once(Picture.edge_health, lambda _, edge: edge == odd))
    again = Picture(picture.snapshot)
    graph = service_graph(again, Query(), sight)
    assert [edge.id for edge in graph.edges] == [edge.id for edge in whole.edges]
    assert sum(edge.health is UNTOLD for edge in graph.edges) == 1
    assert lost_in_graph(again).startswith("1 part of the graph could not be shown: east/shop/")
    assert lost_in_graph(picture) == ""


@pytest.mark.parametrize("part", ["_fold", "_node", "_NodeTraffic"])
def test_an_edge_or_a_node_that_cannot_be_made_costs_itself(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    sight = Sight(level=Level.WORKLOADS)
    whole = service_graph(picture, Query(), sight)
    calls: list[int] = []

    def first(*_: Any) -> bool:
        calls.append(1)
        return len(calls) == 1

    monkeypatch.setattr(build_module, part, fails_once(getattr(build_module, part), first))
    again = Picture(picture.snapshot)
    graph = service_graph(again, Query(), sight)
    assert 0 < len(graph.edges) < len(whole.edges)
    there = {node.id for node in graph.nodes}
    assert all({edge.source, edge.target} <= there for edge in graph.edges)
    assert "KeyError" in lost_in_graph(again)


def test_a_call_that_whatif_cannot_judge_is_unknown(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = strict_answer(picture, "mesh")
    odd = picture.edges[0]
    monkeypatch.setattr(MeshTls, "edge", fails_once(MeshTls.edge, lambda _, edge: edge == odd))
    again = Picture(picture.snapshot)
    answer = strict_answer(again, "mesh")
    assert len(answer.items) == len(whole.items)
    (lost,) = [one for one in answer.items if "A defect of meshtop" in one.why]
    assert (lost.source, lost.effect) == (odd.source, Effect.UNKNOWN)
    assert "east/shop/" in again.lost.sentence("whatif", "answer")
    elsewhere = strict_answer(Picture(picture.snapshot), "elsewhere")
    assert not elsewhere.items


def test_a_host_that_cannot_be_evacuated_costs_itself(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = [
        HostLocality(
            host=host,
            namespace="shop",
            mesh="",
            stands=(LocalityEndpoints(cluster="east", region=None, zone=None, endpoints=1),),
            flows=(),
            cross_cluster=None,
            cross_region=None,
        )
        for host in ("a.shop", "b.shop")
    ]
    monkeypatch.setattr(evacuate, "localities_of", lambda _: tuple(hosts))
    monkeypatch.setattr(locality, "_evacuated", fails_once(locality._evacuated, lambda _, host, *__: host is hosts[0]))
    answer = evacuate_answer(picture, "east")
    assert [one.host for one in answer.items] == ["b.shop"]
    assert picture.lost.sentence("whatif", "answer").startswith("1 answer could not be shown: shop/a.shop")
