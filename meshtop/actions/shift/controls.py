"""Controls of a running shift: pause, resume, skip, hold, abort."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from meshtop.actions.halt import Halt
from meshtop.sources.kubernetes.pacing import wait_at_most


class ShiftRequest(StrEnum):
    """A user's request to a running shift."""

    SKIP = "skip"
    ABORT = "abort"
    HOLD = "hold"


class Controls:
    """The controls of one running shift. Call them only on its event loop."""

    def __init__(self) -> None:
        self.paused = False
        self.halt = Halt()
        """Set by hold and abort until the request is taken: no further request is sent before it is handled."""
        self._request: ShiftRequest | None = None
        self._changed = asyncio.Event()

    def pause(self) -> None:
        """Stay at this step, with the guard watching, until `resume`."""
        self.paused = True
        self._changed.set()

    def resume(self) -> None:
        """End a pause."""
        self.paused = False
        self._changed.set()

    def skip(self) -> None:
        """Go to the next step immediately."""
        self._ask(ShiftRequest.SKIP)

    def hold(self) -> None:
        """End with the current weights; the commands `resume` or `rollback` finish the shift later."""
        self._ask(ShiftRequest.HOLD)

    def abort(self) -> None:
        """Roll everything back, and end."""
        self._ask(ShiftRequest.ABORT)

    def _ask(self, request: ShiftRequest) -> None:
        self._request = request
        self.paused = False
        if request is not ShiftRequest.SKIP:
            self.halt.request(back=request is ShiftRequest.ABORT)
        self._changed.set()

    def take_request(self) -> ShiftRequest | None:
        """The request that waits, if any; it is handed out once, and what it needs may be sent from then on."""
        self.halt.clear()
        request, self._request = self._request, None
        return request

    @property
    def wants_back(self) -> bool:
        """Whether an abort waits to be looked at."""
        return self._request is ShiftRequest.ABORT

    async def wait(self, seconds: float) -> None:
        """Wait for the given seconds, or until there is a request."""
        await wait_at_most(seconds, self._changed)
        self._changed.clear()
