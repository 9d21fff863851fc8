"""What becomes of a call in one configuration: branches, each with its share, where it ends and how."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.forecast.calls import ServerId


class CallFate(StrEnum):
    """How a call ends: it works, fails in one of several ways, or hangs on what is not known."""

    WORKS = "works"
    DENIED = "denied"
    """By an AuthorizationPolicy or a RequestAuthentication."""
    MTLS = "mtls"
    """The two ends do not agree on mutual TLS."""
    NO_ENDPOINTS = "no-endpoints"
    """The host, the subset or ready pods behind it are missing, or no route takes it."""
    UNREACHABLE = "unreachable"
    """The host does not resolve, or the client's proxy does not know it and lets no unknown host pass."""
    FAULT = "fault"
    """A route's fault or direct response answers an error."""
    DEPENDS = "depends"
    """It hangs on what neither the configuration nor telemetry tells."""


FAILING = frozenset({CallFate.DENIED, CallFate.MTLS, CallFate.NO_ENDPOINTS, CallFate.UNREACHABLE, CallFate.FAULT})


class CallBranch(Struct, frozen=True, kw_only=True):
    """One way that a share (0 to 1) of a call's requests goes, and how it ends there.

    `to` is where it goes, for users; `server` the workload that answers, None where none does or it is not known. `by`
    names the object that decides, "" where none does.
    """

    share: float
    fate: CallFate
    to: str
    server: ServerId | None = None
    end: tuple[str, str | None] = ("", None)
    """The host and subset to which a route leads it."""
    why: str = ""
    by: str = ""
    blind: bool = False
    """Whether it is not known for want of what was not read, so that any change may matter."""


class CallOutcome(Struct, frozen=True):
    """All branches of a call; their shares make 1 in sum."""

    branches: tuple[CallBranch, ...]

    def share(self, *fates: CallFate) -> float:
        """The share that ends so."""
        return sum(branch.share for branch in self.branches if branch.fate in fates)

    def of(self, fates: Iterable[CallFate]) -> tuple[CallBranch, ...]:
        """The branches that end so, the greatest first."""
        wanted = frozenset(fates)
        return tuple(sorted((b for b in self.branches if b.fate in wanted), key=lambda b: -b.share))

    @property
    def ends(self) -> frozenset[tuple[str, str | None]]:
        """The hosts and subsets to which routes lead it."""
        return frozenset(branch.end for branch in self.branches)

    def shares_to(self) -> dict[str, float]:
        """The share that goes to each place and works there, or may."""
        found: dict[str, float] = {}
        for branch in self.branches:
            if branch.fate in (CallFate.WORKS, CallFate.DEPENDS):
                found[branch.to] = found.get(branch.to, 0.0) + branch.share
        return found


def one(fate: CallFate, to: str, why: str, by: str = "") -> CallOutcome:
    """An outcome with a single branch."""
    return CallOutcome((CallBranch(share=1.0, fate=fate, to=to, why=why, by=by),))


def unread_outcome(to: str, why: str) -> CallOutcome:
    """The outcome where what decides was not read."""
    return CallOutcome((CallBranch(share=1.0, fate=CallFate.DEPENDS, to=to, why=why, blind=True),))
