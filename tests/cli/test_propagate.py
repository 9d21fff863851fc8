"""`meshtop propagate`: who is written to in which order, and what is refused before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.actions.propagate.objects import MESH_CONFIG
from meshtop.cli import propagate as command
from meshtop.cli.exits import CommandError
from meshtop.model.kube import ConfigObject, Meta
from meshtop.views.picture.picture import Picture
from tests import worlds
from tests.cli.conftest import Program

Captured = dict[str, Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Captured:
    """What the command would do, instead of doing it."""
    found: Captured = {}

    async def instead(session: Any, kind: str, name: str, source: str, waves: Any, **options: Any) -> int:
        found.update(kind=kind, name=name, source=source, waves=waves, **options)
        return 0

    monkeypatch.setattr(command, "_propagate", instead)
    return found


@pytest.mark.parametrize(
    ("arguments", "waves"),
    [
        (("--to", "west,north"), (("west", "north"),)),
        (("--to", "west", "--to", "north"), (("west", "north"),)),
        (("--wave", "west", "--to", "north"), (("west",), ("north",))),
        (("--to", "north,west,south", "--wave", "west"), (("west",), ("north", "south"))),
        (("--wave", "a,b", "--wave", "c", "--to", "a,c"), (("a", "b"), ("c",))),
        (("--to", "a, b,a"), (("a", "b"),)),
    ],
)
def test_clusters_that_no_wave_names_go_last(
    meshtop: Program, asked: Captured, arguments: tuple[str, ...], waves: tuple[tuple[str, ...], ...]
) -> None:
    assert meshtop("propagate", "vs", "shop/reviews", "--from", "east", *arguments).code == 0
    assert asked["waves"] == waves
    assert (asked["kind"], asked["name"], asked["source"]) == ("vs", "shop/reviews", "east")
    assert (asked["dry_run"], asked["yes"], asked["force"], asked["override"]) == (False, False, False, "")


def test_read_only_refuses_before_any_cluster_is_asked(meshtop: Program, asked: Captured) -> None:
    refused = meshtop("propagate", "vs", "shop/reviews", "--from", "east", "--to", "west", "--read-only", "--yes")
    assert refused.code == 4
    assert "meshtop is read-only here" in refused.err
    assert asked == {}


def config(kind: str, name: str, namespace: str = "shop") -> ConfigObject:
    return ConfigObject(
        group="networking.istio.io", version="v1", kind=kind, meta=Meta(name=name, namespace=namespace), spec={}
    )


@pytest.fixture
def picture() -> Picture:
    east = worlds.east()
    assert east.inventory is not None
    objects = {
        "VirtualService": (config("VirtualService", "reviews"), config("VirtualService", "other", "tools")),
        "DestinationRule": (config("DestinationRule", "reviews"),),
        "Role": (config("Role", "reader"), config("Role", "reader", "tools")),
    }
    return Picture(worlds.world(structs.replace(east, inventory=structs.replace(east.inventory, config=objects))))


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("vs", "shop/reviews", {("VirtualService", "shop", "reviews")}),
        ("tenant", "storefront", {("VirtualService", "shop", "reviews"), ("DestinationRule", "shop", "reviews")}),
        ("identity", "shop", {("Role", "shop", "reader")}),
        ("identity", "", {("Role", "shop", "reader"), ("Role", "tools", "reader")}),
    ],
)
def test_what_is_copied_by_its_name(picture: Picture, kind: str, name: str, found: set[tuple[str, str, str]]) -> None:
    refs = command.chosen(picture, kind, name, "east")
    assert {(ref.kind, ref.namespace, ref.name) for ref in refs} == found
    assert {"VirtualService", "DestinationRule"} <= {*MESH_CONFIG}


@pytest.mark.parametrize(
    ("kind", "name", "source", "words"),
    [
        ("vs", "shop/reviews", "nowhere", "There is no cluster nowhere; there are east"),
        ("tenant", "nobody", "east", "Tenant nobody has no namespace in east"),
        ("tenant", "", "east", r"Tenant \(none named\) has no namespace"),
        ("vs", "", "east", "Name the vs: NAMESPACE/NAME"),
    ],
)
def test_what_is_not_there_is_said(picture: Picture, kind: str, name: str, source: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        command.chosen(picture, kind, name, source)
