"""The commands of the command bar (`:`).

A kind opens its place; with an argument it narrows the scope first: `:ns shop`, `:cluster us-east`, `:svc shop`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshtop.console.anywhere import EVERYTHING
from meshtop.console.places import FLEET, GRAPH, PAGE_NAMES, is_place, place_of
from meshtop.console.themes import theme_names
from meshtop.console.widgets.commands import Command
from meshtop.console.widgets.proposals import Proposal
from meshtop.views.frame.registry import KINDS, Kind, find_kind

if TYPE_CHECKING:
    from meshtop.console.desk.remembered import ConsoleState, SavedView
    from meshtop.console.host import ConsoleHost

_TAKEN = ("tenant", "now")
"""Words for kinds that are commands of their own."""
_MORE_ALIASES = {"canaries": ("route", "routes")}


def _kind_command(kind: Kind) -> Command:
    aliases = (*(alias for alias in (kind.singular, *kind.aliases) if alias not in _TAKEN and alias != kind.name),)
    return Command(kind.name, kind.summary, (*aliases, *_MORE_ALIASES.get(kind.name, ())))


COMMANDS: tuple[Command, ...] = (
    Command("now", "what needs attention, and every cluster", ("fleet", "home")),
    Command("graph", "the service graph", ("map",)),
    *map(_kind_command, KINDS),
    Command("open", "one thing: service/shop/catalog, workload/CLUSTER/NAMESPACE/NAME"),
    Command("journal", "what was written from this machine, and what is unfinished"),
    Command("tenant", "only this tenant; `all` for every tenant"),
    Command("filter", "filter rows: column:value !column:value errorRatio:>0.01"),
    Command("window", "rates over this long: 1m, 5m, 1h"),
    Command("at", "another moment: -10m, 14:05, 2026-08-01T14:05:00Z"),
    Command("live", "back to the present"),
    Command("explain", "why the access policy allows it: shift namespace:us-east/shop, perhaps as USER", ("access",)),
    Command("view", "a saved view, by its name (V saves one)"),
    Command("forget", "forget a saved view, by its name"),
    Command("settings", "the settings in force, and where each comes from", ("config",)),
    Command("doctor", "what can be reached and read, and what to do about what cannot", ("check",)),
    Command("theme", "another theme", values=theme_names),
    Command("help", "this screen's keys and columns", ("h",)),
    Command("quit", "leave", ("q", "exit")),
)
"""All commands of the command bar."""


def described(command: Command) -> Proposal:
    """A command with the place that it opens, which is also what it is found by."""
    place = place_of(command.name)
    page = PAGE_NAMES.get(command.name, "")
    where = f"{place.tab.key} {place.tab.name}{f' ▸ {page}' if page else ''}: " if place is not None else ""
    return Proposal(
        text=command.name,
        about=where + command.help.removeprefix(f"{command.name}: "),
        command=command.name,
        typed=command.name,
        sought=" ".join(filter(None, (command.name, *command.aliases, place.tab.name if place else "", page))),
    )


def own_proposals(memory: ConsoleState) -> tuple[Proposal, ...]:
    """Saved views and bookmarks, the last first."""
    views = (
        Proposal(
            text=view.name,
            about=" · ".join(
                filter(
                    None,
                    (
                        f"saved view: {find_kind(view.kind).name if is_place(view.kind) else view.kind}",
                        *view.clusters,
                        *view.namespaces,
                        f"tenant {view.tenant}" if view.tenant else "",
                        f"/{view.filter}" if view.filter else "",
                        f"by {view.sort}" if view.sort else "",
                    ),
                )
            ),
            command="view",
            argument=view.name,
            typed=f"view {view.name}",
        )
        for view in reversed(memory.views)
    )
    marks = (
        Proposal(
            text=mark.key,
            about=f"★ bookmark: {find_kind(mark.kind).singular}",
            command="open",
            argument=f"{mark.kind}/{mark.key}",
            typed=f"open {mark.kind}/{mark.key}",
        )
        for mark in reversed(memory.bookmarks)
        if is_place(mark.kind)
    )
    return (*views, *marks)


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
    """Open a kind's place after narrowing the scope by the argument, or the thing of that name.

    A kind that is only a scope opens nothing.
    """
    name = "" if _is_all(argument) else argument
    if argument and kind == "clusters":
        _narrow(host, "cluster", name, _clusters(host))
    elif argument and kind == "namespaces":
        _narrow(host, "namespace", name, _namespaces(host))
    elif argument and kind == "tenants":
        _set_tenant(host, argument)
        host.open_place(kind)
    elif name and name not in _namespaces(host) and host.open_thing(kind, name):
        return
    else:
        if argument:
            host.set_scope(host.scope.narrowed(namespace=name))
        host.open_place(kind)


def _narrow(host: ConsoleHost, limit: str, name: str, known: list[str]) -> None:
    """Limit the scope to one of what there is. Raises ValueError naming those, for another one.

    Of a cluster that was not read nobody knows which namespaces it has, so that any of them may be meant.
    """
    picture = host.picture
    read = picture is not None and all(cluster.inventory is not None for cluster in picture.snapshot.clusters)
    if name and name not in known and "*" not in name and (read or limit == "cluster"):
        close = get_close_matches(name, known, n=1, cutoff=0.6)
        some = f"there are {', '.join(known[:8])}{' …' if len(known) > 8 else ''}" if known else "there are none yet"
        raise ValueError(f"there is no {limit} {name}; {f'did you mean {close[0]}?' if close else some}")
    host.set_scope(host.scope.narrowed(**{limit: name}))


def _clusters(host: ConsoleHost) -> list[str]:
    return [cluster.name for cluster in host.picture.snapshot.clusters] if host.picture is not None else []


def _namespaces(host: ConsoleHost) -> list[str]:
    clusters = host.picture.snapshot.clusters if host.picture is not None else ()
    names = {n.meta.name for cluster in clusters if cluster.inventory is not None for n in cluster.inventory.namespaces}
    return sorted(names)


def _set_tenant(host: ConsoleHost, argument: str) -> None:
    name = "" if _is_all(argument) else argument
    owners = host.picture.owners.all_known().values() if name and host.picture is not None else ()
    _narrow(host, "tenant", name, sorted({tenant for owner in owners for tenant in owner.tenants}))


def _open_thing(host: ConsoleHost, argument: str) -> None:
    from meshtop.console.opening import parse_opening

    wanted = parse_opening(argument)
    if not host.open_thing(wanted.kind, wanted.name):
        raise ValueError(f"there is no {wanted.said}")


def _saved_view(host: ConsoleHost, name: str) -> SavedView:
    found = host.memory.state.view(name)
    if found is None:
        known = [view.name for view in host.memory.state.views]
        some = f"there are {', '.join(known[-8:])}" if known else "V on a table saves one"
        raise ValueError(f"there is no saved view {name}; {some}" if name else f"say which view; {some}")
    return found


def _open_view(host: ConsoleHost, name: str) -> None:
    view = _saved_view(host, name)
    if not is_place(view.kind):
        raise ValueError(f"the view {name} shows {view.kind}, which this version does not have")
    host.open_view(view)


def _forget_view(host: ConsoleHost, name: str) -> None:
    view = _saved_view(host, name)
    host.memory.change(lambda state: state.without_view(view.name))


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
    "now": lambda host, _: host.open_place(FLEET),
    "graph": lambda host, _: host.open_place(GRAPH),
    "journal": lambda host, _: host.open_journal(),
    "open": _open_thing,
    "view": _open_view,
    "settings": lambda host, _: host.open_settings(),
    "doctor": lambda host, _: host.open_doctor(),
    "forget": _forget_view,
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
