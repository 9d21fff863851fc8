from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.inventory.endpoints import ready_endpoints
from meshtop.model.kube import Endpoint, EndpointSlice, Meta


def piece(*endpoints: Endpoint, name: str = "web-1", service: str = "web") -> EndpointSlice:
    return EndpointSlice(meta=Meta(name=name, namespace="shop"), service=service, endpoints=endpoints)


def at(*addresses: str, ready: bool | None = True, terminating: bool = False, **more: str) -> Endpoint:
    return Endpoint(addresses=addresses, ready=ready, terminating=terminating, **more)


@pytest.mark.parametrize(
    ("slices", "count"),
    [
        ([piece(at("10.0.0.1", target_name="a"), at("10.0.0.2", target_name="b"))], 2),
        ([piece(at("10.0.0.1", target_name="a")), piece(at("fd::1", target_name="a"), name="web-2")], 1),
        ([piece(at("10.0.0.1", target_uid="u")), piece(at("fd::1", target_uid="u"), name="web-2")], 1),
        ([piece(at("10.0.0.1", hostname="db-0", node="n")), piece(at("fd::1", hostname="db-0", node="n"))], 1),
        ([piece(at("10.0.0.1", hostname="db-0", node="n"), at("10.0.0.2", hostname="db-0", node="m"))], 2),
        ([piece(at("10.0.0.1", "10.0.0.2"))], 1),
        ([piece(at("10.0.0.1")), piece(at("10.0.0.1"), name="web-2")], 1),
        ([piece(at("10.0.0.1"), at("10.0.0.2"))], 2),
        ([piece(at("10.0.0.1", target_name="a", ready=False)), piece(at("fd::1", target_name="a", ready=False))], 0),
        ([piece(at("10.0.0.1", target_name="a", ready=None))], 1),
        ([piece(at("10.0.0.1", target_name="a", terminating=True))], 0),
        ([piece(at())], 0),
        ([piece(at("10.0.0.1"), service="")], 0),
    ],
)
def test_each_pod_is_one_endpoint(slices: list[EndpointSlice], count: int) -> None:
    assert len(ready_endpoints(slices)) == count


def test_a_pod_behind_two_services_is_an_endpoint_of_both() -> None:
    both = [piece(at("10.0.0.1", target_name="a"), service=name) for name in ("web", "web-headless")]
    assert [one.service for one in ready_endpoints(both)] == ["web", "web-headless"]


def test_the_place_is_what_any_slice_says() -> None:
    (found,) = ready_endpoints([piece(at("10.0.0.1", target_name="a")), piece(at("fd::1", target_name="a", zone="z"))])
    assert (found.node, found.zone) == (None, "z")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["10.0.0.", "fd::"]), st.booleans()), max_size=12))
def test_families_and_slices_do_not_matter(drawn: list[tuple[str, str, bool]]) -> None:
    slices = [
        piece(at(f"{family}{ord(name)}", target_name=name, ready=ready), name=f"s-{i}")
        for i, (name, family, ready) in enumerate(drawn)
    ]
    found = ready_endpoints(slices)
    assert len(found) == len({name for name, _, ready in drawn if ready})
    assert Counter(found) == Counter(ready_endpoints(slices[::-1]))
