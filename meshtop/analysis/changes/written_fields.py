"""The fields that a manager owns (FieldsV1 of `metadata.managedFields`), as paths that people read.

FieldsV1 is a tree of steps: `f:NAME` is a field, `k:{…}` the element of a list with those keys, `v:…` an element of a
set, `i:N` an element by its place, `.` the thing itself (structured-merge-diff, fieldpath/serialize-pe.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

DEEPEST = 64
MOST_PATHS = 2000
UNREADABLE = "fields that cannot be read"
"""What is said of a manager's fields that are not FieldsV1."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class FieldsUnreadable(ValueError):
    """What a server sent as FieldsV1 is none."""


@lru_cache(maxsize=512)
def written_paths(raw: bytes) -> tuple[str, ...]:
    """The paths of a FieldsV1 tree, at most so many, in the order in which they stand there; () for an empty one.

    Raises FieldsUnreadable for anything else.
    """
    if not raw:
        return ()
    try:
        tree = msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise FieldsUnreadable("it is no JSON") from error
    if tree is None:
        return ()
    if not isinstance(tree, dict):
        raise FieldsUnreadable("it is no object")
    found: list[str] = []
    # By hand and not by recursion: a server may nest as deep as it likes.
    waiting: list[tuple[str, object, int]] = [("", tree, 0)]
    while waiting and len(found) < MOST_PATHS:
        path, node, depth = waiting.pop()
        if not isinstance(node, dict):
            raise FieldsUnreadable("a step of it is no object")
        if depth > DEEPEST:
            raise FieldsUnreadable(f"it is nested in more than {DEEPEST} levels")
        inner = [(step, below) for step, below in node.items() if step != "."]
        if not inner and path:
            found.append(path)
        waiting += [(path + _step(step, first=not path), below, depth + 1) for step, below in reversed(inner)]
    return tuple(found)


def _step(step: str, *, first: bool) -> str:
    sort, colon, rest = step.partition(":")
    if not colon:
        raise FieldsUnreadable("a step of it is of no known sort")
    if sort == "f":
        if not _PLAIN.fullmatch(rest):
            return f"[{rest}]"
        return rest if first else f".{rest}"
    if sort == "i" and rest.lstrip("-").isdigit():
        return f"[{rest}]"
    if sort not in ("k", "v"):
        raise FieldsUnreadable("a step of it is of no known sort")
    try:
        said = msgspec.json.decode(rest.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise FieldsUnreadable("a key of it is no JSON") from error
    if sort == "k":
        if not isinstance(said, dict):
            raise FieldsUnreadable("a key of it is no object")
        return "[" + ",".join(f"{name}={_value(value)}" for name, value in said.items()) + "]"
    return f"[={_value(said)}]"


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_NOISE = re.compile(
    r"status(\.|\[|$)|metadata\.(managedFields|ownerReferences|finalizers|resourceVersion|generation)"
    r"|metadata\.annotations\[(kubectl\.kubernetes\.io/last-applied-configuration|deployment\.kubernetes\.io/"
    r"|control-plane\.alpha\.kubernetes\.io/leader|autoscaling\.alpha\.kubernetes\.io/|deprecated\.daemonset\.)"
    r"|metadata\.(annotations|labels)$"
    r"|.*clientConfig\.caBundle$|webhooks\[name=[^]]*\]$"
)
"""What controllers write as they go: statuses, bookkeeping, injected certificates."""


def told_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that tell of a change: without statuses, bookkeeping, and certificates that are injected."""
    return tuple(path for path in paths if not _NOISE.match(path))


def shortened(paths: Iterable[str], most: int = 6) -> tuple[str, ...]:
    """The paths in so many words: several below one are told by it, the longest way down that all fit."""
    found = tuple(dict.fromkeys(paths))
    depth = max((path.count(".") + path.count("[") for path in found), default=0)
    while len(found) > most and depth > 0:
        found = tuple(dict.fromkeys(_cut(path, depth) for path in found))
        depth -= 1
    return found if len(found) <= most else (*found[: most - 1], f"and {len(found) - most + 1} more")


def _cut(path: str, steps: int) -> str:
    """The first steps of a path; what stands in brackets may hold dots of its own."""
    seen, inside = 0, False
    for place, character in enumerate(path):
        if character == "]":
            inside = False
        elif not inside and character in ".[":
            seen += 1
            inside = character == "["
            if seen > steps:
                return path[:place]
    return path
