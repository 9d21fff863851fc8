"""Tenants as a table, and as a tree from the organization down to the namespaces of each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from meshtop.console.places import GRAPH, TENANT_TREE, TENANTS
from meshtop.console.screens.table import WIDE, TableScreen
from meshtop.console.session import PictureRequest
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.notes import Note
from meshtop.console.widgets.tree_table import FoldRequest, LiveTreeTable
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import TableModel, Tone
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from meshtop.views.frame.tree import Folding, Tree, Twig
    from meshtop.views.frame.tree import TreeTable as TreeModel
    from meshtop.views.kinds.tenanttree import TenantNode
    from meshtop.views.picture.picture import Picture


class TenantScreen(TableScreen):
    """Tenants and workspaces; `x` narrows the scope to one, `g` opens its graph."""

    def __init__(self, kind: str = TENANTS) -> None:
        super().__init__(kind)

    def level(self, key: str) -> str | None:
        """The tenant `T` or workspace `T/W` of a row; None where it is neither."""
        return None if key.startswith("(") or "|" in key else key

    def action_narrow(self) -> None:
        """Narrow the scope to this row's tenant or workspace."""
        self._narrow_to(self.rows.cursor_key)

    def action_graph(self) -> None:
        """Open the graph of this row's tenant or workspace."""
        if self._narrow_to(self.rows.cursor_key):
            self.host.open_place(GRAPH)

    def _narrow_to(self, key: str | None) -> bool:
        level = None if key is None else self.level(key)
        if level is None:
            self.say("This row is not a tenant.", Tone.PLAIN)
            return False
        self.host.set_scope(self.host.scope.narrowed(tenant=level))
        return True


class TenantTreeScreen(TenantScreen):
    """The tree; folding is stored by row and kept while data, order and filter change."""

    AUTO_FOCUS = "LiveTreeTable"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("o", "open_row", "open", id="tree.open")]

    def __init__(self) -> None:
        super().__init__(TENANT_TREE)
        self._folding: Folding | None = None
        self._filtered: tuple[str, Folding] | None = None
        self._tree: Tree[TenantNode] | None = None

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "Every row is the sum of the rows below it, quantiles from summed buckets; groups are another partition of "
            "their workspace and are not added. Namespaces without a tenant are at the end."
        )

    def body(self) -> ComposeResult:
        """The tree, and a panel that opens by itself on a wide screen."""
        yield Pages(id="places")
        with Horizontal(classes="body"):
            yield LiveTreeTable(waiting=Note("Reading tenants …", "The first cluster to answer is shown at once."))
            yield LineView(classes="side")

    def table(self, picture: Picture, query: Query) -> Any:
        """The rows that are not folded."""
        from meshtop.views.frame.tree import ALL_OPEN, Folding
        from meshtop.views.frame.tree import TreeTable as TreeModel
        from meshtop.views.kinds.tenanttree import at_first, tree_of

        nodes = self.kind_view.in_scope(picture, picture.resolved(query))
        self._tree = tree_of(nodes)
        folding = self._folding = at_first(nodes, self._folding or Folding())
        passes = None
        if query.filter:
            # What a filter finds is never folded away; what one folds while it holds is forgotten with it.
            if self._filtered is None or self._filtered[0] != query.filter:
                self._filtered = (query.filter, ALL_OPEN)
            folding = self._filtered[1]
            passes = self.kind_view.filter(query).matches
        else:
            self._filtered = None
        twigs = self._tree.rows(folding, self.kind_view.order(query), passes)
        return TreeModel(self.kind_view.shown(picture.thresholds, wide=self.size.width >= WIDE), twigs)

    def request(self) -> PictureRequest:
        """The rows of the scope, and the detail beside them; folding is computed on screen."""
        return PictureRequest(tree=(self.kind, self.host.scope.query), details=super().request().details)

    @property
    def model(self) -> TreeModel[TenantNode] | None:
        """The rows on screen."""
        from meshtop.views.frame.tree import TreeTable as TreeModel

        shown: TableModel | None = self.shown
        return shown if isinstance(shown, TreeModel) else None

    def _twig(self, key: str | None) -> Twig[TenantNode] | None:
        return None if key is None or self.model is None else self.model.twig(key)

    def on_live_tree_table_fold_asked(self, event: LiveTreeTable.FoldAsked) -> None:
        """Fold, unfold, or go up."""
        twig, folding = self._twig(event.key), self.folding
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

    def open_row(self, key: str) -> None:
        """Fold or unfold a row with children, open one without."""
        twig, rows = self._twig(key), self.rows
        if twig is not None and twig.open is not None and isinstance(rows, LiveTreeTable):
            rows.action_fold(FoldRequest.TOGGLE)
        else:
            self._open(key)

    def action_open_row(self) -> None:
        """Open the row, even if it has children."""
        if self.rows.cursor_key is not None:
            self._open(self.rows.cursor_key)

    def _open(self, key: str) -> None:
        kind, path = self._thing(key)
        self.host.open_detail(kind, path)

    def _thing(self, key: str) -> tuple[str, str]:
        """The kind and key of the item of a row."""
        level, _, path = key.partition(":")
        picture = self.host.picture
        known = level == "namespace" and picture is not None and find_item(picture, "namespaces", path) is not None
        return ("namespaces", path) if known else (self.kind, key)

    def level(self, key: str) -> str | None:
        """The tenant, workspace or group of a row; None for the organization, and for unowned namespaces."""
        level, _, path = key.partition(":")
        return super().level(path) if level in ("tenant", "workspace", "group") else None

    def action_narrow(self) -> None:
        """Narrow the scope to this row: a tenant or level, or a namespace of a cluster."""
        level, _, path = (self.rows.cursor_key or "").partition(":")
        cluster, _, namespace = path.rpartition("/")
        if level == "namespace" and cluster and namespace:
            self.host.set_scope(self.host.scope.narrowed(cluster=cluster, namespace=namespace))
        else:
            super().action_narrow()

    def action_graph(self) -> None:
        """Open the graph around a namespace, or of a tenant."""
        kind, path = self._thing(self.rows.cursor_key or "")
        if kind == "namespaces":
            self.host.open_graph(kind, path)
        else:
            super().action_graph()

    def action_worst(self) -> None:
        """Go to the worst leaf row by health, and unfold its ancestors."""
        picture, folding, tree = self.host.picture, self.folding, self._tree
        if picture is None or folding is None or tree is None:
            return
        items = self.kind_view.items(picture, structs.replace(self.usable_query(), sort="health"))
        worst = next((item.key for item in items if item.level == "namespace"), None)
        if worst is not None:
            self._fold(folding.opening(*tree.ancestors(worst)))
            self.rows.go_to(worst)
