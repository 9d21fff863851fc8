"""The counts of several routes in one answer: each finds its own series, in the order in which they were told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.canary.tally import SeriesByHost
from meshtop.model.canary import RouteCounts
from meshtop.model.telemetry import Labels, Sample

HOSTS = ("reviews.shop.svc.cluster.local", "Ratings.shop.svc.cluster.local:9080", "api.example.com", "")
SAMPLES = st.builds(
    Sample,
    st.builds(
        Labels,
        reporter=st.sampled_from(("source", "destination", "waypoint", "ztunnel", "")),
        destination_service=st.sampled_from(HOSTS),
    ),
    st.floats(0, 1e6),
)


def told(counts: RouteCounts, hosts: frozenset[str]) -> list[tuple[str, Sample]]:
    """What a route of these hosts looks at, by going through all series."""
    kinds = (("request", counts.requests), ("connection", counts.connections), ("duration", counts.buckets))
    return [
        (sort, sample)
        for sort, samples in kinds
        for sample in samples
        if sample.labels.reporter in ("source", "destination", "waypoint")
        and sample.labels.destination_service.lower().partition(":")[0] in hosts
    ]


@given(
    *[st.lists(SAMPLES, max_size=8).map(tuple)] * 3,
    st.sets(st.sampled_from([host.lower().partition(":")[0] for host in HOSTS])),
)
def test_a_host_s_series_are_those_that_going_through_all_of_them_finds(
    requests: tuple[Sample, ...],
    connections: tuple[Sample, ...],
    buckets: tuple[Sample, ...],
    hosts: set[str],
) -> None:
    counts = RouteCounts(labels=(), since=0.0, at=60.0, requests=requests, connections=connections, buckets=buckets)
    found = SeriesByHost(counts).of(frozenset(hosts))
    assert [(sort, Sample(labels, value)) for _, sort, labels, value in found] == told(counts, frozenset(hosts))
