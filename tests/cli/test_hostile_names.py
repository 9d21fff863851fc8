"""Whatever clusters, objects and accounts are called, no command hands a terminal a code to obey."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.views.frame.registry import KINDS
from tests import worlds
from tests.cli.conftest import Program

HOSTILE = "e\x1b]0;owned\x07\x9b2J\u202e\x85\n\x7fx"
OBEYED = {*map(chr, [*range(0x20), *range(0x7F, 0xA0)]), "\u202e", "\u200b", "\u2066", "\u2028"} - {"\n"}


def hostile_world() -> Any:
    """Two clusters whose names, contexts, servers and errors are hostile."""
    found = []
    for number, cluster in enumerate((worlds.east(sick=True), worlds.west(), worlds.north())):
        odd = f"{number}{HOSTILE}"
        kubernetes = structs.replace(cluster.kubernetes, error=f"{odd} says no", remedy=f"do {odd}")
        found.append(
            structs.replace(cluster, name=odd, context=odd, server=f"https://{odd}.example", kubernetes=kubernetes)
        )
    return worlds.world(*found)


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "csv", "name"])
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if not kind.hidden])
def test_every_kind_in_every_format(meshtop: Program, kind: str, output: str) -> None:
    meshtop.snapshots = (hostile_world(),)
    found = meshtop("get", kind, "-o", output)
    for text in (found.out, found.err):
        assert not set(text) & OBEYED, sorted(set(text) & OBEYED)


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor",), ("doctor", "-o", "json"), ("graph",), ("graph", "-o", "dot"), ("graph", "-o", "mermaid"),
        ("graph", "-o", "tree"),
        ("graph", "-o", "json"), ("graph", "-o", "svg"), ("whatif", "strict", "shop"), ("get", "mtls", "--edges"),
        ("get", "tenants", "--matrix"), ("get", "workloads", HOSTILE), ("get", "workloads", "--filter", HOSTILE),
        ("get", HOSTILE), ("journal", HOSTILE), ("rollback", HOSTILE, "--yes"), (HOSTILE,),
        ("whatif", "evacuate", HOSTILE), ("access", "explain", HOSTILE, "read", HOSTILE), ("rules", "--label", HOSTILE),
    ],
)  # fmt: skip
def test_every_other_command(
    meshtop: Program, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    meshtop.snapshots = (hostile_world(),)
    found = meshtop(*arguments)
    for text in (found.out, found.err):
        assert not set(text) & OBEYED, sorted(set(text) & OBEYED)
    assert "Traceback" not in found.err
