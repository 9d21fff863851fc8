from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from meshtop.model.errors import Exit
from meshtop.model.state import SourceStatus, State
from meshtop.views.frame.registry import KINDS
from tests import worlds
from tests.cli.conftest import Program


def test_a_table(meshtop: Program) -> None:
    outcome = meshtop("get", "clusters")
    assert outcome.code == 0
    assert outcome.err == ""
    header, *rows = outcome.out.splitlines()
    assert header.split()[:4] == ["CLUSTER", "STATE", "HEALTH", "K8S"]
    assert [row.split()[0] for row in rows] == ["east", "west"]
    assert "\x1b" not in outcome.out
    assert not any(line.endswith(" ") for line in outcome.out.splitlines())


def test_wide_shows_more_columns(meshtop: Program) -> None:
    narrow, wide = meshtop("get", "wl").out, meshtop("get", "wl", "-o", "wide").out
    assert "OUT REQ/S" not in narrow
    assert "OUT REQ/S" in wide


def test_json_is_the_document(meshtop: Program) -> None:
    told = json.loads(meshtop("get", "edges", "-o", "json").out)
    assert told["kind"] == "EdgeList"
    assert [source["cluster"] for source in told["sources"]] == ["east", "west"]
    assert len(told["items"]) == 4


def test_yaml_says_the_same_as_json(meshtop: Program) -> None:
    as_json = json.loads(meshtop("get", "services", "-o", "json").out)
    assert yaml.safe_load(meshtop("get", "services", "-o", "yaml").out) == as_json


def test_csv_has_a_header_that_never_varies(meshtop: Program) -> None:
    full = list(csv.DictReader(io.StringIO(meshtop("get", "workloads", "-o", "csv").out)))
    none = meshtop("get", "workloads", "-o", "csv", "-n", "nowhere").out
    assert len(full) == 6
    assert list(full[0]) == none.strip().split(",")
    row = next(row for row in full if row["cluster"] == "east" and row["name"] == "reviews-v1")
    assert float(row["inbound.requestsPerSecond"]) == pytest.approx(80.0)
    assert row["outbound.requestsPerSecond"] == ""
    assert row["pods.ready"] == "2"


def test_names_can_be_given_back(meshtop: Program) -> None:
    names = meshtop("get", "workloads", "-o", "name").out.split()
    assert "workload/east/shop/reviews-v2" in names
    again = meshtop("get", "workloads", "workload/east/shop/reviews-v2", "-o", "name")
    assert again.out.split() == ["workload/east/shop/reviews-v2"]


def test_a_name_that_is_not_there_is_a_bad_answer(meshtop: Program) -> None:
    outcome = meshtop("get", "services", "web", "nothing")
    assert outcome.code == 1
    assert "There is no service nothing." in outcome.err
    assert "web" in outcome.out


def test_nothing_left_says_why(meshtop: Program) -> None:
    outcome = meshtop("get", "edges", "-n", "nowhere")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "meshtop: No edges match -n nowhere (4 were left out).\n"


def test_filter_and_sort(meshtop: Program) -> None:
    out = meshtop("get", "workloads", "--filter", "rps:>1", "--sort", "-rps", "-o", "name").out.split()
    assert out == ["workload/east/shop/reviews-v2", "workload/west/shop/reviews-v1", "workload/east/shop/reviews-v1"]


def test_some_clusters_missing_is_no_error_and_is_said(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(),)
    outcome = meshtop("get", "clusters", "-o", "json")
    assert outcome.code == 0
    assert outcome.err == "meshtop: north did not answer within 5 s. Check the VPN.\n"
    assert json.loads(outcome.out)["sources"][2]["kubernetes"]["state"] == "unreachable"


@pytest.mark.parametrize(("state", "code"), [(State.UNREACHABLE, 3), (State.DENIED, 4), (State.NONE, 3)])
@pytest.mark.parametrize("output", ["table", "json"])
def test_no_cluster_at_all(meshtop: Program, state: State, code: int, output: str) -> None:
    meshtop.snapshots = (worlds.world(worlds.north(state)),)
    outcome = meshtop("get", "clusters", "-o", output)
    assert outcome.code == code
    assert state.value in outcome.out
    assert "Check the VPN." in outcome.err


def test_options_stand_before_and_after_the_command(meshtop: Program) -> None:
    meshtop("--context", "a", "--window", "1m", "-n", "x", "get", "edges", "--context", "b", "--read-only", "-n", "y")
    session = meshtop.sessions[0]
    assert session.common.context == ("a", "b")
    assert session.common.namespace == ("x", "y")
    assert (session.settings.window, session.settings.read_only) == (60.0, True)
    meshtop("--window", "1m", "get", "edges", "--window", "2m")
    assert meshtop.sessions[1].settings.window == 120.0
    meshtop("--window", "1m", "get", "edges")
    assert meshtop.sessions[2].settings.window == 60.0


USAGE = [
    (("get",), "Missing argument 'KIND'"),
    (("get", "edgs"), "There is no kind edgs; did you mean edges?"),
    (("gte", "edges"), "There is no command gte; did you mean get?"),
    (("frobnicate",), "There is no command frobnicate; there are get, "),
    (("get", "edges", "--filtr", "x"), "No such option '--filtr'."),
    (("get", "edges", "-o", "xml"), "'xml' is not one of"),
    (("get", "edges", "--filter", "nope:1"), "There is no column nope"),
    (("get", "edges", "--sort", "requestPerSecond"), "did you mean requestsPerSecond"),
    (("get", "edges", "--window", "5"), "'5' is not a duration; write 30s, 5m or 1h."),
    (("get", "edges", "--timeout", "0s"), "longer than zero"),
    (("get", "edges", "--window", "400d"), "400d is too long; the most is 365d."),
    (("get", "edges", "--window", "9000h"), "9000h is too long; the most is 365d."),
    (("ack", "catalog", "--for", "0h"), "longer than zero"),
    (("ack", "catalog", "--for", "99999999h"), "99999999h is too long; the most is 365d."),
    (("get", "edges", "--at", "soon"), "'soon' is not a moment; write 2026-08-01T14:05:00Z, -10m or 14:05."),
    (("get", "edges", "--watch", "--at", "-10m"), "leave one of them out"),
    (("get", "edges", "--config", "/not/there.yaml"), "/not/there.yaml (--config) does not exist"),
    (("shift", "x"), "Missing option '--to'"),
]


@pytest.mark.parametrize(("arguments", "said"), USAGE)
def test_wrong_use_ends_with_2_and_one_sentence(meshtop: Program, arguments: tuple[str, ...], said: str) -> None:
    outcome = meshtop(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert meshtop.sessions == [] or "--watch" in arguments


def test_an_unexpected_error_is_a_sentence(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    meshtop.error = RuntimeError("boom\nmore")
    outcome = meshtop("get", "edges")
    assert outcome.code == 70
    assert "internal error (RuntimeError: boom)" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in meshtop("get", "edges", "-vv").err
    monkeypatch.setenv("MESHTOP_DEBUG", "1")
    assert "Traceback" in meshtop("get", "edges").err


def test_interrupted(meshtop: Program) -> None:
    meshtop.error = KeyboardInterrupt()  # type: ignore[assignment]
    assert meshtop("get", "edges").code == 130


def test_colour_only_when_asked_for(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in meshtop("get", "workloads").out
    assert "\x1b[33m" in meshtop("get", "workloads", "--color", "always").out
    monkeypatch.setenv("MESHTOP_COLOR", "always")
    assert "\x1b[" in meshtop("get", "workloads").out
    assert "\x1b[" not in meshtop("get", "workloads", "--color", "never").out


def test_ascii(meshtop: Program) -> None:
    out = meshtop("get", "workloads", "--ascii").out
    assert out.isascii()
    assert "! degraded" in out


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "csv", "name"])
def test_hostile_names_reach_no_terminal(meshtop: Program, output: str) -> None:
    east = worlds.east()
    assert east.inventory is not None
    evil = worlds.meta("x\x1b]0;t\x07\u202e\x9b2J\n[red]", labels={"capsule.clastix.io/tenant": "\x1b[2Jt"})
    namespaces = tuple(replace(n, meta=evil) for n in east.inventory.namespaces[:1])
    changed = replace(east, inventory=replace(east.inventory, namespaces=namespaces))
    meshtop.snapshots = (worlds.world(changed),)
    outcome = meshtop("get", "namespaces", "-o", output)
    assert outcome.code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", outcome.out + outcome.err)


def test_verbose_says_what_each_source_cost(meshtop: Program) -> None:
    assert "east prometheus: fresh (0.10 s, 500 bytes, 9 requests)" in meshtop("get", "clusters", "-v").err


def test_watch_in_a_pipe_prints_changed_rows(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHTOP_REFRESH", "10ms")
    first = worlds.world(worlds.east(), worlds.west())
    second = worlds.world(worlds.east(sick=True), worlds.west(), sequence=2)
    meshtop.snapshots = (first, second)
    outcome = meshtop("get", "workloads", "--watch")
    lines = outcome.out.splitlines()
    assert lines[0].startswith("CLUSTER")
    assert sum("reviews-v2" in line for line in lines) >= 1
    assert lines[-1].split()[-1] != "CLUSTER"


def test_watch_prints_a_document_a_line(meshtop: Program) -> None:
    outcome = meshtop("get", "clusters", "--watch", "-o", "json")
    documents = [json.loads(line) for line in outcome.out.splitlines()]
    assert documents
    assert all(told["kind"] == "ClusterList" for told in documents)


def test_prometheus_down_is_partial_and_said(meshtop: Program) -> None:
    down = SourceStatus(state=State.UNREACHABLE, error="Prometheus of east refused the connection.")
    meshtop.snapshots = (worlds.world(replace(worlds.east(), prometheus=down, telemetry=None)),)
    outcome = meshtop("get", "clusters")
    assert outcome.code == 0
    assert "~ partial" in outcome.out
    assert outcome.err == "meshtop: east: Prometheus of east refused the connection.\n"


@pytest.mark.parametrize("output", ["table", "wide", "csv"])
def test_the_titles_can_be_left_out(meshtop: Program, output: str) -> None:
    whole = meshtop("get", "workloads", "-o", output).out.splitlines()
    assert meshtop("get", "workloads", "-o", output, "--no-headers").out.splitlines() == whole[1:]
    assert meshtop("get", "workloads", "-o", output, "--no-headers", "--watch").out.splitlines() == whole[1:]


def test_json_and_names_have_no_titles_to_leave_out(meshtop: Program) -> None:
    for output in ("json", "yaml", "name"):
        assert (
            meshtop("get", "clusters", "-o", output, "--no-headers").out == meshtop("get", "clusters", "-o", output).out
        )


def test_a_column_that_says_nothing_takes_no_room(meshtop: Program) -> None:
    assert "LAST HOUR" not in meshtop("get", "clusters").out


def test_no_titles_of_nothing(meshtop: Program) -> None:
    assert meshtop("get", "workloads", "-n", "nowhere", "--no-headers").out == ""


def test_a_row_that_cannot_be_made_is_named_and_the_rest_printed(
    meshtop: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshtop.views.kinds import workloads

    whole = meshtop("get", "workloads", "-o", "name").out.splitlines()
    make, odd = workloads._item, whole[0].rsplit("/", 1)[-1]

    def item(picture: Any, workload: Any) -> Any:
        if workload.name == odd:
            raise KeyError("odd")
        return make(picture, workload)

    monkeypatch.setattr(workloads, "_item", item)
    for output in ("table", "json", "csv", "name", "yaml"):
        found = meshtop("get", "workloads", "-o", output)
        assert found.code == Exit.DEFECT
        assert "could not be shown" in found.err
        assert odd in found.err
        assert "Traceback" not in found.err
        assert found.out
    assert len(meshtop("get", "workloads", "-o", "name").out.splitlines()) < len(whole)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if not kind.hidden])
def test_a_kind_that_breaks_is_one_sentence(meshtop: Program, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from meshtop.views.frame.registry import view

    def broken(*_: Any) -> Any:
        raise KeyError("an odd object")

    monkeypatch.setattr(view(kind), "_build", broken)
    monkeypatch.setattr(view(kind), "_scoped", None)
    found = meshtop("get", kind)
    assert (found.code, found.out) == (Exit.DEFECT, "")
    assert found.err.count("\n") == 1
    assert "an odd object" in found.err
