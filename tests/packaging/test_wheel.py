"""What users install: the wheel, built and put into a fresh environment, away from the sources."""

from __future__ import annotations

import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from meshtop import __version__
from tests.packaging.smoke import assert_it_runs, run

pytestmark = pytest.mark.xdist_group("packaging")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that holds the wheel; its dependencies are borrowed, so nothing is loaded.

    A `.pth` line puts the borrowed packages behind the environment's own, and names no editable install of meshtop.
    """
    home = tmp_path_factory.mktemp("fresh") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
        "--disable-pip-version-check", wheel, cwd=home.parent)  # fmt: skip
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=home).strip())
    (site / "borrowed.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")
    return python


def test_the_wheel_holds_all_that_runs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    styles = {path.name for path in (ROOT / "styles").glob("*.tcss")}
    assert styles
    assert {f"meshtop/styles/{name}" for name in styles} <= names
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "meshtop").rglob("*.py")}
    assert sources <= names
    assert "meshtop/py.typed" in names
    folder = f"meshtop-{__version__}.dist-info"
    data = f"meshtop-{__version__}.data"
    assert {name.split("/")[0] for name in names} == {"meshtop", folder, data}
    share = {str(path.relative_to(ROOT)) for path in (ROOT / "share").rglob("*") if path.is_file()}
    assert "share/man/man1/meshtop.1" in share
    assert {name.removeprefix(f"{data}/data/") for name in names if name.startswith(data)} == share
    assert f"{folder}/licenses/LICENSE" in names
    metadata = zipfile.ZipFile(wheel).read(f"{folder}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "One terminal for every mesh" in metadata


def test_the_installed_program_runs_away_from_the_sources(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import meshtop; print(meshtop.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent.parent)
    meshtop = installed.parent / "meshtop"
    assert_it_runs(meshtop, cwd=tmp_path)
    for name in ("kubectl-meshtop", "kubectl_complete-meshtop"):
        assert (installed.parent / name).exists()
    assert run(installed.parent / "kubectl_complete-meshtop", "doct", cwd=tmp_path).startswith("doctor\t")


def test_manual_pages_and_completion_files_stand_where_their_readers_look(installed: Path) -> None:
    share = installed.parent.parent / "share"
    assert (share / "man" / "man1" / "meshtop-get.1").is_file()
    assert (share / "bash-completion" / "completions" / "meshtop").is_file()
    assert (share / "zsh" / "site-functions" / "_meshtop").is_file()
    assert (share / "fish" / "vendor_completions.d" / "meshtop.fish").is_file()


def test_the_console_finds_its_styles_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "import meshtop\n"
        "from meshtop.console.app import MeshtopApp\n"
        "from meshtop.console.session import ConsoleOptions\n"
        "from meshtop.settings.schema import Settings\n"
        "app = MeshtopApp(ConsoleOptions(settings=Settings, kubeconfig='none-here'))\n"
        "inside = Path(meshtop.__file__).parent\n"
        "paths = [Path(path) for path in app.css_path]\n"
        "assert paths and all(path.is_relative_to(inside) and path.is_file() for path in paths), paths\n"
        "async def frame():\n"
        "    async with app.run_test(size=(80, 24)) as pilot:\n"
        "        await pilot.pause()\n"
        "        assert app.stylesheet.rules\n"
        "asyncio.run(frame())\n"
        "print('styled')\n"
    )
    assert run(installed, "-c", program, cwd=tmp_path) == "styled\n"
