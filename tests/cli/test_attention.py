"""`get attention`, `ack` and `watch` on two small clusters: one of them sick, or lost."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import click
import pytest
from msgspec import structs

from meshtop.cli.ack import command as ack
from meshtop.cli.watch_attention import ring
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from tests import worlds
from tests.cli.conftest import Program

SICK = "workload/east/shop/reviews-v2"


def kubeconfig(path: Path, **servers: str) -> Path:
    """A kubeconfig with a context of each name at that server."""
    named = [{"name": name, "cluster": {"server": server}} for name, server in servers.items()]
    contexts = [{"name": name, "context": {"cluster": name, "user": name}} for name in servers]
    users = [{"name": name, "user": {"token": "t"}} for name in servers]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"clusters": named, "contexts": contexts, "users": users}))
    return path


@pytest.fixture(autouse=True)
def here(meshtop: Program) -> None:
    """The kubeconfig of the two clusters, where it is looked for."""
    names = ("east", "west")
    kubeconfig(Path.home() / ".kube" / "config", **{name: f"https://{name}.example:6443" for name in names})


def sick_world(sequence: int = 1) -> object:
    return worlds.world(worlds.east(sick=True), worlds.west(), sequence=sequence, at=worlds.AT + sequence)


def lost(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The cluster with its last answers, a minute after it ceased to answer."""
    gone = SourceStatus(
        state=State.STALE, answered_at=worlds.AT - 60, error="west (https://west.example:6443) cannot be reached."
    )
    return structs.replace(cluster, kubernetes=gone, prometheus=gone)


def items(meshtop: Program, *arguments: str) -> list[dict[str, object]]:
    done = meshtop("get", "attention", "-o", "json", *arguments)
    document = json.loads(done.out)
    assert document["kind"] == "AttentionList"
    found: list[dict[str, object]] = document["items"]
    return found


def test_an_item_says_what_since_when_and_who_is_hit(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    item = next(one for one in items(meshtop) if one["id"] == SICK)
    assert item["severity"] == "warning"
    assert item["title"] == (
        "shop/reviews-v2 in east: 450 of 6,000 requests failed in 5m: 7.5 %, at least 6.5 %"
        " (mostly 503 Service Unavailable); 1 of 2 ready"
    )
    assert item["since"] is None
    assert item["firstSeen"] == "2026-08-01T14:00:00Z"
    assert item["impact"] == {
        "requestsPerSecond": 20.0, "errorsPerSecond": 1.5, "slowPerSecond": 0.0, "plaintextPerSecond": 0.0,
        "unseenPerSecond": 0.0, "tenants": ["storefront"], "workloads": 2,
    }  # fmt: skip
    assert item["about"] == [{"kind": "workloads", "key": "east/shop/reviews-v2/Deployment"}]
    assert item["acknowledged"] is None


def test_a_lost_cluster_is_the_first_with_its_requests_unseen(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), lost(worlds.west())),)
    first = items(meshtop)[0]
    assert first["id"] == "cluster/west"
    assert first["since"] == "2026-08-01T13:59:00Z"
    assert first["impact"]["unseenPerSecond"] == pytest.approx(50.0)  # type: ignore[index]
    assert "prometheus/west" in [one["id"] for one in first["consequences"]]  # type: ignore[attr-defined]


def test_what_is_acknowledged_steps_back_until_it_is_taken_back(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    assert items(meshtop)[0]["id"] == SICK
    done = meshtop("ack", "shop/reviews-v2", "--for", "4h", "--reason", "known to the team")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{SICK} steps back until ")
    title, until = "✓ shop/reviews-v2 in east", r"until \d\d-\d\d \d\d:\d\dZ"
    for output in ("table", "wide"):
        heading, *rows = meshtop("get", "attention", "-o", output).out.splitlines()
        (known,) = (row for row in rows if "shop/reviews-v2 in east" in row)
        assert "ACKNOWLEDGED" in heading
        assert title in known
        assert re.search(until, known)
        assert sum("✓" in row for row in rows) == 1
    listed = meshtop("ack", "--list")
    assert "acknowledged until" in listed.out
    assert "known to the team" in listed.out
    assert json.loads(meshtop("ack", "--list", "-o", "json").out)["items"][0]["id"] == SICK
    # The world's clock stands in 2026-08-01, the acknowledgement ends four hours from the present of the machine.
    assert meshtop("ack", SICK, "--undo").out == f"{SICK} steps forward again.\n"
    assert meshtop("ack", "--list").out == ""


def test_ack_needs_an_id_that_is_there(meshtop: Program) -> None:
    assert meshtop("ack").code == 2
    done = meshtop("ack", "nothing")
    assert done.code == 2
    assert "No item nothing of these clusters needs attention" in done.err


def test_a_state_folder_that_cannot_be_written_is_said_and_costs_no_answer(
    meshtop: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    done = meshtop("get", "attention", "-o", "name")
    assert f"attention/{SICK}" in done.out.splitlines()
    assert "what needs attention is not remembered" in done.err
    for arguments in (("ack", SICK), ("ack", "--list")):
        done = meshtop(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "attention.db cannot be written" in done.err
        assert "XDG_STATE_HOME" in done.err
        assert "No item" not in done.err


def test_an_acknowledgement_belongs_to_the_fleet_of_the_kubeconfig(meshtop: Program, tmp_path: Path) -> None:
    theirs = str(kubeconfig(tmp_path / "theirs", east="https://another-fleets-east"))
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    items(meshtop)
    for arguments in (("ack", SICK), ("ack", SICK, "--undo")):
        done = meshtop(*arguments, "--kubeconfig", theirs)
        assert (done.code, done.out) == (2, "")
        assert f"No item {SICK} of these clusters needs attention" in done.err
    assert meshtop("ack", SICK).code == 0
    assert meshtop("ack", "--list", "--kubeconfig", theirs).out == ""
    assert meshtop("ack", "--list", "--cluster", "west").out == ""
    assert meshtop("ack", "--list", "--context", "east").out.startswith(f"{SICK}  in east: acknowledged until it goes")
    (listed,) = json.loads(meshtop("ack", "--list", "-o", "json").out)["items"]
    assert (listed["clusters"], listed["servers"]) == (["east"], ["https://east.example:6443"])
    elsewhere = meshtop("ack", SICK, "--kubeconfig", str(tmp_path / "none"))
    assert elsewhere.code == 2
    assert "none" in elsewhere.err


def test_an_item_of_a_cluster_that_only_a_registry_knows_can_be_acknowledged(meshtop: Program, tmp_path: Path) -> None:
    registry = str(kubeconfig(tmp_path / "registry", hub="https://hub.example:6443"))
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    items(meshtop)
    assert meshtop("ack", SICK, "--kubeconfig", registry).code == 2
    config = tmp_path / "meshtop.yaml"
    config.write_text("discovery: {registries: true, adoptCredentials: true}\n")
    assert meshtop("ack", SICK, "--kubeconfig", registry, "--config", str(config)).code == 0


def test_ids_of_this_fleet_alone_are_completed(
    meshtop: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(sick=True), worlds.west()),)
    items(meshtop)
    context = click.Context(ack, parent=click.Context(click.Group("meshtop")))
    (identity,) = (one for one in ack.params if one.name == "identity")
    assert SICK in [one.value for one in identity.shell_complete(context, "workload/")]
    theirs = kubeconfig(tmp_path / "theirs", east="https://another-fleets-east")
    monkeypatch.setenv("KUBECONFIG", str(theirs))
    assert identity.shell_complete(context, "") == []
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nope")
    assert identity.shell_complete(context, "") == []


def test_watch_tells_what_comes_and_goes(meshtop: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHTOP_REFRESH", "0.01s")
    well, sick = (worlds.east(), worlds.west()), (worlds.east(sick=True), lost(worlds.west()))
    seen = tmp_path / "seen"
    program = f"cat >> {seen}"
    meshtop.snapshots = (worlds.world(*sick),)
    done = meshtop("watch", "--until", "failing", "-o", "json", "--exec", program)
    events = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert {event["event"] for event in events} == {"there"}
    assert not seen.exists(), "what was there when watching began is no news"
    assert events[0]["item"]["id"] == "cluster/west"
    meshtop.snapshots = (worlds.world(*well),)
    assert meshtop("watch", "--on", "error", "--until", "healthy").out == ""


def test_a_command_gets_the_event_on_its_stdin(meshtop: Program, tmp_path: Path) -> None:
    from meshtop.cli.watch_attention import run_program

    run_program(f"cat > {tmp_path / 'event'}", '{"event":"came"}')
    assert (tmp_path / "event").read_text() == '{"event":"came"}\n'
    run_program("exit 3", "{}")


def test_watch_is_of_the_present(meshtop: Program) -> None:
    assert meshtop("watch", "--at", "-10m").code == 2


def test_a_ring_carries_nothing_that_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    ring("shop/\x1b[31mcatalog; fails\x07")
    assert out.getvalue().startswith("\a\x1b]9;meshtop: ")
    assert "[31m" not in out.getvalue().replace("\\x1b[31m", "") or "\x1b[31m" not in out.getvalue()
    assert out.getvalue().count(";") == 4, "a title cannot add fields to OSC 777"
