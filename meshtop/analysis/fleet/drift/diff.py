"""Two meanings as people compare them: a unified diff of YAML."""

from __future__ import annotations

from difflib import unified_diff

import yaml

from meshtop.analysis.fleet.drift.trees import Tree


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes no anchors: one list that stands in two places is two lists to a reader."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def as_yaml(tree: Tree) -> str:
    """A tree as YAML with its keys in order."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=True, width=1000
    )
    return text


def unified(left: Tree, right: Tree, *, left_name: str, right_name: str, context: int = 3) -> tuple[str, ...]:
    """The lines of a unified diff, without line ends; None stands for an object that is not there."""
    one, two = ([] if tree is None else as_yaml(tree).splitlines() for tree in (left, right))
    return tuple(unified_diff(one, two, left_name, right_name, lineterm="", n=context))
