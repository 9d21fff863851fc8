"""The commands of the command bar (`:`).

A kind opens its place; with an argument it narrows the scope first: `:ns shop`, `:cluster us-east`, `:svc shop`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from meshtop.console.places import FLEET, GRAPH
from meshtop.console.themes import theme_names
from meshtop.console.widgets.commands import Command
from meshtop.views.frame.registry import KINDS

if TYPE_CHECKING:
    from meshtop.console.host import ConsoleHost

EVERYTHING = ("all", "*")

COMMANDS: tuple[Command, ...] = (
    Command("fleet", "the fleet overview", ("home",)),
    Command("graph", "the service graph", ("map",)),
    *(Command(kind.name, kind.summary, (kind.singular, *kind.aliases)) for kind in KINDS),
    Command("journal", "what was written from this machine, and what is unfinished"),
    Command("tenant", "only this tenant; `all` for every tenant"),
    Command("filter", "filter rows: column:value !column:value errorRatio:>0.01"),
    Command("window", "rates over this long: 1m, 5m, 1h"),
    Command("at", "another moment: -10m, 14:05, 2026-08-01T14:05:00Z"),
    Command("live", "back to the present", ("now",)),
    Command("explain", "why the access policy allows it: shift namespace:us-east/shop, perhaps as USER", ("access",)),
    Command("theme", "another theme", values=theme_names),
    Command("help", "this screen's keys and columns", ("h",)),
    Command("quit", "leave", ("q", "exit")),
)
"""All commands of the command bar."""


def run_command(host: ConsoleHost, name: str, argument: str) -> None:
    """Run a command. Raises MeshtopError or ValueError with a sentence about its argument."""
    run = _RUN.get(name)
    if run is not None:
        run(host, argument)
    else:
        _open_kind(host, name, argument)


def _is_all(argument: str) -> bool:
    return argument in EVERYTHING


def _open_kind(host: ConsoleHost, kind: str, argument: str) -> None:
    """Open a kind's place after narrowing the scope by the argument; a kind that is only a scope opens nothing."""
    name = "" if _is_all(argument) else argument
    if argument and kind == "clusters":
        _check_cluster(host, name)
        host.set_scope(host.scope.narrowed(cluster=name))
        return
    if argument:
        host.set_scope(host.scope.narrowed(namespace=name))
        if kind == "namespaces":
            return
    host.open_place(kind)


def _check_cluster(host: ConsoleHost, name: str) -> None:
    known = [cluster.name for cluster in host.picture.snapshot.clusters] if host.picture is not None else []
    if name and name not in known:
        raise ValueError(f"there is no cluster {name}; there are {', '.join(known) or 'none yet'}")


def _set_tenant(host: ConsoleHost, argument: str) -> None:
    host.set_scope(host.scope.narrowed(tenant="" if _is_all(argument) else argument))


def _set_window(host: ConsoleHost, argument: str) -> None:
    from meshtop.settings.durations import positive_duration

    if host.replay is not None:
        raise ValueError("a recording has the window that it was made with")
    host.session.change(window_seconds=positive_duration(argument))


def _go_to_moment(host: ConsoleHost, argument: str) -> None:
    from meshtop.views.frame.moments import parse_moment

    # In a recording, its last moment stands for the present.
    now = datetime.now() if host.replay is None else datetime.fromtimestamp(host.replay.end)
    host.session.change(moment=parse_moment(argument, now.astimezone()))


_RUN: dict[str, Callable[[ConsoleHost, str], None]] = {
    "fleet": lambda host, _: host.open_place(FLEET),
    "graph": lambda host, _: host.open_place(GRAPH),
    "journal": lambda host, _: host.open_journal(),
    "tenant": _set_tenant,
    "filter": lambda host, text: host.set_scope(host.scope.filtered(text)),
    "window": _set_window,
    "at": _go_to_moment,
    "live": lambda host, _: host.go_live(),
    "explain": lambda host, question: host.explain_access(question),
    "theme": lambda host, name: host.set_theme(name),
    "help": lambda host, _: host.show_help(),
    "quit": lambda host, _: host.quit(),
}
"""Handler of each command; other names are kinds."""
