"""Operations on trees of plain values: ordering lists that are sets, and finding differences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import gcd
from typing import Any

import msgspec

Tree = Any
"""A value of JSON: mapping, list, text, number, truth value or None."""

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def key(tree: Tree) -> bytes:
    """A sort key for any value: its JSON with sorted keys."""
    return msgspec.json.encode(tree, order="deterministic")


def as_set(values: Any) -> list[Tree]:
    """The list as a set: sorted and without duplicates."""
    if not isinstance(values, list | tuple):
        return [values] if values is not None else []
    return [value for _, value in sorted({key(value): value for value in values}.items())]


def duration(value: Tree) -> Tree:
    """A duration in one notation: `1.0s` and `1000ms` become `1s`; other values stay unchanged."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        return value
    return f"{sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value)):g}s"


def proportions(weights: list[int]) -> list[int]:
    """Weights as equivalent proportions, as percentages where possible: 1 and 1 become 50 and 50."""
    common = gcd(*weights) if weights else 0
    if not common:
        return weights
    least = [weight // common for weight in weights]
    scale, rest = divmod(100, sum(least))
    return least if rest else [weight * scale for weight in least]


def differences(left: Tree, right: Tree, path: str = "") -> Iterator[str]:
    """The paths at which two trees differ, each as short as possible."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in sorted({*left, *right}, key=str):
            inner = f"{path}.{name}" if path else str(name)
            if name not in left or name not in right:
                yield inner
            else:
                yield from differences(left[name], right[name], inner)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, two) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, two, f"{path}[{index}]")
    elif left != right or type(left) is not type(right):
        yield path


def without(tree: Tree, pointer: str) -> Tree:
    """A copy of the tree without the value at a JSON pointer, if there is one."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.strip("/").split("/")]
    return _without(tree, steps)


def _without(tree: Tree, steps: list[str]) -> Tree:
    step, rest = steps[0], steps[1:]
    if isinstance(tree, Mapping):
        if step not in tree:
            return tree
        if not rest:
            return {name: value for name, value in tree.items() if name != step}
        return {**tree, step: _without(tree[step], rest)}
    if isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
        index = int(step)
        inner = [_without(tree[index], rest)] if rest else []
        return [*tree[:index], *inner, *tree[index + 1 :]]
    return tree
