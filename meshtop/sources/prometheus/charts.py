"""The lines of charts, by prometheus-api-client in threads.

The library knows no time limit, repeats three times by default and follows redirects; here it gets a time limit, no
repeats, and a session of ours that carries the cluster's credentials, trust and read-only gate and leads nowhere else.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests
from msgspec import Struct

from meshtop.model.state import State
from meshtop.model.telemetry import Line
from meshtop.sources.http.gate import ReadOnlyError
from meshtop.sources.problem import error_text
from meshtop.sources.prometheus.answers import QueryFailed, error_of, refused
from meshtop.sources.prometheus.engine import LEADS_ELSEWHERE, Engine
from meshtop.sources.prometheus.history import grid

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

_Series = list[Mapping[str, Any]]


class LineQuery(Struct, frozen=True):
    """A line of a chart: its name, its unit, and the expression that gives one series (several are added)."""

    name: str
    query: str
    unit: str = ""


class ChartReader:
    """Asks one engine for lines, each in a thread of its own, all over one session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: PrometheusConnect | None = None
        self._connecting = threading.Lock()

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Lines over Unix seconds `start` to `end` every `step` seconds; a gap is None. Raises QueryFailed.

        The library sends whole seconds, so start, end and step are brought to whole seconds.
        """
        pace = max(1, round(step))
        first = round(start)
        count = max(1, int((round(end) - first) // pace) + 1)
        times = tuple(float(first + i * pace) for i in range(count))
        answers = await asyncio.gather(*(self._ask(one.query, times[0], times[-1], pace) for one in queries))
        return tuple(
            grid(one.name, one.unit, times, [_points(series) for series in answer])
            for one, answer in zip(queries, answers, strict=True)
        )

    def close(self) -> None:
        """Close the session; it is opened again when it is needed."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    async def _ask(self, query: str, start: float, end: float, step: int) -> _Series:
        # Imported here: it costs 0.2 s that the first frame does not have.
        from prometheus_api_client.exceptions import PrometheusApiClientException

        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
        timeout, label = self._engine.timeout, self._engine.address.label

        def ask() -> _Series:
            return list(self._connect().custom_query_range(query, since, until, str(step), timeout=timeout))

        try:
            return await asyncio.to_thread(ask)
        except PrometheusApiClientException as error:
            raise self._failure(str(error)) from error
        except requests.Timeout as error:
            raise QueryFailed(
                State.UNREACHABLE, f"{label} gave no answer within {timeout:g} s.", "Give it longer with --timeout 15s."
            ) from error
        except (requests.RequestException, ReadOnlyError, OSError) as error:
            raise QueryFailed(State.UNREACHABLE, f"{label} cannot be asked ({error_text(error)}).") from error
        except (ValueError, KeyError, TypeError) as error:
            message = f"{label} answers what Prometheus does not write ({error_text(error)})."
            raise QueryFailed(State.UNREACHABLE, message) from error

    def _connect(self) -> PrometheusConnect:
        from prometheus_api_client import PrometheusConnect
        from urllib3.util.retry import Retry

        with self._connecting:
            if self._client is None:
                session = self._engine.wire.requests_session()
                adapters = OrderedDict(session.adapters)
                self._client = PrometheusConnect(
                    url=self._engine.url,
                    headers=self._engine.headers,
                    session=session,
                    retry=Retry(0),
                    timeout=self._engine.timeout,
                )
                # It mounts an adapter of its own, which would stand before the session's.
                session.adapters = adapters
            return self._client

    def _failure(self, message: str) -> QueryFailed:
        """The library puts status and body into one text: `HTTP Status Code 422 (b'{...}')`."""
        said = message[message.find("{") : message.rfind("}") + 1]
        code = next((int(word) for word in message.split() if word.isdigit()), None)
        if code is not None and 300 <= code < 400:
            label = self._engine.address.label
            return QueryFailed(State.UNREACHABLE, f"{label} answers HTTP {code}: {LEADS_ELSEWHERE}.", code=code)
        words = error_of(said.encode()) or message
        if code in (401, 403):
            return QueryFailed(State.DENIED, f"Prometheus denies reading: {words}.", code=code)
        return refused(words, code)


def _points(series: Mapping[str, Any]) -> list[tuple[float, float]]:
    pairs = ((float(when), float(text)) for when, text in series.get("values", ()))
    return [(when, value) for when, value in pairs if math.isfinite(value)]
