from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.shell_completion import ShellComplete
from msgspec.structs import replace

from meshtop import __version__
from meshtop.cli.main import COMMANDS, cli
from meshtop.model.state import SourceStatus, State
from meshtop.views.frame.registry import names
from tests import worlds
from tests.cli.conftest import Program
from tests.patience import PATIENCE_SECONDS


def spawn(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "meshtop", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MESHTOP_CONFIG": "none", **environ},
    )


@pytest.mark.parametrize("arguments", [("--version",), ("get", "--version"), ("config", "view", "--version")])
def test_the_version(meshtop: Program, arguments: tuple[str, ...]) -> None:
    assert meshtop(*arguments) == (0, f"meshtop {__version__}\n", "")


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(meshtop: Program, command: str, flag: str) -> None:
    outcome = meshtop(*filter(None, (command, flag)))
    assert outcome.code == 0
    for option in ("--config", "--kubeconfig", "--context", "--namespace", "--at", "--read-only", "--color", "--ascii"):
        assert option in outcome.out


def test_the_console_without_a_terminal_is_refused(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = meshtop()
    assert outcome.code == 2
    assert "The console needs a terminal" in outcome.err
    assert "meshtop get clusters" in outcome.err
    assert meshtop("demo").code == 2

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("meshtop.cli.open_console.sys.stdin", Terminal())
    monkeypatch.setattr("meshtop.cli.open_console.sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert "(TERM is dumb)" in meshtop().err


def test_doctor_on_a_healthy_world(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west()),)
    outcome = meshtop("doctor")
    assert outcome.code == 0
    assert "2 of 2 clusters reached, no fault found." in outcome.out
    assert "12 requests" in outcome.out
    assert "No istiod runs in east" in outcome.out
    assert "objects of" in outcome.out
    assert " Pod" not in outcome.out, "the kinds are named on demand"
    assert " Pod" in meshtop("doctor", "-v").out


def test_doctor_names_faults_and_what_to_do(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(),)
    outcome = meshtop("doctor")
    assert outcome.code == 1
    assert "✗ north did not answer within 5 s" in outcome.out
    assert "→ Check the VPN." in outcome.out
    told = json.loads(meshtop("doctor", "-o", "json").out)
    assert told["kind"] == "DoctorReport"
    assert told["clusters"][2]["findings"][0]["code"] == "cluster-unreachable"
    assert yaml.safe_load(meshtop("doctor", "-o", "yaml").out) == told


def test_doctor_reaching_nothing(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.north()),)
    assert meshtop("doctor").code == 3


def test_doctor_denied_is_a_fault(meshtop: Program) -> None:
    denied = SourceStatus(state=State.DENIED, error="401 Unauthorized", remedy="Run: aws sso login")
    meshtop.snapshots = (worlds.world(replace(worlds.east(), kubernetes=denied)),)
    outcome = meshtop("doctor")
    assert outcome.code == 1
    assert "→ Run: aws sso login" in outcome.out


def test_doctor_has_not_reached_a_server_that_was_never_asked(meshtop: Program) -> None:
    missing = SourceStatus(state=State.DENIED, error="The credential plugin is not installed.", unasked=True)
    meshtop.snapshots = (worlds.world(replace(worlds.north(), kubernetes=missing)),)
    outcome = meshtop("doctor")
    assert outcome.code == 3
    assert "0 of 1 cluster reached, 1 fault found." in outcome.out
    assert json.loads(meshtop("doctor", "-o", "json").out)["clusters"][0]["reached"] is False
    assert meshtop("get", "clusters").code == 3
    refused = replace(missing, unasked=False)
    meshtop.snapshots = (worlds.world(replace(worlds.north(), kubernetes=refused)),)
    outcome = meshtop("doctor")
    assert outcome.code == 1, "a 401 is an answer"
    assert "1 of 1 cluster reached, 1 fault found." in outcome.out
    assert meshtop("get", "clusters").code == 4


def test_doctor_claims_nothing_of_a_cluster_that_was_not_read(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.north()),)
    outcome = meshtop("doctor")
    assert "may be written to" not in outcome.out
    assert "what may be written is unknown" in outcome.out
    assert "Prometheus: unknown" in outcome.out
    not_found = SourceStatus(error="No Prometheus was found among the Services of north.")
    meshtop.snapshots = (worlds.world(replace(worlds.north(), prometheus=not_found)),)
    assert "Prometheus: unknown" in meshtop("doctor").out, "without Services nothing can be found"
    meshtop.snapshots = (worlds.world(replace(worlds.north(), read_only=True)),)
    assert "read-only" in meshtop("doctor").out


def test_config_view_says_which_source_won(meshtop: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("refresh: 7s\n")
    monkeypatch.setenv("MESHTOP_TIMEOUT", "9s")
    out = meshtop("config", "view", "--config", str(file), "--window", "1m").out
    by_key = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert by_key["refresh"] == ["7s", f"{file}:1"]
    assert by_key["timeout"] == ["9s", "MESHTOP_TIMEOUT"]
    assert by_key["window"] == ["1m", "--window"]
    assert by_key["readOnly"] == ["false", "default"]
    as_json = json.loads(meshtop("config", "view", "-o", "json", "--config", str(file)).out)
    assert {"key": "refresh", "value": "7s", "origin": f"{file}:1"} in as_json


def test_config_init_validate_and_schema(meshtop: Program, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "meshtop.yaml"
    assert meshtop("config", "init", "--offline", "--config", str(file)) == (0, f"{file}\n", "")
    again = meshtop("config", "init", "--config", str(file))
    assert again.code == 2
    assert "already exists" in again.err
    assert meshtop("config", "validate", "--config", str(file)).out == f"{file}: everything is in order.\n"
    file.write_text("refresh: 5\n")
    wrong = meshtop("config", "validate", "--config", str(file))
    assert wrong.code == 2
    assert wrong.err == f"meshtop: {file}, line 1: refresh: write a duration with its unit, such as 5s or 5m.\n"
    assert "readOnly" in json.loads(meshtop("config", "schema").out)["properties"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(meshtop: Program, shell: str) -> None:
    outcome = meshtop("completion", shell)
    assert outcome.code == 0
    assert "_MESHTOP_COMPLETE" in outcome.out
    assert shell != "zsh" or outcome.out.startswith("#compdef meshtop")


KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: east-admin
clusters: [{name: e, cluster: {server: "https://e.example"}}, {name: w, cluster: {server: "https://w.example"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: east-admin, context: {cluster: e, user: u}}, {name: west-admin, context: {cluster: w, user: u}}]
"""


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ([], "ge", {"get"}),
        (["get"], "work", {"workloads"}),
        (["get"], "", set(names())),
        (["get", "edges", "--sort"], "requ", {"requestsPerSecond"}),
        (["get", "edges", "--sort"], "source,-requ", {"source,-requestsPerSecond"}),
        (["get", "edges", "-o"], "j", {"json"}),
        (["get", "edges", "--context"], "", {"east-admin", "west-admin"}),
        (["--context"], "w", {"west-admin"}),
        (["config"], "v", {"view", "validate"}),
    ],
)
def test_completion(
    meshtop: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], begun: str, offered: set[str]
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    complete = ShellComplete(cli, {}, "meshtop", "_MESHTOP_COMPLETE")
    assert {item.value for item in complete.get_completions(words, begun)} == offered


def test_printing_imports_no_textual_and_the_version_next_to_nothing() -> None:
    code = (
        "import sys\n"
        "from meshtop.cli.main import main\n"
        "main(['get', 'clusters', '--kubeconfig', '/not/there'])\n"
        "main(['doctor', '--kubeconfig', '/not/there'])\n"
        "import meshtop.cli.printers, meshtop.cli.watch, meshtop.views.picture.picture\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'textual'))\n"
    )
    environ = {**os.environ, "MESHTOP_CONFIG": "none"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "[]"
    code = (
        "import sys\nsys.argv = ['meshtop', '--version']\n"
        "import meshtop.__main__\nmeshtop.__main__.main()\nprint('click' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"meshtop {__version__}\nFalse\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    process = spawn("config", "schema")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(PATIENCE_SECONDS) == 0


def test_a_kubeconfig_that_is_not_there(meshtop: Program) -> None:
    process = spawn("get", "clusters", "--kubeconfig", "/not/there")
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (2, "")
    assert "/not/there" in err
    assert "Traceback" not in err


def test_doctor_prints_nothing_that_a_terminal_obeys(meshtop: Program) -> None:
    hostile = "\x1b]0;pwned\x07\x1b[31mv1\u202e"
    east = worlds.east()
    assert east.inventory is not None
    controllers = tuple(
        replace(c, meta=replace(c.meta, labels={**c.meta.labels, "istio.io/rev": hostile}))
        for c in east.inventory.controllers
    )
    inventory = replace(east.inventory, version=hostile, controllers=controllers)
    meshtop.snapshots = (worlds.world(replace(east, inventory=inventory, context=hostile)),)
    out = meshtop("-v", "doctor").out
    assert "v1" in out
    assert not [char for char in out if not (char.isprintable() or char == "\n")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "access: {policy: gone.yaml}",
            "meshtop.yaml:1: access.policy: {folder}/gone.yaml cannot be read: no such file",
        ),
        ("tenancy: gone.yaml", "meshtop.yaml:1: tenancy: {folder}/gone.yaml cannot be read: no such file"),
        ("tenancy: .", "cannot be read: it is a directory."),
        (
            "clusters: [{name: a, context: east, prometheus: {url: 'http://x', bearerTokenFile: gone}}]",
            "clusters[0].prometheus.bearerTokenFile: {folder}/gone cannot be read",
        ),
        ("clusters: [{name: a, context: gone}]", "Cluster a of the settings needs context gone, which is not in"),
    ],
)
def test_validate_looks_at_what_is_named(meshtop: Program, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    (tmp_path / "meshtop.yaml").write_text(text + "\n")
    outcome = meshtop(
        "config", "validate", "--config", str(tmp_path / "meshtop.yaml"), "--kubeconfig", str(tmp_path / "config")
    )
    assert outcome.code == 2
    assert said.format(folder=tmp_path) in outcome.err
    assert outcome.err.count("\n") == 1


def test_validate_names_every_error(meshtop: Program, tmp_path: Path) -> None:
    file = tmp_path / "meshtop.yaml"
    file.write_text("color: pink\nrefresh: soon\nwindoow: 5m\n")
    outcome = meshtop("config", "validate", "--config", str(file))
    assert (outcome.code, outcome.out) == (2, "")
    told = outcome.err.splitlines()
    assert [sum(f"line {n}: " in line for line in told) for n in (1, 2, 3)] == [1, 1, 1]
    assert "more error" not in outcome.err
    assert "(and 2 more errors)" in meshtop("get", "clusters", "--config", str(file)).err
