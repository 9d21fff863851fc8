"""What the detail of an edge tells of proxies' other metrics: hosts behind catch-alls, bytes, gRPC messages."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from meshtop.model.telemetry import Sample
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds


def detail_of(samples: list[Sample], **fields: tuple[Sample, ...]) -> dict[str, dict[str, str]]:
    """The sections of the detail of the only edge of these samples: the text of each fact."""
    base = worlds.cluster("east", samples)
    assert base.telemetry is not None
    cluster = structs.replace(base, telemetry=structs.replace(base.telemetry, **fields))
    picture = Picture(worlds.world(cluster))
    edges = view("edges")
    (item,) = edges.items(picture, Query())
    found = edges.detail(picture, item, edges.key(item))
    return {s.title: {fact.label: fact.cell.text for fact in s.facts} for s in found.sections}


def call(rate: float, **labels: Any) -> Sample:
    made = worlds.request("east/web", "east/v1", rate, reporter="source")
    return structs.replace(made, labels=structs.replace(made.labels, **labels))


CATCH = {
    "destination_service_name": "PassthroughCluster", "destination_service_namespace": "unknown",
    "destination_workload": "unknown", "destination_workload_namespace": "unknown", "destination_cluster": "unknown",
    "destination_canonical_service": "unknown",
}  # fmt: skip


def test_hosts_behind_a_catch_all_are_named_with_their_rates() -> None:
    sections = detail_of([
        call(2, **CATCH, destination_service="api.example.org"),
        call(1, **CATCH, destination_service="api.example.org", response_code="503"),
        call(7, **CATCH, destination_service="203.0.113.9:8080"),
        call(4, **CATCH, destination_service="unknown"),
    ])  # fmt: skip
    assert sections["Hosts"] == {"203.0.113.9:8080": "7/s", "api.example.org": "3/s"}
    many = detail_of([call(n + 1, **CATCH, destination_service=f"h{n}.example.org") for n in range(25)])["Hosts"]
    assert len(many) == 21
    assert many[""] == "and 5 more"


def test_other_edges_have_no_hosts() -> None:
    assert "Hosts" not in detail_of([call(2)])


def test_bytes_and_messages_of_a_call_are_told() -> None:
    grpc = {"request_protocol": "grpc", "grpc_response_status": "0"}
    sections = detail_of(
        [call(5, **grpc)],
        request_bytes_sum=(call(1500, **grpc),),
        response_bytes_sum=(call(3000, **grpc),),
        request_messages=(call(50, **grpc),),
        response_messages=(call(60, **grpc),),
    )
    volume = sections["Volume"]
    assert volume["throughput"] == "1.50kB/s of requests, 3kB/s of responses"
    assert volume["messages"] == "50/s sent, 60/s received"
