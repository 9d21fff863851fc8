"""Runs commands on served worlds, and keeps or compares what they put out."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.golden.cases import ACTIONS, PLAN, SETTINGS, Case
from tests.golden.nursery import Nursery
from tests.golden.world import TREE, Served, World, environment, serving

LIMIT_SECONDS = 240.0
"""How long one command may take: none takes a tenth of it, but one that hangs must not hang everything."""
Output = tuple[str, str]
"""A path such as `everyday/get-clusters.txt`, and its text."""
Plan = Sequence[tuple[World, Sequence[Case]]]
Program = Callable[[Sequence[str], dict[str, str], Path], tuple[int, bytes, bytes]]
"""Runs meshtop with these words, environment and working folder: exit code, stdout, stderr; from several threads."""


def program(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, bytes, bytes]:
    """Run meshtop as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "meshtop", *words],
        env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def forks(tree: Path, workers: int) -> Iterator[Program]:
    """Run meshtop in forks, of a nursery for each worker."""
    with contextlib.ExitStack() as stack:
        free: queue.SimpleQueue[Nursery] = queue.SimpleQueue()
        for _ in range(workers):
            free.put(stack.enter_context(Nursery(environment(tree, Path("/nowhere")))))

        def run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, bytes, bytes]:
            nursery = free.get()
            try:
                return nursery.run(words, env, folder)
            finally:
                free.put(nursery)

        yield run


def outputs(
    plan: Plan = PLAN, *, tree: Path = TREE, workers: int = 2, run: Program = program, portable: bool = False
) -> Iterator[Output]:
    """Serve each world and run its commands on it; what each put out, world by world, in the plan's order.

    `portable` outputs are the same on every Python and machine: numbers have nine digits.
    """
    with contextlib.ExitStack() as stack:
        # In /tmp, whatever TMPDIR is: the folder's name has the same length everywhere, so tables stay aligned.
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshtop-golden-", dir="/tmp")))
        # A dying cluster needs its time to die; the others use it.
        early = {
            w.name: stack.enter_context(serving(w, root / w.name, tree, portable=portable))
            for w, cases in plan
            if w.dies and cases
        }
        for world, cases in plan:
            if not cases:
                continue
            with contextlib.ExitStack() as one:
                served = early.get(world.name) or one.enter_context(
                    serving(world, root / world.name, tree, portable=portable)
                )
                one.enter_context(served.settled())
                for name, text in SETTINGS.items():
                    (served.folder / name).write_text(text)
                yield from _world(served, cases, tree, 1 if world is ACTIONS else workers, run)


def _world(served: Served, cases: Sequence[Case], tree: Path, workers: int, run: Program) -> Iterator[Output]:
    def put_out(case: Case) -> str:
        env = environment(tree, served.folder)
        if case.kubeconfig:
            env["KUBECONFIG"] = case.kubeconfig
        words = [served.names.real(word) for word in case.words]
        code, out, err = run(words, env, served.folder)
        parts = [f"$ meshtop {' '.join(case.words)}\nexit {code}"]
        parts += [f"--- {title}\n{text.decode(errors='replace')}" for title, text in (("stdout", out), ("stderr", err))]
        for file in case.files:
            path = served.folder / file
            parts.append(f"--- {file}\n{path.read_text() if path.exists() else '(not there)'}")
        return served.names.normal("\n".join(parts)).rstrip("\n") + "\n"

    seen: dict[str, int] = {}
    with ThreadPoolExecutor(workers) as pool:
        for case, text in zip(cases, pool.map(put_out, cases), strict=True):
            seen[case.name] = seen.get(case.name, 0) + 1
            again = f"@{seen[case.name]}" if seen[case.name] > 1 else ""
            yield f"{served.world.name}/{case.name}{again}.txt", text


def chosen(pattern: str, plan: Plan = PLAN) -> Plan:
    """The plan's commands whose `WORLD/NAME` matches a pattern."""
    return [(world, [c for c in cases if fnmatch.fnmatch(f"{world.name}/{c.name}", pattern)]) for world, cases in plan]


def write(folder: Path, made: Iterable[Output]) -> int:
    """Write outputs as files into a folder; how many."""
    count = 0
    for name, text in made:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        count += 1
    return count


def differences(folder: Path, made: Iterable[Output], *, complete: bool = True) -> Iterator[str]:
    """What differs from the files in a folder, a unified diff each; files that nothing made too, where `complete`."""
    names = set()
    for name, text in made:
        names.add(name)
        path = folder / name
        before = path.read_text() if path.exists() else ""
        if before != text:
            yield "\n".join(
                difflib.unified_diff(
                    before.splitlines(), text.splitlines(), f"before/{name}", f"now/{name}", lineterm=""
                )
            )
    if complete:
        there = {str(p.relative_to(folder)).replace(os.sep, "/") for p in folder.rglob("*.txt")}
        yield from (f"{name}: nothing is made under this name any more" for name in sorted(there - names))
