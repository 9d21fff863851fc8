"""An assistant's client, the package's own, starts `meshtop mcp` and calls every tool on the served demo."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from meshtop.demo.world.plan import Options
from tests.e2e.serving import LIMIT, Served, environment, served

if TYPE_CHECKING:
    from mcp import Client

pytestmark = pytest.mark.xdist_group("e2e-mcp")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # Here and in `client`: hundreds of classes, which every worker would make while it collects.
    pytest.importorskip("mcp", reason="needs the package mcp")
    with served(tmp_path_factory.mktemp("mcp"), "bad-canary", options=Options(services=12)) as here:
        yield here


def client(world: Served, *options: str) -> Client:
    from mcp import Client, StdioServerParameters

    words = ["-m", "meshtop", "mcp", "--kubeconfig", str(world.kubeconfig), "--config", "none", *options]
    contexts = [word for name in world.servers for word in ("--context", name)]
    return Client(StdioServerParameters(command=sys.executable, args=[*words, *contexts], env=dict(environment())))


async def test_every_tool_answers_with_its_moment_sources_and_unknowns(world: Served) -> None:
    needed: dict[str, dict[str, Any]] = {
        "whatif_strict": {"scope": "shop"},
        "whatif_evacuate": {"cluster": next(iter(world.servers))},
    }
    empty = set[str]()
    async with client(world) as assistant:
        tools = (await assistant.list_tools()).tools
        assert len(tools) > 20
        for tool in tools:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            done = await assistant.call_tool(tool.name, {"limit": 3, **needed.get(tool.name, {})})
            assert not done.is_error, f"{tool.name}: {done.content}"
            found = done.structured_content
            assert {"generatedAt", "sources", "unknowns"} <= set(found), tool.name
            (text,) = done.content
            assert json.loads(getattr(text, "text", "")) == found
            items = next(found[key] for key in ("items", "edges", "clusters") if key in found)
            assert len(items) <= 3, tool.name
            if not items:
                empty.add(tool.name)
    assert empty <= {"get_members", "get_drift", "get_federated"}


async def test_a_wrong_call_is_a_sentence_and_the_server_lives_on(world: Served) -> None:
    async with client(world, "-n", "shop") as assistant:
        unknown = await assistant.call_tool("delete_everything", {})
        assert unknown.is_error
        assert getattr(unknown.content[0], "text", "").startswith("There is no tool delete_everything; there are get_")
        wrong = await assistant.call_tool("get_services", {"limit": -1})
        assert getattr(wrong.content[0], "text", "") == (
            "get_services does not take these arguments: limit: Expected `int` >= 1."
        )
        outside = await assistant.call_tool("get_services", {"namespaces": ["data"]})
        assert getattr(outside.content[0], "text", "") == "This server answers for namespace shop only, not for data."
        found = await assistant.call_tool("get_services", {})
        assert {item["namespace"] for item in found.structured_content["items"]} == {"shop"}


def test_it_ends_with_its_input(world: Served) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshtop", "mcp", "--kubeconfig", str(world.kubeconfig)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False, env=dict(environment()),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
