"""Everything one can go to by typing (`:`): commands, places and kinds, and the names of things in the picture.

Names are read of a picture on another thread (`learn`), and only where what they are read of has changed; what is typed
is looked up in them at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs
from textual.app import App
from textual.message import Message

from meshtop.console.widgets.commands import Command, InputHistory, parse_command
from meshtop.console.widgets.name_index import NameIndex
from meshtop.console.widgets.proposals import (
    CommandProposals,
    Proposal,
    command_proposal,
    value_proposals,
    written_proposal,
)
from meshtop.console.workers import work_on_thread
from meshtop.log import defects_logged
from meshtop.model.state import State

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
EVERYTHING = ("all", "*")
"""Arguments that take a limit of the scope away."""
SCOPES = ("clusters", "tenant", "namespaces")
"""Commands whose names narrow the scope; those of all other kinds are opened."""
_ABOUT = {
    "clusters": "cluster: narrows the scope to it",
    "tenant": "tenant: narrows the scope to it",
    "namespaces": "namespace: narrows the scope to it",
    "canaries": "weighted route",
    "services": "service",
    "workloads": "workload",
    "virtualmachines": "virtual machine",
}
_OF_VIEWS = ("view", "forget")
"""Commands that take the name of a saved view."""
_GROUP_OF = {"tenants": "tenant"}
"""Kinds whose names are those of another command."""


class NamesLearned(Message):
    """Message: more can be found by typing than before."""


class _Names(Struct, frozen=True):
    """The names of one command's things, each as it is typed."""

    command: str
    names: tuple[str, ...]

    def proposal(self, at: int, offsets: tuple[int, ...] = (), *, led: bool = False) -> Proposal:
        """The thing; `led` after its command's name, as it is typed."""
        name, lead = self.names[at], f"{self.command} " if led else ""
        runs = (self.command, name) if self.command in SCOPES else ("open", f"{self.command}/{name}")
        return Proposal(
            text=lead + name,
            about=_ABOUT.get(self.command, self.command),
            command=runs[0],
            argument=runs[1],
            typed=f"{self.command} {name}",
            offsets=tuple(len(lead) + offset for offset in offsets),
        )


def names_in(picture: Picture) -> tuple[_Names, ...]:
    """The names of everything that one can go to in a picture; what is few comes first."""
    from meshtop.views.frame.registry import view

    clusters = picture.snapshot.clusters
    namespaces: dict[str, None] = {}
    services: list[str] = []
    for cluster in clusters:
        if cluster.inventory is None:
            continue
        namespaces |= dict.fromkeys(namespace.meta.name for namespace in cluster.inventory.namespaces)
        services += ["/".join((cluster.name, *service.meta.key)) for service in cluster.inventory.services]
    tenants = dict.fromkeys(tenant for owner in picture.owners.all_known().values() for tenant in owner.tenants)
    routes = view("canaries")
    return (
        _Names("clusters", tuple(cluster.name for cluster in clusters)),
        _Names("tenant", tuple(tenants)),
        _Names("namespaces", tuple(sorted(namespaces))),
        _Names("canaries", tuple("/".join(routes.path(row)) for row in routes.all_items(picture))),
        _Names("services", tuple(sorted(services))),
        _Names("workloads", tuple(sorted("/".join((w.cluster, w.namespace, w.name)) for w in picture.workloads))),
        _Names("virtualmachines", tuple("/".join((m.cluster, m.namespace, m.name)) for m in picture.machines)),
    )


class _Learned:
    """What was read of one picture, indexed: all names together, and those of each command."""

    def __init__(self, fixed: Sequence[Proposal], groups: Sequence[_Names]) -> None:
        self.fixed = tuple(fixed)
        self.groups = tuple(groups)
        self.by_command = {group.command: (group, NameIndex(group.names)) for group in groups}
        self.everything = NameIndex(
            [one.sought or one.text for one in self.fixed] + [name for group in self.groups for name in group.names]
        )

    def proposal(self, at: int, offsets: tuple[int, ...]) -> Proposal:
        """The proposal at an index among all names."""
        if at < len(self.fixed):
            one = self.fixed[at]
            return structs.replace(one, offsets=tuple(offset for offset in offsets if offset < len(one.text)))
        at -= len(self.fixed)
        for group in self.groups:
            if at < len(group.names):
                return group.proposal(at, offsets)
            at -= len(group.names)
        raise IndexError(at)

    def knows(self, command: str, name: str) -> bool:
        """Whether a command's things have this name."""
        return command in self.by_command and name in self.by_command[command][0].names


class Anywhere:
    """Finds where one wants to go.

    `described` makes the proposal of a command; `more` gives what else there is to go to, such as saved views.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        described: Callable[[Command], Proposal] = command_proposal,
        more: Callable[[], Sequence[Proposal]] = tuple,
    ) -> None:
        self.history = InputHistory()
        self._commands = tuple(commands)
        self._described = {command.name: described(command) for command in commands}
        self._alone = CommandProposals(commands)
        self._more = more
        self._own: tuple[Proposal, ...] = ()
        self._read_of: tuple[object, ...] | None = None
        self._learned = _Learned(self._fixed(), ())

    def _fixed(self) -> tuple[Proposal, ...]:
        return (*self._own, *self._described.values())

    def is_known(self, picture: Picture) -> bool:
        """Whether the names of a picture are those that are known already."""
        read = _read_of(picture)
        return (
            self._read_of is not None
            and len(read) == len(self._read_of)
            and all(a is b for a, b in zip(read, self._read_of, strict=True))
        )

    def learn(self, picture: Picture) -> None:
        """Read the names of a picture; takes a while for a big fleet, so it is for another thread."""
        groups = names_in(picture)
        self._learned, self._read_of = _Learned(self._fixed(), groups), _read_of(picture)

    def learn_for(self, app: App[Any], picture: Picture | None) -> None:
        """Read the names of a picture on another thread, unless they are known; the app gets `NamesLearned`."""
        if picture is None or self.is_known(picture):
            return

        def work() -> None:
            with defects_logged(_log, "reading the names that can be typed"):
                self.learn(picture)
            app.post_message(NamesLearned())

        work_on_thread(app, work, exclusive=True, group="names")

    def find(self, text: str, most: int) -> list[Proposal]:
        """The proposals for a typed line, the best first."""
        own = tuple(self._more())
        if own != self._own:
            self._own = own
            self._learned = _Learned(self._fixed(), self._learned.groups)
        line = " ".join(text.removeprefix(":").split()) + (" " if text.endswith(" ") and text.strip() else "")
        word, space, argument = line.partition(" ")
        if not word:
            return [*self._own, *self._described.values()][:most]
        if space and (command := self._command(word)) is not None:
            return self._arguments(command, argument.strip(), most)
        first = self._alone.named(line)
        hits = self._learned.everything.search(line, most)
        found = [self._learned.proposal(hit.index, hit.offsets) for hit in hits]
        if first is None:
            return found
        others = [one for one in found if (one.command, one.argument) != (first.command, first.argument)]
        return [self._described[first.command], *others][:most]

    def _command(self, word: str) -> Command | None:
        try:
            return parse_command(word, self._commands)[0]
        except ValueError:
            return None

    def _arguments(self, command: Command, argument: str, most: int) -> list[Proposal]:
        """The things of a command whose names resemble what is typed; for a kind, a namespace of that name first."""
        if command.name in _OF_VIEWS:
            names = tuple(one.argument for one in self._own if one.command == "view")
            return value_proposals(structs.replace(command, values=lambda: names), argument, most)
        group_name = _GROUP_OF.get(command.name, command.name)
        if group_name not in self._learned.by_command:
            return value_proposals(command, argument, most)
        group, index = self._learned.by_command[group_name]
        if argument.lower() in EVERYTHING:
            return [written_proposal(command, argument)]
        found: list[Proposal] = []
        if group_name not in SCOPES and self._learned.knows("namespaces", argument):
            written = written_proposal(command, argument)
            found.append(structs.replace(written, about=f"{command.name} of the namespace {argument}"))
        if not argument:
            found += [group.proposal(at, led=True) for at in range(min(most, len(group.names)))]
            return [command_proposal(command), *found][:most]
        found += [group.proposal(hit.index, hit.offsets, led=True) for hit in index.search(argument, most)]
        return found[:most] or [written_proposal(command, argument)]


def _read_of(picture: Picture) -> tuple[object, ...]:
    """What the names are read of: the same objects while nothing changed."""
    return tuple(cluster.inventory or State.NONE for cluster in picture.snapshot.clusters)
