"""The HTTP API of the simulated Prometheus, as an aiohttp application that can be mounted under any prefix."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiohttp import web

from meshtop.demo.prom import answers
from meshtop.demo.prom.aggregation import LABEL_NAME, quote_go
from meshtop.demo.prom.budget import Limits
from meshtop.demo.prom.engine import MAX_POINTS, Answer, Engine
from meshtop.demo.prom.errors import BadData, NotFound, QueryError
from meshtop.demo.prom.exposition import CONTENT_TYPE, exposition
from meshtop.demo.prom.matchers import Matcher, all_match, metric_name, name_test
from meshtop.demo.prom.params import Params
from meshtop.demo.prom.ruling import RuleGroup, Rules
from meshtop.demo.prom.series import Series, SeriesSource

VERSION = "2.42.0"
"""The release whose semantics the engine has."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def prom_app(
    source: SeriesSource,
    *,
    clock: Callable[[], float],
    limits: Limits | None = None,
    version: str = VERSION,
    rules: Sequence[RuleGroup] = (),
) -> web.Application:
    """An application that answers as a Prometheus would over the series of ``source``.

    ``clock`` gives the present as Unix seconds: the default evaluation time. ``version`` is what buildinfo says.
    ``rules`` are evaluated over the series.
    """
    api = PrometheusApi(Rules(source, rules), clock, limits or Limits(), version)
    app = web.Application(middlewares=[_errors], client_max_size=16 * 2**20)
    for path, handler in {
        "/api/v1/query": api.query,
        "/api/v1/query_range": api.query_range,
        "/api/v1/series": api.series,
        "/api/v1/labels": api.labels,
    }.items():
        app.router.add_get(path, handler)
        app.router.add_post(path, handler)
    app.router.add_get("/api/v1/label/{name}/values", api.label_values)
    app.router.add_get("/api/v1/metadata", api.metadata)
    app.router.add_get("/api/v1/targets", api.targets)
    app.router.add_get("/api/v1/status/buildinfo", api.buildinfo)
    app.router.add_get("/api/v1/alerts", api.alerts)
    app.router.add_get("/api/v1/rules", api.rules)
    app.router.add_get("/metrics", api.metrics)
    app.router.add_get("/-/healthy", _says("Prometheus Server is Healthy.\n"))
    app.router.add_get("/-/ready", _says("Prometheus Server is Ready.\n"))
    app.router.add_route("*", "/api/v1/{rest:.*}", _unknown)
    return app


def _says(text: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text)

    return answer


async def _unknown(request: web.Request) -> web.Response:
    raise NotFound(f"the simulated Prometheus has no {request.method} {request.path}")


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except QueryError as err:
        return answers.failure(err)
    except RecursionError:
        return answers.failure(BadData('invalid parameter "query": the expression is nested too deeply'))


class PrometheusApi:
    """The endpoints. Series are read, and queries evaluated, in the event loop's thread."""

    def __init__(self, source: Rules, clock: Callable[[], float], limits: Limits, version: str) -> None:
        self._source = source
        self._clock = clock
        self._limits = limits
        self._engine = Engine(source, limits)
        self._version = version

    def _now(self) -> int:
        return int(self._clock() * 1000)

    async def query(self, request: web.Request) -> web.Response:
        """``/api/v1/query``: a query at one moment."""
        params = await Params.of(request)
        moment = params.moment("time", self._now())
        return _query(
            params,
            lambda text, timeout: self._engine.instant(text, moment, timeout),
            answers.instant_data,
        )

    async def query_range(self, request: web.Request) -> web.Response:
        """``/api/v1/query_range``: a query at every step of an interval."""
        params = await Params.of(request)
        start, end = params.moment("start"), params.moment("end")
        if end < start:
            raise BadData('invalid parameter "end": end timestamp must not be before start time')
        step = int(params.duration("step") * 1000)
        if step <= 0:
            raise BadData(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer"
            )
        if (end - start) // step > MAX_POINTS:
            raise BadData(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        return _query(
            params,
            lambda text, timeout: self._engine.over(text, start, end, step, timeout),
            answers.range_data,
        )

    async def series(self, request: web.Request) -> web.Response:
        """``/api/v1/series``: the label sets of the series that match."""
        params = await Params.of(request)
        if not params.all("match[]"):
            raise BadData("no match[] parameter provided")
        found = {id(one): one for one in self._matching(params)}
        ordered = sorted((dict(sorted(one.labels.items())) for one in found.values()), key=lambda d: list(d.items()))
        return _limited(ordered, params.limit())

    async def labels(self, request: web.Request) -> web.Response:
        """``/api/v1/labels``: the names of labels."""
        params = await Params.of(request)
        names: set[str] = set()
        for one in self._matching(params):
            names.update(one.labels)
        return _limited(sorted(names), params.limit())

    async def label_values(self, request: web.Request) -> web.Response:
        """``/api/v1/label/<name>/values``: the values of one label."""
        name = request.match_info["name"]
        if not LABEL_NAME.fullmatch(name):
            raise BadData(f"invalid label name: {quote_go(name)}")
        params = await Params.of(request)
        values = {one.labels[name] for one in self._matching(params) if name in one.labels}
        return _limited(sorted(values), params.limit())

    def _matching(self, params: Params) -> Iterable[Series]:
        """Series that match any selector (all without one) and have samples in the interval asked for, if any."""
        start = params.moment("start", 0)
        end = params.moment("end", self._now())
        bounded = bool(params.text("start") or params.text("end"))
        selectors: list[tuple[Matcher, ...]] = params.matchers() or [()]
        for matchers in selectors:
            for one in self._source.select(metric_name(matchers), name_test(matchers)):
                if all_match(matchers, one.labels) and (not bounded or self._has_samples(one, start, end)):
                    yield one

    def _has_samples(self, series: Series, start: int, end: int) -> bool:
        # Most series are alive at the end: look there first, since samples may be computed for the question.
        recent = max(start, end - self._limits.lookback_ms)
        return len(series.samples(recent, end)[0]) > 0 or (recent > start and len(series.samples(start, recent)[0]) > 0)

    async def metadata(self, request: web.Request) -> web.Response:
        """``/api/v1/metadata``: type, help and unit by metric family."""
        params = await Params.of(request)
        wanted, limit = params.text("metric"), params.limit()
        known = {
            name: [{"type": kind, "help": text, "unit": unit}]
            for name, (kind, text, unit) in self._source.metadata().items()
            if not wanted or name == wanted
        }
        return answers.success(dict(list(known.items())[:limit]) if limit else known)

    async def targets(self, request: web.Request) -> web.Response:
        """``/api/v1/targets``: what is scraped."""
        state = (await Params.of(request)).text("state")
        active = [] if state == "dropped" else list(self._source.targets())
        return answers.success({"activeTargets": active, "droppedTargets": []})

    async def alerts(self, request: web.Request) -> web.Response:
        """``/api/v1/alerts``: the alerts that fire or wait."""
        return answers.success({"alerts": [one.told() for one in self._source.active(self._now())]})

    async def rules(self, request: web.Request) -> web.Response:
        """``/api/v1/rules``: the rules with their alerts; ``type`` is ``alert`` or ``record``, or both without it."""
        only = (await Params.of(request)).text("type")
        if only not in ("", "alert", "record"):
            raise BadData(f"not supported value {quote_go(only)}")
        return answers.success({"groups": self._source.told(self._now(), only)})

    async def buildinfo(self, request: web.Request) -> web.Response:
        """``/api/v1/status/buildinfo``."""
        return answers.success(
            {
                "version": self._version,
                "revision": "simulated",
                "branch": "meshtop-demo",
                "buildUser": "meshtop-demo",
                "buildDate": "",
                "goVersion": "",
            }
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """``/metrics``: the present value of every series, to be scraped with ``honor_labels: true``."""
        text = exposition(self._source, self._now(), self._limits.lookback_ms)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _query(
    params: Params,
    evaluate: Callable[[str, float | None], Answer],
    shape: Callable[[Answer], dict[str, Any]],
) -> web.Response:
    timeout, limit = params.timeout(), params.limit()
    began = time.perf_counter()
    try:
        answer = evaluate(params.text("query"), timeout)
    except BadData as err:
        raise BadData(f'invalid parameter "query": {err}') from err
    data = shape(answer)
    warnings = []
    if limit and answer.kind in ("vector", "matrix") and len(data["result"]) > limit:
        del data["result"][limit:]
        warnings.append(answers.TRUNCATED)
    if params.text("stats"):
        data["stats"] = answers.statistics(answer, time.perf_counter() - began)
    return answers.success(data, warnings)


def _limited(items: list[Any], limit: int) -> web.Response:
    if limit and len(items) > limit:
        return answers.success(items[:limit], [answers.TRUNCATED])
    return answers.success(items)
