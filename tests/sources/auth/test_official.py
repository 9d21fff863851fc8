"""The private parts of the official package that are used: a new version must be read before it is allowed."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import requires, version

import pytest

from meshtop.sources.auth import official


def test_the_installed_version_was_read() -> None:
    major = int(version("kubernetes").partition(".")[0])
    assert major in official.VERSIONS, "read kubernetes/config/kube_config.py, then add this version to VERSIONS"


def test_no_other_version_can_be_installed() -> None:
    (wanted,) = (one for one in requires("meshtop") or () if one.startswith("kubernetes"))
    assert f">={min(official.VERSIONS)}" in wanted
    assert f"<{max(official.VERSIONS) + 1}" in wanted


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        ("kube_config", "KubeConfigLoader", ("config_dict", "active_context", "get_google_credentials")),
        ("kube_config", "KubeConfigLoader", ("config_base_path", "config_persister")),
        ("kube_config", "KubeConfigLoader._load_authentication", ("self",)),
        ("kube_config", "KubeConfigLoader._load_from_exec_plugin", ("self",)),
        ("kube_config", "KubeConfigLoader._refresh_oidc", ("self", "provider")),
        ("kube_config", "KubeConfigMerger", ("paths",)),
        ("kube_config", "KubeConfigMerger.save_changes", ("self",)),
        ("kube_config", "ConfigNode", ("name", "value")),
        ("kube_config", "ExecProvider", ("exec_config", "cwd", "cluster")),
        ("kube_config", "parse_rfc3339", ("s",)),
        ("incluster_config", "load_incluster_config", ("client_configuration",)),
    ],
)
def test_what_is_used_is_still_there(module: str, name: str, parameters: tuple[str, ...]) -> None:
    part = importlib.import_module(f"kubernetes.config.{module}")
    for step in name.split("."):
        part = getattr(part, step)
    assert callable(part)
    assert set(parameters) <= set(inspect.signature(part).parameters)


def test_a_plugin_is_run_in_one_place_of_the_loader() -> None:
    """What the loader calls by itself is what is overridden: else the package would run plugins on the terminal."""
    loader = importlib.import_module("kubernetes.config.kube_config").KubeConfigLoader
    assert "_load_from_exec_plugin" in inspect.getsource(loader._load_authentication)
    assert inspect.getsource(loader).count("ExecProvider(") == 1
