"""A shift as it runs: step after step, watched and confirmed, to its end or all the way back.

Both front doors iterate over `ShiftRunner.run()` and show its events; whoever stops iterating leaves the weights as
they are, and the journal says that the shift is held, to be taken up by `resume` or `rollback`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from meshtop.actions.claim import Claim
from meshtop.actions.errors import ActionError, Kind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import ActionState, Event, Journal, JournalError
from meshtop.actions.shift.apply import Sleep, changed, set_weights, text_of
from meshtop.actions.shift.ending import End, followed, require_good
from meshtop.actions.shift.events import Controls, Outcome, ShiftEvent, Sort, Wish
from meshtop.actions.shift.measure import Measures, Reference
from meshtop.actions.shift.preflight import Preflight
from meshtop.actions.shift.standing import STAGE, Recorded, Standing, last_stage, record, require_resumable, standings
from meshtop.actions.shift.takeback import take_back
from meshtop.actions.shift.targets import Target, Weights, weights_of
from meshtop.actions.shift.verify import Follows, Observed
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.survey import SurveyedRoute
from meshtop.analysis.canary.verdict import Comparison
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

EXTENSIONS = 3.0
"""A step that cannot be judged yet may last so many times as long before the shift pauses."""
_OUTCOMES = {Kind.CONFLICT: Outcome.CONFLICT, Kind.UNREACHABLE: Outcome.LOST}


class ShiftRunner:
    """Runs one shift. `attended` means that somebody watches who can be asked: then a step that cannot be judged
    pauses, and otherwise the shift is held. With `action` it goes on with that action of the journal.
    """

    def __init__(
        self,
        shift: Recorded,
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
        self.fleet = fleet
        self.journal = journal
        self.controls = controls or Controls()
        self.action = action or ""
        self._resumes = action is not None
        self._targets = {target.cluster: target for target in shift.targets}
        self._measures = Measures(shift.plan, surveyed, fleet)
        self._attended = attended
        self._sleep = sleep
        self._standing = {target.cluster: Standing(target.before) for target in shift.targets}
        self._first = (0, 0)
        self._claim: Claim | None = None
        self._bound = shift.bound_ms
        self._place = (0, 0)
        self._until: float | None = None

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
        """A shift that passed its preflight. Raises the ActionError of a preflight that did not."""
        if found.refusal is not None:
            raise found.refusal
        shift = Recorded(plan=found.plan, targets=found.targets)
        return cls(shift, found.surveyed, fleet, journal, controls=controls, attended=attended, sleep=sleep)

    async def run(self) -> AsyncGenerator[ShiftEvent, None]:
        """The shift's events; the last one says how it ended."""
        end = End(Outcome.DONE, "", back=False)
        try:
            await self._open()
            yield self._event(Sort.BEGUN, self._greeting())
            try:
                for stage in self.plan.stages():
                    if stage >= self._first:
                        async for event in self._stage(*stage):
                            yield event
                end = End(Outcome.DONE, self._done_message(), back=False)
            except End as reached:
                end = reached
            except ActionError as error:
                back = self.plan.on_loss == "take-back"
                end = End(_OUTCOMES.get(error.kind, Outcome.REFUSED), error.message, back=back)
            async for event in self._finish(end):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self._left_behind()
            raise
        finally:
            if self._claim is not None:
                await self._claim.release()

    async def _open(self) -> None:
        """Journal, lock, Leases, and what counts as slow. Raises ActionError: conflict for what others hold."""
        plan = self.plan
        if not self._resumes:
            self.action = self.journal.begin(
                kind="shift",
                who=self.fleet.who,
                origin=self.fleet.origin,
                reason=plan.reason,
                subject=plan.route,
                plan=record(plan, self.shift.targets, self._bound),
            ).id
        self._claim = claim = Claim(self.action, self.fleet, self.journal, seconds=plan.pace.lease)
        try:
            claim.hold()
            if self._resumes:
                self._take_up()
            await claim.take(target.where for target in self.shift.targets)
        except ActionError:
            if not self._resumes:
                self.journal.set_state(self.action, ActionState.FAILED)
            raise
        self.journal.set_state(self.action, ActionState.RUNNING)
        if plan.guard.latency and self._bound is None and plan.wait:
            self._bound = await self._measures.latency_bound(self.shift.targets)
            self.journal.update_plan(self.action, record(plan, self.shift.targets, self._bound))

    def _take_up(self) -> None:
        """Where the journal says that the shift stands, now that nobody else runs it. Raises ActionError."""
        action = require_resumable(self.journal.action(self.action), self.action)
        self._standing = standings(action, self.shift.targets)
        self._first = self._place = last_stage(action)
        self.journal.write(self.action, Event.NOTE, note="resumed", who=self.fleet.who, origin=self.fleet.origin)

    async def _stage(self, wave: int, step: int) -> AsyncIterator[ShiftEvent]:
        self._place, self._until = (wave, step), None
        self.journal.write(self.action, Event.NOTE, note=STAGE, wave=wave, step=step)
        targets = [self._targets[cluster] for cluster in self.plan.waves[wave]]
        wanted = ", ".join(f"{name} to {weight} %" for name, weight in self.plan.steps[step].items())
        yield self._event(Sort.STEP, f"{wanted} in {', '.join(t.cluster for t in targets)}.")
        reference_end = self.fleet.clock()
        before = {target.cluster: self._standing[target.cluster].known for target in targets}
        for target in targets:
            yield await self._set(target, target.steps[step])
        if not self.plan.wait:
            return
        reference = await self._measures.reference(targets, step, reference_end)
        async for event in self._watch(targets, step, before, reference):
            yield event

    async def _set(self, target: Target, weights: Weights) -> ShiftEvent:
        cluster = target.cluster
        standing = self._standing[cluster]
        expected = standing.known
        if standing.doubtful is not None:
            expected = await self._resolved(target, standing)
        self._standing[cluster] = Standing(expected, weights)
        api = self.fleet.members[cluster].api
        try:
            await set_weights(api, self.journal, self.action, target, weights, expected=expected, sleep=self._sleep)
        except ActionError as error:
            if error.kind is not Kind.UNREACHABLE:
                self._standing[cluster] = Standing(expected)
            raise
        self._standing[cluster] = Standing(weights)
        change = f"{text_of(expected)} → {text_of(weights)}" if weights != expected else f"{text_of(weights)} already"
        message = f"{cluster}: set weight {change}."
        return self._event(Sort.SET, message, cluster=cluster, weights=target.named(weights))

    async def _resolved(self, target: Target, standing: Standing) -> Weights:
        """What a crash left in doubt, answered by the cluster and written down. Raises ActionError."""
        route = await self.fleet.members[target.cluster].api.read(target.where)
        weights = weights_of(route)
        if not target.same_route(route) or weights not in standing.may_be:
            raise changed(target, route, standing.may_be[0])
        took = weights == standing.doubtful
        detail: dict[str, object] = {"weights": list(weights)} if took else {"why": "it had not taken effect"}
        self.journal.write(
            self.action,
            Event.DONE if took else Event.REFUSED,
            cluster=target.cluster,
            object_=target.where.title,
            resolved=True,
            **detail,
        )
        return weights

    async def _watch(
        self, targets: Sequence[Target], step: int, before: dict[str, Weights], reference: Reference
    ) -> AsyncIterator[ShiftEvent]:
        """Watch a step until it may end. Raises End when the guard, the split or somebody says so."""
        pace, begun = self.plan.pace, self.fleet.clock()
        since, self._until = begun + pace.settle, begun + self.plan.every_seconds
        ask_at = begun + EXTENSIONS * self.plan.every_seconds
        said_paused = False
        confirmed: set[str] = set()
        seconds = pace.settle + SHORTEST_SECONDS
        yield self._event(Sort.NOTE, f"Waiting about {seconds:.0f} s for the push and two scrapes.")
        while True:
            if self._obeyed(self.controls.taken()):
                return
            if self.controls.paused is not said_paused:
                said_paused = self.controls.paused
                yield self._turned(paused=said_paused)
            await self._renew()
            now = self.fleet.clock()
            late = now - begun >= pace.patience
            if now - since >= SHORTEST_SECONDS or late:
                observed, verdict = await self._measures.look(
                    targets, step, before, reference, self._bound, since=since, now=now, late=late
                )
                said = verdict.verdict.value if verdict is not None else "not guarded"
                yield self._event(Sort.WATCHED, said, observed=observed, verdict=verdict)
                for event in self._confirm(observed, confirmed):
                    yield event
                require_good(observed, verdict)
                if not self.controls.paused and self._may_end(observed, now - begun):
                    if self._enough(verdict, step):
                        return
                    if now >= ask_at:
                        ask_at = now + self.plan.every_seconds
                        yield self._cannot_tell(verdict)
                        continue
            await self.controls.wait(pace.poll)

    def _turned(self, *, paused: bool) -> ShiftEvent:
        self.journal.set_state(self.action, ActionState.PAUSED if paused else ActionState.RUNNING)
        if paused:
            return self._event(Sort.PAUSED, "Paused; the guard goes on watching.")
        return self._event(Sort.GOES_ON, "Goes on.")

    def _obeyed(self, wish: Wish | None) -> bool:
        if wish is Wish.ABORT:
            raise End(Outcome.ABORTED, "Aborted.", back=True)
        if wish is Wish.HOLD:
            raise End(Outcome.HELD, "Held: the weights stay as they are.", back=False)
        return wish is Wish.SKIP

    def _confirm(self, observed: Sequence[Observed], confirmed: set[str]) -> list[ShiftEvent]:
        found = []
        for one in observed:
            if one.follows is not Follows.WAITING and one.cluster not in confirmed:
                confirmed.add(one.cluster)
                self.journal.write(
                    self.action, Event.NOTE, cluster=one.cluster, note=one.follows.value, actual=one.actual
                )
                found.append(self._event(Sort.CONFIRMED, followed(one), cluster=one.cluster))
        return found

    def _may_end(self, observed: Sequence[Observed], seconds: float) -> bool:
        """Whether the step has lasted as long as it should, and every split is confirmed or cannot be."""
        settled = all(one.follows is not Follows.WAITING for one in observed)
        return settled and seconds >= self.plan.every_seconds

    def _enough(self, verdict: CanaryVerdict | None, step: int) -> bool:
        """Whether the guard has seen enough to go on; the last stage needs no leave to go on."""
        if verdict is None or verdict.verdict is not Comparison.NOT_ENOUGH_DATA:
            return True
        return (self._place[0], step) == self.plan.stages()[-1]

    def _cannot_tell(self, verdict: CanaryVerdict | None) -> ShiftEvent:
        """Pause for somebody to decide. Raises End where nobody watches."""
        to_go = verdict.requests_to_go if verdict is not None else None
        message = "Not enough data to judge this step" + (f", about {to_go} requests to go." if to_go else ".")
        if not self._attended:
            raise End(Outcome.HELD, f"{message} Held: go on with resume, or take back with rollback.", back=False)
        self.journal.write(self.action, Event.NOTE, note="cannot tell", why=message)
        self.controls.pause()
        return self._event(Sort.NOTE, f"{message} Skip goes to the next step all the same; going on waits longer.")

    async def _finish(self, end: End) -> AsyncIterator[ShiftEvent]:
        self._until = None
        restored = False
        state = ActionState.DONE if end.outcome is Outcome.DONE else ActionState.HELD
        if end.back:
            self.journal.write(self.action, Event.NOTE, note="taking back", why=end.message)
            self.journal.set_state(self.action, ActionState.TAKING_BACK)
            yield self._event(Sort.TAKING_BACK, f"{end.message} Taking everything back.")
            restored = True
            lost = False
            async for one in take_back(
                self.action, self.shift.targets, self._standing, self.fleet, self.journal, sleep=self._sleep
            ):
                restored = restored and one.error is None
                lost = lost or (one.error is not None and one.error.kind is Kind.UNREACHABLE)
                sort = Sort.RESTORED if one.error is None else Sort.LEFT
                weights = None if one.error is not None else one.target.named(one.target.before)
                yield self._event(sort, one.message, cluster=one.target.cluster, weights=weights)
            state = ActionState.FAILED
            if restored or lost:
                state = ActionState.ROLLED_BACK if restored else ActionState.TAKING_BACK
        else:
            self.journal.write(self.action, Event.NOTE, note=end.outcome.value, why=end.message)
        self.journal.set_state(self.action, state)
        message = end.message
        if end.back:
            message += " Everything is as before." if restored else f" See meshtop journal {self.action}."
        yield self._event(Sort.ENDED, message, outcome=end.outcome, restored=restored)

    async def _renew(self) -> None:
        """Say that the shift goes on; a Lease that somebody else took ends it, with everything as it is."""
        assert self._claim is not None, "it was opened"
        try:
            await self._claim.renew()
        except ActionError as error:
            raise End(Outcome.CONFLICT, error.message, back=False) from error

    def _left_behind(self) -> None:
        """Whoever watched is gone: nothing moves any more, and the journal says so."""
        with contextlib.suppress(JournalError):
            action = self.journal.action(self.action) if self._claim is not None else None
            if action is not None and action.state in (ActionState.RUNNING, ActionState.PAUSED):
                self.journal.write(self.action, Event.NOTE, note="held", why="The meshtop that ran it was ended.")
                self.journal.set_state(self.action, ActionState.HELD)

    def _where(self) -> str:
        return ", then ".join(" and ".join(wave) for wave in self.plan.waves)

    def _greeting(self) -> str:
        begins = f"Going on with action {self.action}" if self._resumes else f"Action {self.action}"
        return f"{begins}: {self.plan.route} in {self._where()}."

    def _done_message(self) -> str:
        return f"Done: {'; '.join(f'{t.cluster} {text_of(t.steps[-1])}' for t in self.shift.targets)}."

    def _event(self, sort: Sort, message: str, **more: Any) -> ShiftEvent:
        wave, step = self._place
        return ShiftEvent(
            sort=sort,
            action=self.action,
            message=message,
            wave=wave + 1,
            waves=len(self.plan.waves),
            step=step + 1,
            steps=len(self.plan.steps),
            seconds_left=None if self._until is None else max(0.0, self._until - self.fleet.clock()),
            **more,
        )
