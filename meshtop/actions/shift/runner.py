"""Runs a shift: step by step, watched and confirmed, to its end or to its rollback.

The command line and the console iterate over `ShiftRunner.run()` and show its events. If the iteration stops, the
weights stay as they are, and the journal marks the shift as held, to be finished by `resume` or `rollback`.

What may happen next, at any moment:

- a step is written, cluster by cluster, and watched (`StepWatch`) until it may end; then comes the next;
- `ShiftEnded` is raised: by the guard or a split that does not follow, by a user's request, by a Lease that was taken
  over, or because no user is there to decide;
- an `ActionError` is raised: a cluster conflicts, is lost, or refuses; `--on-loss` says whether all is taken back;
- the process is killed: the journal holds every intention, and `resume` or `rollback` begin with what is in doubt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

from meshtop.actions.at_hand import identities, note_unidentified
from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, ErrorKind, worst_error
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, outcome_of
from meshtop.actions.fleet import Fleet
from meshtop.actions.halt import Halted
from meshtop.actions.journal.journal import SHIFT, ActionState, EntryKind, Journal
from meshtop.actions.journal.journal_error import JournalError
from meshtop.actions.shift.apply import Sleep, changed, record_resolved, set_weights, text_of
from meshtop.actions.shift.controls import Controls, ShiftRequest
from meshtop.actions.shift.measure import Measures
from meshtop.actions.shift.plan import OnLoss
from meshtop.actions.shift.preflight import Preflight
from meshtop.actions.shift.record import (
    STAGE,
    KnownWeights,
    ShiftRecord,
    encode_record,
    known_weights,
    last_stage,
    require_resumable,
)
from meshtop.actions.shift.restore import restore, state_after
from meshtop.actions.shift.targets import ShiftTarget, Weights, weights_of
from meshtop.actions.shift.watch import ShiftEnded, StepWatch, confirmation
from meshtop.analysis.canary.survey import SurveyedRoute

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

_STATE_AS_IT_IS = {
    ActionOutcome.DONE: ActionState.DONE,
    ActionOutcome.HELD: ActionState.HELD,
    ActionOutcome.CONFLICT: ActionState.HELD,
    ActionOutcome.LOST: ActionState.HELD,
    ActionOutcome.REFUSED: ActionState.HELD,
}
"""Journal states for ends that keep the weights; `state_after` gives those after a rollback."""


class ShiftRunner:
    """Runs one shift. `attended` means that a user is watching and can decide: then a step that cannot be judged
    pauses; otherwise the shift is held. With `action` it continues that action of the journal.
    """

    def __init__(
        self,
        shift: ShiftRecord,
        surveyed: Sequence[SurveyedRoute],
        fleet: Fleet,
        journal: Journal,
        *,
        controls: Controls | None = None,
        attended: bool = False,
        action: str | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.shift = shift
        self.plan = shift.plan
        self.journal = journal
        self.controls = controls or Controls()
        self.fleet = fleet = fleet.under(self.controls.halt)
        self.action = action or ""
        self._resumes = action is not None
        self._attended = attended
        self._sleep = sleep
        names = [target.cluster for target in shift.targets]
        self._measures = Measures(shift.plan, dict(zip(names, surveyed, strict=True)), fleet)
        self._claim: Claim | None = None
        self._bound_ms = shift.bound_ms
        # Where the shift stands: each cluster's weights, and the (wave, step) that was begun last.
        self._targets = {target.cluster: target for target in shift.targets}
        self._known = {target.cluster: KnownWeights(target.before) for target in shift.targets}
        self._stage = (0, 0)
        self._until: float | None = None
        self._told_blind = False

    @classmethod
    def begin(
        cls,
        found: Preflight,
        fleet: Fleet,
        journal: Journal,
        *,
        controls: Controls | None = None,
        attended: bool = False,
        sleep: Sleep = asyncio.sleep,
    ) -> ShiftRunner:
        """Create a runner from a preflight. Raises the preflight's ActionError if it refused."""
        if found.refusal is not None:
            raise found.refusal
        shift = ShiftRecord(plan=found.plan, targets=found.targets)
        return cls(shift, found.surveyed, fleet, journal, controls=controls, attended=attended, sleep=sleep)

    async def run(self) -> AsyncGenerator[ActionEvent, None]:
        """The shift's events; the last one has the outcome. Raises ActionError before anything is written."""
        try:
            await self._open()
            yield self._event(EventKind.STARTED, self._greeting())
            try:
                first = self._stage
                for stage in self.plan.stages():
                    if stage >= first:
                        async for event in self._run_stage(*stage):
                            yield event
                if self.controls.wants_back:
                    self._skips(self.controls.take_request())
                end = ShiftEnded(ActionOutcome.DONE, self._done_message(), back=False)
            except ShiftEnded as reached:
                end = reached
            except ActionError as error:
                end = self._end_by_request() or ShiftEnded(
                    outcome_of(error), error.message, back=self.plan.on_loss == OnLoss.TAKE_BACK
                )
            async for event in self._finish(end):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            # The consumer has stopped iterating, so nothing more is done unwatched.
            self._hold_unwatched()
            raise
        finally:
            if self._claim is not None:
                # Whatever ended it, the Leases are given back.
                self.controls.halt.clear()
                await self._claim.release()

    async def _open(self) -> None:
        """Open the journal entry, lock and Leases, and fix the latency bound. Raises ActionError: conflict if held."""
        plan = self.plan
        if not self._resumes:
            action = self.journal.begin(
                kind=SHIFT,
                who=self.fleet.who,
                origin=self.fleet.origin,
                reason=plan.reason,
                subject=plan.route,
                plan=encode_record(plan, self.shift.targets, self._bound_ms),
                clusters=await identities(self.fleet, (target.cluster for target in self.shift.targets)),
            )
            self.action = action.id
            note_unidentified(self.journal, action)
        self._claim = claim = Claim(self.action, self.fleet, self.journal, seconds=plan.pace.lease)
        try:
            claim.lock()
            if self._resumes:
                # Only now, for up to the lock another process could have gone on with it.
                self._take_up()
            await claim.take_leases(target.where for target in self.shift.targets)
        except ActionError:
            if not self._resumes:
                self.journal.set_state(self.action, ActionState.FAILED)
            raise
        self.journal.set_state(self.action, ActionState.RUNNING)
        if plan.guard.latency and self._bound_ms is None and plan.wait:
            self._bound_ms = await self._race(self._measures.latency_bound(self.shift.targets))
            self.journal.update_plan(self.action, encode_record(plan, self.shift.targets, self._bound_ms))

    def _take_up(self) -> None:
        """Load the shift's position from the journal, once no other process runs it. Raises ActionError."""
        action = require_resumable(self.journal.action(self.action), self.action)
        self._known = known_weights(action, self.shift.targets)
        self._stage = last_stage(action)
        self.journal.write(self.action, EntryKind.NOTE, note="resumed", who=self.fleet.who, origin=self.fleet.origin)

    async def _run_stage(self, wave: int, step: int) -> AsyncIterator[ActionEvent]:
        self._stage, self._until = (wave, step), None
        self.journal.write(self.action, EntryKind.NOTE, note=STAGE, wave=wave, step=step)
        targets = [self._targets[cluster] for cluster in self.plan.waves[wave]]
        wanted = ", ".join(f"{name} to {weight} %" for name, weight in self.plan.steps[step].items())
        yield self._event(EventKind.STEP, f"{wanted} in {', '.join(t.cluster for t in targets)}.")
        reference_end = self.fleet.clock()
        before = {target.cluster: self._known[target.cluster].confirmed for target in targets}
        for target in targets:
            await self._renew_leases()
            self.controls.halt.require()
            yield await self._write(target, target.steps[step])
        if not self.plan.wait:
            return
        blind = await self._race(self._measures.without_telemetry(targets, self.fleet.clock()))
        if blind and not self._told_blind:
            self._told_blind = True
            guard = " and the guard sees nothing" if self.plan.guard.on else ""
            yield self._event(
                EventKind.NOTE, f"No Prometheus for {', '.join(blind)}: no split can be confirmed{guard}."
            )
        watch = StepWatch(
            self._measures,
            self.plan,
            targets,
            step,
            before=before,
            reference=await self._race(self._measures.reference(targets, step, reference_end)),
            bound_ms=self._bound_ms,
            begun=self.fleet.clock(),
            last=(wave, step) == self.plan.stages()[-1],
            blind=bool(blind),
        )
        async for event in self._watch(watch, blind=bool(blind)):
            yield event

    async def _write(self, target: ShiftTarget, weights: Weights) -> ActionEvent:
        """Set the step's weights in one cluster. Raises ActionError."""
        cluster, known = target.cluster, self._known[target.cluster]
        expected = known.confirmed if known.doubtful is None else await self._resolve(target, known)
        self._known[cluster] = KnownWeights(expected, weights)
        api = self.fleet.members[cluster].api
        try:
            await set_weights(api, self.journal, self.action, target, weights, expected=expected, sleep=self._sleep)
        except ActionError as error:
            # After a lost answer the weights may stand there: they stay in doubt until the cluster is read.
            if error.kind is not ErrorKind.UNREACHABLE:
                self._known[cluster] = KnownWeights(expected)
            raise
        self._known[cluster] = KnownWeights(weights)
        change = f"{text_of(expected)} → {text_of(weights)}" if weights != expected else f"{text_of(weights)} already"
        message = f"{cluster}: set weight {change}."
        return self._event(EventKind.WRITTEN, message, cluster=cluster, weights=target.named(weights))

    async def _resolve(self, target: ShiftTarget, known: KnownWeights) -> Weights:
        """Resolve a write in doubt after a crash by reading the cluster, and record it. Raises ActionError."""
        route = await self.fleet.members[target.cluster].api.read(target.where)
        weights = weights_of(route)
        if not target.same_route(route) or weights not in known.may_be:
            raise changed(target, route, known.may_be[0])
        record_resolved(self.journal, self.action, target, weights, took_effect=weights == known.doubtful)
        return weights

    async def _watch(self, watch: StepWatch, *, blind: bool) -> AsyncIterator[ActionEvent]:
        """Watch a step until it may end. Raises ShiftEnded for the guard, the split or a user's request."""
        self._until = watch.until
        told_paused = False
        seconds = watch.first_look_seconds
        if not blind:
            yield self._event(EventKind.NOTE, f"Waiting about {seconds:.0f} s for the push and two scrapes.")
        while True:
            # Requests go before any look: who aborts must not wait for telemetry that may not answer.
            if self._skips(self.controls.take_request()):
                return
            if self.controls.paused is not told_paused:
                told_paused = self.controls.paused
                yield self._pause_changed(paused=told_paused)
            await self._renew_leases()
            now = self.fleet.clock()
            if watch.due(now):
                await self._race(watch.look(now))
                yield self._event(
                    EventKind.OBSERVED,
                    watch.verdict.verdict.value if watch.verdict is not None else "not guarded",
                    observed=watch.observed,
                    verdict=watch.verdict,
                )
                for event in self._confirm(watch):
                    # Without telemetry there is nothing to confirm, which has been said once for all steps.
                    if not blind:
                        yield event
                watch.require_good()
            # A pause keeps the step, not the guard: the look above may still end the shift.
            if watch.observed and not self.controls.paused:
                if watch.may_end(now):
                    if watch.report is not None:
                        yield self._event(EventKind.NOTE, watch.report)
                    return
                if watch.must_ask(now):
                    watch.asked(now)
                    yield self._ask_to_decide(watch)
                    continue
            await self.controls.wait(self.plan.pace.poll)

    async def _race(self, answer: Awaitable[_Answer]) -> _Answer:
        """Telemetry's answer, unless the shift is asked to stop meanwhile. Raises Halted."""
        return await self.controls.halt.race(answer)

    def _end_by_request(self) -> ShiftEnded | None:
        """The requested end, if it is the reason why nothing more was sent."""
        if not self.controls.halt.requested:
            return None
        try:
            self._skips(self.controls.take_request())
        except ShiftEnded as end:
            doubtful = [name for name, known in self._known.items() if known.doubtful is not None]
            if end.back or not doubtful:
                return end
            unknown = f"{end.message} What became of the last request to {', '.join(doubtful)} is not known."
            return ShiftEnded(end.outcome, unknown, back=False)
        return None

    def _skips(self, request: ShiftRequest | None) -> bool:
        """Whether the user skips to the next step. Raises ShiftEnded for requests that end the shift."""
        if request is ShiftRequest.ABORT:
            raise ShiftEnded(ActionOutcome.ABORTED, "Aborted.", back=True)
        if request is ShiftRequest.HOLD:
            raise ShiftEnded(ActionOutcome.HELD, "Held: the weights stay as they are.", back=False)
        return request is ShiftRequest.SKIP

    def _pause_changed(self, *, paused: bool) -> ActionEvent:
        self.journal.set_state(self.action, ActionState.PAUSED if paused else ActionState.RUNNING)
        if paused:
            return self._event(EventKind.PAUSED, "Paused; the guard keeps watching.")
        return self._event(EventKind.RESUMED, "Resumed.")

    async def _renew_leases(self) -> None:
        """Renew the Leases; if another process took one over, the shift ends with the current weights."""
        assert self._claim is not None, "it was opened"
        try:
            await self._claim.renew_leases()
        except Halted:
            raise
        except ActionError as error:
            raise ShiftEnded(ActionOutcome.CONFLICT, error.message, back=False) from error

    def _confirm(self, watch: StepWatch) -> list[ActionEvent]:
        found = []
        for one in watch.newly_confirmed():
            self.journal.write(
                self.action, EntryKind.NOTE, cluster=one.cluster, note=one.status.value, actual=one.actual
            )
            found.append(self._event(EventKind.CONFIRMED, confirmation(one), cluster=one.cluster))
        return found

    def _ask_to_decide(self, watch: StepWatch) -> ActionEvent:
        """Pause for somebody to decide. Raises ShiftEnded where nobody watches."""
        verdict = watch.verdict
        message = f"This step cannot be judged: {verdict.summary}." if verdict is not None else "No verdict."
        if not self._attended:
            held = f"{message} Held: go on with resume, or roll back with rollback."
            raise ShiftEnded(ActionOutcome.HELD, held, back=False)
        self.journal.write(self.action, EntryKind.NOTE, note="cannot tell", why=message)
        self.controls.pause()
        return self._event(EventKind.NOTE, f"{message} Skip goes to the next step anyway; resume waits longer.")

    async def _finish(self, end: ShiftEnded) -> AsyncIterator[ActionEvent]:
        self._until = None
        if end.back:
            async for event in self._take_back(end):
                yield event
            return
        self.journal.write(self.action, EntryKind.NOTE, note=end.outcome.value, why=end.message)
        self.journal.set_state(self.action, _STATE_AS_IT_IS[end.outcome])
        yield self._event(EventKind.ENDED, end.message, outcome=end.outcome)

    async def _take_back(self, end: ShiftEnded) -> AsyncIterator[ActionEvent]:
        self.journal.write(self.action, EntryKind.NOTE, note="taking back", why=end.message)
        # From here on nothing goes forward any more, not even after a crash: `resume` refuses this state.
        self.journal.set_state(self.action, ActionState.TAKING_BACK)
        yield self._event(EventKind.TAKING_BACK, f"{end.message} Rolling everything back.")
        errors = []
        async for one in restore(
            self.action,
            self.shift.targets,
            self._known,
            self.fleet,
            self.journal,
            sleep=self._sleep,
            renew=self._claim.renew_leases if self._claim is not None else None,
        ):
            if one.error is not None:
                errors.append(one.error)
            yield self._event(one.kind, one.message, cluster=one.target.cluster, weights=one.weights)
        self.journal.set_state(self.action, state_after(worst_error(errors)))
        rest = f"See meshtop journal {self.action}." if errors else "Everything is as before."
        yield self._event(EventKind.ENDED, f"{end.message} {rest}", outcome=end.outcome, restored=not errors)

    def _hold_unwatched(self) -> None:
        """Record in the journal that the shift is held; if that fails, the released lock shows that it stopped."""
        try:
            action = self.journal.action(self.action) if self._claim is not None else None
            if action is not None and action.state in (ActionState.RUNNING, ActionState.PAUSED):
                self.journal.write(self.action, EntryKind.NOTE, note="held", why="The meshtop that ran it has ended.")
                self.journal.set_state(self.action, ActionState.HELD)
        except JournalError:
            _log.warning("the journal does not say that action %s is held", self.action, exc_info=True)

    def _greeting(self) -> str:
        begins = f"Going on with action {self.action}" if self._resumes else f"Action {self.action}"
        where = ", then ".join(" and ".join(wave) for wave in self.plan.waves)
        return f"{begins}: {self.plan.route} in {where}."

    def _done_message(self) -> str:
        return f"Done: {'; '.join(f'{t.cluster} {text_of(t.steps[-1])}' for t in self.shift.targets)}."

    def _event(self, kind: EventKind, message: str, **more: Any) -> ActionEvent:
        wave, step = self._stage
        return ActionEvent(
            kind=kind,
            action=self.action,
            message=message,
            wave=wave + 1,
            waves=len(self.plan.waves),
            step=step + 1,
            steps=len(self.plan.steps),
            seconds_left=None if self._until is None else max(0.0, self._until - self.fleet.clock()),
            **more,
        )
