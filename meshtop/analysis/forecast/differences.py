"""What a change does to the calls that were seen: those that break, move, work again, or hang on what is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from meshtop.analysis.forecast.calls import SeenCall, ServerId, rate_of
from meshtop.analysis.forecast.matching import RequestClass
from meshtop.analysis.forecast.outcome import FAILING, CallBranch, CallFate, CallOutcome
from meshtop.analysis.forecast.world import ForecastWorld
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.traffic import Target

_ROUNDING = 0.001
"""Differences of shares below this are rounding."""
_MOST = 4
"""The most places that a sentence names."""


class ForecastEffect(StrEnum):
    """What happens to a call, the worst first."""

    DENIED = "denied"
    MTLS = "mtls"
    NO_ENDPOINTS = "no-endpoints"
    UNREACHABLE = "unreachable"
    FAULT = "fault"
    DEPENDS = "depends"
    MOVES = "moves"
    MENDS = "mends"
    FAILS_ALREADY = "fails-already"


BREAKING = frozenset(
    {
        ForecastEffect.DENIED,
        ForecastEffect.MTLS,
        ForecastEffect.NO_ENDPOINTS,
        ForecastEffect.UNREACHABLE,
        ForecastEffect.FAULT,
    }
)
"""The effects by which a call that works would fail."""


class CallDifference(Struct, frozen=True, kw_only=True):
    """One call and what a change does to it.

    `share` (0 to 1) of it is concerned, `per_second` of its requests (connections for TCP); of calls that would fail,
    only what works now is counted. `before` and `after` are the shares by where they go. `by` is the object that
    decides.
    """

    call: SeenCall
    effect: ForecastEffect
    share: float
    per_second: float
    why: str
    by: str
    before: dict[str, float]
    after: dict[str, float]
    server: ServerId | None = None
    """The workload at which most of it ends, None where none does."""
    shifts: dict[str, float] = {}
    """By how much of the call (-1 to 1) more goes to workloads of each cluster."""

    @property
    def destination(self) -> Target:
        """What is called: the workload at which most of it ends, where one was seen to answer."""
        edge = self.call.by_server.get(self.server) if self.server is not None else None
        return edge.destination if edge is not None else self.call.destination


class CallForecast(Struct, frozen=True):
    """The differences of all calls, the worst first; of `calls` so many were seen, and `same` stay as they are."""

    differences: tuple[CallDifference, ...]
    calls: int
    same: int

    def of(self, *effects: ForecastEffect) -> tuple[CallDifference, ...]:
        """The differences of some kinds."""
        return tuple(one for one in self.differences if one.effect in effects)

    @property
    def breaks(self) -> tuple[CallDifference, ...]:
        """The calls that work and would fail, in part or altogether."""
        return self.of(*BREAKING)


def forecast_calls(
    before: ForecastWorld,
    after: ForecastWorld,
    calls: Sequence[SeenCall],
    *,
    touched: Callable[[SeenCall], bool] = lambda _: True,
    rows: RowMaker = all_or_none,
) -> CallForecast:
    """What becomes of calls when one configuration takes the place of another.

    A call about which what was not read decides is open if it may be `touched`. One that `rows` (kind whatif) cannot
    judge is left out there, and named by it.
    """

    def differences(call: SeenCall) -> list[CallDifference]:
        followed = _Followed(before, after, call)
        found = _differences(followed)
        return found or (_unseen(followed) if touched(call) else [])

    tried = rows("whatif", calls, lambda call: (call, differences(call)))
    found = [one for _, differences in tried for one in differences]
    order = tuple(ForecastEffect)
    return CallForecast(
        tuple(sorted(found, key=lambda d: (order.index(d.effect), -d.per_second, str(d.call.source), d.call.service))),
        calls=len(calls),
        same=sum(not differences for _, differences in tried),
    )


class _Kind(Struct, frozen=True):
    """Requests of one class for one host, and what becomes of them before and after."""

    rule: str
    before: CallOutcome
    after: CallOutcome


class _Followed:
    """A call on its way through both configurations; each way is gone once."""

    def __init__(self, before: ForecastWorld, after: ForecastWorld, call: SeenCall) -> None:
        self._before, self._after, self.call = before, after, call
        self.asked = before.asked(call)
        self._ways: dict[str, list[tuple[RequestClass, _Kind | tuple[str, CallOutcome]]]] = {}

    def kinds(self, hosts: Iterable[str]) -> list[_Kind]:
        """The kinds of requests for hosts that these calls may be, by the workloads that answered them."""
        answered = set(self.call.by_server)
        found = [(host, place) for host in hosts for place in range(len(self._of(host)))]
        fitting = [
            (host, place) for host, place in found
            if any(branch.server in answered for branch in self._before_of(host, place).branches)
        ]  # fmt: skip
        return [self._kind(host, place) for host, place in fitting or found]

    def _of(self, host: str) -> list[tuple[RequestClass, _Kind | tuple[str, CallOutcome]]]:
        if host not in self._ways:
            self._ways[host] = [
                (requests, (rule, self._before.outcome(self.call, host, requests)))
                for rule, requests in self._before.request_classes(self.call, host)
            ]
        return self._ways[host]

    def _before_of(self, host: str, place: int) -> CallOutcome:
        known = self._of(host)[place][1]
        return known.before if isinstance(known, _Kind) else known[1]

    def _kind(self, host: str, place: int) -> _Kind:
        requests, known = self._of(host)[place]
        if not isinstance(known, _Kind):
            rule, outcome = known
            known = _Kind(rule, outcome, self._after.outcome(self.call, host, requests, outcome.ends))
            self._ways[host][place] = (requests, known)
        return known


def _differences(followed: _Followed) -> list[CallDifference]:
    asked, call = followed.asked, followed.call
    found = _of_kinds(call, followed.kinds(asked[:-1] or asked))
    if len(asked) > 1 and not any(one.effect in BREAKING or one.effect is ForecastEffect.DEPENDS for one in found):
        # The host itself may have been asked for, past the route that leads to it.
        other = _of_kinds(call, followed.kinds(asked[-1:]))
        found += [
            _perhaps(one, f"if it was asked for as {asked[-1]} itself") for one in other if one.effect in BREAKING
        ]
    return found


def _unseen(followed: _Followed) -> list[CallDifference]:
    """The call as an open one, where what decides about it was not read; empty where it was."""
    call = followed.call
    for kind in followed.kinds(followed.asked):
        blind = next((branch for branch in kind.after.branches if branch.blind), None)
        if blind is not None:
            return [_made(call, kind, ForecastEffect.DEPENDS, blind.share, call.working, blind.why, blind.by)]
    return []


def _of_kinds(call: SeenCall, kinds: Sequence[_Kind]) -> list[CallDifference]:
    found: list[tuple[_Kind, CallDifference]] = []
    for kind in kinds:
        difference = _difference(call, kind)
        if difference is not None:
            found.append((kind, difference))
    if len(found) == len(kinds) and len({(d.effect, d.why) for _, d in found}) == 1:
        return [found[0][1]]
    return _weighed(call, kinds, found)


def _weighed(
    call: SeenCall, kinds: Sequence[_Kind], found: Sequence[tuple[_Kind, CallDifference]]
) -> list[CallDifference]:
    """The differences of single kinds, each with what is known to be of that kind; what may be another one is open."""
    result = []
    for kind, difference in found:
        own = _servers(kind)
        others = {server for other in kinds if other is not kind for server in _servers(other)}
        sure = sum(rate_of(edge) for where, edge in call.by_server.items() if where in own - others)
        most = sum(rate_of(edge) for where, edge in call.by_server.items() if where in own) or call.rate
        rate = sure or most
        scaled = difference.per_second * (rate / call.rate if call.rate else 1.0)
        one = structs.replace(difference, per_second=scaled)
        result.append(one if sure or len(kinds) == 1 else _perhaps(one, f"for requests that {kind.rule} takes"))
    return result


def _servers(kind: _Kind) -> set[tuple[str, str, str]]:
    return {branch.server for branch in kind.before.branches if branch.server is not None}


def _perhaps(one: CallDifference, when: str) -> CallDifference:
    """A difference of which it is not known whether it comes about."""
    if one.effect not in BREAKING:
        return one
    return structs.replace(one, effect=ForecastEffect.DEPENDS, why=f"It fails {when}: {one.why}")


def _difference(call: SeenCall, kind: _Kind) -> CallDifference | None:
    """The difference between two outcomes of a call; None where they are the same."""
    before, after = kind.before, kind.after
    failed = _failing(before)
    lost, worst = 0.0, None
    for branch in after.of(FAILING):
        more = branch.share - failed.pop((branch.to, branch.server), 0.0)
        if more > _ROUNDING:
            lost += more
            worst = worst or branch
    lost -= sum(failed.values()) if lost else 0.0
    if worst is not None and lost > _ROUNDING:
        return _broken(call, kind, worst, lost)
    mended = before.share(*FAILING) - after.share(*FAILING)
    opened = _opened(before, after)
    if opened is not None:
        rate = call.working
        return _made(call, kind, ForecastEffect.DEPENDS, opened.share, rate, opened.why, opened.by, opened.server)
    if mended > _ROUNDING:
        was = before.of(FAILING)[0]
        return _made(call, kind, ForecastEffect.MENDS, mended, call.rate, f"Now: {was.why}", was.by, was.server)
    moved = _moved(before.shares_to(), after.shares_to())
    if moved > _ROUNDING:
        told = next((b.why for b in after.branches if b.why and b.fate is CallFate.WORKS), "")
        by = next((b.by for b in (*after.branches, *before.branches) if b.by), "")
        why = told or _in_words(before.shares_to(), after.shares_to())
        return _made(call, kind, ForecastEffect.MOVES, moved, call.rate, why, by)
    return None


def _broken(call: SeenCall, kind: _Kind, worst: CallBranch, lost: float) -> CallDifference:
    works = call.working_share(worst.server)
    if call.fails or works <= _ROUNDING:
        why = f"It fails now, and would then for another reason: {worst.why}"
        return _made(call, kind, ForecastEffect.FAILS_ALREADY, lost, call.rate, why, worst.by, worst.server)
    effect = ForecastEffect(worst.fate.value)
    return _made(call, kind, effect, lost, call.rate * works, worst.why, worst.by, worst.server)


def _made(
    call: SeenCall,
    kind: _Kind,
    effect: ForecastEffect,
    share: float,
    rate: float,
    why: str,
    by: str,
    server: ServerId | None = None,
) -> CallDifference:
    return CallDifference(
        call=call,
        effect=effect,
        share=min(share, 1.0),
        per_second=min(share, 1.0) * rate,
        why=why,
        by=by,
        before=kind.before.shares_to(),
        after=kind.after.shares_to(),
        server=server,
        shifts=_shifts(kind.before, kind.after),
    )


def _shifts(before: CallOutcome, after: CallOutcome) -> dict[str, float]:
    """By how much more of a call works in each cluster, where it is known at which workload."""
    found: dict[str, float] = {}
    for outcome, sign in ((before, -1.0), (after, 1.0)):
        for branch in outcome.branches:
            if branch.server is not None and branch.fate is CallFate.WORKS:
                found[branch.server[0]] = found.get(branch.server[0], 0.0) + sign * branch.share
    return {cluster: more for cluster, more in found.items() if abs(more) > _ROUNDING}


def _failing(outcome: CallOutcome) -> dict[tuple[str, tuple[str, str, str] | None], float]:
    found: dict[tuple[str, tuple[str, str, str] | None], float] = {}
    for branch in outcome.of(FAILING):
        key = (branch.to, branch.server)
        found[key] = found.get(key, 0.0) + branch.share
    return found


def _opened(before: CallOutcome, after: CallOutcome) -> CallBranch | None:
    """The greatest branch that hangs on what is not known and did not, or not on this."""
    known = {(branch.to, branch.why) for branch in before.of({CallFate.DEPENDS})}
    return next((b for b in after.of({CallFate.DEPENDS}) if (b.to, b.why) not in known), None)


def _moved(before: dict[str, float], after: dict[str, float]) -> float:
    """The share that goes elsewhere."""
    places = {*before, *after}
    return sum(abs(before.get(place, 0.0) - after.get(place, 0.0)) for place in places) / 2


def _in_words(before: dict[str, float], after: dict[str, float]) -> str:
    """The places whose share changes, the greatest change first: `shop/reviews-v2 80 % → 50 %`."""
    changes = [(place, before.get(place, 0.0), after.get(place, 0.0)) for place in {**before, **after}]
    changes = [one for one in changes if abs(one[1] - one[2]) > _ROUNDING]
    changes.sort(key=lambda one: (-abs(one[1] - one[2]), one[0]))
    return ", ".join(f"{place} {_percent(was)} → {_percent(will)}" for place, was, will in changes[:_MOST]) + "."


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
