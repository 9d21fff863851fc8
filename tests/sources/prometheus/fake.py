"""A Prometheus API over a real socket whose every answer a test decides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from meshtop.model.kube import Meta, Service, ServicePort
from meshtop.model.state import State
from meshtop.model.telemetry import Telemetry
from meshtop.settings.schema import HttpEndpoint
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.series import SeriesReader
from meshtop.sources.prometheus.source import PrometheusSource

Decide = Callable[[str], Any]
NOW = 1_700_000_000.0


def series(value: str = "1", **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [NOW, value]}


def vector(*result: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(result)}, **more}


def refusal(message: str, status: int = 422) -> Response:
    return Response(json.dumps({"status": "error", "errorType": "execution", "error": message}), status)


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: str


class FakePrometheus:
    """Answers instant queries below any path by `decide`, and remembers what it was asked.

    Requests come at the same time: an answer that depends on more than the query sets `answer`, never looks at the
    last of `asked`.
    """

    def __init__(self, server: HTTPServer, decide: Decide) -> None:
        self.server = server
        self.decide = decide
        self.answer: Callable[[Asked], Any] = lambda asked: self.decide(asked.query)
        self.asked: list[Asked] = []
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    @property
    def queries(self) -> list[str]:
        return [query for _, _, query in self.asked]

    def wire(self) -> DirectWire:
        """A connection to this server, standing for the API server's."""
        return DirectWire(HttpEndpoint(url=self.server.url_for("/")), name="east", timeout=5.0)

    def _answer(self, request: Request) -> Response:
        query = (request.form if request.method == "POST" else request.args).get("query", "")
        asked = Asked(request.method, request.path, query)
        self.asked.append(asked)
        said = self.answer(asked)
        if isinstance(said, Response):
            return said
        if isinstance(said, bytes | str):
            return Response(said, 200, content_type="application/json")
        return Response(json.dumps(said), 200, content_type="application/json")


def state_of(source: PrometheusSource) -> State:
    """The state at this moment; a call, because it changes behind a type checker's back."""
    return source.status.state


def telemetry_of(source: SeriesReader) -> Telemetry:
    """The telemetry at this moment."""
    assert source.telemetry is not None
    return source.telemetry


def service(namespace: str, name: str, *ports: int | tuple[str, int], **labels: str) -> Service:
    """A Service; label names are written with _ for - and . after app.kubernetes.io."""
    return Service(
        meta=Meta(
            name=name,
            namespace=namespace,
            labels={key.replace("app_name", "app.kubernetes.io/name"): value for key, value in labels.items()},
        ),
        cluster_ip="10.0.0.1",
        ports=tuple(ServicePort(port) if isinstance(port, int) else ServicePort(port[1], port[0]) for port in ports),
    )


PROMETHEUS = service("istio-system", "prometheus", 9090)
