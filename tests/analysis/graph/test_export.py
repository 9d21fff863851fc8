from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.graph.export import graph_json, quote_dot, quote_mermaid, to_dot, to_mermaid
from meshtop.analysis.graph.geometry import LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.svg import to_svg
from meshtop.model.traffic import Edge
from tests.analysis.graph.samples import ALL, SHOP, call, graph, meshes

hostile = st.text(alphabet=st.sampled_from(list("ab\"\\<>&;#[]{}|()`'\n\r\t\x00\x1b 漢é%/")), min_size=1, max_size=10)


def mesh_of(names: list[str]) -> list[Edge]:
    safe = [n.replace("/", "|") for n in names]
    return [call(f"c/{a}/{a}", f"c/{b}/{b}") for a, b in zip(safe, safe[1:] + safe[:1], strict=True)]


@given(hostile)
def test_dot_strings_are_closed_and_hold_no_live_escape(name: str) -> None:
    quoted = quote_dot(name)
    assert re.fullmatch(r'"(?:[^"\\\n\r\x00-\x1f]|\\\\|\\")*"', quoted)


@given(hostile)
def test_mermaid_strings_hold_only_plain_signs_and_entities(name: str) -> None:
    assert re.fullmatch(r'"(?:[\w .\-/,%]|#\d+;)*"', quote_mermaid(name))


@settings(max_examples=30, deadline=None)
@given(st.lists(hostile, min_size=1, max_size=5))
def test_hostile_names_break_no_notation(names: list[str]) -> None:
    g = graph(mesh_of(names))
    dot, mermaid = to_dot(g), to_mermaid(g)
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', dot)
    assert bare.count("{") == bare.count("}") == 1 + len(g.groups)
    assert len(re.findall(r"^  n\d+ -> n\d+ \[", bare, re.M)) == len(g.edges)
    assert mermaid.count("\n") >= len(g.nodes) + len(g.edges)
    assert len(re.findall(r"^  n\d+ (?:-->|-\.->)\|", mermaid, re.M)) == len(g.edges)
    root = ET.fromstring(to_svg(g, layout(g)))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert json.loads(json.dumps(graph_json(g), allow_nan=False))["nodes"][0]["id"] == g.nodes[0].id


@settings(max_examples=20, deadline=None)
@given(meshes(), st.booleans())
def test_svg_shows_every_node_and_edge_inside_its_paper(edges: list[Edge], numbers: bool) -> None:
    g = graph(edges)
    root = ET.fromstring(to_svg(g, layout(g, LayoutOptions(numbers=numbers))))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert len(root.findall(".//s:path", space)) == 2 * len(g.edges)
    shown = {t.text for t in root.findall(".//s:text", space)}
    assert {n.label for n in g.nodes} <= shown
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for text in root.findall(".//s:text", space):
        assert float(text.attrib["x"]) >= 0
        assert float(text.attrib["x"]) + float(text.attrib["textLength"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height


@pytest.mark.parametrize("name", ALL)
def test_json_says_null_for_what_is_not_known(name: str) -> None:
    data = graph_json(graph(ALL[name]))
    assert len(data["edges"]) == len(graph(ALL[name]).edges)
    edge = data["edges"][0]
    assert edge["traffic"]["bytesPerSecond"] == {"sent": None, "received": None}
    assert edge["traffic"]["latencyMs"]["mean"] is None
    assert set(edge["health"]) == {"status", "reasons"}


def test_dot_and_mermaid_of_a_shop() -> None:
    g = graph(SHOP)
    assert 'n4 [label="reviews" shape=box color="#444444"];' in to_dot(g)
    assert 'n4 -> n3 [label="260/s, 4.1% errors, mTLS" color="#c62828" style=solid];' in to_dot(g)
    assert '  n4 -->|"260/s, 4.1% errors, mTLS"| n3\n  linkStyle 2 stroke:#c62828' in to_mermaid(g)
