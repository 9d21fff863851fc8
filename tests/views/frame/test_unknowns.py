from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import KindStatus
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.frame.unknowns import EVERYTHING, TRAFFIC, Needs, doubt, told, unknowns_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds

ROUTES = Needs(("VirtualService", "DestinationRule"), traffic=True)


def with_kind(cluster: ClusterSnapshot, kind: str, state: str | None, *namespaces: str) -> ClusterSnapshot:
    """The cluster with one kind in another state; None takes its status away: nobody asked yet."""
    assert cluster.inventory is not None
    kinds = [status for status in cluster.inventory.kinds if status.kind != kind]
    if state is not None:
        kinds.append(KindStatus(kind=kind, state=state, namespaces=namespaces))
    return replace(cluster, inventory=replace(cluster.inventory, kinds=tuple(kinds)))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("fresh", None),
        ("stale", None),
        ("missing", None),
        ("denied", WhyUnknown.DENIED),
        ("failed", WhyUnknown.UNREACHABLE),
        (None, WhyUnknown.NOT_READ),
    ],
)
def test_a_kind_that_was_not_read_is_unknown_and_one_that_is_absent_is_not(
    state: str | None, why: WhyUnknown | None
) -> None:
    snapshot = worlds.world(with_kind(worlds.east(), "VirtualService", state), worlds.west())
    found = unknowns_of(snapshot, ROUTES)
    assert found == (() if why is None else (Unknown("VirtualService", "east", why),))
    assert unknowns_of(snapshot, ROUTES, Query(clusters=("west",))) == ()
    assert unknowns_of(snapshot, Needs(("Pod",))) == ()


@pytest.mark.parametrize(
    ("asked", "known"),
    [(("shop",), True), (("shop", "pay"), True), (("shop", "web"), False), (("sh*",), False), ((), False)],
)
def test_a_kind_read_in_some_namespaces_is_known_there(asked: tuple[str, ...], known: bool) -> None:
    snapshot = worlds.world(with_kind(worlds.east(), "VirtualService", "denied", "shop", "pay"))
    assert (unknowns_of(snapshot, ROUTES, Query(namespaces=asked)) == ()) is known


@pytest.mark.parametrize("state", [state for state in State if state is not State.FRESH])
def test_traffic_is_known_only_where_its_source_is_fresh(state: State) -> None:
    snapshot = worlds.world(replace(worlds.east(), prometheus=SourceStatus(state=state)))
    assert [unknown.what for unknown in unknowns_of(snapshot, ROUTES)] == [TRAFFIC]
    assert unknowns_of(snapshot, Needs(ROUTES.kinds)) == ()


def test_a_cluster_without_an_inventory_is_unknown_as_a_whole() -> None:
    found = unknowns_of(worlds.world(), ROUTES)
    assert found == (Unknown(EVERYTHING, "north", WhyUnknown.UNREACHABLE),)
    assert doubt(found) == "everything of north cannot be read."
    assert told("No route is there.", found) == (
        "No route is there as far as it was read, but everything of north cannot be read."
    )
    assert told("No route is there.", ()) == "No route is there."


@given(st.lists(st.builds(Unknown, st.text(max_size=5), st.sampled_from("abcdefgh"), st.sampled_from(WhyUnknown))))
def test_a_claim_never_stands_alone_while_something_is_unknown(unknowns: list[Unknown]) -> None:
    said = told("All is well.", unknowns)
    assert (said == "All is well.") is (not unknowns)
    assert said.count("\n") == 0


STANDS_ON_OTHERS = ("edges", "access", "federated")
"""Kinds that say in another way what they stand on: `federated` on whichever registries there are."""


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.name not in STANDS_ON_OTHERS])
def test_every_kind_says_what_it_stands_on(kind: str) -> None:
    needs = view(kind).needs
    assert needs.kinds or needs.traffic
    for name in needs.kinds:
        snapshot = worlds.world(with_kind(worlds.east(), name, "denied"))
        assert Unknown(name, "east", WhyUnknown.DENIED) in unknowns_of(snapshot, needs)


def test_views_of_one_picture_work_out_once_how_far_telemetry_can_be_relied_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def states(clusters: Sequence[ClusterSnapshot]) -> dict[str, State | Silence]:
        asked.append(clusters)
        return telemetry_states(clusters)

    monkeypatch.setattr("meshtop.views.picture.picture.telemetry_states", states)
    monkeypatch.setattr("meshtop.views.frame.unknowns.telemetry_states", states)
    picture = Picture(worlds.world(worlds.east(), worlds.north()))
    for kind in ("services", "workloads", "edges"):
        assert view(kind).unknowns(picture, Query())
    assert len(asked) == 1
