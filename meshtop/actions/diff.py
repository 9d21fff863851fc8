"""What a write would change, as a unified diff of YAML between what stands in a cluster and the server's dry run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any


def yaml_diff(before: Mapping[str, Any] | None, after: Mapping[str, Any], title: str) -> tuple[str, ...]:
    """The lines of the diff, none where nothing changes; `before` is None for what is not there yet."""
    old = [] if before is None else _yaml(before)
    lines = difflib.unified_diff(old, _yaml(after), title, f"{title} (dry run)", lineterm="", n=3)
    return tuple(lines)


def _yaml(tree: Mapping[str, Any]) -> list[str]:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(dict(tree), Dumper=dumper, sort_keys=True)
    return text.splitlines()
