"""One kind of one cluster, or of one of its namespaces: listed, then watched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from meshtop.model.kube import KindStatus
from meshtop.model.state import State
from meshtop.sources.kubernetes import lists, watches
from meshtop.sources.kubernetes.kinds import ApiKind, Codec, codec
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.problem import SourceProblem

Key = tuple[str, str]

_STALE_REFRESHES = 3


class KindReader:
    """Reads one kind in one version; whatever goes wrong stays here and costs no other kind anything.

    `revision` grows with every change of `objects`. `settled` is set when the first listing came or failed, `refused`
    while the server forbids the list, `granted` once it gave one and as long as it does. Without a `namespace` the
    whole cluster is read.
    """

    def __init__(self, link: ServerLink, kind: ApiKind, version: str, *, namespace: str = "") -> None:
        self.kind = kind
        self.version = version
        self.namespace = namespace
        self.revision = 0
        self.settled = asyncio.Event()
        self.refused = asyncio.Event()
        self.granted = asyncio.Event()
        self.problem: SourceProblem | None = None
        self.listed = False
        self._link = link
        self._what = f"{kind.resource} in {namespace}" if namespace else kind.resource
        self._codec: Codec = codec(kind, version)
        self._path = kind.path(version, namespace)
        self._objects: dict[Key, Any] = {}
        self._sorted: tuple[Any, ...] = ()
        self._sorted_revision = 0
        self._resume = ""
        self._current_at: float | None = None
        self._watching = False

    @property
    def objects(self) -> tuple[Any, ...]:
        """All objects by namespace and name; the same tuple while nothing changed."""
        if self._sorted_revision != self.revision:
            self._sorted = tuple(self._objects[key] for key in sorted(self._objects))
            self._sorted_revision = self.revision
        return self._sorted

    def status(self) -> KindStatus | None:
        """How the reading goes; None before the first answer."""
        if not self.settled.is_set():
            return None
        problem = self.problem
        state = "fresh"
        if problem is not None and problem.code == 403:
            state = "denied"
        elif problem is not None and problem.code == 404:
            state = "missing"
        elif not self.listed:
            state = "failed"
        elif problem is not None and self._is_old():
            state = "stale"
        error = problem.message if problem is not None and state != "fresh" else None
        return KindStatus(kind=self.kind.key, group=self.kind.group, state=state, count=len(self._objects), error=error)

    def _is_old(self) -> bool:
        """Whether what is known may no longer be true: after a failed listing at once, after a broken watch later."""
        if self._watching:
            return False
        if self._current_at is None:
            return True
        return self._link.clock() - self._current_at > _STALE_REFRESHES * self._link.pace.refresh

    async def list_once(self) -> None:
        """List everything; never raises for the cluster's sake."""
        try:
            await self._list()
        except SourceProblem as problem:
            self._current_at = None
            self._failed(problem)
        finally:
            self.settled.set()

    async def follow(self) -> None:
        """List, then watch until cancelled."""
        failures = 0
        while True:
            await self._link.up.wait()
            began = self._link.clock()
            try:
                if not self._resume:
                    await self._list()
                    self._link.changed()
                if await self._watch():
                    failures = 0
                    continue
                pause = self._link.pace.pause(failures)
            except SourceProblem as problem:
                if self._link.clock() - began > self._link.pace.backoff_most:
                    failures = 0
                pause = self._after(problem, failures)
            failures += 1
            self.settled.set()
            self._link.changed()
            await asyncio.sleep(pause)

    def mark_unreachable(self, problem: SourceProblem) -> None:
        """The server did not answer, so that this kind could not be asked for."""
        self._failed(problem)
        self.settled.set()

    def clear(self) -> None:
        """Drop all objects: the kind is not installed any more, or may not be read."""
        if self._objects:
            self._objects = {}
            self.revision += 1

    def _after(self, problem: SourceProblem, failures: int) -> float:
        """What a failure means and how long to wait: forbidden → much later; lost connection → ask whether it is there.

        A watch that the server answers with an error begins anew with a list, as client-go's reflector does: what it
        resumes from may have expired, or belong to a store that was restored since. Only a login that ran out (401) and
        a server that is too busy (429) say nothing of the version.
        """
        if problem.code == 410:
            self._resume = ""
            return 0.0 if failures == 0 else self._link.pace.pause(failures)
        if problem.code in (403, 404, 405) and self._resume:
            # It may be listed but not watched: list it often enough to stay true.
            self.problem = problem
            self._resume = ""
            return self._link.pace.refresh * 2
        self._failed(problem)
        if problem.code in (403, 404):
            return self._link.pace.jitter(self._link.pace.denied)
        if problem.state is State.UNREACHABLE or problem.code == 401:
            self._link.suspect_connection()
        elif problem.code != 429:
            # What could not be understood in a watch may have been missed too.
            self._resume = ""
        return max(self._link.pace.pause(failures), problem.retry_after or 0.0)

    def _failed(self, problem: SourceProblem) -> None:
        self.problem = problem
        if problem.code in (403, 404):
            self.clear()
        if problem.code == 403:
            self.granted.clear()
            self.refused.set()

    async def _list(self) -> None:
        async with self._link.listing:
            if not self._link.up.is_set() and self._link.problem is not None:
                raise self._link.problem
            listing = await lists.list_all(self._link.connection, self._path, self._codec, what=self._what)
        self._replace(listing.objects)
        self._resume = listing.resource_version
        self.listed = True
        self.problem = None
        self.refused.clear()
        self.granted.set()
        self._current_at = self._link.clock()
        self._link.answered()
        self.settled.set()

    def _replace(self, objects: Iterable[Any]) -> None:
        """Take a new list, keeping the objects that did not change, and with them what was derived from them."""
        old = self._objects
        new = {}
        same = True
        for item in objects:
            key = item.meta.key
            before = old.get(key)
            version = item.meta.resource_version
            if before is not None and version and before.meta.resource_version == version:
                new[key] = before
            else:
                new[key] = item
                same = False
        if not same or len(new) != len(old):
            self._objects = new
            self.revision += 1

    async def _watch(self) -> bool:
        """Watch until the server ends it; whether that was of use (it lasted or brought something)."""
        link = self._link
        began = link.clock()
        useful = False
        batches = watches.watch_kind(
            link.connection,
            self._path,
            self._codec,
            what=self._what,
            resource_version=self._resume,
            seconds=link.pace.jitter(link.pace.watch),
            params={},
        )
        try:
            async with link.lease(), contextlib.aclosing(batches):
                async for batch in batches:
                    self._watching = True
                    self.problem = None
                    useful = self._apply(batch) or useful
        except TimeoutError:
            return True
        finally:
            if self._watching:
                self._current_at = link.clock()
                self._watching = False
        return useful or link.clock() - began > link.pace.refresh

    def _apply(self, batch: watches.EventBatch) -> bool:
        self._resume = batch.resource_version or self._resume
        for item in batch.changed:
            self._objects[item.meta.key] = item
        for item in batch.gone:
            self._objects.pop(item.meta.key, None)
        if batch.changed or batch.gone:
            self.revision += 1
            self._link.changed()
        return bool(batch.resource_version)
