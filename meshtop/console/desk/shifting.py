"""Shifts from the console: checked, previewed and run on the observatory's loop, reporting by messages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from meshtop.actions.events import ActionEvent
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.journal.journal import Journal
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.plan import ShiftPlan
    from meshtop.actions.shift.preflight import Preflight
    from meshtop.actions.shift.preview import Preview
    from meshtop.actions.shift.runner import ShiftRunner
    from meshtop.console.session import ConsoleSession
    from meshtop.observatory.observatory import Observatory
    from meshtop.views.picture.picture import Picture


Question = Callable[["Observatory"], Coroutine[Any, Any, None]]


class PlanChecked(Message):
    """Message: the checks and diffs of a plan; `problem` is set if they failed or a server refused the dry run."""

    def __init__(self, found: Preflight | None, diffs: tuple[Preview, ...], problem: str = "") -> None:
        super().__init__()
        self.found = found
        self.diffs = diffs
        self.problem = problem


class ShiftEventArrived(Message):
    """Message: an event of a running shift; the last one has an outcome."""

    def __init__(self, event: ActionEvent) -> None:
        super().__init__()
        self.event = event


class ShiftFailed(Message):
    """Message: a shift ended without an outcome; the journal shows what was in progress."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class ShiftDesk:
    """Runs one dialog's operations on the clusters; results are posted to `target` as messages.

    Everything runs on the observatory's loop. `picture` gives the latest picture with the routes, `clock` the time.
    """

    def __init__(
        self,
        session: ConsoleSession,
        picture: Callable[[], Picture | None],
        target: MessagePump,
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._clock = clock
        self._picture = picture
        self._target = target
        self._found: Preflight | None = None
        self._controls: Controls | None = None

    def check(self, plan: ShiftPlan, clusters: Sequence[str] = ()) -> None:
        """Run the preflight checks of a plan, and a dry run on every server for its diff."""

        async def look(observatory: Observatory) -> None:
            from meshtop.actions.errors import ActionError
            from meshtop.actions.shift.preflight import preflight
            from meshtop.actions.shift.preview import preview

            self._found = None
            found: Preflight | None = None
            try:
                async with self._fleet(observatory) as fleet:
                    found = await preflight(plan, fleet, clusters=clusters)
                    diffs = () if found.refusal is not None else tuple(await preview(found, fleet))
            except ActionError as error:
                self._target.post_message(PlanChecked(found, (), error.sentences))
                return
            self._found = found
            self._target.post_message(PlanChecked(found, diffs))

        self._ask(look, lambda problem: PlanChecked(None, (), problem))

    def run(self) -> None:
        """Run the plan that was checked last."""
        found = self._found

        async def act(fleet: Fleet, journal: Journal) -> None:
            from meshtop.actions.shift.runner import ShiftRunner

            if found is not None:
                await self._run(ShiftRunner.begin(found, fleet, journal, controls=self._steered(), attended=True))

        self._act(act)

    def resume(self, identity: str) -> None:
        """Resume a shift at the step where it stopped."""

        async def act(fleet: Fleet, journal: Journal) -> None:
            from meshtop.actions.shift.recover import find_action, resume

            action = find_action(journal, identity)
            runner = await resume(action, fleet, journal, controls=self._steered(), attended=True)
            await self._run(runner)

        self._act(act)

    def roll_back(self, identity: str) -> None:
        """Roll back an action (a shift or a propagation)."""

        async def act(fleet: Fleet, journal: Journal) -> None:
            from meshtop.actions.journal.journal import PROPAGATE
            from meshtop.actions.propagate.undo import undo
            from meshtop.actions.shift.recover import find_action, rollback

            action = find_action(journal, identity)
            roll_back = undo if action.kind == PROPAGATE else rollback
            async for event in roll_back(action, fleet, journal):
                self._target.post_message(ShiftEventArrived(event))

        self._act(act)

    def _steered(self) -> Controls:
        from meshtop.actions.shift.controls import Controls

        self._controls = Controls()
        return self._controls

    async def _run(self, runner: ShiftRunner) -> None:
        async with contextlib.aclosing(runner.run()) as events:
            async for event in events:
                self._target.post_message(ShiftEventArrived(event))

    def _act(self, act: Callable[[Fleet, Journal], Coroutine[Any, Any, None]]) -> None:
        """Run an operation that writes, with the journal open; exceptions are posted as `ShiftFailed`."""

        async def do(observatory: Observatory) -> None:
            from meshtop.actions.errors import ActionError
            from meshtop.actions.journal.journal import Journal, journal_path
            from meshtop.actions.journal.journal_error import JournalError

            try:
                async with self._fleet(observatory) as fleet:
                    with contextlib.closing(Journal(journal_path(), clock=self._clock)) as journal:
                        await act(fleet, journal)
            except ActionError as error:
                self._target.post_message(ShiftFailed(error.sentences))
            except JournalError as error:
                self._target.post_message(ShiftFailed(str(error)))

        self._ask(do, ShiftFailed)

    def steer(self, wish: Callable[[Controls], None]) -> None:
        """Pause, resume, skip, hold or abort the running shift."""
        controls = self._controls
        if controls is not None:
            self._session.tell(lambda _: wish(controls))

    @property
    def paused(self) -> bool:
        """Whether the running shift is paused."""
        return self._controls is not None and self._controls.paused

    @contextlib.asynccontextmanager
    async def _fleet(self, observatory: Observatory) -> AsyncGenerator[Fleet, None]:
        from meshtop.actions.fleet import open_fleet
        from meshtop.views.picture.factory import judging

        settings = self._session.settings
        assert settings is not None, "a picture comes after the settings"
        picture = self._picture()
        assert picture is not None, "a screen that shifts is opened from a picture"
        fleet = open_fleet(
            observatory.feeds,
            picture.snapshot,
            picture.canaries.survey,
            judging=judging(settings),
            access=picture.access,
            timeout_seconds=settings.timeout,
            clock=self._clock,
        )
        try:
            yield fleet
        finally:
            await fleet.close()

    def _ask(self, question: Question, failed: Callable[[str], Message]) -> None:
        """Run a coroutine on the observatory's loop; defects become a message too."""
        future = self._session.ask(question)
        if future is None:
            self._target.post_message(failed("The clusters are not being read yet; wait for the first answer."))
            return

        def ended(done: object) -> None:
            if future.cancelled():
                self._target.post_message(failed("It was interrupted; the journal shows what was in progress."))
            elif (error := future.exception()) is not None:
                self._target.post_message(failed(f"Internal error ({type(error).__name__}: {error})."))

        future.add_done_callback(ended)
