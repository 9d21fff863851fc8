"""The real kubectl runs the plugin on the served demo, and completes it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.serving import LIMIT, Served, served

pytestmark = [pytest.mark.kubectl, pytest.mark.xdist_group("e2e-kubectl")]
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from meshtop.__main__ import main
main()
"""
"""What pip writes for an entry point."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("plugin")
    for name in ("kubectl-meshtop", "kubectl_complete-meshtop"):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with served(folder) as here:
        yield here


def kubectl(world: Served, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    home = world.kubeconfig.parent
    here = {"PATH": f"{home / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "KUBECONFIG": str(world.kubeconfig)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MESHTOP_")}
    return subprocess.run(
        ["kubectl", *arguments], capture_output=True, text=True, timeout=LIMIT, check=False, cwd=home,
        env={**inherited, **here, **environ},
    )  # fmt: skip


def test_it_is_listed_as_a_plugin(world: Served) -> None:
    assert str(world.kubeconfig.parent / "bin" / "kubectl-meshtop") in kubectl(world, "plugin", "list").stdout


def test_context_namespace_and_output_mean_what_they_mean_there(world: Served) -> None:
    name = next(iter(world.servers))
    done = kubectl(world, "meshtop", "get", "services", "--context", name, "-n", "shop", "-o", "json")
    assert done.returncode == 0, done.stderr
    items = json.loads(done.stdout)["items"]
    assert {one["namespace"] for one in items} == {"shop"}
    assert [one["cluster"] for one in json.loads(done.stdout)["sources"]] == [name]
    theirs = kubectl(world, "get", "services", "--context", name, "-n", "shop", "-o", "name").stdout.split()
    ours = kubectl(world, "meshtop", "get", "services", "--context", name, "-n", "shop", "-o", "name").stdout.split()
    assert {one.rpartition("/")[2] for one in ours} == {one.rpartition("/")[2] for one in theirs}


def test_the_context_of_a_wrapper_is_the_only_one(world: Served) -> None:
    name = list(world.servers)[-1]
    done = kubectl(world, "meshtop", "get", "clusters", "-o", "name", KUBECTL_PLUGINS_CURRENT_CONTEXT=name)
    assert done.stdout.split() == [f"cluster/{name}"]


def test_kubectl_completes_commands_kinds_and_contexts(world: Served) -> None:
    assert "doctor\t" in kubectl(world, "__complete", "meshtop", "doc").stdout
    kinds = kubectl(world, "__complete", "meshtop", "get", "serv")
    assert kinds.stdout.startswith("services\t")
    assert kinds.stdout.rstrip().endswith(":4")
    contexts = kubectl(world, "__complete", "meshtop", "get", "clusters", "--context", "")
    assert set(world.servers) <= {line.partition("\t")[0] for line in contexts.stdout.splitlines()}
