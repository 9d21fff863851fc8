"""--log on every command, before and after its name; what a user sees stays as it is."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from meshtop.cli import open_console
from meshtop.cli.main import COMMANDS, main
from meshtop.cli.options import Common
from tests.cli.conftest import Program


@pytest.mark.parametrize("before", [True, False])
def test_a_defect_is_a_sentence_for_the_user_and_a_traceback_in_the_log(
    meshtop: Program, tmp_path: Path, before: bool
) -> None:
    meshtop.error = RuntimeError("boom at https://user:s3cret@prometheus.example")
    log, command = ("--log", str(tmp_path / "x.log")), ("get", "edges")
    outcome = meshtop(*log, *command) if before else meshtop(*command, *log)
    plain = meshtop(*command)
    assert outcome == plain
    assert "Traceback" not in outcome.err
    text = (tmp_path / "x.log").read_text()
    assert "Traceback" in text
    assert "RuntimeError: boom at https://(hidden)@prometheus.example" in text
    assert "exit code 70" in text
    assert "s3cret" not in text


def test_what_is_printed_does_not_change(meshtop: Program, tmp_path: Path) -> None:
    assert meshtop("get", "edges", "--log", str(tmp_path / "x.log")) == meshtop("get", "edges")
    assert (tmp_path / "x.log").read_text().splitlines()[-1].endswith("exit code 0")
    assert stat.S_IMODE((tmp_path / "x.log").stat().st_mode) == 0o600


def test_a_refusal_is_in_it_with_its_sentence(meshtop: Program, tmp_path: Path) -> None:
    outcome = meshtop("get", "nothing", "--log", str(tmp_path / "x.log"))
    assert outcome.code == 2
    assert "exit code 2" in (tmp_path / "x.log").read_text()


def test_with_tracebacks_on_stderr_there_is_one_of_each(meshtop: Program, tmp_path: Path) -> None:
    meshtop.error = RuntimeError("boom")
    outcome = meshtop("get", "edges", "-vv", "--log", str(tmp_path / "x.log"))
    assert outcome.err.count("Traceback") == 1
    assert (tmp_path / "x.log").read_text().count("Traceback") == 1


def test_a_log_that_cannot_be_written_is_said(meshtop: Program, tmp_path: Path) -> None:
    outcome = meshtop("get", "edges", "--log", str(tmp_path / "none" / "x.log"))
    assert outcome.code == 2
    assert (
        outcome.err == f"meshtop: The log {tmp_path}/none/x.log (--log) cannot be written: No such file or directory.\n"
    )
    assert meshtop.sessions == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main((command, "--help")) == 0
    assert "--log FILE" in capsys.readouterr().out


def test_a_run_that_is_over_writes_no_more(meshtop: Program, tmp_path: Path) -> None:
    meshtop("get", "edges", "--log", str(tmp_path / "x.log"))
    before = (tmp_path / "x.log").read_text()
    logging.getLogger("meshtop").error("after")
    meshtop("get", "edges")
    assert (tmp_path / "x.log").read_text() == before


def logs_of_a_console(*arguments: str, wrong: bool = False) -> None:
    """Run a console that logs a line, on what passes for a terminal."""
    common = Common()

    def console(*_: object, **__: object) -> int:
        logging.getLogger("meshtop.console").warning("it is open")
        if wrong:
            raise RuntimeError("boom")
        return 0

    common.console = console
    main(arguments, common)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A terminal, and the state folder of its user."""
    monkeypatch.setenv("TEXTUAL_DRIVER", open_console.WEB_DRIVER)
    monkeypatch.setenv("MESHTOP_CONFIG", "none")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "meshtop"


def test_the_console_always_keeps_one_that_its_user_alone_can_read(
    terminal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_of_a_console(wrong=True)
    path = terminal / "console.log"
    assert "it is open" in path.read_text()
    assert "RuntimeError: boom" in path.read_text()
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(terminal.stat().st_mode)) == (0o600, 0o700)
    assert "Traceback" not in capsys.readouterr().err


def test_the_console_writes_where_it_is_told_to(terminal: Path, tmp_path: Path) -> None:
    logs_of_a_console("--log", str(tmp_path / "x.log"))
    assert "it is open" in (tmp_path / "x.log").read_text()
    assert not terminal.exists()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_state_folder_that_cannot_be_written_costs_nothing(
    terminal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/self")
    logs_of_a_console()
    assert capsys.readouterr().err == ""
