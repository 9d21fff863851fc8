"""The clusters that an action works on: writing connections, telemetry, what may be written, and who is asking."""

from __future__ import annotations

import copy
import getpass
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.halt import Halt
from meshtop.actions.kube import KubeApi
from meshtop.analysis.canary.judging import Judging
from meshtop.analysis.canary.routes import ROUTE_KINDS
from meshtop.analysis.canary.survey import Survey
from meshtop.analysis.tenancy.access.rights import Access
from meshtop.analysis.traffic.convergence import convergence_seconds
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.snapshot import Snapshot
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.connection import Connection
from meshtop.sources.prometheus.counts import Counting

Policy = Callable[[str, str, str], str | None]
"""(right, cluster, namespace) → why the access policy refuses it, None when it does not."""


class FleetCluster:
    """One cluster: its API server, its telemetry (None: it has none), and whether it may be written to at all.

    `push_seconds` is how long its istiod takes to reach the proxies; None where that was not read.
    """

    def __init__(
        self,
        name: str,
        api: KubeApi,
        metrics: Counting | None,
        *,
        read_only: bool = False,
        push_seconds: float | None = None,
    ) -> None:
        self.name = name
        self.api = api
        self.metrics = metrics
        self.read_only = read_only
        self.push_seconds = push_seconds


class Feed(Protocol):
    """What an action needs of an observatory's feed: the kubeconfig's entry, and the telemetry."""

    @property
    def name(self) -> str:
        """The cluster's name."""

    @property
    def ref(self) -> ClusterRef | None:
        """Where it is and how to log in; None for what cannot be written to."""

    @property
    def prometheus(self) -> Any:
        """The cluster's telemetry source."""


class Fleet:
    """The clusters for an action, a survey of their routes, and the access policy for all of them.

    `unread` says why a cluster's routes are not known, `readable` in which namespaces they are all the same. `policy`
    is asked before anything is sent.
    """

    def __init__(
        self,
        members: Iterable[FleetCluster],
        survey: Survey,
        *,
        judging: Judging | None = None,
        unread: Mapping[str, str] | None = None,
        readable: Mapping[str, frozenset[str]] | None = None,
        policy: Policy | None = None,
        who: str = "",
        origin: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.members = {member.name: member for member in members}
        self.survey = survey
        self.judging = judging or Judging()
        self.unread = dict(unread or {})
        self.readable = dict(readable or {})
        self.policy = policy
        self.who = who or user_name()
        self.origin = origin or host_name()
        self.clock = clock

    def unread_in(self, namespace: str) -> dict[str, str]:
        """Why the routes of a namespace are not known, by cluster, for those of which that is so."""
        return {name: why for name, why in self.unread.items() if namespace not in self.readable.get(name, frozenset())}

    def require_allowed(self, right: str, cluster: str, namespace: str) -> None:
        """Raise ActionError (refused) for a read-only member, or where the policy does not grant the right."""
        for why in self.refusals(right, cluster, namespace).values():
            raise ActionError(ErrorKind.REFUSED, why, cluster=cluster)

    def refusals(self, right: str, cluster: str, namespace: str) -> dict[str, str]:
        """Reasons why a member may not be written to, by authority; known and checked before the first request.

        Empty when nothing refuses.
        """
        found = {}
        # An action may know the cluster by another name than the one it has here, which is what policies name.
        name = self.members[cluster].name
        if self.members[cluster].read_only:
            found["read-only"] = read_only_reason(name)
        why = self.policy(right, name, namespace) if self.policy is not None else None
        if why is not None:
            found["access policy"] = why
        return found

    def with_members(self, members: Mapping[str, FleetCluster]) -> Fleet:
        """This fleet with its clusters under an action's names for them; connections are shared."""
        found = copy.copy(self)
        found.members = dict(members)
        return found

    def under(self, halt: Halt) -> Fleet:
        """This fleet for an action that can be stopped by `halt`; connections are shared."""
        return self.with_members(
            {
                name: FleetCluster(one.name, one.api.under(halt), one.metrics, read_only=one.read_only)
                for name, one in self.members.items()
            }
        )

    async def close(self) -> None:
        """Close the writing connections; telemetry sources are closed by the observatory."""
        for member in self.members.values():
            await member.api.close()


def open_fleet(
    feeds: Iterable[Feed],
    snapshot: Snapshot,
    survey: Survey,
    *,
    judging: Judging,
    access: Access | None,
    timeout_seconds: float,
    clock: Callable[[], float] = time.time,
) -> Fleet:
    """The fleet of an observatory's feeds, with separate connections for writing; a read-only cluster's cannot write.

    `survey` is that of the snapshot (`Picture.canaries.survey`), `access` the policy in force.
    """
    read_only = {cluster.name: cluster.read_only for cluster in snapshot.clusters}
    push = {cluster.name: convergence_seconds(cluster.telemetry) for cluster in snapshot.clusters}
    members = []
    for feed in feeds:
        if feed.ref is None:
            continue
        locked = read_only.get(feed.name, True)
        connection = Connection(feed.ref, timeout_seconds=timeout_seconds, writes=not locked)
        surveyed = survey.clusters.get(feed.name)
        domain = surveyed.facts.domain if surveyed is not None else CLUSTER_DOMAIN
        api = KubeApi(feed.name, connection, server=feed.ref.server, domain=domain)
        members.append(
            FleetCluster(feed.name, api, feed.prometheus, read_only=locked, push_seconds=push.get(feed.name))
        )

    def policy(right: str, cluster: str, namespace: str) -> str | None:
        answer = access.may(right, cluster, namespace) if access is not None else None
        return None if answer is None or answer.allowed else answer.why

    return Fleet(
        members,
        survey,
        judging=judging,
        unread=unread(snapshot),
        readable=readable_namespaces(snapshot),
        policy=policy,
        clock=clock,
    )


def read_only_reason(cluster: str) -> str:
    """The message that a cluster is read-only, and what to do about it."""
    return f"{cluster} is read-only: drop --read-only or readOnly: true."


def unread(snapshot: Snapshot) -> dict[str, str]:
    """The clusters whose routes are unknown, with the reason."""
    found = {}
    for cluster in snapshot.clusters:
        if cluster.inventory is None:
            found[cluster.name] = cluster.kubernetes.error or f"{cluster.name} gave no answer."
            continue
        for kind in cluster.inventory.kinds:
            if kind.kind in ROUTE_KINDS and kind.state in ("denied", "failed"):
                found[cluster.name] = f"{kind.kind} of {cluster.name} cannot be read ({kind.state})."
    return found


def readable_namespaces(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """The namespaces in which every kind of route was read, by cluster, where that is not so in the whole cluster."""
    found: dict[str, frozenset[str]] = {}
    for cluster in snapshot.clusters:
        lost = [k for k in (cluster.inventory.kinds if cluster.inventory else ()) if k.kind in ROUTE_KINDS]
        narrow = [frozenset(kind.namespaces) for kind in lost if kind.state in ("denied", "failed")]
        if narrow:
            found[cluster.name] = frozenset.intersection(*narrow)
    return found


def user_name() -> str:
    """The login name of the user of this process, or the user's number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def host_name() -> str:
    """This machine's name, and the address from which its user came over SSH."""
    came = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f"{platform.node()}{f' (from {came})' if came else ''}"
