"""`diff`: what came, went or changed between two moments, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from meshtop.model.kube import ConfigObject
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from tests import worlds
from tests.cli.conftest import Program
from tests.cli.test_recordings import RecordedRun, run
from tests.sources.recording.moments import written

__all__ = ["run"]


def _policy(action: str, name: str = "web") -> ConfigObject:
    return ConfigObject(
        group="security.istio.io", version="v1", kind="AuthorizationPolicy", meta=worlds.meta(name, "shop"),
        spec={"action": action, "rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
    )  # fmt: skip


def _with_config(cluster: ClusterSnapshot, **config: tuple[ConfigObject, ...]) -> ClusterSnapshot:
    assert cluster.inventory is not None
    return structs.replace(cluster, inventory=structs.replace(cluster.inventory, config=config))


def _east(
    v1: float, *, code: str = "200", sick: bool = False, policies: Sequence[ConfigObject] = (), more: float = 0.0
) -> ClusterSnapshot:
    samples = [worlds.request("east/web", "east/v1", v1), worlds.request("east/web", "east/v1", 5.0, code=code)]
    if more:
        samples.append(worlds.request("east/web", "east/v2", more))
    east = worlds.cluster("east", samples, sick=sick)
    return _with_config(east, AuthorizationPolicy=tuple(policies))


def _file(folder: Path, *snapshots: Snapshot) -> str:
    return str(written(folder / "x.rec", snapshots))


def _items(out: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(out)["items"]
    return items


def _told(items: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(one["what"], one["change"], one["name"]) for one in items}


@pytest.fixture
def outage(tmp_path: Path) -> str:
    """Two moments: a policy denies and another comes, a pod is lost, errors begin, a call comes."""
    before = worlds.world(_east(100.0, policies=[_policy("ALLOW")]), worlds.north())
    east = _east(20.0, code="503", sick=True, policies=[_policy("DENY"), _policy("DENY", "more")], more=30.0)
    return _file(tmp_path, before, worlds.world(east, worlds.north(), sequence=2, at=worlds.AT + 60.0))


def test_everything_that_differs_is_told(run: RecordedRun, outage: str) -> None:
    done = run("diff", f"{outage}@-1m", outage, "-o", "json")
    items = _items(done.out)
    assert _told(items) == {
        ("object", "changed", "web"), ("object", "came", "more"), ("workload", "changed", "reviews-v2"),
        ("call", "changed", "shop/web-v1 → shop/reviews-v1"), ("call", "came", "shop/web-v1 → shop/reviews-v2"),
    } | {("cluster", "changed", "east")} & _told(items)  # fmt: skip
    by_name = {one["name"]: {d["field"]: (d["before"], d["after"]) for d in one["differences"]} for one in items}
    assert by_name["web"] == {"spec.action": ("ALLOW", "DENY")}
    assert by_name["reviews-v2"]["pods"] == ("2/2", "1/2")
    call = by_name["shop/web-v1 → shop/reviews-v1"]
    assert call["requests"] == ("105/s", "25/s")
    assert call["errors"] == ("0 %", "20.0 %")
    assert done.code == 1
    assert [(one["what"], one["cluster"]) for one in json.loads(done.out)["unknowns"]] == [
        ("objects", "north"),
        ("traffic", "north"),
    ]


def test_the_other_way_round_it_went(run: RecordedRun, outage: str) -> None:
    items = _items(run("diff", outage, f"{outage}@-1m", "-o", "json").out)
    assert ("object", "went", "more") in _told(items)
    assert ("call", "went", "shop/web-v1 → shop/reviews-v2") in _told(items)


def test_what_one_moment_does_not_know_did_not_come(run: RecordedRun, tmp_path: Path) -> None:
    dark = structs.replace(_east(100.0), inventory=None, telemetry=None)
    lit = _east(100.0, policies=[_policy("DENY")], more=30.0)
    file = _file(tmp_path, worlds.world(dark), worlds.world(lit, sequence=2, at=worlds.AT + 60.0))
    done = run("diff", f"{file}@-1m", file, "-o", "json")
    assert not [one for one in _items(done.out) if one["what"] != "cluster"]
    assert {one["what"] for one in json.loads(done.out)["unknowns"]} == {"objects", "traffic"}


def test_a_kind_that_was_not_read_is_not_compared(run: RecordedRun, tmp_path: Path) -> None:
    before, after = _east(1.0), _east(1.0, policies=[_policy("DENY")])
    assert before.inventory is not None
    kinds = tuple(
        structs.replace(one, state="denied") if one.kind == "AuthorizationPolicy" else one
        for one in before.inventory.kinds
    )
    before = structs.replace(before, inventory=structs.replace(before.inventory, kinds=kinds, config={}))
    file = _file(tmp_path, worlds.world(before), worlds.world(after, sequence=2, at=worlds.AT + 60.0))
    assert not [one for one in _items(run("diff", f"{file}@-1m", file, "-o", "json").out) if one["what"] == "object"]


def test_nothing_differs(run: RecordedRun, tmp_path: Path) -> None:
    same = worlds.world(_east(100.0))
    file = _file(tmp_path, same, structs.replace(same, sequence=2, at=worlds.AT + 60.0))
    done = run("diff", f"{file}@-1m", file)
    assert (done.code, done.out) == (0, "")
    assert "0 differences from 2026-08-01T14:00:00Z to 2026-08-01T14:01:00Z" in done.err


def test_in_a_replay_moments_are_of_the_recording(run: RecordedRun, outage: str) -> None:
    done = run("replay", outage, "--", "diff", "-1m", "now", "--cluster", "east")
    assert done.code == 1
    assert "spec.action ALLOW → DENY" in done.out
    elsewhere = run("replay", outage, "--", "diff", "-1m", "now", "-n", "nowhere", "-o", "json")
    assert {one["what"] for one in _items(elsewhere.out)} <= {"cluster"}


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (("yesterday", "now"), "A recording is named as FILE or FILE@TIME"),
        (("nowhere.rec@-1m", "now"), "nowhere.rec cannot be read"),
        (("--at", "-5m", "-1h", "now"), "--at is one moment"),
        (("now",), "Missing argument 'B'"),
    ],
)
def test_what_is_no_side_is_refused(run: RecordedRun, sides: Sequence[str], said: str) -> None:
    done = run("diff", *sides)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("sides", [("-1h", "now"), ("-2h", "-1h"), ("now", "-1h"), ("now", "NOW")])
def test_objects_are_read_once_for_both_moments_of_clusters(meshtop: Program, sides: tuple[str, str]) -> None:
    done = meshtop("diff", *sides)
    assert "0 differences" in done.err
    (observatory,) = meshtop.observatories
    assert len(observatory.moments) == 2
    assert [moment is None for moment in observatory.moments] == [side.lower() == "now" for side in sides]


def test_what_differs_is_told_in_the_order_of_the_moments(meshtop: Program) -> None:
    before = worlds.world(_with_config(worlds.east(), AuthorizationPolicy=(_policy("ALLOW"),)))
    meshtop.snapshots = (before, worlds.world(_with_config(worlds.east(), AuthorizationPolicy=(_policy("DENY"),))))
    (item,) = (
        one for one in json.loads(meshtop("diff", "-1h", "now", "-o", "json").out)["items"] if "DENY" in json.dumps(one)
    )
    assert json.dumps(item).index("ALLOW") < json.dumps(item).index("DENY")
