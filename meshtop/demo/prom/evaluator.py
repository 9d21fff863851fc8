"""The evaluator: walks an expression once and computes all steps of a query together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshtop.demo.prom import aggregation, functions, relabel
from meshtop.demo.prom.arithmetic import scalars, vector_scalar
from meshtop.demo.prom.budget import Budget, Limits, count
from meshtop.demo.prom.columns import SeriesColumn, Values, Vector, drop_names
from meshtop.demo.prom.errors import BadData
from meshtop.demo.prom.histogram import histogram_quantile
from meshtop.demo.prom.matchers import Matcher, all_match, metric_name, name_test
from meshtop.demo.prom.matching import match_vectors, set_operation
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import NAME, STALE, Series, SeriesSource
from meshtop.demo.prom.syntax import (
    Aggregate,
    At,
    Binary,
    Expr,
    FunctionCall,
    Negation,
    Number,
    Range,
    Selector,
    String,
    Subquery,
    kind,
)
from meshtop.demo.prom.windowed import WINDOW_FUNCTIONS, Extrapolation, WindowFunction, prediction, quantiles
from meshtop.demo.prom.windows import Samples, Windows


class Steps:
    """The moments (ms) at which an expression is evaluated: from start to end, both included."""

    def __init__(self, start: int, end: int, interval: int) -> None:
        self.start = start
        self.interval = interval
        self.times: Sequence[int] = range(start, end + 1, interval)
        self.end = end

    def __len__(self) -> int:
        return len(self.times)


SampleCache = dict[tuple[int, int], dict[int, tuple[Series, Sequence[int], Sequence[float]]]]
"""What a query has read, by start and end, and by series (kept alive, so that its id stays its own)."""


class Evaluator:
    """Evaluates expressions at the steps it was made for. ``query`` gives ``@ start()`` and ``@ end()``."""

    def __init__(
        self,
        source: SeriesSource,
        steps: Steps,
        limits: Limits,
        budget: Budget,
        plans: Plans,
        query: Steps | None = None,
        cache: SampleCache | None = None,
    ) -> None:
        self._source = source
        self._steps = steps
        self._limits = limits
        self._budget = budget
        self._plans = plans
        self._query = query or steps
        self._cache: SampleCache = {} if cache is None else cache

    def scalar(self, expr: Expr) -> list[float]:
        """The value of a scalar expression at each step."""
        match expr:
            case Number(value):
                return [value] * len(self._steps)
            case Negation(inner):
                return [-value for value in self.scalar(inner)]
            case Binary(op=op, left=left, right=right):
                return scalars(op, self.scalar(left), self.scalar(right))
            case FunctionCall(name="time"):
                return [time / 1000 for time in self._steps.times]
            case FunctionCall(name="pi"):
                return [3.141592653589793] * len(self._steps)
            case FunctionCall(name="scalar", args=(argument,)):
                return functions.as_scalar(self.vector(argument), len(self._steps))
        raise BadData(f"parse error: a {kind(expr)} is not a scalar")

    def vector(self, expr: Expr) -> Vector:
        """The series of an instant vector expression. Columns may be changed by the caller."""
        self._budget.check_time()
        match expr:
            case Selector():
                return self._select(expr)
            case Negation(inner):
                return functions.each(self.vector(inner), lambda value: -value)
            case Aggregate():
                return self._charged(lambda: self._aggregate(expr))
            case Binary():
                return self._charged(lambda: self._binary(expr))
            case FunctionCall():
                if expr.args and kind(expr.args[-1 if expr.name == "quantile_over_time" else 0]) == "matrix":
                    return self._over_windows(expr)
                return self._charged(lambda: self._call(expr))
        raise BadData(f"parse error: a {kind(expr)} is not an instant vector")

    def matrix(self, expr: Expr) -> Iterator[Samples]:
        """The series under a range selector or subquery, with all the samples that the steps see."""
        if isinstance(expr, Range):
            windows = self._windows(expr.selector, expr.range)
            read = self._reading(windows.first, windows.last)
            for series in self._matching(expr.selector.matchers, windows):
                times, values = read(series)
                if getattr(series, "ends", False):
                    kept = [i for i, value in enumerate(values) if value is not STALE]
                    times, values = [times[i] for i in kept], [values[i] for i in kept]
                if len(times):
                    yield Samples(series.labels, times, values, windows)
        elif isinstance(expr, Subquery):
            yield from self._subquery(expr)
        else:
            raise BadData(f"parse error: a {kind(expr)} is not a range vector")

    def _charged(self, evaluate: Callable[[], tuple[Vector, Vector]]) -> Vector:
        before = self._budget.held
        inputs, result = evaluate()
        self._budget.account(before, inputs, result, len(self._steps))
        return result

    # Selecting

    def _effective(self, at: At, offset: int) -> list[int]:
        """Where each step looks, after ``@`` and ``offset``."""
        if at is None:
            return [time - offset for time in self._steps.times]
        moment = self._query.start if at == "start" else self._query.end if at == "end" else at
        return [moment - offset] * len(self._steps)

    def _windows(self, node: Selector | Subquery, length: int) -> Windows:
        return Windows(self._effective(node.at, node.offset), length, self._limits.left_open)

    def _matching(self, matchers: tuple[Matcher, ...], windows: Windows) -> Iterable[Series]:
        name = metric_name(matchers)
        rest = tuple(m for m in matchers if not (m.name == "__name__" and m.op == "=" and m.value == name))
        between = getattr(self._source, "select_between", None)
        found = (
            self._source.select(name, name_test(matchers))
            if between is None
            else between(name, name_test(matchers), windows.first, windows.last)
        )
        if not self._plans.kept:
            return self._chosen(found, rest)
        everything = list(found)
        return self._plans.of(("select", rest), everything, lambda: list(self._chosen(everything, rest)))

    def _chosen(self, found: Iterable[Series], rest: tuple[Matcher, ...]) -> Iterator[Series]:
        for number, series in enumerate(found):
            if number % 256 == 0:
                self._budget.check_time()
            if all_match(rest, series.labels):
                yield series

    def _reading(self, start: int, end: int) -> Callable[[Series], tuple[Sequence[int], Sequence[float]]]:
        """Reads the samples of series between two moments, of each once in a query."""
        known = self._cache.setdefault((start, end), {})

        def read(series: Series) -> tuple[Sequence[int], Sequence[float]]:
            found = known.get(id(series))
            if found is None:
                times, values = series.samples(start, end)
                known[id(series)] = (series, times, values)
                return times, values
            return found[1], found[2]

        return read

    def _select(self, selector: Selector, timestamps: bool = False) -> Vector:
        windows = self._windows(selector, self._limits.lookback_ms)
        read = self._reading(windows.first, windows.last)
        result: Vector = []
        if len(self._steps) == 1:
            for series in self._matching(selector.matchers, windows):
                times, values = read(series)
                low, high = windows.bounds(times)[0]
                if high > low and (value := times[high - 1] / 1000 if timestamps else values[high - 1]) is not STALE:
                    result.append(SeriesColumn(series.labels, [value]))
            self._budget.hold(len(result))
            self._budget.read += len(result)
            return result
        for series in self._matching(selector.matchers, windows):
            times, values = read(series)
            if not len(times):
                continue
            picked: Values = [
                None if high <= low else times[high - 1] / 1000 if timestamps else values[high - 1]
                for low, high in windows.bounds(times)
            ]
            picked = [None if value is STALE else value for value in picked]
            column = SeriesColumn(series.labels, picked)
            if samples := count(column):
                self._budget.hold(samples)
                self._budget.read += samples
                result.append(column)
        return result

    def _subquery(self, node: Subquery) -> Iterator[Samples]:
        windows = self._windows(node, node.range)
        interval = node.step or self._limits.default_step_ms
        first = -(-windows.first // interval) * interval
        steps = Steps(first, windows.last, interval)
        if not len(steps):
            return
        inner = Evaluator(self._source, steps, self._limits, self._budget, self._plans, self._query, self._cache)
        for column in inner.vector(node.expr):
            present = [(t, v) for t, v in zip(steps.times, column.values, strict=True) if v is not None]
            if present:
                yield Samples(column.labels, [t for t, _ in present], [v for _, v in present], windows)

    # Functions of windows

    def _over_windows(self, call: FunctionCall, names_matter: bool = True) -> Vector:
        function = self._window_function(call)
        keeps_name = call.name == "last_over_time" or not names_matter
        argument = call.args[-1 if call.name == "quantile_over_time" else 0]
        budget = self._budget
        before = budget.held
        result: Vector = []
        for number, samples in enumerate(self.matrix(argument)):
            if number % 64 == 0:
                budget.check_time()
            bounds = samples.windows.bounds(samples.times)
            seen, widest = samples.windows.extent(bounds)
            budget.read += seen
            budget.touch(widest)
            column = SeriesColumn(samples.labels, function(samples, bounds))
            if made := count(column):
                budget.hold(made)
                result.append(column)
        if call.name == "absent_over_time":
            budget.held = before
            present = [False] * len(self._steps)
            for column in result:
                present = [there or v is not None for there, v in zip(present, column.values, strict=True)]
            return functions.absent(present, call.args[0])
        return result if keeps_name else drop_names(result, self._plans)

    def _window_function(self, call: FunctionCall) -> WindowFunction:
        match call.name:
            case "rate" | "increase" | "delta":
                return Extrapolation(call.name, _length(call.args[0]))
            case "predict_linear":
                return prediction(self._steps.times, self.scalar(call.args[1]))
            case "quantile_over_time":
                return quantiles(self.scalar(call.args[0]))
        return WINDOW_FUNCTIONS[call.name]

    # Functions of instant vectors

    def _aggregate(self, node: Aggregate) -> tuple[Vector, Vector]:
        op, labels, without = node.op, node.labels, node.without
        if op == "count_values":
            assert isinstance(node.param, String)
            vector = self.vector(node.expr)
            return vector, aggregation.count_values(node.param.value, vector, labels, without)
        if node.param is None:
            expr = node.expr
            if isinstance(expr, FunctionCall) and (without or NAME not in labels) and _of_one_metric(expr):
                # Groups know nothing of names, so that nobody needs every series' labels without its name.
                vector = self._over_windows(expr, names_matter=False)
            else:
                vector = self.vector(expr)
            return vector, aggregation.reduce_groups(op, vector, labels, without, self._plans)
        number = self.scalar(node.param)
        vector = self.vector(node.expr)
        if op == "quantile":
            return vector, aggregation.quantiles(vector, number, labels, without)
        return vector, aggregation.extremes(op, vector, number, labels, without)

    def _binary(self, node: Binary) -> tuple[Vector, Vector]:
        left_scalar, right_scalar = kind(node.left) == "scalar", kind(node.right) == "scalar"
        if left_scalar or right_scalar:
            scalar = self.scalar(node.left if left_scalar else node.right)
            vector = self.vector(node.right if left_scalar else node.left)
            return vector, vector_scalar(node.op, vector, scalar, left_scalar, node.returns_bool, self._plans)
        left, right = self.vector(node.left), self.vector(node.right)
        inputs = [*left, *right]
        steps = len(self._steps)
        if node.op in ("and", "or", "unless"):
            return inputs, set_operation(node.op, left, right, node.matching, steps, self._plans)
        return inputs, match_vectors(node.op, left, right, node.matching, node.returns_bool, steps)

    def _call(self, call: FunctionCall) -> tuple[Vector, Vector]:
        name, args = call.name, call.args
        if name == "vector":
            values: Values = list(self.scalar(args[0]))
            return [], [SeriesColumn({}, values)]
        if name in functions.DATES and not args:
            return [], [SeriesColumn({}, [functions.DATES[name](t / 1000) for t in self._steps.times])]
        if name == "histogram_quantile":
            q = self.scalar(args[0])
            vector = self.vector(args[1])
            return vector, histogram_quantile(q, vector)
        if name == "timestamp" and isinstance(selector := args[0], Selector):
            vector = self._select(selector, timestamps=True)
            return vector, drop_names([SeriesColumn(c.labels, c.values) for c in vector])
        vector = self.vector(args[0])
        return vector, self._of_vector(name, vector, args)

    def _of_vector(self, name: str, vector: Vector, args: tuple[Expr, ...]) -> Vector:
        if (simple := functions.SIMPLE.get(name) or functions.DATES.get(name)) is not None:
            return functions.each(vector, simple)
        match name:
            case "absent":
                present = [any(v is not None for v in row) for row in zip(*(c.values for c in vector), strict=True)]
                return functions.absent(present or [False] * len(self._steps), args[0])
            case "round":
                return functions.round_to(vector, self.scalar(args[1]) if args[1:] else [1.0] * len(self._steps))
            case "clamp":
                return functions.clamp(vector, self.scalar(args[1]), self.scalar(args[2]))
            case "clamp_min":
                return functions.clamp(vector, self.scalar(args[1]), None)
            case "clamp_max":
                return functions.clamp(vector, None, self.scalar(args[1]))
            case "sort" | "sort_desc":
                return functions.ordered(vector, name == "sort_desc")
            case "timestamp":
                return functions.each_step(vector, lambda step, value: self._steps.times[step] / 1000)
            case "label_replace":
                target, template, source, pattern = (_text(arg) for arg in args[1:])
                return relabel.label_replace(vector, target, template, source, pattern, self._plans)
            case "label_join":
                target, separator, *sources = (_text(arg) for arg in args[1:])
                return relabel.label_join(vector, target, separator, sources)
        raise BadData(f'unknown function with name "{name}"')


def _text(expr: Expr) -> str:
    assert isinstance(expr, String)
    return expr.value


def _of_one_metric(call: FunctionCall) -> bool:
    """Whether a function is of the windows of one metric's series, and of such that tell present series apart."""
    argument = call.args[-1] if call.args else None
    return (
        isinstance(argument, Range)
        and call.name != "absent_over_time"
        and metric_name(argument.selector.matchers) is not None
    )


def _length(expr: Expr) -> int:
    assert isinstance(expr, Range | Subquery)
    return expr.range
