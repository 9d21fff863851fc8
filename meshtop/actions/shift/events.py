"""What a running shift tells whoever watches it, and what they may tell it; both front doors use the same."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum

from msgspec import Struct

from meshtop.actions.shift.verify import Observed
from meshtop.analysis.canary.judging import CanaryVerdict


class Sort(StrEnum):
    """What an event says."""

    BEGUN = "begun"
    STEP = "step"
    SET = "set"
    WATCHED = "watched"
    CONFIRMED = "confirmed"
    NOTE = "note"
    PAUSED = "paused"
    GOES_ON = "goes-on"
    TAKING_BACK = "taking-back"
    RESTORED = "restored"
    LEFT = "left"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a shift ended."""

    DONE = "done"
    GUARD_FAILED = "guard-failed"
    NOT_FOLLOWED = "not-followed"
    ABORTED = "aborted"
    HELD = "held"
    CONFLICT = "conflict"
    LOST = "lost"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"


class ShiftEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that happened; `message` is a sentence for people.

    `step` and `steps` count from 1; `observed` and `verdict` come with what was watched, `seconds_left` until the step
    may end, `weights` (None: not written) with what was set in `cluster`. The last event is `ended`; its `outcome` says
    how, `restored` whether every cluster has its old weights.
    """

    sort: Sort
    action: str
    message: str
    cluster: str = ""
    wave: int = 0
    waves: int = 0
    step: int = 0
    steps: int = 0
    weights: dict[str, int | None] | None = None
    observed: tuple[Observed, ...] = ()
    verdict: CanaryVerdict | None = None
    seconds_left: float | None = None
    outcome: Outcome | None = None
    restored: bool = False


class Wish(StrEnum):
    """What somebody asked a running shift to do."""

    SKIP = "skip"
    ABORT = "abort"
    HOLD = "hold"


class Controls:
    """Pause, go on, skip, hold, abort; call them on the loop that runs the shift."""

    def __init__(self) -> None:
        self.paused = False
        self._wish: Wish | None = None
        self._changed = asyncio.Event()

    def pause(self) -> None:
        """Stay at this step, the guard watching, until told to go on."""
        self.paused = True
        self._changed.set()

    def go_on(self) -> None:
        """End a pause."""
        self.paused = False
        self._changed.set()

    def skip(self) -> None:
        """Go to the next step at once."""
        self._ask(Wish.SKIP)

    def hold(self) -> None:
        """Leave the weights as they are and end; `resume` or `rollback` finish it."""
        self._ask(Wish.HOLD)

    def abort(self) -> None:
        """Take everything back."""
        self._ask(Wish.ABORT)

    def _ask(self, wish: Wish) -> None:
        self._wish = wish
        self.paused = False
        self._changed.set()

    def taken(self) -> Wish | None:
        """The wish that waits, which is then taken."""
        wish, self._wish = self._wish, None
        return wish

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until somebody asks for something."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout=max(0.0, seconds))
        self._changed.clear()
