"""Safe reading of YAML or JSON trees from ConfigMaps, in which any value may have any type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from meshtop.model.yaml_input import load_yaml

Tree = Mapping[str, Any]


@lru_cache(maxsize=256)
def config_tree(text: str) -> Tree | None:
    """A mapping written as YAML or JSON; None for anything else."""
    if not text.strip():
        return None
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else load_yaml(text)
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None
    return found if isinstance(found, dict) else None


def at(found: Tree | None, *path: str) -> Any:
    """The value at a path; None where the path does not exist."""
    value: Any = found
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def text_at(found: Tree | None, *path: str) -> str | None:
    """The text at a path; None where there is none, or the value is not a string."""
    value = at(found, *path)
    return value if isinstance(value, str) and value else None


def texts_at(found: Tree | None, *path: str) -> tuple[str, ...]:
    """The strings of the list at a path; other items are skipped."""
    value = at(found, *path)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
