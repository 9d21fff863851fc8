"""A command that a user is told to run reaches the clusters of the run that says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.actions.journal.journal import Journal, journal_path
from meshtop.cli.repeated import forget_options, remember_option, repeated
from tests.cli.conftest import Program


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield
    forget_options()


FILE, ONE, TWO = ("kubeconfig", "my file"), ("context", ("a",)), ("context", ("b",))


@pytest.mark.parametrize(
    ("given", "text", "shown"),
    [
        ((), "See meshtop journal 1.", "See meshtop journal 1."),
        ((FILE,), "See meshtop journal 1.", "See meshtop journal --kubeconfig 'my file' 1."),
        ((FILE,), "meshtop resume 1, or meshtop rollback 1.",
         "meshtop resume --kubeconfig 'my file' 1, or meshtop rollback --kubeconfig 'my file' 1."),
        ((ONE, TWO), "meshtop get attention -o name lists",
         "meshtop get attention --context a --context b -o name lists"),
        ((("config", "m.yaml"),), "(meshtop config validate).", "(meshtop config validate --config m.yaml)."),
        ((FILE,), "meshtop: No cluster; an older meshtop wrote it.", "meshtop: No cluster; an older meshtop wrote it."),
        ((("namespace", ("shop",)),), "meshtop doctor shows it.", "meshtop doctor shows it."),
        ((FILE, ONE), "(kubectl get namespaces tries it)",
         "(kubectl --kubeconfig 'my file' --context a get namespaces tries it)"),
        ((FILE, ONE), "kubectl --context b get pods", "kubectl --kubeconfig 'my file' --context b get pods"),
        ((FILE,), "kubectl --kubeconfig x --context b get pods", "kubectl --kubeconfig x --context b get pods"),
        ((ONE, TWO), "kubectl get pods", "kubectl get pods"),
        ((FILE,), "f | kubectl --context b apply -f -", "f | kubectl --kubeconfig 'my file' --context b apply -f -"),
        ((FILE,), "edited with kubectl.", "edited with kubectl."),
    ],
)  # fmt: skip
def test_commands_have_the_options_that_say_which_clusters(
    given: tuple[tuple[str, object], ...], text: str, shown: str
) -> None:
    for option, value in given:
        remember_option(option, value)
    assert repeated(text) == shown
    assert repeated(shown) == shown


def test_how_to_finish_an_action_names_the_kubeconfig_of_the_run(meshtop: Program) -> None:
    with contextlib.closing(Journal(journal_path())) as journal:
        action = journal.begin(kind="shift", subject="shop/reviews", who="maria", origin="desk", reason="", plan={}).id
    said = meshtop("--kubeconfig", "here", "journal", "--all", "--context", "prod")
    assert f"meshtop rollback --kubeconfig here --context prod {action}" in said.err
    told = meshtop("journal", action, "--kubeconfig", "there")
    assert f"meshtop rollback --kubeconfig there {action}." in told.out
    plain = meshtop("journal", "--all")
    assert f"meshtop rollback {action}" in plain.err
    assert "--kubeconfig" not in plain.err
    unknown = meshtop("journal", "nothing", "--kubeconfig", "there")
    assert "meshtop journal --kubeconfig there lists them" in unknown.err
