"""The commands of the command bar (`:`).

A kind opens its place; with an argument it narrows the scope first: `:ns shop`, `:cluster us-east`, `:svc shop`.
"""

from __future__ import annotations

from meshtop.console.themes import theme_names
from meshtop.console.widgets.commands import Command
from meshtop.views.frame.registry import KINDS

EVERYTHING = ("all", "*")

COMMANDS: tuple[Command, ...] = (
    Command("fleet", "the fleet overview", ("home",)),
    Command("graph", "the service graph", ("map",)),
    *(Command(kind.name, kind.summary, (kind.singular, *kind.aliases)) for kind in KINDS),
    Command("journal", "what was written from here, and what waits for somebody"),
    Command("tenant", "only this tenant; `all` for everybody"),
    Command("filter", "filter rows: column:value !column:value errorRatio:>0.01"),
    Command("window", "rates over this long: 1m, 5m, 1h"),
    Command("at", "another moment: -10m, 14:05, 2026-08-01T14:05:00Z"),
    Command("live", "back to the present", ("now",)),
    Command("explain", "why the access policy allows it: shift namespace:us-east/shop, perhaps as USER", ("access",)),
    Command("theme", "another theme", values=theme_names),
    Command("help", "this screen's keys and columns", ("h",)),
    Command("quit", "leave", ("q", "exit")),
)
"""Everything that can be typed."""
