"""Objects of any shape: they are read as far as they make sense, and never stop the answer for the others."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtop.analysis.security.mtls.mesh import MeshTls
from tests.analysis.security.mtls.meshes import edge, member, service, workload
from tests.analysis.security.mtls.objects import config

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["api", "STRICT"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mode", "tls", "mtls", "host", "name", "labels", "matchLabels", "number", "port", "hosts", "route"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = {
    "DestinationRule": ("host", "subsets", "trafficPolicy", "exportTo", "workloadSelector"),
    "PeerAuthentication": ("mtls", "portLevelMtls", "selector"),
    "VirtualService": ("hosts", "http", "tcp", "tls", "exportTo", "gateways"),
    "ServiceEntry": ("hosts", "ports", "location", "resolution", "exportTo", "workloadSelector"),
    "Sidecar": ("egress", "workloadSelector"),
    "WorkloadEntry": ("labels", "serviceAccount", "address"),
}


@st.composite
def odd(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(sorted(FIELDS)))
    spec = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS[kind], JUNK)))
    if kind == "DestinationRule" and draw(st.booleans()):
        spec = {**spec, "host": "api", "trafficPolicy": {"tls": draw(JUNK), "portLevelSettings": draw(JUNK)}}
    return config(kind, draw(st.sampled_from(["shop", "front", "istio-system"])), "odd", spec)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(odd(), max_size=4))
def test_nothing_that_people_write_stops_the_judgement(objects: list[Any]) -> None:
    web, api = workload("web", "front"), workload("api-v1", version="v1")
    east = member(workloads=(web, api), services=(service("api"),), config=tuple(objects))
    (found, *_) = MeshTls([east]).edge(edge(web, api))
    assert found.why
