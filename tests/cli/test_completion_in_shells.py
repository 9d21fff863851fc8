"""Completion in real shells at a terminal: a name of the kubeconfig arrives as one word, whatever it holds."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

# One worker starts the three shells.
pytestmark = pytest.mark.xdist_group("completion-in-shells")
NAMES = (
    "arn:aws:eks:eu-west-1:1234:cluster/prod",
    "blank two words",
    "comma,b",
    "dollar $(touch owned)",
    "it's",
    'quote"d',
    "semi;touch owned",
    "tick `touch owned`",
    "wild*card",
)
TYPED = (
    ("ar", NAMES[0]),
    ("arn:aws:e", NAMES[0]),
    ("bl", NAMES[1]),
    ("arn:", NAMES[0]),
    ("'blank t", NAMES[1]),
    ('"blank t', NAMES[1]),
    ("blank\\ t", NAMES[1]),
    ('"dol', NAMES[3]),
    ('"quo', NAMES[5]),
    ('"it', NAMES[4]),
    ("'semi", NAMES[6]),
    ("com", NAMES[2]),
    ("dol", NAMES[3]),
    ("it", NAMES[4]),
    ("quo", NAMES[5]),
    ("semi", NAMES[6]),
    ("tick", NAMES[7]),
    ("wil", NAMES[8]),
)
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source ./script"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source ./script"),
    "fish": (["fish", "--no-config", "-i"], "source ./script"),
}
WRAPPER = """\
#!{python}
import json, os, sys
if "_MESHTOP_COMPLETE" not in os.environ and sys.argv[1:2] != ["completion"]:
    open("said.new", "w").write(json.dumps(sys.argv[1:]))
    os.rename("said.new", "said")
    sys.exit()
sys.argv[0] = "meshtop"
from meshtop.__main__ import main
main()
"""


class Terminal:
    """A shell at a pseudo-terminal, in a folder with a `meshtop` that notes the words it is run with."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.folder = folder
        self.seen = b""
        command, setup = SHELLS[shell]
        environ = {
            **{k: v for k, v in os.environ.items() if k in ("LANG", "PYTHONPATH", "HOME")},
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "KUBECONFIG": str(folder / "kubeconfig"),
            "MESHTOP_CONFIG": "none",
            "TERM": "dumb",
            "HOME": str(folder),
            "PS1": "> ",
        }
        self.number, self.master = pty.fork()
        if self.number == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environ)
        self.type(f"{setup}; touch ready\r")
        self.wait_for("ready")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, name: str) -> Path:
        """Read what the shell shows until a file is there."""
        file, end = self.folder / name, time.monotonic() + PATIENCE_SECONDS
        while not file.exists():
            assert time.monotonic() < end, self.seen.decode(errors="replace")
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        return file

    def words_of(self, line: str) -> list[str]:
        """The words that a run gets when a line is completed by tab and entered."""
        (self.folder / "said").unlink(missing_ok=True)
        self.type(f"{line}\t")
        self.type("\r")
        said: list[str] = json.loads(self.wait_for("said").read_text())
        return said

    def close(self) -> None:
        os.kill(self.number, signal.SIGKILL)
        os.waitpid(self.number, 0)
        os.close(self.master)


@pytest.fixture(params=list(SHELLS), scope="module")
def terminal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    folder = tmp_path_factory.mktemp(shell)
    (folder / "bin").mkdir()
    wrapper = folder / "bin" / "meshtop"
    wrapper.write_text(WRAPPER.format(python=sys.executable))
    wrapper.chmod(0o755)
    clusters = [{"name": name, "cluster": {"server": f"http://127.0.0.1:{n + 1}"}} for n, name in enumerate(NAMES)]
    contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in NAMES]
    users = [{"name": "me", "user": {"token": "t"}}]
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "clusters": clusters, "contexts": contexts, "users": users}
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    from click.shell_completion import get_completion_class

    from meshtop.cli import completion
    from meshtop.cli.main import COMPLETE_VARIABLE

    found = get_completion_class(shell)
    assert found is not None
    (folder / "script").write_text(found(completion.command, {}, "meshtop", COMPLETE_VARIABLE).source())
    here = Terminal(shell, folder)
    yield here
    here.close()


@pytest.mark.parametrize(("typed", "name"), TYPED, ids=[typed for typed, _ in TYPED])
def test_a_name_arrives_as_one_word(terminal: Terminal, typed: str, name: str) -> None:
    assert terminal.words_of(f"meshtop get clusters --context {typed}") == ["get", "clusters", "--context", name]
    assert not (terminal.folder / "owned").exists()


@pytest.mark.parametrize(("typed", "name"), [("ar", NAMES[0]), ("arn:aws:e", NAMES[0]), ("bl", NAMES[1])])
def test_a_name_after_an_equals_sign_too(terminal: Terminal, typed: str, name: str) -> None:
    assert terminal.words_of(f"meshtop get clusters --context={typed}") == ["get", "clusters", f"--context={name}"]


def test_kinds_are_completed(terminal: Terminal) -> None:
    assert terminal.words_of("meshtop get workl") == ["get", "workloads"]
