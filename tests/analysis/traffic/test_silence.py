"""No data is not no traffic: a Prometheus that answers without a single series of a proxy says nothing."""

from __future__ import annotations

from msgspec.structs import replace

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.kube import Namespace, Pod
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import Labels, Sample, Scalar
from tests import worlds


def silent(name: str = "east") -> ClusterSnapshot:
    """A cluster whose Prometheus knows its istiod only."""
    cluster = worlds.cluster(name, [])
    assert cluster.telemetry is not None
    return replace(cluster, telemetry=replace(cluster.telemetry, control=(Scalar("pilot_info", {}, 1.0),)))


def without_proxies(cluster: ClusterSnapshot, **more: object) -> ClusterSnapshot:
    assert cluster.inventory is not None
    pods = tuple(replace(pod, containers=pod.containers[:1]) for pod in cluster.inventory.pods)
    return replace(cluster, inventory=replace(cluster.inventory, pods=pods, **more))


def state_of(*clusters: ClusterSnapshot) -> State | Silence:
    return telemetry_states(clusters)[clusters[0].name]


def test_an_answer_without_a_series_of_a_proxy_is_no_data() -> None:
    assert telemetry_states([silent(), worlds.west()]) == {"east": Silence.NO_DATA, "west": State.FRESH}


def test_one_series_at_rest_is_enough_to_know_of_no_traffic() -> None:
    assert state_of(worlds.cluster("east", [worlds.request("east/web", "east/v1", 0.0)])) is State.FRESH


def test_tcp_of_a_ztunnel_is_telemetry_too() -> None:
    cluster = silent()
    assert cluster.telemetry is not None
    for field in ("tcp_opened", "tcp_sent", "tcp_received"):
        told = replace(cluster.telemetry, **{field: (Sample(Labels(reporter="source"), 0.0),)})
        assert state_of(replace(cluster, telemetry=told)) is State.FRESH


def test_a_cluster_without_proxies_has_none_to_miss() -> None:
    assert state_of(without_proxies(silent())) is State.FRESH


def test_pods_in_ambient_have_a_proxy_and_a_ztunnel_alone_has_nobody_to_report_on() -> None:
    ambient = Namespace(meta=worlds.meta("shop", labels={"istio.io/dataplane-mode": "ambient"}))
    assert state_of(without_proxies(silent(), namespaces=(ambient,))) is Silence.NO_DATA
    bare = without_proxies(silent())
    assert bare.inventory is not None
    proxy = worlds.deployment("istio-system", "ztunnel", "v1")[1][0]
    ztunnel = Pod(meta=proxy.meta, phase="Running", ready=True, containers=proxy.containers[1:])
    assert state_of(replace(bare, inventory=replace(bare.inventory, pods=(ztunnel,)))) is State.FRESH


def test_what_was_not_answered_has_its_own_word() -> None:
    first = replace(silent(), telemetry=None, prometheus=SourceStatus())
    assert state_of(first) is State.NONE
    for state in (State.STALE, State.PARTIAL, State.UNREACHABLE, State.DENIED):
        assert state_of(replace(silent(), prometheus=SourceStatus(state=state))) is state


def test_proxies_that_another_prometheus_hears_are_known_unless_two_clusters_share_their_name() -> None:
    hub = worlds.cluster("west", [worlds.request("west/web", "east/v1", 1.0)])
    assert state_of(silent(), hub) is State.FRESH
    only_a_caller = worlds.cluster("west", [worlds.request("east/web", "west/v1", 1.0)])
    assert state_of(silent(), only_a_caller) is Silence.NO_DATA
    same_id = replace(hub, inventory=silent().inventory)
    assert state_of(replace(silent(), name="edge"), same_id) is Silence.NO_DATA
