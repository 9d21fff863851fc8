"""Shifts from the console: checked, previewed and run on the observatory's loop, told to the screen by messages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from meshtop.actions.events import Controls, ShiftEvent
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.plan import ShiftPlan
    from meshtop.actions.preflight import Preflight
    from meshtop.actions.preview import Preview
    from meshtop.console.session import Session
    from meshtop.observatory.observatory import Observatory
    from meshtop.views.picture import Picture


Question = Callable[["Observatory"], Coroutine[Any, Any, None]]


class Checked(Message):
    """The checks and the diffs of a plan; `problem` where they could not be made."""

    def __init__(self, found: Preflight | None, diffs: tuple[Preview, ...], problem: str = "") -> None:
        super().__init__()
        self.found = found
        self.diffs = diffs
        self.problem = problem


class Happened(Message):
    """Something happened in a running shift; the last one has an outcome."""

    def __init__(self, event: ShiftEvent) -> None:
        super().__init__()
        self.event = event


class Broke(Message):
    """A shift ended without telling how; the journal says what was under way."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class ShiftDesk:
    """One dialog's line to the clusters; what it finds comes to `target` as messages.

    Everything is done on the observatory's own loop. `picture` is what the routes are read from.
    """

    def __init__(self, session: Session, picture: Picture, target: MessagePump) -> None:
        self._session = session
        self._picture = picture
        self._target = target
        self._found: Preflight | None = None
        self._controls: Controls | None = None

    def check(self, plan: ShiftPlan) -> None:
        """Look at everything that could be wrong with a plan, and ask every server for its diff."""

        async def look(observatory: Observatory) -> None:
            from meshtop.actions.errors import ActionError
            from meshtop.actions.preflight import preflight
            from meshtop.actions.preview import preview

            try:
                async with self._fleet(observatory) as fleet:
                    found = await preflight(plan, fleet)
                    self._found = found
                    diffs = () if found.refusal is not None else tuple(await preview(found, fleet))
                self._target.post_message(Checked(found, diffs))
            except ActionError as error:
                self._target.post_message(Checked(None, (), f"{error.message} {error.remedy}".rstrip()))

        self._ask(look, lambda problem: Checked(None, (), problem))

    def run(self) -> None:
        """Run the plan that was checked last."""
        found = self._found
        if found is None:
            return

        async def act(observatory: Observatory) -> None:
            from meshtop.actions.events import Controls
            from meshtop.actions.journal import Journal, state_folder
            from meshtop.actions.runner import ShiftRunner

            self._controls = Controls()
            async with self._fleet(observatory) as fleet:
                with contextlib.closing(Journal(state_folder() / "journal.db")) as journal:
                    runner = ShiftRunner.begin(found, fleet, journal, controls=self._controls, attended=True)
                    await self._tell(runner.run())

        self._ask(act, Broke)

    def take_back(self, identity: str | None) -> None:
        """Take a shift back: the one of that id, else the last."""

        async def act(observatory: Observatory) -> None:
            from meshtop.actions.errors import ActionError
            from meshtop.actions.journal import Journal, state_folder
            from meshtop.actions.recover import find_action, rollback

            async with self._fleet(observatory) as fleet:
                with contextlib.closing(Journal(state_folder() / "journal.db")) as journal:
                    try:
                        await self._tell(rollback(find_action(journal, identity), fleet, journal))
                    except ActionError as error:
                        self._target.post_message(Broke(f"{error.message} {error.remedy}".rstrip()))

        self._ask(act, Broke)

    def steer(self, wish: Callable[[Controls], None]) -> None:
        """Pause, go on, skip, hold or abort what runs."""
        controls = self._controls
        if controls is not None:
            self._session.tell(lambda _: wish(controls))

    @property
    def paused(self) -> bool:
        """Whether what runs has been told to stay where it is."""
        return self._controls is not None and self._controls.paused

    async def _tell(self, events: AsyncIterator[ShiftEvent]) -> None:
        async for event in events:
            self._target.post_message(Happened(event))

    @contextlib.asynccontextmanager
    async def _fleet(self, observatory: Observatory) -> AsyncGenerator[Fleet, None]:
        from meshtop.actions.fleet import open_fleet
        from meshtop.views.judging import judging

        settings = self._session.settings
        assert settings is not None, "a picture comes after the settings"
        picture = self._picture
        fleet = open_fleet(
            observatory.feeds,
            picture.snapshot,
            picture.canaries.survey,
            judging=judging(settings),
            access=picture.access,
            timeout_seconds=settings.timeout,
        )
        try:
            yield fleet
        finally:
            await fleet.close()

    def _ask(self, question: Question, failed: Callable[[str], Message]) -> None:
        """Ask on the observatory's loop; a defect there becomes a message too."""
        future = self._session.ask(question)
        if future is None:
            self._target.post_message(failed("The clusters are not being read yet; wait for the first answer."))
            return

        def ended(done: object) -> None:
            if future.cancelled():
                self._target.post_message(failed("It was interrupted; the journal says what was under way."))
            elif (error := future.exception()) is not None:
                self._target.post_message(failed(f"This should not have happened ({type(error).__name__}: {error})."))

        future.add_done_callback(ended)
