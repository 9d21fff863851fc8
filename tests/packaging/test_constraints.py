"""The versions that are tested are written down for everything that is installed."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PINNED = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1]
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    if re.fullmatch(r"[\w.-]+==[\w.]+", line)
}


def asked() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for lines in project["project"]["optional-dependencies"].values() for line in lines),
        *(line for lines in project["dependency-groups"].values() for line in lines),
    ]
    return [Requirement(line) for line in lines]


def test_everything_that_is_asked_for_is_pinned_within_its_bounds() -> None:
    for requirement in asked():
        pinned = PINNED.get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(pinned), f"{requirement} does not allow {pinned}"


def test_what_the_pinned_packages_need_is_pinned_too() -> None:
    waiting, seen = [r for r in asked() if r.marker is None or r.marker.evaluate()], set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert name in PINNED, f"{requirement.name} is needed and not in constraints.txt"
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in seen:
            continue
        seen.add(key)
        try:
            lines = metadata.requires(requirement.name) or ()
        except metadata.PackageNotFoundError:
            # Of a group that is not installed here, such as what releases need.
            continue
        for line in lines:
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
