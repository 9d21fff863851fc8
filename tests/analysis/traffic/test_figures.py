"""Sums by any grouping add up to the mesh's total: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from functools import reduce
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.traffic.figures import (
    Figures,
    add_all,
    by_cluster,
    by_namespace,
    by_workload,
    group_figures,
    matrix,
)
from meshtop.model.traffic import Buckets, Edge, Peer, Sums, Target


def one_by_one(parts: list[Sums]) -> Sums:
    """The sum, added pair by pair."""
    return reduce(Sums.__add__, parts, Sums())


RATES = st.none() | st.integers(0, 1000).map(float)
CLUSTERS = st.sampled_from(("east", "west"))
NAMESPACES = st.sampled_from(("shop", "pay", ""))
SUMS = st.builds(
    Sums,
    requests=RATES,
    errors=RATES,
    sent=RATES,
    secured=RATES,
    judged=RATES,
    buckets=st.sampled_from((Buckets(), Buckets((10.0, inf), (1.0, 3.0)), Buckets((10.0, 50.0, inf), (1.0, 2.0, 3.0)))),
)
EDGES = st.lists(
    st.builds(
        Edge,
        source=st.builds(Peer, cluster=CLUSTERS, namespace=NAMESPACES, workload=st.sampled_from("ab")),
        destination=st.builds(Target, cluster=CLUSTERS, namespace=NAMESPACES, workload=st.sampled_from("ab")),
        protocol=st.sampled_from(("http", "tcp")),
        sums=SUMS,
    ),
    max_size=12,
)


@given(EDGES)
@settings(max_examples=60, deadline=None)
def test_groups_add_up_to_the_mesh(edges: list[Edge]) -> None:
    whole = add_all([edge.sums for edge in edges])
    tenants = group_figures(edges, lambda end: end.namespace == "shop", lambda end: end.namespace == "shop")
    for groups in (by_workload(edges), by_namespace(edges), by_cluster(edges), tenants):
        parts: list[Figures] = list(groups.values())
        for sums in ([p.inbound for p in parts], [p.outbound for p in parts]):
            both = add_all([*sums, *(part.internal for part in parts)])
            assert both == whole
    pairs = matrix(edges, lambda end: end.cluster, lambda end: end.cluster)
    assert add_all(list(pairs.values())) == whole


@given(st.lists(SUMS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_adding_at_once_is_adding_one_by_one(parts: list[Sums]) -> None:
    assert add_all(parts) == one_by_one(parts) == add_all(parts[::-1])


def test_ratios_are_made_of_sums_and_never_added() -> None:
    edges = [
        Edge(
            source=Peer(cluster="east"),
            destination=Target(cluster=cluster),
            protocol="http",
            sums=Sums(requests=requests, errors=errors),
        )
        for cluster, requests, errors in (("east", 10.0, 10.0), ("west", 990.0, 0.0))
    ]
    assert add_all([edge.sums for edge in edges]).traffic().error_ratio == pytest.approx(0.01)
    assert by_cluster(edges)["east"].received.requests == 10
    assert by_cluster(edges)["west"].inbound.requests == 990
