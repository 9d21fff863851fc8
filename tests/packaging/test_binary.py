"""The one file: on a machine without Python, beside kubectl, with a cache that is damaged, foreign or missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop import __version__
from release.krew import faults, manifest
from tests.e2e.test_console_in_a_terminal import CLUSTERS, COLUMNS, LINES, terminal
from tests.packaging.smoke import assert_it_runs, run
from tests.patience import PATIENCE_SECONDS

GIVEN = "MESHTOP_TEST_BINARY"
"""The file to test. `make binary` builds it, which takes a minute of processor, and gives it to these tests."""
pytestmark = [
    pytest.mark.binary,
    pytest.mark.xdist_group("binary"),
    pytest.mark.skipif(not os.environ.get(GIVEN), reason="the one file is built and tested by make binary"),
]
MOST_BYTES = 60_000_000


@pytest.fixture(scope="module")
def binary() -> Path:
    return Path(os.environ[GIVEN])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def bare(binary: Path, tmp_path: Path) -> Iterator[Path]:
    """The root of a machine with a C library and zlib, and nothing else: no Python, no shell, no home, no /proc."""
    if os.geteuid() != 0:
        pytest.skip("changing the root folder needs root")
    root = tmp_path / "root"
    for folder in ("tmp", "dev", "usr/bin"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    try:
        os.mknod(root / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this machine makes no devices")
    shutil.copy(binary, root / "usr" / "bin" / "meshtop")
    for name in needed_libraries(binary):
        place = root / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, place)
    yield root
    shutil.rmtree(root)


def needed_libraries(binary: Path) -> set[str]:
    """The launcher's libraries, and what Python's library needs of the system, with the loader."""
    found = set[str]()
    for program in (str(binary), shutil.which("true") or "/bin/true"):
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        found |= {word for word in said.split() if word.startswith("/")}
    folder = next(Path(name).parent for name in found if "libc.so" in name)
    others = ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libz.so.1")
    return found | {str(folder / name) for name in others if (folder / name).exists()}


def test_it_is_small_enough(binary: Path) -> None:
    assert binary.stat().st_size <= MOST_BYTES
    assert binary.name.startswith(f"meshtop-{__version__}-linux-")


def test_it_does_what_the_wheel_does(binary: Path, cache: str, tmp_path: Path) -> None:
    assert_it_runs(binary, cwd=tmp_path, XDG_CACHE_HOME=cache)
    for words in (("rules",), ("config", "schema"), ("serve", "--help"), ("mcp", "--help")):
        assert run(binary, *words, cwd=tmp_path, XDG_CACHE_HOME=cache)


def test_a_machine_without_python_runs_it_and_its_console(bare: Path, tmp_path: Path) -> None:
    chroot = shutil.which("chroot") or "/usr/sbin/chroot"
    program = (chroot, str(bare), "/usr/bin/meshtop")
    nothing = {"PATH": "", "HOME": "", "XDG_CACHE_HOME": "", "XDG_STATE_HOME": "", "LC_ALL": ""}
    assert_it_runs(*program, cwd=tmp_path, LANG="", **nothing)
    with terminal("demo", program=program, size=(COLUMNS, LINES), stderr=None, **nothing) as console:
        console.wait_for(lambda text: all(name in text for name in CLUSTERS), "the clusters")
        console.press("2")
        console.wait_for(lambda text: "VMs" in text and "reviews" in text, "the services")
        console.press("q")
        assert console.end() == 0
        console.assert_restored()


def test_it_trusts_the_authorities_that_it_brings_along(binary: Path, cache: str, tmp_path: Path) -> None:
    run(binary, "--version", cwd=tmp_path, XDG_CACHE_HOME=cache)
    (bundle,) = Path(cache).rglob("certifi/cacert.pem")
    assert bundle.read_text(encoding="utf-8").count("BEGIN CERTIFICATE") > 50


def test_login_plugins_find_their_own_libraries(binary: Path, cache: str, tmp_path: Path) -> None:
    told = tmp_path / "environment"
    plugin = tmp_path / "login"
    plugin.write_text(f"#!/bin/sh\nenv > {told}\nexit 1\n", encoding="utf-8")
    plugin.chmod(0o755)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], "
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {exec: "
        f"{{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: {plugin}}}}}}}]}}",
        encoding="utf-8",
    )
    for before in ("", "/opt/theirs"):
        environ = {"XDG_CACHE_HOME": cache, "LD_LIBRARY_PATH": before} if before else {"XDG_CACHE_HOME": cache}
        subprocess.run(
            [binary, "--kubeconfig", kubeconfig, "--config", "none", "get", "clusters"],
            env={**os.environ, **environ}, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        lines = told.read_text(encoding="utf-8").splitlines()
        theirs = [line for line in lines if line.startswith("LD_LIBRARY_PATH=")]
        assert theirs == ([f"LD_LIBRARY_PATH={before}"] if before else [])


def test_what_a_cleaner_took_from_the_cache_comes_back(binary: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(binary, "--version", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    (library,) = cache.rglob("libpython*.so*")
    library.unlink()
    run(binary, "--version", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    assert library.exists()
    library.write_bytes(b"half")
    run(binary, "--version", cwd=tmp_path, XDG_CACHE_HOME=str(cache))
    assert library.stat().st_size > 4
    assert len(list((cache / "meshtop" / "program").iterdir())) == 1


def test_two_first_starts_at_once_leave_one_program(binary: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    both = [subprocess.Popen([binary, "--version"], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in both]
    assert said == [f"meshtop {__version__}\n"] * 2
    assert len(list((tmp_path / "meshtop" / "program").iterdir())) == 1


def test_a_folder_into_which_others_may_write_is_not_used(binary: Path, tmp_path: Path) -> None:
    foreign, home = tmp_path / "foreign", tmp_path / "home"
    (foreign / "meshtop" / "program").mkdir(parents=True)
    (foreign / "meshtop" / "program").chmod(0o777)
    run(binary, "--version", cwd=tmp_path, XDG_CACHE_HOME=str(foreign), HOME=str(home))
    assert not list((foreign / "meshtop" / "program").iterdir())
    assert list((home / ".cache" / "meshtop" / "program").iterdir())


def test_where_nothing_can_hold_the_program_it_says_so(binary: Path, tmp_path: Path) -> None:
    nowhere = {"XDG_CACHE_HOME": "", "HOME": "", "TMPDIR": "/dev/null"}
    done = subprocess.run(
        [binary, "--version"], env={**os.environ, **nowhere}, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("meshtop: No folder can hold the program (/dev/null/meshtop-")
    assert len(done.stderr.splitlines()) == 1


def test_an_assistant_and_a_browser_are_served_from_it(binary: Path, cache: str, tmp_path: Path) -> None:
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"test","version":"1"}}}\n'
    )
    environ = {**os.environ, "XDG_CACHE_HOME": cache, "KUBECONFIG": "none-here"}
    done = subprocess.run(
        [binary, "--config", "none", "mcp"], input=hello, env=environ, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f'"version":"{__version__}"' in done.stdout
    serving = subprocess.Popen(
        [binary, "--config", "none", "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert serving.stdout is not None
        address = serving.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as page:
            assert b"textual" in page.read()
    finally:
        serving.terminate()
        assert serving.wait(PATIENCE_SECONDS) == 0


def test_krews_archive_is_the_plugin(binary: Path, cache: str, tmp_path: Path) -> None:
    archive = binary.with_name(f"{binary.name}.tar.gz")
    made = manifest([archive], "https://releases.example/download", "https://meshtop.example")
    assert faults(made, "meshtop") == []
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (platform,) = made["spec"]["platforms"]
    assert {one["from"] for one in platform["files"]} == {path.name for path in tmp_path.iterdir()}
    plugin = tmp_path / platform["bin"]
    (tmp_path / "kubectl_complete-meshtop").symlink_to(plugin)
    assert run(plugin, "get", "--help", cwd=tmp_path, XDG_CACHE_HOME=cache).startswith("Usage: kubectl meshtop get")
    completions = run(tmp_path / "kubectl_complete-meshtop", "get", "serv", cwd=tmp_path, XDG_CACHE_HOME=cache)
    assert completions.startswith("services\t")
    if shutil.which("kubectl"):
        path = f"{tmp_path}:{os.environ['PATH']}"
        said = run("kubectl", "meshtop", "--version", cwd=tmp_path, PATH=path, XDG_CACHE_HOME=cache)
        assert said == f"meshtop {__version__}\n"
