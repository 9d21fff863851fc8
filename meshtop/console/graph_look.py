"""How the graph looks, as chosen by keys; remembered while the console runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtop.analysis.graph.metric import GraphMetric


class GraphLook:
    """The metric of the graph's numbers, and whether its map is shown; one for the whole console."""

    def __init__(self) -> None:
        self.metric: GraphMetric | None = None
        """None until one was chosen; the rate then."""
        self.map = True
