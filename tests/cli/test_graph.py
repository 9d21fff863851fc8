"""`meshtop graph`: the same graph in five notations, narrowed by name, filter and scope."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests import worlds
from tests.cli.conftest import Program

DRAWING = """\
all clusters · 2 services, 1 edge · last 5m · 2026-08-01T14:00:00Z

╭ east / shop ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╮
┆ [web  ] 100/s ▲1.5% 91ms 🔒 ▶[reviews ▲] ┆
╰┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╯

web → reviews  ▲ degraded  HTTP 100/s  1.50 % 503  p99 98.2 ms  mTLS 100 %  src≠dst 2.50 %  2 edges  \
450 of 30,000 requests failed in 5m: 1.5 %, at least 1.3 % (mostly 503 Service Unavailable)
"""


def test_text_can_be_pasted(meshtop: Program) -> None:
    outcome = meshtop("graph", "--path", "east/shop/web", "east/shop/reviews")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == DRAWING


def test_ascii_is_ascii(meshtop: Program) -> None:
    outcome = meshtop("graph", "--ascii")
    assert outcome.out.isascii()
    assert "100/s !1.5% mTLS" in outcome.out


def test_colour_only_where_it_is_allowed(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in meshtop("graph").out
    assert "\x1b[33m" in meshtop("graph", "--color", "always").out
    plain = meshtop("graph", "--color", "always").out
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[31m", "\x1b[36m"):
        plain = plain.replace(code, "")
    assert plain == meshtop("graph").out


def test_json_is_a_document(meshtop: Program) -> None:
    told = json.loads(meshtop("graph", "-o", "json", "--level", "clusters").out)
    assert (told["apiVersion"], told["kind"], told["level"]) == ("meshtop/v1", "ServiceGraph", "clusters")
    assert [node["id"] for node in told["nodes"]] == ["cluster/east", "cluster/west"]
    (edge,) = told["edges"]
    assert (edge["source"], edge["target"], edge["crossCluster"]) == ("cluster/east", "cluster/west", True)
    assert edge["traffic"]["requestsPerSecond"] == pytest.approx(10.0)
    assert [source["cluster"] for source in told["sources"]] == ["east", "west"]


def test_dot_mermaid_and_svg(meshtop: Program) -> None:
    assert meshtop("graph", "-o", "dot").out.startswith("digraph mesh {")
    assert meshtop("graph", "-o", "mermaid").out.startswith("flowchart LR")
    root = ET.fromstring(meshtop("graph", "-o", "svg").out)
    assert root.tag.endswith("svg")


TREE = """\
CALLS              REQ/S   ERR %      P99  mTLS %
east/shop/web
├─ reviews           100  ▲ 1.50  98.2 ms     100
└─ west/reviews       10       0  98.2 ms     100
west/shop/web
└─ reviews            40       0  98.2 ms     100
"""


def test_a_tree_begins_at_the_entry_points_or_where_it_is_told_to(meshtop: Program) -> None:
    outcome = meshtop("graph", "-o", "tree")
    assert (outcome.code, outcome.err, outcome.out) == (0, "", TREE)
    below = meshtop("graph", "-o", "tree", "--focus", "west/shop/web").out.splitlines()
    assert [line.split()[0] for line in below] == ["CALLS", "west/shop/web", "└─"]
    assert meshtop("graph", "-o", "tree", "--focus", "west/shop/web", "--hops", "0").out.splitlines()[1:] == [
        "west/shop/web"
    ]
    assert "\x1b[33m" in meshtop("graph", "-o", "tree", "--color", "always").out
    assert meshtop("graph", "-o", "tree", "--ascii").out.isascii()
    assert meshtop("graph", "-o", "tree", "-n", "nowhere").out == ""
    assert "say which" in meshtop("graph", "-o", "tree", "--focus", "reviews").err


def test_filter_scope_and_focus(meshtop: Program) -> None:
    def nodes(*arguments: str) -> list[str]:
        return [node["label"] for node in json.loads(meshtop("graph", "-o", "json", *arguments).out)["nodes"]]

    assert nodes("--filter", "errorRatio:>1%") == ["reviews", "web"]
    assert nodes("--unhealthy") == ["reviews", "web"]
    assert nodes("--cluster", "west") == ["web", "reviews", "web"]
    assert nodes("--focus", "west/shop/web", "--hops", "1") == ["reviews", "web"]
    assert nodes("--focus", "west/shop/web", "--hops", "0") == ["web"]
    assert nodes("--level", "tenants") == ["storefront", "storefront"]
    assert nodes("-n", "nowhere") == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--focus", "reviews"), 2, "reviews could be east/shop/reviews, west/shop/reviews; say which."),
        (("--focus", "nobody"), 2, "The graph has no node nobody at this level"),
        (
            ("--path", "east/shop/reviews", "east/shop/web"),
            1,
            "No call path leads from east/shop/reviews to east/shop/web.",
        ),
        (("--filter", "pods:>1"), 2, "There is no column pods"),
        (("-n", "nowhere"), 0, "No edges match (4 were left out"),
        (("--level", "pods"), 2, "'pods' is not one of"),
    ],
)
def test_what_is_wrong_is_said(meshtop: Program, arguments: tuple[str, ...], code: int, said: str) -> None:
    outcome = meshtop("graph", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err


def test_too_much_to_read_is_coarser(meshtop: Program) -> None:
    """Forty callers of one service are not a text: the level is, and it says so."""
    calls = [worlds.request(f"east/web{n}", "east/v1", 1.0) for n in range(70)]
    meshtop.snapshots = (worlds.world(worlds.cluster("east", calls)),)
    outcome = meshtop("graph")
    assert "1 cluster, 0 edges" in outcome.out or "1 namespace, 0 edges" in outcome.out
    assert "71 services are too many to read" in outcome.err
    assert "71 services" in meshtop("graph", "--level", "services").out


def test_missing_clusters_are_said_and_cost_nothing(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.north()),)
    outcome = meshtop("graph")
    assert outcome.code == 0
    assert "north did not answer within 5 s" in outcome.err
    assert "reviews" in outcome.out


def test_a_node_that_may_be_unread_is_no_mistake_of_the_user(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.north()),)
    outcome = meshtop("graph", "--focus", "north/shop/web")
    assert outcome.code == 3
    missing, unknown = outcome.err.splitlines()
    assert "north did not answer within 5 s" in missing
    assert "The graph has no node north/shop/web" in unknown


def test_a_hostile_name_draws_nothing_else(meshtop: Program, tmp_path: Path) -> None:
    sample = worlds.request("east/we\x1b[31mb", "east/v1", 1.0)
    meshtop.snapshots = (worlds.world(worlds.cluster("east", [sample])),)
    for output in ("text", "dot", "mermaid", "json", "svg"):
        assert "\x1b" not in meshtop("graph", "-o", output).out
