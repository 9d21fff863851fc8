"""`meshtop whatif apply`: exit codes, what it is given, what it prints; and one sentence for each fault."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests import worlds
from tests.cli.conftest import Program
from tests.views.reports.test_forecast import BY_PATH, DENY, RULE, world

ALLOW_ALL = DENY.replace("DENY", "ALLOW").replace("closed", "open")


@pytest.fixture
def program(meshtop: Program) -> Program:
    meshtop.snapshots = (world(RULE),)
    return meshtop


def write(folder: Path, text: str, name: str = "x.yaml") -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_call_that_would_fail_ends_with_1_and_says_where(program: Program, tmp_path: Path) -> None:
    done = program("whatif", "apply", "-f", write(tmp_path, DENY))
    assert done.code == 1
    assert done.out.splitlines()[1].split()[:2] == ["✗", "denied"]
    assert "AuthorizationPolicy shop/closed is new in east, west.\n" in done.err
    assert "Of 2 calls seen in the last 1d 2 would break" in done.err


def test_what_changes_nothing_ends_with_0_and_what_may_with_3(program: Program, tmp_path: Path) -> None:
    fine = program("whatif", "apply", "-f", write(tmp_path, ALLOW_ALL))
    assert (fine.code, fine.out) == (0, "")
    assert "none would change" in fine.err
    open_ = program("whatif", "apply", "-f", write(tmp_path, BY_PATH))
    assert open_.code == 3
    assert "This answer is not certain: some calls of east, west" in open_.err


def test_json_has_the_question_and_all_parts(program: Program, tmp_path: Path) -> None:
    path = write(tmp_path, DENY)
    document = json.loads(program("whatif", "apply", "-f", path, "--last", "2h", "-o", "json").out)
    assert (document["kind"], document["question"], document["span"]) == ("WhatIfApply", f"apply -f {path}", "2h")
    assert document["summary"]["breaks"] == 2
    assert [one["change"] for one in document["objects"]] == ["new", "new"]
    assert {item["effect"] for item in document["items"]} == {"denied"}
    assert list(document["findings"]) == ["come", "go"]
    assert "effect: denied" in program("whatif", "apply", "-f", path, "-o", "yaml").out


def test_folders_stdin_lists_and_home_namespaces(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homeless = DENY.replace(", namespace: shop", "")
    write(tmp_path / "all", homeless, "a.yaml")
    assert program("whatif", "apply", "-f", str(tmp_path / "all")).code == 0, "it is in default, which is not there"
    assert program("whatif", "apply", "-f", str(tmp_path / "all"), "-n", "shop").code == 1
    listed = {"apiVersion": "v1", "kind": "List", "items": [json.loads(json.dumps(_policy()))]}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(listed).encode())))
    assert program("whatif", "apply", "-f", "-").code == 1


def _policy() -> dict[str, object]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "nobody", "namespace": "shop"},
        "spec": {},
    }


def test_the_clusters_that_are_named_are_those_of_the_objects(program: Program, tmp_path: Path) -> None:
    path = write(tmp_path, DENY)
    document = json.loads(program("whatif", "apply", "-f", path, "--cluster", "west", "-o", "json").out)
    assert {one["cluster"] for one in document["objects"]} == {"west"}
    assert {one["cluster"] for one in document["sources"]} == {"east", "west"}
    wrong = program("whatif", "apply", "-f", path, "--cluster", "nowhere")
    assert (wrong.code, wrong.err) == (2, "meshtop: There is no cluster nowhere; there are east, west.\n")


def test_what_is_deleted_is_named_or_in_a_file(meshtop: Program, tmp_path: Path) -> None:
    meshtop.snapshots = (world(DENY),)
    named = meshtop("whatif", "apply", "--remove", "authorizationpolicy/shop/closed")
    assert named.code == 0
    assert "2 calls that fail would work." in named.err
    assert meshtop("whatif", "apply", "--delete", write(tmp_path, DENY)).err == named.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give FILEs to apply with -f, or what to delete with --delete or --remove."),
        (("-f", "-", "--delete", "-"), "- is stdin, which can be read once."),
        (("-f", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file or directory."),
        (("--remove", "Sidecar"), "--remove Sidecar: write KIND/NAMESPACE/NAME."),
        (("--remove", "Car/shop/x"), "--remove Car/shop/x: Car is no kind that meshtop reads."),
        (("--remove", "Sidecar/shop/x"), "There is no Sidecar shop/x in any cluster that was read that could be"),
        (
            ("--remove", "Sidecar/shop/x", "--cluster", "east"),
            "There is no Sidecar shop/x in east that could be",
        ),
        (("--last", "soon", "--remove", "Sidecar/shop/x"), "Invalid value for '--last'"),
    ],
)
def test_each_fault_is_a_sentence(program: Program, arguments: tuple[str, ...], said: str) -> None:
    done = program("whatif", "apply", *arguments)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "x.yaml is not YAML"),
        ("a: 1", "Document cannot be read: apiVersion, kind and metadata have to be there"),
        ("", "x.yaml holds no object."),
        ("", "There is no object in what was given, so there is nothing to forecast."),
        ("# a comment\n---\n", "There is no object in what was given, so there is nothing to forecast."),
        ("apiVersion: v1\nkind: List\nitems: []\n", "There is no object in what was given"),
        ("apiVersion: v1\nkind: List\nitems:\n", "There is no object in what was given"),
        ("apiVersion: v1\nkind: List\n", "List cannot be read: a list has to have items, one object each ("),
        ("apiVersion: v1\nkind: List\nitems: 5\n", "List cannot be read: a list has to have items, one object each ("),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: 5}\n", "Service default/x cannot be read:"),
    ],
)
def test_each_bad_file_is_a_sentence(program: Program, tmp_path: Path, text: str, said: str) -> None:
    done = program("whatif", "apply", "-f", write(tmp_path, text))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_kind_that_nothing_reads_is_named_in_one_sentence(program: Program, tmp_path: Path) -> None:
    widget = "apiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: w}\n"
    listed = f"---\n{widget}---\napiVersion: acme.io/v1\nkind: AllowList\nmetadata: {{name: w}}\nitems: {{a: 1}}\n"
    done = program("whatif", "apply", "-f", write(tmp_path, widget + listed))
    assert done.code == 0
    told = [line for line in done.err.splitlines() if line.startswith("Not judged")]
    assert told == [f"Not judged: {kind} is a kind that meshtop does not read." for kind in ("Widget", "AllowList")]


def test_without_clusters_nothing_is_said(meshtop: Program, tmp_path: Path) -> None:
    meshtop.snapshots = (worlds.world(worlds.north()),)
    done = meshtop("whatif", "apply", "-f", write(tmp_path, DENY))
    assert (done.code, done.out) == (3, "")
