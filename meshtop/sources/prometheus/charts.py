"""The lines of charts, by prometheus-api-client in threads.

The library knows no time limit, repeats three times by default and follows redirects; here it gets a session of ours,
which sends over the cluster's own connection: with its login, trust, read-only gate and limits, and nowhere else.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from meshtop.model.state import State
from meshtop.model.telemetry import Line
from meshtop.sources.http.gate import ReadOnlyError
from meshtop.sources.problem import ODD_SHAPE, SourceProblem, error_text
from meshtop.sources.prometheus.answers import QueryFailed, error_of, query_refused
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.history import grid

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

_Series = list[list[tuple[float, float]]]


class LineQuery(Struct, frozen=True):
    """A line of a chart: its name, its unit, and the expression that gives one series (several are added)."""

    name: str
    query: str
    unit: str = ""


class ChartReader:
    """Queries lines from one engine, each in a thread of its own, all over one session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: PrometheusConnect | None = None

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Lines over Unix seconds `start` to `end` every `step` seconds; a gap is None. Raises QueryFailed.

        The library sends whole seconds, so start, end and step are brought to whole seconds.
        """
        pace = max(1, round(step))
        first = round(start)
        count = max(1, int((round(end) - first) // pace) + 1)
        times = tuple(float(first + i * pace) for i in range(count))
        answers = await asyncio.gather(*(self._ask(one.query, times[0], times[-1], pace) for one in queries))
        return tuple(grid(one.name, one.unit, times, answer) for one, answer in zip(queries, answers, strict=True))

    def close(self) -> None:
        """Close the session; it is opened again when it is needed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask(self, query: str, start: float, end: float, step: int) -> _Series:
        # Imported here: it costs 0.2 s that the first frame does not have.
        from prometheus_api_client.exceptions import PrometheusApiClientException

        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
        timeout, label = self._engine.timeout, self._engine.address.label
        # Made here, in the event loop whose connection it sends over.
        client = self._connect()

        def ask() -> _Series:
            found = client.custom_query_range(query, since, until, str(step), timeout=timeout)
            return [_points(series) for series in found]

        try:
            return await asyncio.to_thread(ask)
        except PrometheusApiClientException as error:
            raise self._failure(str(error)) from error
        except SourceProblem as problem:
            raise self._engine.failure(problem) from problem
        except (OSError, ReadOnlyError) as error:
            raise QueryFailed(State.UNREACHABLE, f"{label} cannot be asked ({error_text(error)}).") from error
        except ODD_SHAPE as error:
            message = f"{label} answers what Prometheus does not write ({error_text(error)})."
            raise QueryFailed(State.UNREACHABLE, message) from error

    def _connect(self) -> PrometheusConnect:
        from prometheus_api_client import PrometheusConnect

        if self._client is None:
            session = self._engine.wire.requests_session()
            adapters = OrderedDict(session.adapters)
            self._client = PrometheusConnect(
                url=self._engine.url, headers=self._engine.headers, session=session, timeout=self._engine.timeout
            )
            # It mounts an adapter of its own, with repeats, which would stand before the session's.
            session.adapters = adapters
        return self._client

    def _failure(self, message: str) -> QueryFailed:
        """The library puts status and body into one text: `HTTP Status Code 422 (b'{...}')`."""
        said = message[message.find("{") : message.rfind("}") + 1]
        code = next((int(word) for word in message.split() if word.isdigit()), None)
        words = error_of(said.encode()) or message
        if code in (401, 403):
            return QueryFailed(State.DENIED, f"Prometheus denies reading: {words}.", code=code)
        return query_refused(words, code)


def _points(series: Any) -> list[tuple[float, float]]:
    """The (Unix seconds, value) pairs of one series, without NaN and infinities."""
    pairs = ((float(when), float(text)) for when, text in series.get("values", ()))
    return [(when, value) for when, value in pairs if math.isfinite(when) and math.isfinite(value)]
