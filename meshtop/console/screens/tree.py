"""The screen of a kind whose rows are a tree: what is folded is kept by row while data, order and filter change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from meshtop.console.screens.table import WIDE, TableScreen
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.notes import Note
from meshtop.console.widgets.tree_table import FoldRequest, LiveTreeTable
from meshtop.views.frame.table import AnyColumn, TableModel
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.views.frame.tree import Folding, Tree, Twig
    from meshtop.views.frame.tree import TreeTable as TreeModel
    from meshtop.views.picture.picture import Picture


class TreeScreen(TableScreen):
    """Rows of a tree; subclasses say what grows in it (`make_tree`) and how it is folded at first (`at_first`)."""

    AUTO_FOCUS = "LiveTreeTable"
    beside_from = WIDE
    BINDINGS: ClassVar[list[BindingType]] = [Binding("o", "open_row", "open", id="tree.open")]

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._folding: Folding | None = None
        self._filtered: tuple[str, Folding] | None = None
        self._tree: Tree[Any] | None = None

    def body(self) -> ComposeResult:
        """The tree, and a panel that opens by itself on a wide screen."""
        if len(self.pages) > 1:
            yield Pages(id="places")
        title = self.kind_view.title.lower()
        with Horizontal(classes="body"):
            yield LiveTreeTable(waiting=Note(f"Reading {title} …", "The first cluster to answer is shown at once."))
            yield LineView(classes="side")

    def make_tree(self, picture: Picture, query: Query) -> Tree[Any]:
        """The tree of what is in the query's scope; its filter is applied afterwards (`passes`)."""
        raise NotImplementedError

    def at_first(self, folding: Folding) -> Folding:
        """What is open and folded before anybody has touched it, added to what was touched since."""
        raise NotImplementedError

    def tree_columns(self, picture: Picture) -> Sequence[AnyColumn]:
        """The columns of the rows: the kind's, unless a tree says more with others."""
        return self.kind_view.shown(picture.thresholds, wide=self.size.width >= WIDE, chosen=self.chosen_columns)

    def table(self, picture: Picture, query: Query) -> Any:
        """The rows that are not folded."""
        from meshtop.views.frame.tree import ALL_OPEN, Folding
        from meshtop.views.frame.tree import TreeTable as TreeModel

        self._tree = self.make_tree(picture, query)
        folding = self._folding = self.at_first(self._folding or Folding())
        passes = None
        if query.filter:
            # What a filter finds is never folded away; what one folds while it holds is forgotten with it.
            if self._filtered is None or self._filtered[0] != query.filter:
                self._filtered = (query.filter, ALL_OPEN)
            folding = self._filtered[1]
            passes = self.kind_view.filter(query).matches
        else:
            self._filtered = None
        return TreeModel(self.tree_columns(picture), self._tree.rows(folding, self.kind_view.order(query), passes))

    @property
    def model(self) -> TreeModel[Any] | None:
        """The rows on screen."""
        from meshtop.views.frame.tree import TreeTable as TreeModel

        shown: TableModel | None = self.shown
        return shown if isinstance(shown, TreeModel) else None

    def twig(self, key: str | None) -> Twig[Any] | None:
        """The row with a key, as it is shown; None where it is not."""
        return None if key is None or self.model is None else self.model.twig(key)

    def on_live_tree_table_fold_asked(self, event: LiveTreeTable.FoldAsked) -> None:
        """Fold, unfold, or go up."""
        twig, folding = self.twig(event.key), self.folding
        if twig is None or self._tree is None or folding is None:
            return
        wish = event.wish
        if wish is FoldRequest.TOGGLE and twig.open is not None:
            wish = FoldRequest.FOLD if twig.open else FoldRequest.OPEN
        if wish is FoldRequest.OPEN and twig.open is False:
            self._fold(folding.opening(twig.key))
        elif wish is FoldRequest.FOLD and twig.open:
            self._fold(folding.closing(twig.key))
        elif wish is FoldRequest.FOLD and twig.parent is not None:
            self.rows.go_to(twig.parent)
        elif wish in (FoldRequest.OPEN_ALL, FoldRequest.FOLD_ALL):
            self._fold_all(folding, twig.key, open_all=wish is FoldRequest.OPEN_ALL)

    def _fold_all(self, folding: Folding, key: str, *, open_all: bool) -> None:
        """Unfold or fold everything; the cursor moves to the nearest visible ancestor."""
        tree = self._tree
        if tree is None:
            return
        self._fold(folding.opening(*tree.branches) if open_all else folding.closing(*tree.branches))
        above = tree.ancestors(key)
        if not open_all and above:
            self.rows.go_to(above[-1])

    @property
    def folding(self) -> Folding | None:
        """The folding, separate for filtered and unfiltered rows."""
        return self._folding if self._filtered is None else self._filtered[1]

    def _fold(self, folding: Folding) -> None:
        if self._filtered is not None:
            self._filtered = (self._filtered[0], folding)
        else:
            self._folding = folding
        self.update()

    def go_to_leaf(self, key: str) -> None:
        """Go to a row, and unfold what it stands under."""
        folding, tree = self.folding, self._tree
        if folding is not None and tree is not None:
            self._fold(folding.opening(*tree.ancestors(key)))
            self.rows.go_to(key)

    def open_row(self, key: str) -> None:
        """Fold or unfold a row with children, open one without."""
        twig, rows = self.twig(key), self.rows
        if twig is not None and twig.open is not None and isinstance(rows, LiveTreeTable):
            rows.action_fold(FoldRequest.TOGGLE)
        else:
            self.open_leaf(key)

    def action_open_row(self) -> None:
        """Open the row, even if it has children."""
        if self.rows.cursor_key is not None:
            self.open_leaf(self.rows.cursor_key)

    def open_leaf(self, key: str) -> None:
        """Open what stands in a row."""
        self.host.open_detail(self.kind, key)
