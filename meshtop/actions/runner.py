"""A shift as it runs: step after step, watched and confirmed, to its end or all the way back.

Both front doors iterate over `ShiftRunner.run()` and show its events; whoever stops iterating leaves the weights and
the journal as they are, to be taken up by `resume` or `rollback`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from msgspec import structs

from meshtop.actions.apply import Sleep, changed, set_weights, text_of
from meshtop.actions.ending import End, followed, require_good
from meshtop.actions.errors import ActionError, Kind
from meshtop.actions.events import Controls, Outcome, ShiftEvent, Sort, Wish
from meshtop.actions.fleet import Fleet
from meshtop.actions.guard import sides, watch
from meshtop.actions.journal import ActionState, Event, Journal
from meshtop.actions.lease import ShiftLease
from meshtop.actions.preflight import Preflight
from meshtop.actions.standing import STAGE, Recorded, Standing, last_stage, record, standings
from meshtop.actions.takeback import take_back
from meshtop.actions.targets import Target, Weights, weights_of
from meshtop.actions.verify import Follows, Observed, count_all, observe
from meshtop.analysis.canary.board import added
from meshtop.analysis.canary.judging import CanaryVerdict, latency_bound
from meshtop.analysis.canary.survey import Surveyed
from meshtop.analysis.canary.tally import Tally
from meshtop.analysis.canary.verdict import Comparison
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

EXTENSIONS = 3.0
"""A step that cannot be judged yet may last so many times as long before the shift pauses."""
REFERENCE_SECONDS = 600.0
"""How long before the shift the baseline's latency is looked at."""


_OUTCOMES = {Kind.CONFLICT: Outcome.CONFLICT, Kind.UNREACHABLE: Outcome.LOST}


class ShiftRunner:
    """Runs one shift. `attended` means that somebody watches who can be asked: then a step that cannot be judged
    pauses, and otherwise the shift is held.
    """

    def __init__(
        self,
        shift: Recorded,
        surveyed: Sequence[Surveyed],
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
        self._targets = {target.cluster: target for target in shift.targets}
        self._surveyed = {one.route.cluster: one for one in surveyed}
        self._attended = attended
        self._sleep = sleep
        self._standing = {target.cluster: Standing(target.before) for target in shift.targets}
        self._first = (0, 0)
        self._leases: list[ShiftLease] = []
        self._bound = shift.bound_ms
        self._place = (0, 0)

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
            yield self._event(Sort.BEGUN, f"Action {self.action}: {self.plan.route} in {self._where()}.")
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
        finally:
            await asyncio.shield(self._release())

    async def _open(self) -> None:
        """Journal, Leases, and what counts as slow. Raises ActionError (a Lease that is held: conflict)."""
        plan = self.plan
        if self.action:
            action = self.journal.action(self.action)
            assert action is not None, "the caller found it there"
            self._standing = standings(action, self.shift.targets)
            self._first = last_stage(action)
        else:
            action = self.journal.begin(
                kind="shift",
                who=self.fleet.who,
                origin=self.fleet.origin,
                reason=plan.reason,
                subject=plan.route,
                plan=record(plan, self.shift.targets, self._bound),
            )
            self.action = action.id
        try:
            await self._take_leases()
        except ActionError:
            if not action.entries:
                self.journal.set_state(self.action, ActionState.FAILED)
            raise
        self.journal.set_state(self.action, ActionState.RUNNING)
        if plan.guard.latency and self._bound is None and plan.wait:
            self._bound = await self._latency_bound()
            self.journal.update_plan(self.action, record(plan, self.shift.targets, self._bound))

    async def _take_leases(self) -> None:
        holder = f"{self.fleet.who}@{self.fleet.origin}"
        for target in self.shift.targets:
            lease = ShiftLease(
                self.fleet.members[target.cluster].api,
                target.where,
                action=self.action,
                holder=holder,
                seconds=self.plan.pace.lease,
            )
            try:
                await lease.take(self.fleet.clock())
            except ActionError as error:
                if error.kind is Kind.CONFLICT:
                    raise
                self.journal.write(self.action, Event.NOTE, cluster=target.cluster, note="no lease", why=error.message)
                continue
            self._leases.append(lease)

    async def _latency_bound(self) -> float | None:
        """Fixed before the first step, so that what is judged does not choose its own measure."""
        now = self.fleet.clock()
        tallies: list[Tally] = []
        for cluster, target in self._targets.items():
            _, baseline = sides(target, len(target.steps) - 1)
            mine, _ = await self._tallies(cluster, since=now - REFERENCE_SECONDS, at=now)
            tallies += [mine[i] for i in baseline if i < len(mine)]
        return latency_bound(tallies, self.fleet.judging.latency_ms)

    async def _stage(self, wave: int, step: int) -> AsyncIterator[ShiftEvent]:
        self._place = (wave, step)
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
        reference = await self._reference(targets, step, reference_end)
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
        message = f"{cluster}: set weight {text_of(expected)} → {text_of(weights)}."
        return structs.replace(self._event(Sort.SET, message), cluster=cluster)

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

    async def _reference(self, targets: Sequence[Target], step: int, at: float) -> dict[str, Sequence[Tally]]:
        """What a baseline that gets nothing in this step did just before it."""
        found: dict[str, Sequence[Tally]] = {}
        if not self.plan.guard.on:
            return found
        for target in targets:
            _, baseline = sides(target, step)
            if baseline and all(target.steps[step][i] == 0 for i in baseline):
                since = at - max(SHORTEST_SECONDS * 2, self.plan.every_seconds)
                found[target.cluster], _ = await self._tallies(target.cluster, since=since, at=at)
        return found

    async def _tallies(self, cluster: str, *, since: float, at: float) -> tuple[tuple[Tally, ...], dict[str, str]]:
        surveyed = self._surveyed[cluster]
        counts, failed = await count_all(surveyed, self.fleet, since=since, at=at)
        callers, _ = self.fleet.survey.callers(surveyed, counts)
        return added(callers, len(surveyed.route.destinations)), failed

    async def _watch(
        self,
        targets: Sequence[Target],
        step: int,
        before: dict[str, Weights],
        reference: dict[str, Sequence[Tally]],
    ) -> AsyncIterator[ShiftEvent]:
        """Watch a step until it may end. Raises End when the guard, the split or somebody says so."""
        pace, begun = self.plan.pace, self.fleet.clock()
        since = begun + pace.settle
        said_paused = False
        confirmed: set[str] = set()
        seconds = pace.settle + SHORTEST_SECONDS
        yield self._event(Sort.NOTE, f"Waiting about {seconds:.0f} s for the push and two scrapes.")
        while True:
            if self._obeyed(self.controls.taken()):
                return
            if self.controls.paused and not said_paused:
                self.journal.set_state(self.action, ActionState.PAUSED)
                yield self._event(Sort.PAUSED, "Paused; the guard goes on watching.")
            elif said_paused and not self.controls.paused:
                self.journal.set_state(self.action, ActionState.RUNNING)
                yield self._event(Sort.GOES_ON, "Goes on.")
            said_paused = self.controls.paused
            await self._renew()
            now = self.fleet.clock()
            late = now - begun >= pace.patience
            observed: tuple[Observed, ...] = ()
            verdict: CanaryVerdict | None = None
            if now - since >= SHORTEST_SECONDS or late:
                observed, verdict = await self._look(targets, step, before, reference, since, now, late=late)
                yield self._watched(observed, verdict, begun + self.plan.every_seconds - now)
                for event in self._confirm(observed, confirmed):
                    yield event
                require_good(observed, verdict)
                if not self.controls.paused and self._may_end(observed, now - begun):
                    if self._enough(verdict, step):
                        return
                    if now - begun >= EXTENSIONS * self.plan.every_seconds:
                        self._cannot_tell(verdict)
            await self.controls.wait(pace.poll)

    async def _look(
        self,
        targets: Sequence[Target],
        step: int,
        before: dict[str, Weights],
        reference: dict[str, Sequence[Tally]],
        since: float,
        now: float,
        *,
        late: bool,
    ) -> tuple[tuple[Observed, ...], CanaryVerdict | None]:
        observed, tallies = [], {}
        for target in targets:
            surveyed = self._surveyed[target.cluster]
            counts, failed = await count_all(surveyed, self.fleet, since=since, at=now)
            callers, _ = self.fleet.survey.callers(surveyed, counts)
            tallies[target.cluster] = added(callers, len(target.names))
            one = observe(target, callers, target.steps[step], before[target.cluster], self.fleet.judging, late=late)
            if target.cluster in failed or (surveyed.reach.mixed and one.follows is Follows.NO):
                one = structs.replace(one, follows=Follows.UNKNOWN if late else Follows.WAITING)
            observed.append(one)
        verdict = watch(targets, step, tallies, reference, self.plan.guard, self.fleet.judging, self._bound)
        return tuple(observed), verdict

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
                found.append(structs.replace(self._event(Sort.CONFIRMED, followed(one)), cluster=one.cluster))
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

    def _cannot_tell(self, verdict: CanaryVerdict | None) -> None:
        to_go = verdict.requests_to_go if verdict is not None else None
        message = "Not enough data to judge this step" + (f", about {to_go} requests to go." if to_go else ".")
        if not self._attended:
            raise End(Outcome.HELD, f"{message} Held: go on with resume, or take back with rollback.", back=False)
        self.journal.write(self.action, Event.NOTE, note="cannot tell", why=message)
        self.controls.pause()

    async def _finish(self, end: End) -> AsyncIterator[ShiftEvent]:
        restored = False
        state = ActionState.DONE if end.outcome is Outcome.DONE else ActionState.HELD
        if end.back:
            self.journal.write(self.action, Event.NOTE, note="taking back", why=end.message)
            yield self._event(Sort.TAKING_BACK, f"{end.message} Taking everything back.")
            restored = True
            lost = False
            async for one in take_back(
                self.action, self.shift.targets, self._standing, self.fleet, self.journal, sleep=self._sleep
            ):
                restored = restored and one.error is None
                lost = lost or (one.error is not None and one.error.kind is Kind.UNREACHABLE)
                sort = Sort.RESTORED if one.error is None else Sort.LEFT
                yield structs.replace(self._event(sort, one.message), cluster=one.target.cluster)
            state = ActionState.ROLLED_BACK if restored else ActionState.HELD if lost else ActionState.FAILED
        else:
            self.journal.write(self.action, Event.NOTE, note=end.outcome.value, why=end.message)
        self.journal.set_state(self.action, state)
        message = end.message
        if end.back:
            message += " Everything is as before." if restored else f" See meshtop journal {self.action}."
        yield structs.replace(self._event(Sort.ENDED, message), outcome=end.outcome, restored=restored)

    def _watched(
        self, observed: tuple[Observed, ...], verdict: CanaryVerdict | None, seconds_left: float
    ) -> ShiftEvent:
        said = verdict.verdict.value if verdict is not None else "not guarded"
        event = self._event(Sort.WATCHED, said)
        return structs.replace(event, observed=observed, verdict=verdict, seconds_left=max(0.0, seconds_left))

    async def _renew(self) -> None:
        """Say that the shift goes on; a Lease that somebody else took ends it, with everything as it is."""
        for lease in self._leases:
            try:
                await lease.renew(self.fleet.clock())
            except ActionError as error:
                if error.kind is Kind.CONFLICT:
                    raise End(Outcome.CONFLICT, error.message, back=False) from error

    async def _release(self) -> None:
        for lease in self._leases:
            await lease.release()

    def _where(self) -> str:
        return ", then ".join(" and ".join(wave) for wave in self.plan.waves)

    def _done_message(self) -> str:
        return f"Done: {'; '.join(f'{t.cluster} {text_of(t.steps[-1])}' for t in self.shift.targets)}."

    def _event(self, sort: Sort, message: str) -> ShiftEvent:
        wave, step = self._place
        return ShiftEvent(
            sort=sort,
            action=self.action,
            message=message,
            wave=wave + 1,
            waves=len(self.plan.waves),
            step=step + 1,
            steps=len(self.plan.steps),
        )
