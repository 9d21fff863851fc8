"""Says what a share of failures amounts to: on proof, and taking back later than it was said.

A status is said when what was counted proves its bound (`bounds.proves`). It is taken back when the share is well below
that bound (`release`) and the proof is a while old: a workload that hovers around a bound would otherwise be amber and
green in turn, and an alarm that flickers is not read.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from msgspec import Struct, structs

from meshtop.analysis.traffic.bounds import at_least, proves
from meshtop.analysis.traffic.figures import InTurns
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS
from meshtop.model.state import Health, HealthStatus
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds

HOLD_SECONDS = 120.0
"""What was proven is not taken back before it is so old."""
FORGET_SECONDS = 3600.0
"""What nobody asked about for so long is forgotten."""

_RANK = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.FAILING: 2}


class FailureKind(Struct, frozen=True, gc=False):
    """A kind of failure in words, the shares at which it degrades and fails, and its name among what is asked."""

    what: str
    degraded: float
    failing: float
    question: str


class Said(Struct, gc=False):
    """What was said last in answer to a question, when it was last proven, and when it was last asked."""

    status: HealthStatus
    proven_at: float
    asked_at: float


Remembered = dict[Hashable, dict[str, Said]]
"""What was said of each thing, by the question."""


class Proof(Struct, frozen=True, gc=False):
    """A verdict on counts: `failed` of `total` within `seconds`; `held` where it is only not yet taken back.

    `code` is the one that most failures came with, where they have codes.
    """

    status: HealthStatus
    failed: float
    total: float
    seconds: float
    bound: float
    kind: FailureKind
    code: str = ""
    held: bool = False

    @property
    def share(self) -> float:
        """The share that failed."""
        return self.failed / self.total if self.total > 0 else 0.0


class CallsCounted(Struct, frozen=True, gc=False):
    """What the codes of calls prove by themselves, and the verdict where all of that stands; None without calls."""

    codes: Mapping[str, float]
    proofs: Sequence[Proof]
    verdict: Health | None


class HealthJudge:
    """Judges the shares of one moment.

    `said` holds what was said before and is kept up to date: it outlives the judge from refresh to refresh. Without it,
    or without a moment (`at`, Unix seconds), every verdict stands alone, as in a command that reads once. Asking the
    same question twice at one moment gives the same answer.
    """

    def __init__(
        self,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        *,
        window_seconds: float = DEFAULT_WINDOW_SECONDS,
        at: float | None = None,
        said: Remembered | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.window_seconds = window_seconds
        self._kinds: dict[str, dict[str, FailureKind | None]] = {}
        self._at = at
        self._said = said if said is not None and at is not None else None
        self.counted: dict[int, CallsCounted] | None = None if self._said is None else {}
        """What the calls of one edge prove, by the identity of their codes, which it holds: a workload, its services
        and the edge itself are judged by them. Only for a judge of one moment, which is gone with it."""

    def kinds_of(self, protocol: str) -> dict[str, FailureKind | None]:
        """What each code of a protocol that was met so far is a failure of, to be filled in; None of what is none."""
        return self._kinds.setdefault(protocol, {})

    def proof(
        self,
        failed_per_second: float,
        per_second: float,
        kind: FailureKind,
        code: str = "",
        *,
        seconds: float | None = None,
    ) -> Proof:
        """What so many failures a second of so many prove about the two bounds, over `seconds` (the window)."""
        over = self.window_seconds if seconds is None else seconds
        total = per_second * over
        failed = (failed_per_second if failed_per_second < per_second else per_second) * over
        status, bound = HealthStatus.HEALTHY, kind.degraded
        if failed > 0:
            alpha = self.thresholds.alpha
            # A bound of 0 is reached above it: one failure proves that.
            if proves(failed, total, kind.failing, alpha):
                status, bound = HealthStatus.FAILING, kind.failing
            elif proves(failed, total, bound, alpha):
                status = HealthStatus.DEGRADED
        return Proof(status, failed, total, over, bound, kind, code)

    def standing(self, about: Hashable, proofs: Sequence[Proof]) -> Sequence[Proof]:
        """The proofs, with what was said before in place of those that do not take it back yet.

        It is the identical sequence where there are none. `about` is whom it is asked of, the same at every refresh.
        """
        said, now = self._said, self._at
        if said is None or now is None:
            return proofs
        before = said.get(about, _NOTHING_SAID)
        oldest = now - FORGET_SECONDS
        changed: list[Proof] | None = None
        for number, proof in enumerate(proofs):
            one = before.get(proof.kind.question)
            if one is not None and one.status is proof.status and oldest <= one.asked_at <= now:
                # As nearly all that fails did before.
                one.proven_at = one.asked_at = now
                continue
            stands = self._after(one, proof, about, now, said)
            if stands is not proof:
                changed = changed or list(proofs)
                changed[number] = stands
        return proofs if changed is None else changed

    def _after(self, before: Said | None, proof: Proof, about: Hashable, now: float, said: Remembered) -> Proof:
        """What stands after what was said before, which is brought up to date."""
        kind, proven = proof.kind, proof.status
        if before is not None and now - before.asked_at > FORGET_SECONDS:
            before = None
        if before is None or _RANK[proven] >= _RANK[before.status] or before.asked_at > now:
            if proven is HealthStatus.HEALTHY:
                if before is not None:
                    _take_back(said, about, kind)
            elif before is None:
                said.setdefault(about, {})[kind.question] = Said(proven, now, now)
            else:
                before.status, before.proven_at, before.asked_at = proven, now, now
            return proof
        bound = kind.failing if before.status is HealthStatus.FAILING else kind.degraded
        share, release = proof.share, self.thresholds.release
        if (share > 0 and share >= release * bound) or now - before.proven_at < HOLD_SECONDS:
            before.asked_at = now
            return _held(proof, before.status)
        if proven is HealthStatus.HEALTHY and share > 0 and share >= release * kind.degraded:
            # From failing to well only by way of degraded, where the share is not yet well below that either.
            said.setdefault(about, {})[kind.question] = Said(HealthStatus.DEGRADED, before.proven_at, now)
            return _held(proof, HealthStatus.DEGRADED)
        if proven is HealthStatus.HEALTHY:
            _take_back(said, about, kind)
        else:
            said.setdefault(about, {})[kind.question] = Said(proven, now, now)
        return proof


_NOTHING_SAID: Mapping[str, Said] = {}


def _held(proof: Proof, status: HealthStatus) -> Proof:
    kind = proof.kind
    bound = kind.failing if status is HealthStatus.FAILING else kind.degraded
    return structs.replace(proof, status=status, bound=bound, held=True)


def _take_back(said: Remembered, about: Hashable, kind: FailureKind) -> None:
    """What is well is not remembered."""
    before = said.get(about)
    if before is not None:
        before.pop(kind.question, None)
        if not before:
            said.pop(about, None)


def least_share(counted: Proof, alpha: float) -> float:
    """The share of failures that at least stands behind what was counted."""
    return at_least(counted.failed, counted.total, alpha)


def forget(said: Remembered, now: float, in_turns: InTurns = iter) -> None:
    """Free what nobody asked about for an hour: workloads come and go. No verdict rests on it any more."""
    # Copied first: while others take their turns, they may say something of their own.
    for about in in_turns(tuple(said)):
        before = said.get(about, {})
        for question, one in tuple(before.items()):
            if now - one.asked_at > FORGET_SECONDS:
                before.pop(question, None)
        if not before:
            said.pop(about, None)
