"""The part of JSONPath that printer columns of CustomResourceDefinitions use."""

from __future__ import annotations

import functools
import re
from typing import Any

_STEP = re.compile(
    r"""\.(?P<field>[-A-Za-z0-9_$]+(?:\\\.[-A-Za-z0-9_/$]+)*)
      | \['(?P<quoted>[^']+)'\]
      | \[(?P<index>-?\d+)\]
      | (?P<all>\[\*\]|\.\*)
      | \[\?\(@(?P<path>(?:\.[-A-Za-z0-9_]+)+)\s*==\s*["'](?P<value>[^"']*)["']\)\]
    """,
    re.VERBOSE,
)


@functools.lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[re.Match[str], ...]:
    path = path.strip().removeprefix("{").removesuffix("}")
    path = path if path.startswith((".", "[")) else "." + path
    steps, at = [], 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return ()
        steps.append(match)
        at = match.end()
    return tuple(steps)


def _child(value: Any, name: str) -> list[Any]:
    return [value[name]] if isinstance(value, dict) and name in value else []


def _step(value: Any, step: re.Match[str]) -> list[Any]:
    if name := step["field"] or step["quoted"]:
        return _child(value, name.replace("\\.", "."))
    if step["all"]:
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    if not isinstance(value, list):
        return []
    if step["index"]:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    return [item for item in value if step["value"] in find(item, step["path"])]


def find(value: Any, path: str) -> list[Any]:
    """All that `path` finds in `value`, in order; nothing for a path outside the supported part."""
    found = [value]
    steps = _steps(path)
    for step in steps:
        found = [child for parent in found for child in _step(parent, step)]
    return found if steps else []
