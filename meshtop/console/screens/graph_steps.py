"""The steps by which one looks at less, at more, or more closely; esc takes each back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from meshtop.console.widgets.graph_cursor import Cursor
from meshtop.views.frame.table import Tone
from meshtop.views.reports.graph import GROUPINGS, Sight, groups_around, tenants
from meshtop.views.reports.graph_words import node_name

if TYPE_CHECKING:
    from meshtop.console.screens.graph import GraphScreen


class GraphSteps:
    """The keys that change what the graph screen looks at."""

    path_from: str | None = None
    """Where a path begins, while its end is looked for."""

    @property
    def _graph(self) -> GraphScreen:
        return cast("GraphScreen", self)

    def action_open_node(self) -> None:
        """Open the node under the cursor by a level."""
        node = self._graph.view.node
        if node is None:
            return
        if not node.expandable:
            self._graph.say(f"{node_name(node)} has nothing finer to open; > makes the whole graph finer.")
            return
        sight = self._graph.sight
        self._graph.look(replace(sight, expanded=sight.expanded | {node.id}, collapsed=sight.collapsed - {node.id}))

    def action_close_node(self) -> None:
        """Close the frame around the node under the cursor to one node."""
        node, graph = self._graph.view.node, self._graph.view.graph
        if node is None or graph is None:
            return
        group = next(iter(groups_around(graph, node)), None)
        if group is None:
            self.action_level(-1)
            return
        sight = self._graph.sight
        self._graph.look(
            replace(sight, expanded=sight.expanded - {group}, collapsed=sight.collapsed | {group}), Cursor(group)
        )

    def action_level(self, step: int) -> None:
        """Another level for everything; what was opened or closed by itself follows."""
        levels = self._graph.sight.levels
        at = levels.index(self._graph.sight.level) + step if self._graph.sight.level in levels else 0
        if not 0 <= at < len(levels):
            self._graph.say(f"{levels[-1 if at else 0].value} is the {'finest' if at else 'coarsest'} level.")
            return
        node = self._graph.view.node
        at_ = Cursor(node.id) if node is not None else None
        self._graph.look(replace(self._graph.sight, level=levels[at], expanded=frozenset(), collapsed=frozenset()), at_)

    def action_around(self) -> None:
        """Only this node and what is a hop away; again: a hop more."""
        node = self._graph.view.node
        if node is None:
            return
        same = self._graph.sight.focus == node.id
        self._graph.look(
            replace(self._graph.sight, focus=node.id, hops=self._graph.sight.hops + 1 if same else 1, path=None),
            Cursor(node.id),
        )

    def action_hide(self) -> None:
        """Leave the node under the cursor out; esc brings it back."""
        node = self._graph.view.node
        if node is not None:
            self._graph.look(replace(self._graph.sight, hidden=self._graph.sight.hidden | {node.id}))

    def action_only(self) -> None:
        """Narrow the scope to the node's cluster and namespace; it holds on every screen."""
        node = self._graph.view.node
        if node is None or not (node.cluster or node.namespace):
            return
        scope = self._graph.host.scope.narrowed(cluster=node.cluster or None, namespace=node.namespace or None)
        self._graph.host.set_scope(scope)

    def action_unhealthy(self) -> None:
        """Only edges that are degraded, failing or unknown, or all again."""
        self._graph.look(replace(self._graph.sight, unhealthy=not self._graph.sight.unhealthy))

    def action_idle(self) -> None:
        """Idle edges on or off."""
        self._graph.look(replace(self._graph.sight, idle=not self._graph.sight.idle))

    def action_arrange(self) -> None:
        """Frame by cluster, by tenant, by both, or take all clusters as one."""
        picture = self._graph.host.picture
        kinds = [grouping for _, grouping in GROUPINGS]
        if picture is None or not tenants(picture):
            kinds = [grouping for grouping in kinds if "tenant" not in grouping]
        grouping = kinds[
            (kinds.index(self._graph.sight.grouping) + 1) % len(kinds) if self._graph.sight.grouping in kinds else 0
        ]
        sight = Sight(
            level=self._graph.sight.level,
            grouping=grouping,
            idle=self._graph.sight.idle,
            unhealthy=self._graph.sight.unhealthy,
        )
        if sight.level not in sight.levels:
            sight = replace(sight, level=sight.levels[0])
        self._graph.look(sight)

    def action_path(self) -> None:
        """Mark where a path begins; on another node: show the ways from there to here."""
        node = self._graph.view.node
        if node is None:
            return
        if self.path_from is None or self.path_from == node.id:
            self.path_from = node.id
            self._graph.say(f"A path from {node_name(node)}: walk to where it ends and press p.", Tone.ACCENT)
            return
        path, self.path_from = (self.path_from, node.id), None
        self._graph.look(replace(self._graph.sight, path=path, focus=None), Cursor(node.id))
