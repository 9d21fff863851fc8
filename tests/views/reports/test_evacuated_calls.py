"""`whatif evacuate` on the world built by hand: the calls of other clusters, as `whatif apply` would have them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from meshtop.analysis.fleet.locality import EvacuationEffect
from meshtop.analysis.forecast.departure import Departure
from meshtop.analysis.forecast.differences import ForecastEffect
from meshtop.analysis.forecast.evacuation import caller_cluster, forecast_evacuation
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Endpoint, EndpointSlice, Inventory, Meta
from meshtop.model.snapshot import Snapshot
from meshtop.model.traffic import Peer
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.evacuate import (
    EvacuateAnswer,
    EvacuateSummary,
    evacuate_answer,
    evacuation_document,
    evacuation_sentences,
)
from meshtop.views.reports.evacuated_calls import EvacuatedCalls, evacuated_calls
from meshtop.views.reports.forecast import forecast_between, forecast_item, seen_world
from tests import worlds
from tests.views.reports.test_forecast import DENY, RULE, forecast, governed, obj, split, world


def changed(snapshot: Snapshot, name: str, change: Callable[[Inventory], Inventory]) -> Snapshot:
    """A snapshot with another inventory of one cluster."""
    clusters = tuple(
        structs.replace(one, inventory=change(one.inventory)) if one.name == name and one.inventory else one
        for one in snapshot.clusters
    )
    return structs.replace(snapshot, clusters=clusters)


def without_reviews(inventory: Inventory, *versions: str) -> Inventory:
    """An inventory without the pods of reviews, or of some of its versions."""
    pods = [pod for pod in inventory.pods if pod.meta.labels.get("app") != "reviews"
            or (versions and pod.meta.labels.get("version") not in versions)]  # fmt: skip
    return structs.replace(inventory, pods=tuple(pods))


def of_others(picture: Picture, leaving: str) -> list[object]:
    """The forecast of calls of callers that stay, where no pod of reviews is ready in a cluster: by its pods alone."""
    after = Picture(changed(picture.snapshot, leaving, without_reviews))
    found = forecast_between(picture, after, touched=lambda _: False).differences
    return [shape(forecast_item(picture, one)) for one in found if caller_cluster(one.call.edges[0]) != leaving]


def shape(item: object) -> object:
    """All of an item but the words that name what is missing, which differ."""
    return structs.replace(item, why="", by="")  # type: ignore[type-var]


@pytest.mark.parametrize("objects", [(), (RULE, split(v1=30, v2=70)), (DENY,), (RULE, split(v1=100))])
@pytest.mark.parametrize("leaving", ["east", "west"])
def test_evacuate_and_a_forecast_of_the_same_pods_say_the_same(leaving: str, objects: tuple[str, ...]) -> None:
    picture = Picture(world(*objects))
    answer = evacuate_answer(picture, leaving)
    assert [shape(item) for item in answer.calls.items] == of_others(picture, leaving)


NOBODY = obj("v1", "Service", "reviews", "{selector: {app: nobody}, ports: [{name: http, port: 9080}]}")


def test_evacuate_and_apply_of_a_service_without_pods_say_the_same() -> None:
    snapshot = world()
    applied = [item for item in forecast(snapshot, NOBODY, clusters=("west",)).items if item.source.cluster != "west"]
    evacuated = evacuate_answer(Picture(snapshot), "west").calls.items
    assert applied, "east calls reviews in west"
    assert [shape(one) for one in evacuated] == [shape(one) for one in applied]


def asked(snapshot: Snapshot, **more: object) -> EvacuatedCalls:
    """What becomes of the calls that east gets in west, where `more` is known of the ways."""
    return evacuated_calls(Picture(snapshot), Departure(cluster="west", **more))  # type: ignore[arg-type]


def effects(calls: EvacuatedCalls) -> set[str]:
    return {item.effect.value for item in calls.items}


def test_what_stays_in_the_callers_own_cluster_takes_more() -> None:
    calls = asked(world())
    assert effects(calls) == {"moves"}
    (east,) = [one for one in calls.clusters if one.cluster == "east"]
    assert (east.calls, east.moves) == (calls.summary.calls, 1)
    into_west = sum(item.requests_per_second * {s.to: s.share for s in item.before}.get(f"{to} in west", 0.0)
                    for item in calls.items for to in ("shop/reviews-v1", "shop/reviews-v2"))  # fmt: skip
    assert east.takes_more_per_second == pytest.approx(into_west)
    assert east.load_factor is not None
    assert east.load_factor > 1.0


def only_in_north(reach: bool | None, local: bool | None = False) -> EvacuatedCalls:
    """East has no reviews of its own and calls those of west; there are some in a third cluster too."""
    whole = world()
    # What it calls tells that it is of the same mesh.
    other = worlds.cluster("north", [worlds.request("north/web", "east/v1", 5.0, reporter="source")])
    three = structs.replace(whole, clusters=(*whole.clusters, governed(other)))
    links = {("east", "north"): reach}
    return asked(changed(three, "east", without_reviews), links=links, local={worlds.REVIEWS_HOST: local})


@pytest.mark.parametrize(
    ("reach", "local", "effect"),
    [
        (True, False, "moves"),
        (False, False, "unreachable"),
        (None, False, "depends"),
        (True, True, "unreachable"),
        (True, None, "depends"),
    ],
)
def test_what_is_left_elsewhere_counts_where_it_is_reached(reach: bool | None, local: bool | None, effect: str) -> None:
    assert effect in effects(only_in_north(reach, local))


def test_nothing_left_is_open_where_nobody_could_look() -> None:
    alone = changed(world(), "east", without_reviews)
    assert "no-endpoints" in effects(asked(alone))
    unsure = asked(alone, unread=frozenset({"north"}))
    assert effects(unsure) == {"depends"}
    assert "unless north has some (unknown)" in unsure.items[0].why


def test_proxies_whose_control_plane_goes_with_it_are_open() -> None:
    calls = asked(world(), orphans=frozenset({"east"}))
    assert effects(calls) == {"depends"}
    assert "their control plane goes with it" in calls.items[0].why
    (east,) = [one for one in calls.clusters if one.cluster == "east"]
    assert east.loses_control_plane
    assert east.takes_more_per_second == 0.0


@pytest.mark.parametrize(("places", "open_"), [(("west",), True), (("east", "west"), False), (("east",), False)])
def test_endpoints_that_are_written_by_hand_in_the_cluster_are_open(places: tuple[str, ...], open_: bool) -> None:
    by_hand = obj("v1", "Service", "reviews", "{ports: [{name: http, port: 9080}]}")
    piece = EndpointSlice(
        meta=Meta(name="reviews-x", namespace="shop"), service="reviews",
        endpoints=(Endpoint(addresses=("192.0.2.1",), ready=True),),
    )  # fmt: skip
    snapshot = world(by_hand)
    for name in places:
        snapshot = changed(snapshot, name, lambda one: structs.replace(one, endpoint_slices=(piece,)))
    assert effects(asked(snapshot)) == ({"depends"} if open_ else set())


def test_own_callers_end_and_are_counted() -> None:
    calls = asked(world())
    assert all(item.source.cluster != "west" for item in calls.items)
    own = [edge for edge in Picture(world()).edges if edge.source.cluster == "west"]
    assert calls.own_per_second == pytest.approx(sum(edge.sums.requests or 0.0 for edge in own))


def test_callers_of_whom_nothing_is_known_are_of_the_cluster_that_they_call() -> None:
    picture = Picture(world())
    edges = [structs.replace(edge, source=Peer(cluster="", namespace="", workload="")) for edge in picture.edges]
    found = forecast_evacuation(seen_world(picture), Departure(cluster="west"), edges)
    into_west = sum(edge.sums.requests or 0.0 for edge in edges if edge.destination.cluster == "west")
    assert sum(call.rate for call in found.own) == pytest.approx(into_west)
    assert found.calls.differences == ()
    assert found.calls.calls == 1


def test_a_host_is_gone_where_the_calls_of_others_fail_though_there_are_endpoints() -> None:
    piece = EndpointSlice(
        meta=Meta(name="reviews-x", namespace="shop"), service="reviews",
        endpoints=(Endpoint(addresses=("10.0.0.1",), ready=True),),
    )  # fmt: skip

    def located(inventory: Inventory) -> Inventory:
        return structs.replace(inventory, endpoint_slices=(piece,))

    snapshot = changed(changed(world(RULE, split(v1=100)), "east", located), "west", located)
    fine = evacuate_answer(Picture(snapshot), "west")
    assert [one.fate for one in fine.items] not in ([], [EvacuationEffect.GONE])
    # The subset's pods are in west alone.
    broken = changed(snapshot, "east", lambda one: without_reviews(one, "v1"))
    answer = evacuate_answer(Picture(broken), "west")
    (host,) = answer.items
    assert (host.fate, host.endpoints_staying) == (EvacuationEffect.GONE, 1)
    assert "what other clusters call there fails" in host.why
    said = evacuation_sentences(answer)
    assert said[0].startswith("Without west: 0 of 1 host would have no endpoint left")
    assert "Of 1 host there are endpoints elsewhere, and calls do not get to them." in said


def test_the_document_has_calls_beside_what_it_had() -> None:
    picture = Picture(world())
    answer = evacuate_answer(picture, "west")
    document = evacuation_document(picture, answer, "5m")
    assert document.calls == answer.calls.items
    assert document.calls_summary.calls == answer.calls.summary.calls
    assert [one.cluster for one in document.clusters] == [c.name for c in picture.snapshot.clusters if c.name != "west"]
    assert any("from other clusters" in line for line in evacuation_sentences(answer))
    assert any("own" in line and "with it" in line for line in evacuation_sentences(answer))


def test_open_calls_are_unknowns() -> None:
    alone = changed(world(), "east", without_reviews)
    unread = structs.replace(worlds.cluster("north", []), inventory=None)
    answer = evacuate_answer(Picture(structs.replace(alone, clusters=(*alone.clusters, unread))), "west")
    assert {item.effect for item in answer.calls.items} == {ForecastEffect.DEPENDS}
    assert Unknown("some calls", "east", WhyUnknown.UNSUPPORTED) in answer.unknowns


def test_an_answer_without_calls_is_told_without_them() -> None:
    summary = EvacuateSummary(
        gone=0, doubles=0, unknown=0, grows=0, idle=0, enters_requests_per_second=None, virtual_machines=0
    )
    assert len(evacuation_sentences(EvacuateAnswer(cluster="east", items=(), summary=summary))) == 1
