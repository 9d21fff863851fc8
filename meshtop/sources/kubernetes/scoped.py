"""One kind of one cluster, read as far as the user's rights permit: cluster-wide, else namespace by namespace."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import Any

from meshtop.model.kube import KindStatus
from meshtop.sources.kubernetes.kinds import ApiKind
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.pacing import wait_at_most
from meshtop.sources.kubernetes.reader import KindReader
from meshtop.sources.kubernetes.scope import NamespaceScope
from meshtop.sources.problem import SourceProblem


class ScopedReader:
    """Reads a kind of the whole cluster; where that is forbidden, of each namespace in which it may be listed.

    `revision` grows with every change of `objects`; `settled` is set once it is known what can be read, and it was.
    Without a `scope` it is the whole cluster or nothing. `listed_namespaces` gives the names of the namespaces that the
    cluster lists, to choose from.
    """

    def __init__(
        self,
        link: ServerLink,
        kind: ApiKind,
        version: str,
        scope: NamespaceScope | None,
        listed_namespaces: Callable[[], Awaitable[Iterable[str]]],
    ) -> None:
        self.kind = kind
        self.version = version
        self.settled = asyncio.Event()
        self._link = link
        self._scope = scope
        self._listed_namespaces = listed_namespaces
        self._whole = KindReader(link, kind, version)
        self._parts: dict[str, KindReader] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dropped = 0
        self._sorted: tuple[Any, ...] = ()
        self._sorted_from: list[tuple[Any, ...]] = []

    @property
    def revision(self) -> int:
        """Grows with every change of the objects."""
        return self._whole.revision + self._dropped + sum(part.revision for part in self._parts.values())

    @property
    def listed(self) -> bool:
        """Whether any list was read."""
        return self._whole.listed or any(part.listed for part in self._parts.values())

    @property
    def objects(self) -> tuple[Any, ...]:
        """All objects by namespace and name; the same tuple while nothing changed."""
        if not self._parts:
            return self._whole.objects
        parts = [self._parts[name].objects for name in sorted(self._parts)]
        same = len(parts) == len(self._sorted_from) and all(map(operator.is_, parts, self._sorted_from))
        if not same:
            self._sorted, self._sorted_from = tuple(chain.from_iterable(parts)), parts
        return self._sorted

    def status(self) -> KindStatus | None:
        """How the reading goes; None before the first answer. Read in some namespaces only, it stays denied."""
        status = self._whole.status()
        if not self.settled.is_set():
            return None if status is not None and status.state == "denied" else status
        if status is None or status.state != "denied":
            return status
        parts = {name: part.status() for name, part in sorted(self._parts.items())}
        read = tuple(name for name, part in parts.items() if part is not None and part.state in ("fresh", "stale"))
        if not read:
            return status
        stale = [part.error for part in parts.values() if part is not None and part.state == "stale"]
        return KindStatus(
            kind=self.kind.key,
            group=self.kind.group,
            state="denied",
            count=len(self.objects),
            error=next(iter(stale), None)
            or f"{self._link.connection.name} lets you list {self.kind.resource} in {', '.join(read)} only.",
            namespaces=read,
        )

    async def list_once(self) -> None:
        """List everything that may be listed; never raises for the cluster's sake."""
        try:
            await self._whole.list_once()
            if self._whole.refused.is_set():
                self._choose(await self._names())
                await asyncio.gather(*(part.list_once() for part in self._parts.values()))
        finally:
            self.settled.set()

    async def follow(self) -> None:
        """List, then watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._whole.follow())
                group.create_task(self._follow_namespaces(group))
        finally:
            self._tasks.clear()
            # Of a kind that is no longer served nothing more comes, and its cluster's turn must not wait for it.
            self.settled.set()

    def mark_unreachable(self, problem: SourceProblem) -> None:
        """Note that the server did not answer, so that this kind could not be read."""
        self._whole.mark_unreachable(problem)
        self.settled.set()

    async def _follow_namespaces(self, group: asyncio.TaskGroup) -> None:
        await self._whole.settled.wait()
        while True:
            if not self._whole.refused.is_set():
                self._follow_chosen(group, ())
                await self._whole.refused.wait()
            self._follow_chosen(group, await self._names())
            for part in tuple(self._parts.values()):
                await part.settled.wait()
            self.settled.set()
            self._link.changed()
            await wait_at_most(self._link.pace.jitter(self._link.pace.denied), self._whole.granted)

    async def _names(self) -> tuple[str, ...]:
        if self._scope is None:
            return ()
        return await self._scope.names(self.kind, await self._listed_namespaces())

    def _follow_chosen(self, group: asyncio.TaskGroup, names: tuple[str, ...]) -> None:
        self._choose(names)
        for name in set(self._tasks) - set(names):
            self._tasks.pop(name).cancel()
        for name, part in self._parts.items():
            if name not in self._tasks:
                self._tasks[name] = group.create_task(part.follow())
        if not names:
            self.settled.set()
            self._link.changed()

    def _choose(self, names: tuple[str, ...]) -> None:
        for name in set(self._parts) - set(names):
            self._dropped += self._parts.pop(name).revision + 1
        for name in names:
            if name not in self._parts:
                self._parts[name] = KindReader(self._link, self.kind, self.version, namespace=name)
