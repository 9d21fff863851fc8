"""The clusters that an action works on: writing connections, telemetry, what may be written, and who is asking."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from meshtop.actions.kube import KubeApi
from meshtop.analysis.canary.judging import Judging
from meshtop.analysis.canary.survey import Survey
from meshtop.sources.connection import Connection
from meshtop.sources.kubeconfig import ClusterRef
from meshtop.sources.prometheus.counts import Counting

Policy = Callable[[str, str, str], str | None]
"""(right, cluster, namespace) → why the access policy refuses it, None when it does not."""


class Member:
    """One cluster: how it is written to, how it is measured, and whether it may be written to at all."""

    def __init__(self, name: str, api: KubeApi, metrics: Counting | None, *, read_only: bool = False) -> None:
        self.name = name
        self.api = api
        self.metrics = metrics
        self.read_only = read_only


class Part:
    """What the observatory knows of a cluster that an action needs: its kubeconfig entry and its telemetry."""

    def __init__(self, ref: ClusterRef, metrics: Any, *, read_only: bool) -> None:
        self.ref = ref
        self.metrics = metrics
        self.read_only = read_only


class Fleet:
    """The members, a survey of their routes, and the rules that hold for all.

    `unread` says why a cluster's inventory is not known. `policy` is asked before anything is sent.
    """

    def __init__(
        self,
        members: Iterable[Member],
        survey: Survey,
        *,
        judging: Judging | None = None,
        unread: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        who: str = "",
        origin: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.members = {member.name: member for member in members}
        self.survey = survey
        self.judging = judging or Judging()
        self.unread = dict(unread or {})
        self.policy = policy
        self.who = who or user_name()
        self.origin = origin or host_name()
        self.clock = clock

    async def close(self) -> None:
        """Let go of the writing connections; telemetry belongs to whoever gave it."""
        for member in self.members.values():
            await member.api.close()


def open_members(parts: Iterable[Part], *, timeout_seconds: float) -> list[Member]:
    """Members with writing connections of their own; a read-only cluster gets one that cannot write."""
    return [
        Member(
            part.ref.name,
            KubeApi(part.ref.name, Connection(part.ref, timeout_seconds=timeout_seconds, writes=not part.read_only)),
            part.metrics,
            read_only=part.read_only,
        )
        for part in parts
    ]


def user_name() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def host_name() -> str:
    """From where: this machine, and where its user came from over SSH."""
    came = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f"{socket.gethostname()}{f' (from {came})' if came else ''}"
