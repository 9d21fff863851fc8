"""Runs meshtop in forks of one process that has loaded its modules before, which saves half of what a command costs.

A fork does what `python -m meshtop` does, by the same road (`runpy`), in the environment and folder it is told. The
process names no module of meshtop: each fork says at its end what it had loaded, and the process loads that for the
next one.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Nursery:
    """The process that forks; one command at a time."""

    def __init__(self, env: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="meshtop-nursery-")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._folder.name],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def run(self, words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, bytes, bytes]:
        """Run meshtop with these words: exit code, stdout, stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": list(words), "env": env, "folder": str(folder)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        place = Path(self._folder.name)
        return code, (place / "stdout").read_bytes(), (place / "stderr").read_bytes()


def _child(asked: dict[str, Any], place: Path) -> int:
    """Be meshtop; the exit code."""
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["meshtop", *asked["words"]]
    code: object = 0
    try:
        runpy.run_module("meshtop", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    (place / "modules").write_text(json.dumps(list(sys.modules)))
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 0 if code is None else 1


def _load(place: Path) -> None:
    """Load what the last fork had loaded."""
    with contextlib.suppress(OSError):
        for name in json.loads((place / "modules").read_text()):
            if name not in sys.modules and not name.endswith("__main__"):
                # Whatever cannot be loaded by its name alone, a fork loads for itself.
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        (place / "modules").unlink()
        gc.collect()
        gc.freeze()


def main() -> None:
    """Fork for each line of stdin, and answer with the fork's exit code."""
    place = Path(sys.argv[1])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _child(json.loads(line), place)
            except Exception:  # noqa: BLE001 - as the interpreter does at a program's end
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        _load(place)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    # The folder of this file is no place to import from; meshtop is found by PYTHONPATH.
    sys.path.pop(0)
    main()
