"""Tenants as a table, and as a tree from the organization down to the namespaces of each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import GRAPH, TENANT_TREE, TENANTS
from meshtop.console.screens.table import TableScreen
from meshtop.console.screens.tree import TreeScreen
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import Tone
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from meshtop.views.frame.tree import Folding, Tree
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


class TenantTreeScreen(TreeScreen, TenantScreen):
    """The tree; folding is stored by row and kept while data, order and filter change."""

    def __init__(self) -> None:
        super().__init__(TENANT_TREE)
        self._grown: list[TenantNode] = []

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "Every row is the sum of the rows below it, quantiles from summed buckets; groups are another partition of "
            "their workspace and are not added. Namespaces without a tenant are at the end."
        )

    def make_tree(self, picture: Picture, query: Query) -> Tree[TenantNode]:
        """From the organization down to namespaces."""
        from meshtop.views.kinds.tenanttree import tree_of

        self._grown = self.kind_view.in_scope(picture, picture.resolved(query))
        return tree_of(self._grown)

    def at_first(self, folding: Folding) -> Folding:
        """Open down to workspaces."""
        from meshtop.views.kinds.tenanttree import at_first

        return at_first(self._grown, folding)

    def request(self) -> PictureRequest:
        """The rows of the scope, and the detail beside them; folding is computed on screen."""
        return PictureRequest(tree=(self.kind, self.host.scope.query), details=super().request().details)

    def open_leaf(self, key: str) -> None:
        """Open the row's item, which is a namespace's own where it is one."""
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
        picture = self.host.picture
        if picture is None:
            return
        items = self.kind_view.items(picture, structs.replace(self.usable_query(), sort="health"))
        worst = next((item.key for item in items if item.level == "namespace"), None)
        if worst is not None:
            self.go_to_leaf(worst)
