"""Adoption: reading members known only from a registry, with the registry's credentials, if the user enabled it."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from meshtop.analysis.fleet.members import RegisteredMember, registered_members
from meshtop.analysis.fleet.registries import KARMADA, KUBESPHERE
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.observatory.feed import ClusterFeed
from meshtop.sources.auth.kubeconfig import ClusterRef, KubeconfigError, proxied_ref, ref_from_registry
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.limits import LIMITS
from meshtop.sources.kubernetes.lists import fetch
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem

_log = logging.getLogger(__name__)
_ONE_OBJECT = msgspec.structs.replace(LIMITS, answer_bytes=LIMITS.line_bytes)
"""A member's entry is one object, and no larger than one in a watch."""

Adopt = Callable[[ClusterRef, str | None], ClusterFeed]
"""Creates the feed of an adopted cluster; the second argument is the host that proxies to it, or None."""


_MemberKey = tuple[str, str, str]
"""A member by its registry, the host of that, and its name there."""
MOST_GONE = 1000
"""Members that are remembered after they left their registry: while a host does not answer, all of its are gone."""
_UNUSABLE: tuple[type[Exception], ...] = (SourceProblem, KubeconfigError, TimeoutError, *NOT_UNDERSTOOD)


class _MemberConnection(msgspec.Struct):
    type: str = ""
    kubeconfig: str = ""


class _Spec(msgspec.Struct):
    connection: _MemberConnection = msgspec.field(default_factory=_MemberConnection)


class _Cluster(msgspec.Struct):
    spec: _Spec = msgspec.field(default_factory=_Spec)


class Adopter:
    """Finds members without a context and connects to each: by KubeSphere's inline kubeconfig, else the host's proxy.

    Each member is tried once; after that its feed reports its state. Commands and files named in a registry's
    kubeconfig are never used (`ref_from_registry`). Secrets of KubeFed or Istio are not read.
    """

    def __init__(self, adopt: Adopt, *, timeout_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._adopt = adopt
        self._timeout = timeout_seconds
        self._clock = clock
        self._seen: dict[_MemberKey, None] = {}
        """Members that were tried, those registered last at the end."""

    async def find(self, feeds: Sequence[ClusterFeed]) -> list[ClusterFeed]:
        """Feeds of members that are not followed yet."""
        snapshots: list[ClusterSnapshot] = [feed.snapshot() for feed in feeds]
        facts = {c.name: mesh_facts(c.inventory) for c in snapshots if c.inventory is not None}
        names = {feed.name for feed in feeds}
        by_name = {feed.name: feed for feed in feeds}
        found: list[ClusterFeed] = []
        registered = registered_members(snapshots, facts)
        self._forget_gone([_key(member) for member in registered])
        for member in registered:
            entry = member.entry
            key = _key(member)
            if member.cluster is not None or entry.registry not in (KUBESPHERE, KARMADA) or key in self._seen:
                continue
            host = by_name[entry.host].ref
            if host is None:
                continue
            self._seen[key] = None
            ref, via = await self._way(member, host, _free_name(entry.name, entry.host, names))
            names.add(ref.name)
            found.append(self._adopt(ref, via))
        return found

    def _forget_gone(self, registered: Sequence[_MemberKey]) -> None:
        """Keep at most `MOST_GONE` members that no registry has any more; one that comes back soon is not new."""
        for key in registered:
            if key in self._seen:
                del self._seen[key]
                self._seen[key] = None
        gone = len(self._seen.keys() - set(registered))
        for key in list(self._seen)[: max(0, gone - MOST_GONE)]:
            del self._seen[key]

    async def _way(self, member: RegisteredMember, host: ClusterRef, name: str) -> tuple[ClusterRef, str | None]:
        entry = member.entry
        if entry.registry == KUBESPHERE:
            own = await self._inline(host, entry.name, name)
            if own is not None:
                return own, None
        return proxied_ref(host, name, entry.prefix or f"/clusters/{entry.name}"), entry.host

    async def _inline(self, host: ClusterRef, member: str, name: str) -> ClusterRef | None:
        """The kubeconfig of a direct connection; None where the member is behind an agent, or it cannot be used."""
        connection = Connection(host, timeout_seconds=self._timeout, clock=self._clock, limits=_ONE_OBJECT)
        path = f"/apis/cluster.kubesphere.io/v1alpha1/clusters/{member}"
        try:
            # One that is too busy is not waited for: all members wait for each other here.
            async with asyncio.timeout(connection.answer_seconds):
                answer = await fetch(connection, path, what="clusters.cluster.kubesphere.io", verb="get")
            link = msgspec.json.decode(answer.content, type=_Cluster).spec.connection
            if link.type != "direct" or not link.kubeconfig:
                return None
            return ref_from_registry(name, base64.b64decode(link.kubeconfig, validate=True).decode())
        except _UNUSABLE:
            _log.warning("the kubeconfig that %s keeps of %s cannot be used", host.name, member, exc_info=True)
            return None
        finally:
            await connection.close()


def _key(member: RegisteredMember) -> _MemberKey:
    return member.entry.registry, member.entry.host, member.entry.name


def _free_name(name: str, host: str, taken: set[str] | Mapping[str, object]) -> str:
    """The member's name, combined with its host's if another cluster already has it."""
    candidates = (name, f"{name}@{host}", *(f"{name}@{host}-{n}" for n in range(2, 1000)))
    return next(candidate for candidate in candidates if candidate not in taken)
