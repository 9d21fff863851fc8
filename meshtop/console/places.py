"""The places of number keys, the pages of each (tab), and their screens."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from meshtop.console.widgets.top_bar import PlaceTab

if TYPE_CHECKING:
    from textual.screen import Screen

FLEET = "clusters"
GRAPH = "graph"
MTLS = "mtls"
FINDINGS = "findings"
CANARIES = "canaries"
TENANTS = "tenants"
TENANT_TREE = "tenanttree"
CHANGES = "changes"
JOURNAL = "journal"
"""Pseudo-kind: the local journal."""
MATRICES = ("tenantmatrix", "mtlsmatrix", "trust")
"""Kinds of pairs that are shown as a matrix by default."""


class ConsolePlace(Struct, frozen=True):
    """A place: its number key, name and kinds, of which the first is shown initially."""

    tab: PlaceTab
    kinds: tuple[str, ...]


PLACES: tuple[ConsolePlace, ...] = (
    ConsolePlace(
        PlaceTab("1", "Now"),
        (FLEET, "controlplanes", "members", "federated", "drift", "discovery", "alerts", "slos"),
    ),
    ConsolePlace(PlaceTab("2", "Services"), ("services", "workloads", "edges", "namespaces", "virtualmachines")),
    ConsolePlace(PlaceTab("3", "Graph"), (GRAPH,)),
    ConsolePlace(PlaceTab("4", "mTLS"), (MTLS, "mtlsedges", "mtlsmatrix", "trust", "certificates")),
    ConsolePlace(PlaceTab("5", "Tenants"), (TENANTS, TENANT_TREE, "tenantmatrix")),
    ConsolePlace(PlaceTab("6", "Canaries"), (CANARIES,)),
    ConsolePlace(PlaceTab("7", "Findings"), (FINDINGS,)),
)
PAGE_NAMES = {
    MTLS: "Workloads",
    "mtlsedges": "Calls",
    "mtlsmatrix": "Namespaces",
    "trust": "Trust",
    "virtualmachines": "VMs",
    "federated": "Federated",
    "drift": "Drift",
    TENANT_TREE: "Tree",
    "tenantmatrix": "Matrix",
}
"""Short names of pages within their place."""
TABS = tuple(place.tab for place in PLACES)
"""Tabs of the top bar."""


def place_of(kind: str) -> ConsolePlace | None:
    """The place that has a kind as a page."""
    return next((place for place in PLACES if kind in place.kinds), None)


def is_place(kind: str) -> bool:
    """Whether there is a place or page of this name."""
    from meshtop.views.frame.registry import KINDS

    return place_of(kind) is not None or any(known.name == kind for known in KINDS)


def pages_of(kind: str) -> tuple[str, ...]:
    """The kinds of the pages beside this one, in tab order."""
    from meshtop.views.frame.registry import KINDS

    place = place_of(kind)
    known = {found.name for found in KINDS}
    return tuple(page for page in place.kinds if page in known) if place is not None else (kind,)


def page_name(kind: str) -> str:
    """The name of a page within its place."""
    from meshtop.views.frame.registry import view

    return PAGE_NAMES.get(kind) or view(kind).title


def place_title(kind: str) -> str:
    """A kind's title in the top bar: its place's, or its own if no number key leads to it."""
    from meshtop.views.frame.registry import view

    place = place_of(kind)
    return place.tab.name if place is not None else view(kind).title


def kind_of(key: str) -> str | None:
    """The kind that a number key opens."""
    return next((place.kinds[0] for place in PLACES if place.tab.key == key), None)


class ScreenEntry(Struct, frozen=True):
    """A screen's location, `module:Class` in `meshtop.console.screens`; `by_kind`: its constructor takes the kind."""

    path: str
    by_kind: bool = False


SCREENS: dict[str, ScreenEntry] = {
    FLEET: ScreenEntry("fleet:FleetScreen"),
    GRAPH: ScreenEntry("flow:FlowScreen"),
    MTLS: ScreenEntry("security:SecurityScreen"),
    FINDINGS: ScreenEntry("findings:FindingsScreen"),
    CANARIES: ScreenEntry("canaries:CanaryScreen"),
    TENANTS: ScreenEntry("tenants:TenantScreen"),
    TENANT_TREE: ScreenEntry("tenants:TenantTreeScreen"),
    JOURNAL: ScreenEntry("journal:JournalScreen"),
    CHANGES: ScreenEntry("changes:ChangesScreen"),
    **dict.fromkeys(MATRICES, ScreenEntry("matrix:MatrixScreen", by_kind=True)),
}
"""Screens of kinds with their own screen; all others use the table screen."""
TABLE = ScreenEntry("table:TableScreen", by_kind=True)
DETAILS = {CANARIES: "cockpit:CockpitScreen", CHANGES: "changes:ChangeDetailScreen"}
"""Detail screens of kinds with their own; all others use the general one."""
DETAIL = "detail:DetailScreen"
ACTION = "action:ActionScreen"
OBJECT = "object:ObjectScreen"
WHAT_IF, WHAT_IF_PASTED = "whatif:what_if_about", "whatif:what_if_pasted"
DESCRIBE = "describe:describe_screen"
SETTINGS, DOCTOR = "reports:SettingsScreen", "reports:DoctorScreen"
EXPLAIN, ACCESS_QUESTION = "explain:ExplainScreen", "explain:parse_question"
FLOW, FLOW_AROUND = "flow:FlowScreen", "flow:flow_around"
"""The graph as one thing with its callers and callees: the place, and around a row."""
CANVAS, CANVAS_AROUND = "graph:GraphScreen", "graph:graph_around"
"""The graph as a drawing of everything: the place, and around a row."""
CANVAS_FROM = 160
"""Width in cells from which the graph is a drawing, until somebody chooses."""


def draws_canvas(chosen: bool | None, width: int) -> bool:
    """Whether the graph opens as a drawing of everything: as was chosen, else by the width in cells."""
    return width >= CANVAS_FROM if chosen is None else chosen


def load_screen(path: str) -> Any:
    """A class or function of a screen's module by its `module:name`; the module is imported on first use."""
    module, _, name = path.partition(":")
    return getattr(import_module(f"meshtop.console.screens.{module}"), name)


def place_screen(kind: str, *, canvas: bool = False) -> Screen[Any]:
    """A new screen for a place or page; `canvas`: the graph as a drawing of everything."""
    entry = ScreenEntry(CANVAS) if kind == GRAPH and canvas else SCREENS.get(kind, TABLE)
    made: Screen[Any] = load_screen(entry.path)(*((kind,) if entry.by_kind else ()))
    return made


def detail_screen(kind: str, key: str) -> Screen[Any]:
    """A new detail screen for an item."""
    made: Screen[Any] = load_screen(DETAILS.get(kind, DETAIL))(kind, key)
    return made
