"""What `meshtop mcp` answers, without the protocol: forms of arguments, scope, bounds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshtop.cli import mcp_tools
from meshtop.cli.exits import CommandError
from meshtop.cli.mcp_tools import MOST_BYTES, ReadTool, bounded, call_tool, tools
from meshtop.cli.options import Common
from meshtop.model.errors import MeshtopError
from meshtop.views.frame.registry import KINDS, view
from tests.cli.conftest import Program

TOOLS = {tool.name: tool for tool in tools()}
NEEDED: dict[str, dict[str, Any]] = {"whatif_strict": {"scope": "mesh"}, "whatif_evacuate": {"cluster": "east"}}


def test_every_kind_is_a_tool_that_says_what_it_means() -> None:
    assert {f"get_{kind.name}" for kind in KINDS} == {name for name in TOOLS if name.startswith("get_")}
    for kind in KINDS:
        description = TOOLS[f"get_{kind.name}"].description
        assert "--" not in description.partition("Columns")[0]
        assert all(f"{column.name}: " in description for column in view(kind.name).columns if column.help)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_answer_says_its_moment_sources_and_unknowns(tool: ReadTool, meshtop: Program) -> None:
    found = call_tool(tool, NEEDED.get(tool.name, {}), Common())
    assert found["generatedAt"].endswith("Z")
    assert [source["cluster"] for source in found["sources"]] == ["east", "west"]
    assert isinstance(found["unknowns"], list)
    assert len(msgspec.json.encode(found)) <= MOST_BYTES
    assert meshtop.sessions[-1].settings.read_only


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_arguments_have_a_schema_that_refuses_what_it_does_not_know(tool: ReadTool) -> None:
    schema = tool.schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert all(one.get("description") for one in schema["properties"].values())
    with pytest.raises(CommandError, match="does not take these arguments"):
        call_tool(tool, {**NEEDED.get(tool.name, {}), "delete": True}, Common())


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("get_services", {"limit": 0}, "get_services does not take these arguments: limit: Expected `int` >= 1."),
        ("get_services", {"limit": "9"}, "does not take these arguments: limit: Expected `int`, got `str`."),
        ("get_services", {"namespaces": "shop"}, "namespaces: Expected `array`, got `str`."),
        ("get_services", {"filter": "nowhere:x"}, "nowhere"),
        ("get_services", {"sort": "nowhere"}, "nowhere"),
        ("get_services", {"window": "soon"}, "'soon' is not a duration; write 30s, 5m or 1h."),
        ("get_services", {"at": "soon"}, "soon"),
        ("graph", {"path": ["one"]}, "`path` takes two nodes"),
        ("graph", {"focus": "nowhere"}, "nowhere"),
        ("graph", {"level": "pods"}, "Invalid enum value 'pods'"),
        ("whatif_strict", {}, "whatif_strict does not take these arguments: Object missing required field `scope`."),
        ("whatif_strict", {"scope": "nowhere"}, "There is no namespace nowhere"),
        ("whatif_evacuate", {"cluster": "nowhere"}, "There is no cluster nowhere; there are east, west."),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_sentence(
    name: str, arguments: dict[str, Any], sentence: str, meshtop: Program
) -> None:
    with pytest.raises(MeshtopError) as refused:
        call_tool(TOOLS[name], arguments, Common())
    said = refused.value.sentences
    assert sentence in said
    assert "\n" not in said


def test_arguments_narrow_the_scope_of_the_server_and_never_widen_it(meshtop: Program) -> None:
    started = Common()
    started.cluster, started.namespace, started.tenant = ("east",), ("shop-*",), "acme"
    call_tool(TOOLS["get_services"], {"namespaces": ["shop-eu"]}, started)
    common = meshtop.sessions[-1].common
    assert (common.cluster, common.namespace, common.tenant) == (("east",), ("shop-eu",), "acme")
    call_tool(TOOLS["get_services"], {}, started)
    assert meshtop.sessions[-1].common.namespace == ("shop-*",)
    for wider in ({"clusters": ["west"]}, {"namespaces": ["data"]}, {"namespaces": ["*"]}, {"tenant": "other"}):
        with pytest.raises(CommandError, match="This server answers for"):
            call_tool(TOOLS["get_services"], wider, started)


def test_pages_of_a_long_list_say_what_was_left_out(meshtop: Program) -> None:
    whole = call_tool(TOOLS["get_workloads"], {"limit": 500}, Common())["items"]
    assert len(whole) > 2
    first = call_tool(TOOLS["get_workloads"], {"limit": 1}, Common())
    assert first["items"] == whole[:1]
    assert first["cut"]["items"] == {"total": len(whole), "first": 0, "shown": 1}
    last = call_tool(TOOLS["get_workloads"], {"offset": 1, "limit": 500}, Common())
    assert last["items"] == whole[1:]
    assert last["cut"]["items"] == {"total": len(whole), "first": 1, "shown": len(whole) - 1}
    beyond = call_tool(TOOLS["get_workloads"], {"offset": 9999}, Common())
    assert beyond["items"] == []


def test_an_answer_is_cut_until_it_is_short_enough() -> None:
    long = {"items": ["x" * 1000] * 400, "sources": ["s"] * 400}
    found = bounded(long, 400)
    assert len(msgspec.json.encode(found)) <= MOST_BYTES
    assert found["cut"]["items"] == {"total": 400, "first": 0, "shown": 100}
    assert len(found["sources"]) == 400
    with pytest.raises(CommandError, match="too long"):
        bounded({"sources": ["x" * 1000] * 400, "items": []}, 50)


def test_a_cut_graph_has_the_ends_of_its_edges() -> None:
    edges = [{"source": "a", "target": "b"}, {"source": "c", "target": "d"}]
    found = bounded({"nodes": [{"id": name} for name in "abcd"], "edges": edges}, 1)
    assert found["edges"] == edges[:1]
    assert [node["id"] for node in found["nodes"]] == ["a", "b"]
    assert found["cut"]["nodes"] == {"total": 4, "first": 0, "shown": 2}


def test_a_new_kind_is_a_tool_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_tools, "KINDS", KINDS[:2])
    assert [tool.name for tool in tools()][:3] == [*(f"get_{kind.name}" for kind in KINDS[:2]), "graph"]
