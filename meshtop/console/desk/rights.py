"""The user's Kubernetes rights, requested when a screen first needs them and cached for some minutes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from msgspec import Struct
from textual.message import Message
from textual.message_pump import MessagePump

from meshtop.log import log_failure
from meshtop.model.state import State

if TYPE_CHECKING:
    from meshtop.analysis.tenancy.access.rbac import SubjectRules
    from meshtop.console.session import ConsoleSession
    from meshtop.model.snapshot import Snapshot
    from meshtop.observatory.observatory import Observatory

_log = logging.getLogger(__name__)

KEPT_SECONDS = 300.0
"""Seconds for which rights are cached; pressing `r` refreshes them."""
MOST_PLACES = 4096
"""Answers that are kept; the oldest go first. Namespaces come and go for as long as a console is open."""
_ANSWERING = (State.FRESH, State.PARTIAL)

ClusterNamespace = tuple[str, str]


class RightsArrived(Message):
    """Message: a cluster has answered about the user's rights, or the request failed."""


class _Known(Struct, frozen=True):
    """A cached answer with the time of its request (in the clock's seconds) and the cache's generation then.

    `failed_in` is the number of the snapshot in which the request failed; `rules` are then the previous ones.
    """

    rules: SubjectRules | None
    asked_at: float
    round: int
    failed_in: int | None = None


class Rights:
    """A cache of rules per namespace, by SelfSubjectRulesReview on the observatory's loop; no method here blocks.

    Clusters that do not answer the observatory are skipped. An answer older than `KEPT_SECONDS`, or than `forget`, is
    requested again and used until the new one arrives. A failed request is repeated with the next snapshot. Answers
    arrive on the observatory's thread and are stored under a lock.
    """

    def __init__(self, session: ConsoleSession, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[ClusterNamespace, _Known] = {}
        self._waiting: dict[str, list[MessagePump]] = {}
        """Clusters with a pending request, and the screens to notify."""
        self._round = 0

    def of(self, cluster: str, namespace: str) -> SubjectRules | None:
        """The user's rules there; None where unknown."""
        with self._lock:
            known = self._known.get((cluster, namespace))
        return None if known is None else known.rules

    def forget(self) -> None:
        """Request all rights again when next needed."""
        self._round += 1

    def want(self, snapshot: Snapshot, places: Iterable[ClusterNamespace], target: MessagePump) -> None:
        """Request unknown rights of these places; `target` gets `RightsArrived` for each cluster that answers."""
        answering = {cluster.name for cluster in snapshot.clusters if cluster.kubernetes.state in _ANSWERING}
        wanted: dict[str, list[str]] = {}
        with self._lock:
            self._drop_clusters_but({cluster.name for cluster in snapshot.clusters})
            for cluster, namespace in dict.fromkeys(places):
                if cluster in answering and not self._holds((cluster, namespace), snapshot.sequence):
                    wanted.setdefault(cluster, []).append(namespace)
            for cluster in [name for name in wanted if name in self._waiting]:
                self._waiting[cluster].append(target)
                del wanted[cluster]
        for cluster, namespaces in wanted.items():
            self._ask(cluster, namespaces, snapshot.sequence, target)

    def _drop_clusters_but(self, there: set[str]) -> None:
        """Forget the rights in clusters that are not followed any more."""
        for place in [place for place in self._known if place[0] not in there]:
            del self._known[place]

    def _keep(self, place: ClusterNamespace, answer: _Known) -> None:
        """Keep an answer as the newest, and no more than `MOST_PLACES` of them."""
        self._known.pop(place, None)
        self._known[place] = answer
        while len(self._known) > MOST_PLACES:
            del self._known[next(iter(self._known))]

    def _holds(self, place: ClusterNamespace, sequence: int) -> bool:
        known = self._known.get(place)
        if known is None or known.round != self._round:
            return False
        if known.failed_in is not None:
            return known.failed_in == sequence
        return self._clock() - known.asked_at < KEPT_SECONDS

    def _ask(self, cluster: str, namespaces: list[str], sequence: int, target: MessagePump) -> None:
        asked_at, asked_round = self._clock(), self._round

        async def ask(observatory: Observatory) -> dict[str, SubjectRules]:
            from meshtop.sources.kubernetes import KubernetesSource

            feed = observatory.feed(cluster)
            source = None if feed is None else feed.kubernetes
            return await source.rules(namespaces) if isinstance(source, KubernetesSource) else {}

        future = self._session.ask(ask)
        if future is None:
            return
        with self._lock:
            self._waiting[cluster] = [target]

        def came(answered: Future[dict[str, SubjectRules]]) -> None:
            # On the observatory's thread: a plain hand-over, and messages, which are safe from any thread.
            found = _rules_in(answered, cluster)
            with self._lock:
                for namespace in namespaces:
                    before = self._known.get((cluster, namespace))
                    rules = found.get(namespace)
                    answer = (
                        _Known(rules, asked_at, asked_round)
                        if rules is not None
                        else _Known(before.rules if before is not None else None, asked_at, asked_round, sequence)
                    )
                    self._keep((cluster, namespace), answer)
                waiting = self._waiting.pop(cluster, [])
            for one in waiting:
                one.post_message(RightsArrived())

        future.add_done_callback(came)


def _rules_in(answered: Future[dict[str, SubjectRules]], cluster: str) -> dict[str, SubjectRules]:
    """The rules that a cluster answered with; none where it failed, which is logged."""
    if answered.cancelled():
        return {}
    error = answered.exception()
    if error is not None:
        log_failure(_log, f"the rights in {cluster} are not known", error)
        return {}
    return answered.result()
