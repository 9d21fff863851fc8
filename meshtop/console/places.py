"""The views that a number key opens, in the order of a glance: the fleet first, then into the mesh."""

from __future__ import annotations

from meshtop.console.widgets.top_bar import View

FLEET = "clusters"
GRAPH = "graph"
PLACES: tuple[tuple[str, View], ...] = (
    (FLEET, View("1", "Fleet")),
    ("services", View("2", "Services")),
    (GRAPH, View("3", "Graph")),
    ("workloads", View("4", "Workloads")),
    ("edges", View("5", "Edges")),
    ("namespaces", View("6", "Namespaces")),
    ("virtualmachines", View("7", "VMs")),
)
VIEWS = tuple(view for _, view in PLACES)
"""What the top bar names."""


def name_of(kind: str) -> str:
    """What the top bar calls the place of a kind; the fleet for one without a place of its own."""
    return next((view.name for place, view in PLACES if place == kind), VIEWS[0].name)


def kind_of(key: str) -> str | None:
    """The kind that a number key opens."""
    return next((kind for kind, view in PLACES if view.key == key), None)
