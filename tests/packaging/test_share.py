"""Manual pages and completion files are those of the commands as they are, and ones that their readers take."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from release.manpages import page, pages
from release.share import ROOT, files
from tests.docs.test_pages import commands
from tests.patience import PATIENCE_SECONDS

SHARE = ROOT / "share"


@pytest.fixture(scope="module")
def wanted() -> dict[str, str]:
    return files()


def test_what_is_kept_is_what_the_commands_say(wanted: dict[str, str]) -> None:
    kept = {
        str(path.relative_to(SHARE)): path.read_text(encoding="utf-8") for path in SHARE.rglob("*") if path.is_file()
    }
    assert set(kept) == set(wanted), "make share"
    old = {name: text.splitlines() for name, text in kept.items() if wanted[name] != text}
    changed = {name: [line for line in wanted[name].splitlines() if line not in lines] for name, lines in old.items()}
    assert not changed, "make share"


def test_there_is_a_page_for_every_command() -> None:
    assert set(pages()) == {"meshtop.1", *(f"meshtop-{name.replace(' ', '-')}.1" for name, _ in commands())}


def test_a_page_says_what_help_says() -> None:
    text = pages()["meshtop-get.1"]
    assert "\\fBmeshtop get\\fR [OPTIONS] KIND [NAME]..." in text
    assert "\\fB\\-o, \\-\\-output [table|wide|json|yaml|csv|name]\\fR\nHow to print (table)." in text
    assert "\\fBmeshtop\\-whatif\\-strict\\fR(1)" in pages()["meshtop-whatif.1"]
    assert ".SH EXIT STATUS" in pages()["meshtop.1"]


def test_no_help_text_becomes_a_request_of_roff() -> None:
    import click

    @click.command("odd", help=".so /etc/passwd\n\n'br\\n and a-b", short_help=".x")
    def odd() -> None: ...

    made = page(("meshtop", "odd"), click.Context(odd, info_name="odd"), odd)
    assert "\n\\&.so /etc/passwd\n" in made
    assert "\n\\&'br\\en and a\\-b\n" in made


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_shows_every_page_without_a_complaint(tmp_path: Path) -> None:
    for path in sorted((SHARE / "man" / "man1").glob("*.1")):
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", str(path)], capture_output=True, text=True, check=False,
            timeout=PATIENCE_SECONDS, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, path.name
        assert done.stderr == "", path.name
        assert "SYNOPSIS" in done.stdout


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_each_shell_reads_its_file(shell: str, check: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (path,) = [
        path for path in SHARE.rglob("*") if path.is_file() and f"/{shell}" in str(path).replace("bash-", "bash")
    ]
    done = subprocess.run([shell, check, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
