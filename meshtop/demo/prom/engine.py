"""Evaluation of instant and range queries with the semantics of Prometheus 2.42."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from meshtop.demo.prom.budget import Budget, Limits, count
from meshtop.demo.prom.columns import Labels, Vector
from meshtop.demo.prom.errors import BadData
from meshtop.demo.prom.evaluator import Evaluator, Steps
from meshtop.demo.prom.parse import parse
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import SeriesSource
from meshtop.demo.prom.syntax import Expr, Range, String, Subquery, ValueKind, kind

MAX_POINTS = 11_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of a query.

    ``vector`` holds one column for each series (of scalars, one without labels), with values at ``times`` (ms);
    ``matrix`` holds the raw samples of an instant query for a range vector.
    """

    kind: ValueKind
    times: Sequence[int] = ()
    vector: Vector = field(default_factory=list)
    matrix: list[tuple[Labels, list[tuple[int, float]]]] = field(default_factory=list)
    scalar: Sequence[float] = ()
    text: str = ""
    samples_read: int = 0
    samples_peak: int = 0


class Engine:
    """Answers queries over the series of one source."""

    def __init__(self, source: SeriesSource, limits: Limits | None = None) -> None:
        self.source = source
        self.limits = limits or Limits()
        self._plans = Plans()

    def instant(self, query: str, time_ms: int, timeout: float | None = None) -> Answer:
        """The value of a query at one moment. Raises QueryError."""
        expr = parse(query)
        evaluator, budget = self._evaluator(Steps(time_ms, time_ms, 1), timeout)
        times = [time_ms]
        if isinstance(expr, String):
            return Answer("string", times, text=expr.value)
        if isinstance(expr, Range | Subquery):
            matrix = [
                (series.labels, list(zip(series.times[low:high], series.values[low:high], strict=True)))
                for series in evaluator.matrix(expr)
                for low, high in series.windows.bounds(series.times)
                if high > low
            ]
            budget.hold(sum(len(points) for _, points in matrix))
            return Answer("matrix", times, matrix=matrix, samples_read=budget.read, samples_peak=budget.peak)
        return self._evaluate(expr, evaluator, budget, times)

    def over(self, query: str, start_ms: int, end_ms: int, step_ms: int, timeout: float | None = None) -> Answer:
        """The values of a query at every step from start to end, series sorted by labels. Raises QueryError."""
        expr = parse(query)
        if kind(expr) not in ("vector", "scalar"):
            shown = {"matrix": "range vector", "string": "string"}[kind(expr)]
            raise BadData(f'invalid expression type "{shown}" for range query, must be Scalar or instant Vector')
        steps = Steps(start_ms, end_ms, step_ms)
        evaluator, budget = self._evaluator(steps, timeout)
        answer = self._evaluate(expr, evaluator, budget, steps.times)
        answer.vector.sort(key=lambda column: sorted(column.labels.items()))
        return answer

    def _evaluator(self, steps: Steps, timeout: float | None) -> tuple[Evaluator, Budget]:
        limit = self.limits.timeout if timeout is None else min(timeout, self.limits.timeout)
        budget = Budget(self.limits.max_samples, limit)
        plans = self._plans if getattr(self.source, "keeps_series", False) else Plans(0)
        return Evaluator(self.source, steps, self.limits, budget, plans), budget

    @staticmethod
    def _evaluate(expr: Expr, evaluator: Evaluator, budget: Budget, times: Sequence[int]) -> Answer:
        if kind(expr) == "scalar":
            values = evaluator.scalar(expr)
            return Answer("scalar", times, scalar=values, samples_read=budget.read, samples_peak=budget.peak)
        vector = [column for column in evaluator.vector(expr) if count(column)]
        return Answer("vector", times, vector, samples_read=budget.read, samples_peak=budget.peak)
