"""What detail views ask now and then, by prometheus-api-client in threads: ranges, metadata, targets, label values.

The library knows no time limit and repeats three times by default; here it gets a time limit, no repeats, and the
cluster's own session, which carries credentials, trust and the read-only gate.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from msgspec import Struct

from meshtop.model.state import State
from meshtop.model.telemetry import Line
from meshtop.sources.http.gate import ReadOnlyError
from meshtop.sources.prometheus.answers import QueryFailed, error_of, refused
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.history import grid

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

Answer = TypeVar("Answer")


class LineQuery(Struct, frozen=True):
    """A line of a chart: its name, its unit, and the expression that gives one series (several are added)."""

    name: str
    query: str
    unit: str = ""


class Details:
    """Occasional questions to one engine; each runs in a thread and raises QueryFailed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _client(self) -> PrometheusConnect:
        # Imported here: it costs 0.2 s that the first frame does not have.
        from prometheus_api_client import PrometheusConnect
        from urllib3.util.retry import Retry

        session = self._engine.wire.requests_session()
        adapters = OrderedDict(session.adapters)
        client = PrometheusConnect(
            url=self._engine.url,
            headers=self._engine.headers,
            session=session,
            retry=Retry(0),
            timeout=self._engine.timeout,
        )
        # It mounts an adapter of its own, which would stand before the session's.
        session.adapters = adapters
        return client

    async def _ask(self, question: Callable[[PrometheusConnect], Answer]) -> Answer:
        def ask() -> Answer:
            client = self._client()
            try:
                return question(client)
            finally:
                client.close()

        from prometheus_api_client.exceptions import PrometheusApiClientException

        try:
            return await asyncio.to_thread(ask)
        except PrometheusApiClientException as error:
            raise _told(str(error)) from error
        except requests.Timeout as error:
            raise QueryFailed(
                State.UNREACHABLE,
                f"{self._engine.place.label} gave no answer within {self._engine.timeout:g} s.",
                "Give it longer with --timeout 15s.",
            ) from error
        except (requests.RequestException, ReadOnlyError, OSError) as error:
            raise QueryFailed(State.UNREACHABLE, f"{self._engine.place.label} cannot be asked ({error}).") from error
        except (ValueError, KeyError, TypeError) as error:
            raise QueryFailed(
                State.UNREACHABLE, f"{self._engine.place.label} answers what Prometheus does not write ({error})."
            ) from error

    async def lines(self, queries: Sequence[LineQuery], *, start: float, end: float, step: float) -> tuple[Line, ...]:
        """Lines over Unix seconds `start` to `end` every `step` seconds; a gap is None.

        The library sends whole seconds, so start, end and step are brought to whole seconds.
        """
        pace = max(1, round(step))
        first = round(start)
        count = max(1, int((round(end) - first) // pace) + 1)
        times = tuple(float(first + i * pace) for i in range(count))
        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (times[0], times[-1]))

        def ask(one: LineQuery) -> Callable[[PrometheusConnect], list[dict[str, Any]]]:
            return lambda client: list(client.custom_query_range(one.query, since, until, str(pace)))

        answers = await asyncio.gather(*(self._ask(ask(one)) for one in queries))
        return tuple(
            grid(one.name, one.unit, times, [_points(series) for series in answer])
            for one, answer in zip(queries, answers, strict=True)
        )

    async def metadata(self, metric: str | None = None) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """Type, help and unit of one metric or of all, by the metric's name."""
        entries = await self._ask(lambda client: list(client.get_metric_metadata(metric or "")))
        by_name: dict[str, list[dict[str, str]]] = {}
        for entry in entries:
            by_name.setdefault(entry["metric_name"], []).append({k: entry[k] for k in ("type", "help", "unit")})
        return by_name

    async def targets(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """Scrape targets: `activeTargets` and `droppedTargets`."""
        return await self._ask(lambda client: dict(client.get_targets()))

    async def label_values(self, label: str) -> tuple[str, ...]:
        """All values of a label."""
        return await self._ask(lambda client: tuple(map(str, client.get_label_values(label))))


def _points(series: Mapping[str, Any]) -> list[tuple[float, float]]:
    pairs = ((float(when), float(text)) for when, text in series.get("values", ()))
    return [(when, value) for when, value in pairs if math.isfinite(value)]


def _told(message: str) -> QueryFailed:
    """The library puts status and body into one text: `HTTP Status Code 422 (b'{...}')`."""
    said = message[message.find("{") : message.rfind("}") + 1]
    code = next((int(word) for word in message.split() if word.isdigit()), None)
    words = error_of(said.encode()) or message
    if code in (401, 403):
        return QueryFailed(State.DENIED, f"Prometheus denies reading: {words}.", code=code)
    return refused(words, code)
