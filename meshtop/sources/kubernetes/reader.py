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
from meshtop.sources.kubernetes.link import STALE_REFRESHES, ServerLink
from meshtop.sources.problem import SourceProblem

Key = tuple[str, str]

_LONGEST_GAP_REFRESHES = 2
_UNATTENDED_GAPS = 1.2
"""The longest time between two lists of what is not watched, in such pauses (`Pace.jitter`)."""
_MOST_NAMED = 3
"""The most objects that a sentence names."""


class KindReader:
    """Reads one kind in one version; failures do not affect other kinds.

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
        self._odd: dict[Key, str] = {}
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
        elif self._is_old():
            state = "stale"
        if state == "fresh":
            error = self._gaps()
        elif problem is not None:
            error = problem.message
        else:
            error = f"{self._link.connection.name} sends no whole list of {self._what} in time."
        return KindStatus(kind=self.kind.key, group=self.kind.group, state=state, count=len(self._objects), error=error)

    def _is_old(self) -> bool:
        """Whether the objects may be outdated by age alone: they were not confirmed in the last refreshes."""
        if self._watching:
            return False
        if self._current_at is None:
            return True
        link = self._link
        period = link.stale_seconds if link.is_attended(self.kind.key) else self.unattended_stale_seconds
        return link.clock() - self._current_at > period

    @property
    def unattended_stale_seconds(self) -> float:
        """The age at which it counts as stale while nobody looks at it: when a list is missing that was due."""
        return self._link.stale_seconds + _UNATTENDED_GAPS * self._link.pace.unattended

    def _gaps(self) -> str | None:
        """Which objects are left out because they could not be understood; None where none are."""
        if not self._odd:
            return None
        names = ["/".join(filter(None, key)) for key in sorted(self._odd)]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        why = self._odd[min(self._odd)]
        return (
            f"{self._link.connection.name} sent {self._what} that cannot be understood and are left out: "
            f"{', '.join(names[:_MOST_NAMED])}{more} ({why})."
        )

    async def list_once(self) -> None:
        """List everything; failures of the cluster are stored in the status."""
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
        watched = False
        while True:
            await self._link.up.wait()
            began = self._link.clock()
            try:
                if not self._resume:
                    await self._list()
                    self._link.changed()
                if not self._link.is_attended(self.kind.key):
                    await self._link.rest_unattended(self.kind.key)
                    failures = 0
                    if not self._link.is_attended(self.kind.key):
                        self._resume = ""
                    continue
                if not watched:
                    # Once only: a cluster that never comes to the end of its lists must not make every watch late.
                    watched = True
                    await self._link.await_first_lists()
                    if not self._link.up.is_set():
                        continue
                lasted, useful = await self._watch()
                failures = 0 if lasted or useful else failures
                if lasted:
                    continue
                # It ended at once: opened again as soon, it would do so hundreds of times a second. Each watch shows
                # what happened since the one before, so that the pause must only be shorter than a kind takes to age.
                pause = min(self._link.pace.pause(failures), self._link.pace.refresh * _LONGEST_GAP_REFRESHES)
            except SourceProblem as problem:
                if self._link.clock() - began > self._link.pace.backoff_most:
                    failures = 0
                pause = self._after(problem, failures)
            failures += 1
            self.settled.set()
            self._link.changed()
            await asyncio.sleep(pause)

    def mark_unreachable(self, problem: SourceProblem) -> None:
        """Note that the server did not answer, so that this kind could not be read."""
        self._failed(problem)
        self.settled.set()

    def clear(self) -> None:
        """Drop all objects: the kind is not installed any more, or may not be read."""
        if self._objects:
            self._objects = {}
            self.revision += 1
        self._odd = {}

    def _after(self, problem: SourceProblem, failures: int) -> float:
        """Handle a failure; returns the seconds to wait: long if forbidden; a lost connection triggers a check.

        A watch that the server answers with an error begins anew with a list, as client-go's reflector does: what it
        resumes from may have expired, or belong to a store that was restored since. Only a login that ran out (401) and
        a server that is too busy (429) say nothing of the version.
        """
        if problem.code == 410:
            self._resume = ""
            return 0.0 if failures == 0 else self._link.pace.pause(failures)
        if problem.code in (403, 404, 405) and self._resume:
            # It may be listed but not watched: list it often enough to stay true.
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
        self.problem = problem.kept()
        if problem.code in (403, 404):
            self.clear()
        if problem.code == 403:
            self.granted.clear()
            self.refused.set()

    async def _list(self) -> None:
        link = self._link
        patience = max(link.stale_seconds, link.connection.answer_seconds)
        late = asyncio.get_running_loop().call_later(patience, self._late) if link.following else None
        try:
            listing = await lists.list_all(link.connection, self._path, self._codec, what=self._what, turn=_Turn(link))
        finally:
            if late is not None:
                late.cancel()
        self._replace(listing.objects)
        self._odd = listing.odd
        self._resume = listing.resource_version
        self.listed = True
        self.problem = None
        self.refused.clear()
        self.granted.set()
        self._current_at = self._link.clock()
        self._link.answered()
        self.settled.set()

    def _late(self) -> None:
        """Note that the first list takes too long to wait for."""
        if not self.settled.is_set():
            self.settled.set()
            self._link.changed()

    def _replace(self, objects: Iterable[Any]) -> None:
        """Store a new list, reusing unchanged objects, so that results derived from them stay valid."""
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

    async def _watch(self) -> tuple[bool, bool]:
        """Watch until the server ends it; whether it lasted, and whether it brought any news (bookmarks are none)."""
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
            line_seconds=STALE_REFRESHES * link.pace.refresh,
        )
        try:
            async with link.lease(), contextlib.aclosing(batches):
                async for batch in batches:
                    self._watching = True
                    self.problem = None
                    useful = self._apply(batch) or useful
        except TimeoutError:
            # The server does not answer: what it was silent about may have happened since it last did.
            self._end_watching(link.answered_at)
            return True, useful
        finally:
            self._end_watching(link.clock())
        return link.clock() - began > link.pace.refresh, useful

    def _end_watching(self, at: float | None) -> None:
        """The watch ended; what it kept up to date was current at Unix seconds `at`."""
        if self._watching:
            self._current_at = at
            self._watching = False

    def _apply(self, batch: watches.EventBatch) -> bool:
        """Take what a batch brought; whether that was news."""
        self._resume = batch.resource_version or self._resume
        news = False
        for item in batch.changed:
            key, version = item.meta.key, item.meta.resource_version
            before = self._objects.get(key)
            news = news or before is None or not version or before.meta.resource_version != version
            self._objects[key] = item
            self._odd.pop(key, None)
        for key in (*(item.meta.key for item in batch.gone), *batch.odd):
            news = self._objects.pop(key, None) is not None or news
            self._odd.pop(key, None)
        self._odd.update({key: why for key, why in batch.odd.items() if why})
        if batch.changed or batch.gone or batch.odd:
            self.revision += 1
            self._link.changed()
        return news


class _Turn:
    """A turn among the lists of one cluster, for one page; given up at once where the server is down."""

    def __init__(self, link: ServerLink) -> None:
        self._link = link

    async def __aenter__(self) -> None:
        await self._link.listing.acquire()
        if not self._link.up.is_set() and self._link.problem is not None:
            self._link.listing.release()
            raise self._link.problem

    async def __aexit__(self, *error: object) -> None:
        self._link.listing.release()
