"""The program under the names by which kubectl finds plugins and asks for completions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem

from meshtop.__main__ import main as entry
from meshtop.cli.kubectl_plugin import CURRENT_CONTEXT, answer, current_context, run_for_kubectl
from meshtop.cli.main import main
from meshtop.cli.options import Common
from tests.cli.conftest import Program


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "east"),
        (("get", "services"), "east"),
        (("get", "services", "-n", "shop"), "east"),
        (("get", "services", "--context", "west"), ""),
        (("get", "services", "--context=west"), ""),
        (("--cluster", "west", "doctor"), ""),
        (("--kubeconfig=there", "doctor"), ""),
    ],
)
def test_the_callers_context_counts_unless_the_command_line_names_clusters(
    arguments: Sequence[str], expected: str
) -> None:
    assert current_context({CURRENT_CONTEXT: "east"}, arguments) == expected
    assert current_context({}, arguments) == ""


def test_the_callers_context_is_the_only_one(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CURRENT_CONTEXT, "east-admin")
    assert run_for_kubectl("kubectl-meshtop", ["get", "clusters"], Common()) == 0
    assert meshtop.sessions[-1].common.context == ("east-admin",)


def test_what_the_user_is_told_to_run_is_the_plugin(
    meshtop: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(CURRENT_CONTEXT, raising=False)
    assert run_for_kubectl("kubectl-meshtop", ["get", "no-such-kind"], Common()) == 2
    assert "Try 'kubectl meshtop get --help'." in capsys.readouterr().err
    assert run_for_kubectl("kubectl-meshtop", ["journal", "nothing", "--context", "a"], Common()) == 2
    assert "kubectl meshtop journal --context a lists them" in capsys.readouterr().err
    assert main(["journal", "nothing"]) == 2
    assert "(meshtop journal lists them" in capsys.readouterr().err.replace("; meshtop", "(meshtop")


@pytest.mark.parametrize("called", ["kubectl-meshtop", "kubectl_complete-meshtop"])
def test_the_programs_name_decides(
    called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / called), "--help" if called == "kubectl-meshtop" else "doct"])
    with pytest.raises(SystemExit) as ended:
        entry()
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: kubectl meshtop [OPTIONS]" if called == "kubectl-meshtop" else "doctor\t")


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        (("get", "serv"), "services\t", ":4"),
        (("get", "services", "-o", "ya"), "yaml", ":4"),
        (("get", "services", "--sort", "errorR"), "errorRatio\t", ":4"),
        (("--kubeconfig", ""), ":0", ":0"),
        ((), "get\t", ":4"),
    ],
)
def test_completions_are_in_the_form_that_kubectl_reads(
    words: Sequence[str], first: str, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_for_kubectl("kubectl_complete-meshtop", words, Common()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(first)
    assert lines[-1] == last


def test_what_would_speak_to_the_terminal_is_not_offered() -> None:
    items = [CompletionItem("fine", help="a\tb\nc"), CompletionItem("bad\x1b[2J"), CompletionItem("two\nlines")]
    assert answer(items) == "fine\ta b c\n:4"


@pytest.mark.parametrize("words", [("-A", "-n", "shop"), ("-n", "shop", "--all-namespaces"), ("-n", "shop")])
def test_every_namespace_wins_over_one(words: Sequence[str], meshtop: Program) -> None:
    meshtop("get", "namespaces", *words)
    expected = ("shop",) if len(words) == 2 else ()
    assert meshtop.sessions[-1].common.namespace == expected


def test_every_namespace_may_stand_before_the_command(meshtop: Program) -> None:
    meshtop("-A", "get", "namespaces", "-n", "shop")
    assert meshtop.sessions[-1].common.namespace == ()
