"""The place of findings: what is wrong by severity and code, which objects it is about, and what was not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs
from textual.app import ComposeResult
from textual.containers import Vertical

from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import FINDINGS
from meshtop.console.screens.tree import TreeScreen
from meshtop.console.widgets.line_widget import CellsLine
from meshtop.console.widgets.notes import Note
from meshtop.model.state import State
from meshtop.model.text import clean
from meshtop.views.frame.detail import detail, find_item
from meshtop.views.frame.facts import Detail
from meshtop.views.frame.table import AnyColumn, Cell, Tone
from meshtop.views.frame.unknowns import doubt
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.model.snapshot import Snapshot
    from meshtop.views.frame.tree import Folding, Tree
    from meshtop.views.picture.picture import Picture
    from meshtop.views.reports.finding_groups import FindingNode

_MOST = 6
"""Clusters that a sentence names."""


class FindingsScreen(TreeScreen):
    """Findings by severity and code; enter unfolds a code, and opens a finding."""

    columns_are_own = False

    def __init__(self) -> None:
        super().__init__(FINDINGS)
        self._grown: list[FindingNode] = []

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "What is wrong with the configuration, mutual TLS, trust, certificates and the fleet, by severity and "
            "code; first what touches most calls. Errors break calls or will soon, warnings weaken what was meant. "
            "What only findings need is read while this place or a finding is open."
        )

    def body(self) -> ComposeResult:
        """How many there are, what was not read, and the tree."""
        with Vertical(classes="findings"):
            yield CellsLine(id="severities")
            yield CellsLine(id="unread")
            yield from super().body()

    def kinds(self) -> frozenset[str]:
        """None by itself: the rows are those of the tree."""
        return frozenset({FINDINGS})

    def request(self) -> PictureRequest:
        """The rows of the scope, and the detail beside them; folding is computed on screen."""
        made = super().request()
        return structs.replace(made, table=(FINDINGS, structs.replace(self.host.scope.for_kind(FINDINGS), filter="")))

    def make_tree(self, picture: Picture, query: Query) -> Tree[FindingNode]:
        """Codes, and the findings of each."""
        from meshtop.views.reports.finding_groups import finding_nodes, finding_tree

        items = self.kind_view.items(picture, structs.replace(query, filter=""))
        self._grown = finding_nodes(items)
        return finding_tree(self._grown)

    def at_first(self, folding: Folding) -> Folding:
        """Errors are open."""
        from meshtop.views.reports.finding_groups import folded_at_first

        return folded_at_first(self._grown, folding)

    def tree_columns(self, picture: Picture) -> Sequence[AnyColumn]:
        """Code and object in one column, the sentence last."""
        from meshtop.views.reports.finding_groups import chosen_columns

        chosen = self.chosen_columns
        return chosen_columns(self.kind_view.shown(picture.thresholds, wide=bool(chosen)), chosen)

    def choosable_columns(self) -> Sequence[AnyColumn]:
        """Those of findings, but for what the first column tells anyway."""
        from meshtop.views.reports.finding_groups import choosable_columns

        return choosable_columns(self.kind_view.columns) if self.shown is not None else ()

    def refresh_picture(self, picture: Picture) -> None:
        """Draw the tree, then what it counts and could not take into account."""
        from meshtop.views.reports.finding_groups import severities_said

        super().refresh_picture(picture)
        query = structs.replace(self.usable_query(), filter="")
        said = severities_said(self.kind_view.items(picture, query))
        self.query_one("#severities", CellsLine).show(said)
        unread = self.kind_view.unknowns(picture, query)
        line = self.query_one("#unread", CellsLine)
        line.display = bool(unread) and bool(said)
        line.show((Cell(f"Not judged: {doubt(unread)}", Tone.DIM),) if unread else ())

    def beside(self, picture: Picture, key: str) -> Detail | None:
        """The detail of a finding; of a group, that of its most important one."""
        return detail(picture, FINDINGS, self._leaf(key))

    def _leaf(self, key: str) -> str:
        """The key of the finding in a row; of a group, that of its most important one."""
        return next((node.key for node in self._grown if node.group == key), key)

    def open_leaf(self, key: str) -> None:
        """Open the finding; of a group, the most important one."""
        self.host.open_detail(FINDINGS, self._leaf(key))

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key of the selected finding; of a group, its most important one."""
        key = self.rows.cursor_key
        return None if key is None else (FINDINGS, self._leaf(key))

    def action_worst(self) -> None:
        """Go to the finding that is the most important, and unfold its code."""
        picture = self.host.picture
        if picture is None:
            return
        items = self.kind_view.items(picture, structs.replace(self.usable_query(), sort=""))
        if items and find_item(picture, FINDINGS, key := self.kind_view.key(items[0])) is not None:
            self.go_to_leaf(key)

    def why_empty(self, picture: Picture) -> Note:
        """That there is none is a claim about what was asked, which is therefore named."""
        note = super().why_empty(picture)
        if self.kind_view.all_items(picture) or not picture.snapshot.settled:
            return note
        return structs.replace(note, todo=_asked(picture.snapshot))


def _asked(snapshot: Snapshot) -> str:
    """Which clusters' objects and traffic were there to be judged."""
    objects = [c.name for c in snapshot.clusters if c.inventory is not None]
    traffic = [c.name for c in snapshot.clusters if c.telemetry is not None and c.prometheus.state is State.FRESH]
    everyone = len(snapshot.clusters)
    return f"Asked: the objects of {_of(objects, everyone)}; the traffic of {_of(traffic, everyone)}."


def _of(names: list[str], all_: int) -> str:
    if not names:
        return "no cluster"
    if len(names) == all_ and all_ > _MOST:
        return f"all {all_} clusters"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return clean(", ".join(names[:_MOST])) + more
