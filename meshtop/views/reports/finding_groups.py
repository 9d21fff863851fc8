"""Findings in groups of one severity and code, as a tree that can be folded: what is wrong, then on which objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec import structs

from meshtop.analysis.findings.codes import CODES
from meshtop.model.state import Severity
from meshtop.views.frame.findings import SEVERITY_SIGNS, SEVERITY_TONES
from meshtop.views.frame.table import Cell, Column, Tone
from meshtop.views.frame.tree import Folding, Tree
from meshtop.views.kinds.findings import VIEW, FindingItem, about

_BETWEEN = "between clusters"


class FindingNode(FindingItem, frozen=True, kw_only=True):
    """A finding in its group, or a group: `count` of findings, 0 for a finding itself; `group` is the key above it.

    It is a finding, so that the columns, filters and orders of findings hold for it: a group has what its most
    important finding has, and touches the calls of the one that touches most.
    """

    key: str
    group: str | None = None
    count: int = 0
    clusters: int = 0


def finding_nodes(items: Sequence[FindingItem]) -> list[FindingNode]:
    """The groups, each followed by its findings, which come the most important first."""
    groups: dict[tuple[Severity, str], list[FindingItem]] = {}
    for item in items:
        groups.setdefault((item.severity, item.code), []).append(item)
    nodes: list[FindingNode] = []
    for (severity, code), found in groups.items():
        key = f"{severity.value}/{code}"
        rates = [item.requests_per_second for item in found if item.requests_per_second is not None]
        first = structs.replace(found[0], requests_per_second=max(rates, default=None))
        meant = CODES[code].meaning if code in CODES else found[0].message
        clusters = len({item.cluster for item in found if item.cluster})
        nodes.append(_node(structs.replace(first, message=meant), key=key, count=len(found), clusters=clusters))
        nodes += [_node(item, key=VIEW.key(item), group=key) for item in found]
    return nodes


def _node(item: FindingItem, *, key: str, group: str | None = None, count: int = 0, clusters: int = 0) -> FindingNode:
    return FindingNode(**structs.asdict(item), key=key, group=group, count=count, clusters=clusters)


def finding_tree(nodes: Sequence[FindingNode]) -> Tree[FindingNode]:
    """The nodes as a tree of two levels."""
    return Tree(nodes, key=lambda node: node.key, parent=lambda node: node.group, rank=lambda node: 0)


def folded_at_first(nodes: Sequence[FindingNode], folding: Folding) -> Folding:
    """Errors are open, everything else is folded: there may be hundreds of it."""
    calm = frozenset(node.key for node in nodes if node.count and node.severity is not Severity.ERROR)
    return structs.replace(folding, depth=1, shut=calm)


def _first_cell(node: FindingItem) -> Cell:
    sign, tone = SEVERITY_SIGNS[node.severity], SEVERITY_TONES[node.severity]
    if isinstance(node, FindingNode) and node.count:
        return Cell(f"{sign}{node.code} ×{node.count}", tone)
    return Cell(about(node) or _BETWEEN)


def _said_cell(node: FindingItem) -> Cell:
    group = isinstance(node, FindingNode) and node.count
    return Cell(node.message, Tone.STRONG if group else Tone.PLAIN)


_IN_FIRST = ("object", "severity", "code")
"""Columns that the first one of the tree tells, in every order."""


def choosable_columns(columns: Sequence[Column[FindingItem]]) -> tuple[Column[FindingItem], ...]:
    """The columns that can be chosen for the tree: the first stays, and tells severity, code and object."""
    return tuple(column for column in group_columns(columns) if not column.hidden)


def chosen_columns(columns: Sequence[Column[FindingItem]], names: Sequence[str]) -> tuple[Column[FindingItem], ...]:
    """The columns of the tree that were chosen, after the first; without a choice those that fit."""
    drawn = group_columns(columns)
    if not names:
        return drawn
    by_name = {column.name: column for column in drawn if not column.hidden}
    kept = [by_name[name] for name in dict.fromkeys(("object", *names)) if name in by_name]
    return tuple(structs.replace(column, wide=False, priority=number) for number, column in enumerate(kept))


@lru_cache(maxsize=16)
def _drawn(columns: tuple[Column[FindingItem], ...]) -> tuple[Column[FindingItem], ...]:
    by_name = {column.name: column for column in columns}
    drawn = [
        structs.replace(
            by_name["object"],
            title="FINDING",
            help="The code with how many there are; below it the objects.",
            cell=_first_cell,
            priority=0,
            min_width=24,
            max_width=64,
        ),
        structs.replace(by_name["requestsPerSecond"], priority=1),
        structs.replace(by_name["message"], cell=_said_cell, min_width=30, max_width=200),
    ]
    left = ("message", "requestsPerSecond", *_IN_FIRST)
    return (*drawn, *(column for column in columns if column.name not in left))


def group_columns(columns: Sequence[Column[FindingItem]]) -> tuple[Column[FindingItem], ...]:
    """The columns of findings for the tree: code and object share the first, which the guide lines precede."""
    return _drawn(tuple(columns))


def severities_said(items: Sequence[FindingItem]) -> tuple[Cell, ...]:
    """How many there are of each severity, the worst first."""
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}
    found = []
    for severity, word in words.items():
        count = sum(item.severity is severity for item in items)
        if count:
            text = f"{count} {word}" if count == 1 or severity is Severity.INFO else f"{count} {word}s"
            found.append(Cell(f"{SEVERITY_SIGNS[severity]}{text}", SEVERITY_TONES[severity]))
    return tuple(found)
