"""Plain trees as YAML, and two of them as a unified diff."""

from __future__ import annotations

from functools import cache
from typing import Any


def dump_yaml(tree: Any, *, sort_keys: bool = False, allow_unicode: bool = False, width: int = 80) -> str:
    """A tree of dicts, lists and scalars as YAML in block style; values longer than `width` characters are folded.

    It has no anchors: a list that is used twice is written twice. Without `allow_unicode` every character outside of
    ASCII is escaped, which is safe on any terminal.
    """
    import yaml  # not needed by most commands, and slow to import

    text: str = yaml.dump(
        tree,
        Dumper=_dumper(),
        default_flow_style=False,
        sort_keys=sort_keys,
        allow_unicode=allow_unicode,
        width=width,
    )
    return text


def diff_yaml(
    before: Any, after: Any, before_name: str, after_name: str, *, allow_unicode: bool = False, width: int = 80
) -> tuple[str, ...]:
    """The lines of a unified diff of two trees, keys in order, without line ends; None is an object that is not there.

    Empty where both are written alike.
    """
    from difflib import unified_diff

    one, two = (
        [] if tree is None else dump_yaml(tree, sort_keys=True, allow_unicode=allow_unicode, width=width).splitlines()
        for tree in (before, after)
    )
    return tuple(unified_diff(one, two, before_name, after_name, lineterm="", n=3))


@cache
def _dumper() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    return Dumper
