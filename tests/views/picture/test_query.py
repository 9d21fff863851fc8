from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.graph.build import make_id
from meshtop.analysis.graph.service_graph import GraphNode, NodeKind
from meshtop.views.picture.query import name_matches
from meshtop.views.reports.graph import path_of

ARN = "arn:aws:eks:eu-west-1:1:cluster/prod"


@pytest.mark.parametrize(
    ("name", "path", "meant"),
    [
        ("reviews", ("east", "shop", "reviews"), True),
        ("shop/reviews", ("east", "shop", "reviews"), True),
        ("east/shop/reviews", ("east", "shop", "reviews"), True),
        ("west/shop/reviews", ("east", "shop", "reviews"), False),
        ("*/shop/rev*", ("east", "shop", "reviews"), True),
        ("east/*", ("east", "shop", "reviews"), False),
        (f"{ARN}/shop/reviews", (ARN, "shop", "reviews"), True),
        ("shop/reviews", (ARN, "shop", "reviews"), True),
        ("*/shop/reviews", (ARN, "shop", "reviews"), True),
        ("prod/shop/reviews", (ARN, "shop", "reviews"), False),
        ("arn:*/shop/reviews", (ARN, "shop", "reviews"), True),
        (ARN, (ARN,), True),
        ("prod", (ARN,), False),
        ("arn:*", (ARN,), True),
        ("admin@corp/x y/shop/web", ("admin@corp/x y", "shop", "web"), True),
        ("a[1]/shop/web", ("a[1]", "shop", "web"), True),
        ("east/shop/web->" + ARN + ":shop:api", ("east", "shop", f"web->{ARN}:shop:api"), True),
        ("one/two/three", ("one/two", "three"), True),
        ("two/three", ("one/two", "three"), False),
        ("", ("east",), False),
    ],
)
def test_a_name_is_held_against_the_parts_that_are_known(name: str, path: tuple[str, ...], meant: bool) -> None:
    assert name_matches(name, path) is meant


ANY = st.text(alphabet="ab/:@ .[%*-é", min_size=1, max_size=12)
PLAIN = st.text(alphabet="abc-.", min_size=1, max_size=6)


@given(ANY, PLAIN, PLAIN)
def test_a_whole_path_and_each_of_its_ends_is_a_name_of_it(cluster: str, namespace: str, name: str) -> None:
    path = (cluster, namespace, name)
    for first in range(len(path)):
        assert name_matches("/".join(path[first:]), path)


@given(ANY, PLAIN, PLAIN)
def test_a_node_of_the_graph_gives_its_place_back(cluster: str, namespace: str, name: str) -> None:
    node = GraphNode(id=make_id(NodeKind.WORKLOAD, cluster, namespace, name), label=name, kind=NodeKind.WORKLOAD)
    assert path_of(node) == (cluster, namespace, name)
