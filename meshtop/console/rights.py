"""What Kubernetes lets the user do, asked when a screen first needs it and kept for some minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from msgspec import Struct
from textual.message import Message
from textual.message_pump import MessagePump

from meshtop.model.state import State

if TYPE_CHECKING:
    from meshtop.analysis.tenancy.access.rbac import SubjectRules
    from meshtop.console.session import Session
    from meshtop.model.snapshot import Snapshot
    from meshtop.observatory.observatory import Observatory

KEPT_SECONDS = 300.0
"""Rights change seldom; whoever has just been given one reads everything again."""
_ANSWERING = (State.FRESH, State.PARTIAL)

Place = tuple[str, str]
"""Cluster and namespace."""


class RightsArrived(Message):
    """A cluster has told what the user may do."""


class _Known(Struct, frozen=True):
    """An answer (None: the cluster gave none), when it was asked for, and after how many times of forgetting."""

    rules: SubjectRules | None
    asked_at: float
    round: int


class Rights:
    """The rules of namespaces, by SelfSubjectRulesReview on the observatory's own loop; no call here ever waits.

    A cluster that does not answer the observatory is not asked. An answer that is older than `KEPT_SECONDS`, or than
    `forget`, is asked for again and holds until the next one is there.
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._known: dict[Place, _Known] = {}
        self._asked: dict[str, list[MessagePump]] = {}
        self._round = 0

    def of(self, cluster: str, namespace: str) -> SubjectRules | None:
        """What the user may do there; None where nothing is known."""
        known = self._known.get((cluster, namespace))
        return None if known is None else known.rules

    def forget(self) -> None:
        """Ask again at the next occasion."""
        self._round += 1

    def want(self, snapshot: Snapshot, places: Iterable[Place], target: MessagePump) -> None:
        """Ask for what is not known of these places; `RightsArrived` comes to `target` for each cluster that tells."""
        answering = {cluster.name for cluster in snapshot.clusters if cluster.kubernetes.state in _ANSWERING}
        wanted: dict[str, list[str]] = {}
        for cluster, namespace in dict.fromkeys(places):
            if cluster in answering and not self._holds((cluster, namespace)):
                wanted.setdefault(cluster, []).append(namespace)
        for cluster, namespaces in wanted.items():
            waiting = self._asked.get(cluster)
            if waiting is not None:
                waiting.append(target)
            else:
                self._ask(cluster, namespaces, target)

    def _holds(self, place: Place) -> bool:
        known = self._known.get(place)
        return known is not None and known.round == self._round and self._clock() - known.asked_at < KEPT_SECONDS

    def _ask(self, cluster: str, namespaces: list[str], target: MessagePump) -> None:
        asked_at, asked_round = self._clock(), self._round

        async def ask(observatory: Observatory) -> dict[str, SubjectRules]:
            from meshtop.sources.kubernetes import KubernetesSource

            feed = observatory.feed(cluster)
            source = None if feed is None else feed.kubernetes
            return await source.rules(namespaces) if isinstance(source, KubernetesSource) else {}

        future = self._session.ask(ask)
        if future is None:
            return
        self._asked[cluster] = [target]

        def came(answered: Future[dict[str, SubjectRules]]) -> None:
            # On the observatory's thread: plain assignments, and messages, which are safe from any thread.
            failed = answered.cancelled() or answered.exception() is not None
            found = {} if failed else answered.result()
            for namespace in namespaces:
                before = self._known.get((cluster, namespace))
                rules = found.get(namespace, before.rules if before is not None else None)
                self._known[cluster, namespace] = _Known(rules, asked_at, asked_round)
            for waiting in self._asked.pop(cluster, []):
                waiting.post_message(RightsArrived())

        future.add_done_callback(came)
