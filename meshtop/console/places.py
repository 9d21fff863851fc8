"""The places that a number key opens, in the order of a glance, and the pages that tab goes through in each."""

from __future__ import annotations

from msgspec import Struct

from meshtop.console.widgets.top_bar import View

FLEET = "clusters"
GRAPH = "graph"
FINDINGS = "findings"
CANARIES = "canaries"
TENANTS = "tenants"
TENANT_TREE = "tenanttree"
JOURNAL = "journal"
"""No kind of the clusters' but what was written from here."""
MATRICES = ("tenantmatrix", "mtlsmatrix", "trust")
"""Kinds of pairs that are drawn as a matrix first."""


class Place(Struct, frozen=True):
    """A place: its number key and name, and its kinds, the first of which it opens with."""

    view: View
    kinds: tuple[str, ...]


PLACES: tuple[Place, ...] = (
    Place(View("1", "Fleet"), (FLEET, "controlplanes", "members", "drift", "discovery")),
    Place(View("2", "Services"), ("services", "workloads", "edges", "namespaces", "virtualmachines")),
    Place(View("3", "Graph"), (GRAPH,)),
    Place(View("4", "mTLS"), (FINDINGS, "mtls", "mtlsedges", "mtlsmatrix", "trust", "certificates")),
    Place(View("5", "Tenants"), (TENANTS, TENANT_TREE, "tenantmatrix")),
    Place(View("6", "Canaries"), (CANARIES,)),
)
PAGE_NAMES = {
    "mtls": "Workloads",
    "mtlsedges": "Calls",
    "mtlsmatrix": "Namespaces",
    "trust": "Trust",
    "virtualmachines": "VMs",
    TENANT_TREE: "Tree",
    "tenantmatrix": "Matrix",
}
"""Short names of pages where the place says the rest."""
VIEWS = tuple(place.view for place in PLACES)
"""What the top bar names."""


def place_of(kind: str) -> Place | None:
    """The place in which a kind is a page."""
    return next((place for place in PLACES if kind in place.kinds), None)


def pages_of(kind: str) -> tuple[str, ...]:
    """The kinds that tab goes through where this one is shown, in order."""
    from meshtop.views.frame.registry import KINDS

    place = place_of(kind)
    known = {found.name for found in KINDS}
    return tuple(page for page in place.kinds if page in known) if place is not None else (kind,)


def page_name(kind: str) -> str:
    """What a page is called within its place."""
    from meshtop.views.frame.registry import view

    return PAGE_NAMES.get(kind) or view(kind).title


def name_of(kind: str) -> str:
    """What the top bar calls a kind: its place, or its own title where no number key leads to it."""
    from meshtop.views.frame.registry import view

    place = place_of(kind)
    return place.view.name if place is not None else view(kind).title


def views_with(name: str) -> tuple[View, ...]:
    """What the top bar names while `name` is shown: a kind that only the command bar opens comes last."""
    return VIEWS if any(view.name == name for view in VIEWS) else (*VIEWS, View(":", name))


def kind_of(key: str) -> str | None:
    """The kind that a number key opens."""
    return next((place.kinds[0] for place in PLACES if place.view.key == key), None)
