"""One refresh: all queries concurrently and independently, narrowed where the whole answer would be too big."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, field

from meshtop.analysis.traffic.metrics import CONTROL, METRIC_LABEL, TRAFFIC
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.state import State
from meshtop.model.telemetry import Sample, Scalar
from meshtop.sources.prometheus.answers import (
    QueryFailed,
    RangeSeries,
    Vector,
    decode_labelled_matrix,
    decode_samples,
    decode_scalars,
)
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.joining import (
    LATE_SECONDS,
    Joining,
    asked_together,
    split_ranges,
    split_samples,
    split_scalars,
)
from meshtop.sources.prometheus.promql import Matcher, one_of, refresh_queries

PARALLEL_QUERIES = 6
"""Maximum number of concurrent queries to one engine."""
MOST_PIECES = 64
"""The most pieces that one query is cut into before its answer stays incomplete."""
REPORTERS = ("source", "destination", "waypoint")
NAMESPACE_LABEL = "destination_workload_namespace"

Item = TypeVar("Item")
Decode = Callable[[bytes], Awaitable[Vector[Item]]]
Split = Callable[[bytes, Sequence[str]], Awaitable[dict[str, Vector[Item]] | None]]
"""Takes a joined answer apart by name; None where anything of it is in doubt."""


class Question(Struct, frozen=True, kw_only=True):
    """What one refresh asks: window in seconds, moment in Unix seconds (None: the engine's present), selectors.

    `namespaces` are those known in the cluster, to cut too big queries by. `recorded` names the recording rules
    that exist. `narrowed` names the queries that were too big lately and are cut by reporter from the start. `asked`
    says which queries are sent at all.
    """

    window_seconds: float
    at: float | None = None
    matchers: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()
    extra_by: tuple[str, ...] = ()
    narrowed: frozenset[str] = frozenset()
    asked: Asked = EVERYTHING_ASKED

    def query(self, name: str, narrow: Sequence[Matcher] = ()) -> str:
        """The expression of one named query, cut down by more matchers."""
        written = refresh_queries(
            self.window_seconds, self.matchers, narrow=narrow, extra_by=self.extra_by, recorded=self.recorded
        )
        return written[name]


class Collected(Struct, Generic[Item]):
    """The pieces of one query's answer; `failure` is the first piece that did not come."""

    parts: list[Vector[Item]] = field(default_factory=list)
    failure: QueryFailed | None = None
    narrowed: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.failure is None and not any(part.partial for part in self.parts)


class QueryCollector(Generic[Item]):
    """Runs one named query; if the answer is too big, narrowed by reporter, then by halves of the namespaces."""

    def __init__(
        self,
        engine: Engine,
        question: Question,
        limit: asyncio.Semaphore,
        decode: Decode[Item],
        joining: Joining | None = None,
    ) -> None:
        self._joining = joining
        self._engine = engine
        self._question = question
        self._limit = limit
        self._decode = decode
        self._pieces = 0

    async def collect(self, name: str, *, traffic: bool) -> Collected[Item]:
        """All obtainable answers of this query; failures of the engine are stored, not raised."""
        collected: Collected[Item] = Collected()
        if traffic and name in self._question.narrowed:
            await self._by_reporter(name, collected)
            return collected
        try:
            collected.parts.append(await self._piece(name, ()))
        except QueryFailed as failure:
            if failure.too_much and traffic:
                await self._by_reporter(name, collected)
            else:
                collected.failure = failure.kept()
        return collected

    async def _piece(self, name: str, narrow: Sequence[Matcher]) -> Vector[Item]:
        self._pieces += 1
        clock = asyncio.get_running_loop().time
        async with self._limit:
            began = clock()
            body = await self._engine.query(self._question.query(name, narrow), at=self._question.at)
            took = clock() - began
        vector = await self._decode(body)
        if self._joining is not None and not narrow and not vector.partial:
            self._joining.saw(name, len(vector.items) + vector.dropped, took)
        return vector

    async def _by_reporter(self, name: str, collected: Collected[Item]) -> None:
        collected.narrowed = True
        for reporter in (Matcher("reporter", "=", each) for each in REPORTERS):
            await self._narrower(name, (reporter,), self._question.namespaces, collected, whole=True)
        await self._narrower(name, (one_of("reporter", REPORTERS, negated=True),), (), collected, whole=True)

    async def _narrower(
        self,
        name: str,
        narrow: tuple[Matcher, ...],
        namespaces: Sequence[str],
        collected: Collected[Item],
        *,
        whole: bool,
    ) -> None:
        """Ask one piece; where it is still too big, its halves by namespace. `whole` pieces have no namespace yet."""
        if self._pieces >= MOST_PIECES:
            collected.failure = collected.failure or QueryFailed(
                State.PARTIAL,
                f"{name} is still too big in {MOST_PIECES} pieces.",
                "Install the recording rules that meshtop rules prints, or raise the engine's limit.",
            )
            return
        chosen = narrow if whole else (*narrow, one_of(NAMESPACE_LABEL, namespaces))
        try:
            collected.parts.append(await self._piece(name, chosen))
            return
        except QueryFailed as failure:
            if not failure.too_much or not namespaces or (not whole and len(namespaces) == 1):
                collected.failure = collected.failure or failure.kept()
                return
        half = (len(namespaces) + 1) // 2
        for some in (namespaces[:half], namespaces[half:]):
            if some:
                await self._narrower(name, narrow, some, collected, whole=False)
        if whole:
            others = (*narrow, one_of(NAMESPACE_LABEL, namespaces, negated=True))
            await self._narrower(name, others, (), collected, whole=True)


class JoinedCollector(Generic[Item]):
    """Runs several queries by name: those that were small together, the others, and what is in doubt, one by one.

    `ask` sends an expression and gives its answer's body, `split` takes a joined one apart; both may raise QueryFailed.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[bytes]],
        split: Split[Item],
        joining: Joining,
        limit: asyncio.Semaphore | None = None,
    ) -> None:
        self._ask = ask
        self._split = split
        self._joining = joining
        self._limit = limit or asyncio.Semaphore(PARALLEL_QUERIES)

    async def collect(
        self,
        expressions: Mapping[str, str],
        one: Callable[[str], Awaitable[Collected[Item]]],
        *,
        apart: Collection[str] = (),
    ) -> dict[str, Collected[Item]]:
        """All obtainable answers by name; `one` asks a single query, those that are `apart` always do so."""
        joinable = {name: expression for name, expression in expressions.items() if name not in apart}
        groups = self._joining.groups(joinable, asyncio.get_running_loop().time())
        single = [name for name in expressions if not any(name in group for group in groups)]

        async def alone(name: str) -> dict[str, Collected[Item]]:
            return {name: await one(name)}

        async def together(group: Sequence[str]) -> dict[str, Collected[Item]]:
            found = await self._together({name: expressions[name] for name in group})
            if found is not None:
                return found
            again = await asyncio.gather(*map(one, group))
            return dict(zip(group, again, strict=True))

        parts = await asyncio.gather(*map(together, groups), *map(alone, single))
        found = {name: collected for part in parts for name, collected in part.items()}
        return {name: found[name] for name in expressions}

    async def _together(self, expressions: Mapping[str, str]) -> dict[str, Collected[Item]] | None:
        """The answers to a joined query; None where each must be asked by itself."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with self._limit:
                began = clock()
                body = await self._ask(asked_together(expressions))
                took = clock() - began
            parts = await self._split(body, tuple(expressions))
        except QueryFailed as failure:
            self._joining.keep_apart(clock())
            if failure.state in (State.UNREACHABLE, State.DENIED) and clock() - began < LATE_SECONDS:
                # It is not the question that failed: nobody would answer a shorter one. One that took long might be.
                return {name: Collected(failure=failure.kept()) for name in expressions}
            return None
        if parts is None:
            self._joining.keep_apart(clock())
            return None
        self._joining.came({name: len(part.items) + part.dropped for name, part in parts.items()}, took, clock())
        return {name: Collected(parts=[part]) for name, part in parts.items()}


async def collect_ranges(
    engine: Engine, expressions: Mapping[str, str], joining: Joining, *, start: float, end: float, step: float
) -> dict[str, Collected[RangeSeries]]:
    """The answers to range queries by name; `joining` knows which were small. All times are in seconds."""
    clock = asyncio.get_running_loop().time

    async def ask(expression: str) -> bytes:
        return await engine.query_range(expression, start=start, end=end, step=step)

    async def one(name: str) -> Collected[RangeSeries]:
        began = clock()
        try:
            body = await ask(expressions[name])
            took = clock() - began
            found = decode_labelled_matrix(body)
        except QueryFailed as failure:
            return Collected(failure=failure.kept())
        joining.saw(name, len(found), took)
        return Collected(parts=[Vector(items=found)])

    return await JoinedCollector(ask, split_ranges, joining).collect(expressions, one)


class Answers(Struct, frozen=True, kw_only=True):
    """All answers of one refresh, by the name of the query."""

    traffic: dict[str, Collected[Sample]]
    control: dict[str, Collected[Scalar]]

    @property
    def all(self) -> dict[str, Collected[Sample] | Collected[Scalar]]:
        """Both kinds together."""
        return {**self.traffic, **self.control}


async def collect(
    engine: Engine,
    question: Question,
    kept: dict[str, Collected[Scalar]] | None = None,
    joining: Joining | None = None,
) -> Answers:
    """Run every query of a refresh, a few at a time; a failing one does not affect others.

    `kept` are answers about the control plane that are young enough; they are not asked for again. `joining` knows
    which queries were small the last time, for who comes again.
    """
    limit = asyncio.Semaphore(PARALLEL_QUERIES)
    engine.label_sets.begin_refresh()
    together = Joining() if joining is None else joining
    together.begin(question.window_seconds)
    # A few series of each control plane, whatever the size of its mesh.
    together.expect_small(group.query for group in CONTROL)

    async def decode(body: bytes) -> Vector[Sample]:
        return await decode_samples(body, engine.label_sets)

    async def split(body: bytes, names: Sequence[str]) -> dict[str, Vector[Sample]] | None:
        return await split_samples(body, names, engine.label_sets)

    async def traffic(name: str) -> Collected[Sample]:
        return await QueryCollector(engine, question, limit, decode, together).collect(name, traffic=True)

    async def control(name: str) -> Collected[Scalar]:
        return await QueryCollector(engine, question, limit, _scalars, together).collect(name, traffic=False)

    async def ask(expression: str) -> bytes:
        return await engine.query(expression, at=question.at)

    asked = question.asked
    fields = {metric.field: question.query(metric.field) for metric in TRAFFIC if asked.asks_query(metric.field)}
    names = [group.query for group in CONTROL if kept is None and asked.asks_query(group.query)]
    groups = {name: question.query(name) for name in names}
    answers, controls = await asyncio.gather(
        JoinedCollector(ask, split, together, limit).collect(fields, traffic, apart=question.narrowed),
        JoinedCollector(ask, _split_scalars, together, limit).collect(groups, control, apart=question.narrowed),
    )
    return Answers(traffic=answers, control=controls if kept is None else kept)


async def _scalars(body: bytes) -> Vector[Scalar]:
    return await decode_scalars(body, METRIC_LABEL)


async def _split_scalars(body: bytes, names: Sequence[str]) -> dict[str, Vector[Scalar]] | None:
    return await split_scalars(body, names, METRIC_LABEL)


def notes_of(answers: Mapping[str, Collected[Sample] | Collected[Scalar]]) -> list[str]:
    """Notes about a refresh that are not errors of the whole."""
    notes: list[str] = []
    narrowed = [name for name, one in answers.items() if one.narrowed]
    if narrowed:
        notes.append(f"Narrowed by reporter and namespace, because the answer was too big: {', '.join(narrowed)}.")
    dropped = sum(part.dropped for one in answers.values() for part in one.parts)
    if dropped:
        notes.append(f"{dropped} series without a usable number (NaN or infinite) are left out.")
    odd = sum(part.odd for one in answers.values() for part in one.parts)
    if odd:
        notes.append(f"{odd} series that cannot be understood are left out.")
    notes.extend(f"{name}: {one.failure.message}" for name, one in answers.items() if one.failure)
    notes.extend(dict.fromkeys(f"The engine says: {w}" for w in _warnings(answers.values())))
    return notes


def _warnings(answers: Collection[Collected[Sample] | Collected[Scalar]]) -> list[str]:
    return [warning for one in answers for part in one.parts for warning in part.notes]
