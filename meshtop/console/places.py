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
    """What the top bar calls a kind: its place, or its own title where no number key leads to it."""
    from meshtop.views.registry import view

    return next((place.name for found, place in PLACES if found == kind), None) or view(kind).title


def views_with(name: str) -> tuple[View, ...]:
    """What the top bar names while `name` is shown: a kind that only the command bar opens comes last."""
    return VIEWS if any(view.name == name for view in VIEWS) else (*VIEWS, View(":", name))


def kind_of(key: str) -> str | None:
    """The kind that a number key opens."""
    return next((kind for kind, view in PLACES if view.key == key), None)
