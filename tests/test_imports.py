"""What a command imports before anything is seen of it: packages that only few need come when they are needed.

Each list holds all the packages from elsewhere that may be there: one more is felt by everybody at every command.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sources.api import ISTIO, Api, served
from tests.sources.auth.test_credentials import credential, plugin
from tests.sources.conftest import write_kubeconfig
from tests.sources.http.test_connection import authority, client_authenticating

WATCHED = """
import atexit, json, sys
before, (out, *words) = {name.partition(".")[0] for name in sys.modules}, sys.argv[1:]
sys.argv = ["meshtop", *words]

@atexit.register
def tell():
    found = {name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__spec__", None)}
    with open(out, "w") as file:
        names = [name for name in found - before - sys.stdlib_module_names if not name.startswith("_")]
        analyses = [name.split(".")[2] for name in sys.modules if name.startswith("meshtop.analysis.")]
        json.dump([names, analyses, list(sys.modules)], file)

"""
COMMAND = WATCHED + "from meshtop.__main__ import main\nmain()\n"
FIRST_FRAME = WATCHED + (
    "import meshtop.console.app, meshtop.console.run\n"
    "from meshtop.console.screens.fleet import FleetScreen\n"
    "FleetScreen()\n"
)
ANALYSES: dict[str, set[str]] = {
    "version": set(),
    "get clusters": {
        "fleet",
        "identity",
        "inventory",
        "tenancy",
        "traffic",
    },
    "first frame": set(),
}
"""The parts of the analysis that each needs; the others come with the view that asks for them."""
NEVER_LISTED = {
    # What is for rare cases.
    *("difflib", "logging.handlers", "pickle"),
    *(
        "meshtop.analysis.fleet.drift.compare",
        "meshtop.analysis.tenancy.access.decision",
        "meshtop.views.picture.fleet",
    ),
    *("meshtop.analysis.tenancy.ownership", "meshtop.observatory.adoption", "meshtop.observatory.canaries"),
    *("meshtop.settings.schema", "meshtop.sources.prometheus.central"),
}
"""Modules that a list of clusters does without, of the standard library and of the product."""
LISTING = {"click", "httpx", "idna", "meshtop", "msgspec", "typing_extensions", "yaml"}
SETTINGS = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
SCREEN = {
    "markdown_it",
    "mdurl",
    "meshtop",
    "msgspec",
    "platformdirs",
    "pygments",
    "rich",
    "textual",
    "typing_extensions",
    "yaml",
}


def packages(folder: Path, program: str, *words: str) -> set[str]:
    """The packages that are there at the end of a program, but the standard library's."""
    return loaded(folder, program, *words)[0]


def loaded(folder: Path, program: str, *words: str) -> tuple[set[str], set[str], set[str]]:
    """The packages that are there at the end of a program, the parts of meshtop's analysis, and every module."""
    out = folder / "packages.json"
    done = subprocess.run(
        [sys.executable, "-c", program, str(out), *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names, analyses, modules = json.loads(out.read_text())
    return set(names), set(analyses), set(modules)


def get_clusters(folder: Path, api: Api, user: dict[str, Any], settings: str = "none", **cluster: Any) -> set[str]:
    path = write_kubeconfig(folder / "config", api.url, user, **cluster)
    found = packages(
        folder, COMMAND, "--config", settings, "--timeout", "60s", "--kubeconfig", str(path), "get", "clusters"
    )
    assert api.asked_for("/api/v1/services")
    return found


def test_the_version_needs_nothing(tmp_path: Path) -> None:
    assert packages(tmp_path, COMMAND, "--version") == {"meshtop"}


@pytest.mark.parametrize("login", ["token", "tokenFile", "password"])
def test_a_list_with_a_plain_login(tmp_path: Path, login: str) -> None:
    """No part of the official package, nor of what it brings: requests, urllib3, oauthlib; no httpcore under httpx."""
    (tmp_path / "token").write_text("good\n")
    user = {
        "token": {"token": "good"},
        "tokenFile": {"tokenFile": str(tmp_path / "token"), "token": "old"},
        "password": {"username": "me", "password": "secret"},
    }[login]
    with served(Api(groups=ISTIO)) as api:
        found = get_clusters(tmp_path, api, user)
        sent = {"token": "Bearer good", "tokenFile": "Bearer good", "password": "Basic bWU6c2VjcmV0"}[login]
        assert {entry[3].get("Authorization") for entry in api.asked} == {sent}
    assert found <= LISTING


def test_a_settings_file_is_checked_by_its_schema(tmp_path: Path) -> None:
    settings = tmp_path / "meshtop.yaml"
    settings.write_text("refresh: 10s\n")
    with served(Api(groups=ISTIO)) as api:
        found = get_clusters(tmp_path, api, {"token": "good"}, str(settings))
    assert "pydantic" in found
    assert found <= LISTING | SETTINGS


@pytest.mark.parametrize("inline", [True, False])
def test_a_list_with_a_client_certificate(tmp_path: Path, inline: bool) -> None:
    context, pem, user = client_authenticating()
    if not inline:
        for key in ("client-certificate", "client-key"):
            (tmp_path / key).write_bytes(base64.b64decode(user.pop(f"{key}-data")))
            user[key] = key
    with served(Api(groups=ISTIO), context) as api:
        found = get_clusters(tmp_path, api, user, **authority(pem))
    assert found <= LISTING


def test_a_plugin_is_run_as_the_official_package_says(tmp_path: Path) -> None:
    with served(Api(groups=ISTIO)) as api:
        found = get_clusters(tmp_path, api, plugin(tmp_path, f"echo '{credential(token='issued')}'"))
        assert {entry[3].get("Authorization") for entry in api.asked} == {"Bearer issued"}
    assert "kubernetes" in found
    # What logs in brings its own; nothing else comes in its wake.
    assert not found & {"aiohttp", "cryptography", "numpy", "prometheus_api_client", "httpcore", "anyio", "h11"}


def test_the_consoles_first_frame(tmp_path: Path) -> None:
    assert packages(tmp_path, FIRST_FRAME) <= SCREEN


def test_signs_are_drawn_without_tables_of_widths(tmp_path: Path) -> None:
    """Nor for the first frame, nor for the first cluster: whatever is drawn by itself is a cell each."""
    drawn = 'from meshtop.model.text import cut, graphemes\ncut("12 · 5 …", 4), [*graphemes("· …")]'
    assert packages(tmp_path, WATCHED + drawn) == {"meshtop"}


def test_only_the_analyses_that_a_command_shows_are_loaded(tmp_path: Path) -> None:
    """No graph for a list of clusters, nothing for the version, nothing for the console's first frame."""
    with served(Api(groups=ISTIO)) as api:
        path = write_kubeconfig(tmp_path / "config", api.url, {"token": "good"})
        _, listing, modules = loaded(
            tmp_path, COMMAND, "--config", "none", "--kubeconfig", str(path), "get", "clusters"
        )
    assert listing <= ANALYSES["get clusters"]
    assert modules & NEVER_LISTED == set()
    assert loaded(tmp_path, COMMAND, "--version")[1] <= ANALYSES["version"]
    assert loaded(tmp_path, FIRST_FRAME)[1] <= ANALYSES["first frame"]
