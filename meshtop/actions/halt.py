"""A wish to stop, looked at before every request of an action, and stronger than an answer that does not come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, TypeVar

from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.sources.http.client import Response
    from meshtop.sources.http.transport import Wire

GRACE_SECONDS = 1.0
"""So long the answer to a request that writes is still waited for: what became of it is then known."""
_Answer = TypeVar("_Answer")


class Halted(ActionError):
    """Raised when the action was asked to stop before the next request; pending reads are abandoned."""

    def __init__(self, cluster: str = "") -> None:
        super().__init__(ErrorKind.UNREACHABLE, "Stopped by request before it was sent.", cluster=cluster)
        self.exit_code = Exit.INTERRUPTED


class Halt:
    """Whether an action shall stop. It belongs to one event loop: call it there only."""

    def __init__(self) -> None:
        self.back = False
        """Whether what was done shall be taken back; else it stays as it is."""
        self._wanted = asyncio.Event()

    @property
    def requested(self) -> bool:
        """Whether nothing more may be sent."""
        return self._wanted.is_set()

    def request(self, *, back: bool = False) -> None:
        """Let nothing more be sent, and nothing be waited for; what was done stays, unless it shall go `back`."""
        self.back = back
        self._wanted.set()

    def clear(self) -> None:
        """Let the way back, or what is tidied up at the end, be sent again."""
        self._wanted.clear()

    def require(self, cluster: str = "") -> None:
        """Raise Halted where nothing more may be sent."""
        if self.requested:
            raise Halted(cluster)

    async def race(self, answer: Awaitable[_Answer], *, grace: float = 0.0, cluster: str = "") -> _Answer:
        """The answer, unless it shall stop meanwhile: then it is waited for `grace` seconds more, and given up.

        Raises Halted for what is given up.
        """
        task = asyncio.ensure_future(answer)
        wish = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait({task, wish}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and grace:
                await asyncio.wait({task}, timeout=grace)
            if task.done():
                return task.result()
            raise Halted(cluster)
        finally:
            wish.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=grace or GRACE_SECONDS)
            if task.done() and not task.cancelled():
                # The waiting code has moved on, so a late error is dropped.
                with contextlib.suppress(Exception):
                    task.exception()


class HaltingWire:
    """A connection that sends nothing once its action shall stop, and waits for no answer then."""

    def __init__(self, wire: Wire, halt: Halt, cluster: str) -> None:
        self._wire = wire
        self._halt = halt
        self._cluster = cluster

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send one request. Raises Halted where it was not sent, or only reads; AnswerLost where it may have written.

        Raises SourceProblem as any connection does.
        """
        self._halt.require(self._cluster)
        reads = method == "GET"
        answer = self._wire.request(method, path, params=params, headers=headers, content=content, timeout=timeout)
        try:
            return await self._halt.race(answer, grace=0.0 if reads else GRACE_SECONDS, cluster=self._cluster)
        except Halted:
            if reads:
                raise
            message = f"Stopped by request while {self._cluster} had not answered; whether it was written is not known."
            raise AnswerLost(message, cluster=self._cluster) from None

    async def close(self) -> None:
        """Close the connection."""
        await self._wire.close()
