"""krew's manifest, by the rules that krew checks before it installs a plugin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from release.krew import faults, manifest

RELEASES, HOMEPAGE = "https://releases.example/download/", "https://meshtop.example"


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"meshtop-1.2.3-linux-{arch}.tar.gz" for arch in ("amd64", "arm64")]
    for path in made:
        path.write_bytes(path.name.encode())
    return made


def test_the_manifest_is_one_that_krew_takes(archives: list[Path]) -> None:
    made = manifest(archives, RELEASES, HOMEPAGE)
    assert faults(made, "meshtop") == []
    assert made["spec"]["version"] == "v1.2.3"
    first = made["spec"]["platforms"][0]
    assert first["selector"] == {"matchLabels": {"os": "linux", "arch": "amd64"}}
    assert first["uri"] == "https://releases.example/download/v1.2.3/meshtop-1.2.3-linux-amd64.tar.gz"
    assert first["sha256"] == hashlib.sha256(archives[0].read_bytes()).hexdigest()
    assert faults(made, "other") == ["metadata.name is not the file's name"]


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: Any) -> None:
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("apiVersion", value="v1"),
        _set("kind", value="plugin"),
        _set("spec", "version", value="1.2.3"),
        _set("spec", "version", value="v1.2"),
        _set("spec", "shortDescription", value="two\nlines"),
        _set("spec", "shortDescription", value=""),
        _set("spec", "platforms", value=[]),
        _set("spec", "platforms", 0, "sha256", value="0" * 63),
        _set("spec", "platforms", 0, "uri", value=""),
        _set("spec", "platforms", 0, "bin", value=""),
        _set("spec", "platforms", 0, "files", value=[]),
        _set("spec", "platforms", 0, "files", 0, "to", value=""),
        _set("spec", "platforms", 0, "selector", value={}),
        _set("spec", "platforms", 0, "selector", value={"matchLabels": {"libc": "musl"}}),
    ],
)
def test_what_krew_refuses_is_found(change: Callable[[dict[str, Any]], None], archives: list[Path]) -> None:
    made = deepcopy(manifest(archives, RELEASES, HOMEPAGE))
    change(made)
    assert len(faults(made, "meshtop")) == 1


def test_archives_of_several_versions_make_no_manifest(archives: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are no archives"):
        manifest([], RELEASES, HOMEPAGE)
    newer = tmp_path / "meshtop-1.3.0-linux-amd64.tar.gz"
    newer.touch()
    with pytest.raises(ValueError, match=r"there are 1\.2\.3, 1\.3\.0"):
        manifest([*archives, newer], RELEASES, HOMEPAGE)
    with pytest.raises(ValueError, match="is not named"):
        manifest([tmp_path / "meshtop.zip"], RELEASES, HOMEPAGE)
