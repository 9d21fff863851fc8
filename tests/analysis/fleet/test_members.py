"""Registries read into one shape, and members held against the clusters that are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.fleet.members import RegisteredMember, endpoint, hosts, members
from meshtop.analysis.fleet.registries import registered, sync_states
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import HealthStatus, State
from meshtop.model.telemetry import Scalar, Telemetry
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from tests import worlds
from tests.analysis.fleet.objects import condition, lost, obj, secret, system, with_config

READY = condition("Ready", "True", "ClusterReady")
KUBEFED_OFFLINE = [condition("Offline", "True", "ClusterNotReachable"), condition("Ready", "False")]
OCM_READY = [
    condition(kind, "True")
    for kind in ("HubAcceptedManagedCluster", "ManagedClusterJoined", "ManagedClusterConditionAvailable")
]
KARMADA = "Cluster.cluster.karmada.io"
KUBESPHERE = "Cluster.cluster.kubesphere.io"


@pytest.mark.parametrize(
    ("kind", "spec", "status", "labels", "ready", "server", "ids"),
    [
        ("KubeFedCluster", {"apiEndpoint": "https://a"}, {"conditions": [READY]}, {}, True, "https://a", ()),
        ("KubeFedCluster", {"apiEndpoint": "https://a"}, {"conditions": KUBEFED_OFFLINE}, {}, False, "https://a", ()),
        ("KubeFedCluster", {}, {}, {}, None, "", ()),
        (KARMADA, {"id": "u1", "apiEndpoint": "https://b"}, {"conditions": [READY]}, {}, True, "https://b", ("u1",)),
        (KARMADA, {}, {"conditions": [condition("Ready", "Unknown")]}, {}, None, "", ()),
        (
            "ManagedCluster",
            {"managedClusterClientConfigs": [{"url": "https://c"}]},
            {"conditions": OCM_READY, "clusterClaims": [{"name": "id.k8s.io", "value": "u2"}]},
            {},
            True,
            "https://c",
            ("u2",),
        ),
        ("ManagedCluster", {}, {"conditions": OCM_READY[:2]}, {}, None, "", ()),
        ("ManagedCluster", {}, {"conditions": [condition("HubAcceptedManagedCluster", "False")]}, {}, False, "", ()),
        (
            KUBESPHERE,
            {"connection": {"type": "direct", "kubernetesAPIEndpoint": "https://d"}},
            {"uid": "u3", "conditions": [condition("Ready", "True")]},
            {},
            True,
            "https://d",
            ("u3",),
        ),
        (
            "ClusterProfile",
            {"displayName": "m"},
            {
                "conditions": [condition("ControlPlaneHealthy", "False")],
                "accessProviders": [{"name": "x", "cluster": {"server": "https://e"}}],
            },
            {},
            False,
            "https://e",
            (),
        ),
    ],
)
def test_each_registry_is_read_into_one_shape(
    kind: str,
    spec: dict[str, Any],
    status: dict[str, Any],
    labels: dict[str, str],
    ready: bool | None,
    server: str,
    ids: tuple[str, ...],
) -> None:
    inventory = Inventory(config={kind: (obj(kind, "m", spec=spec, status=status, labels=labels),)})
    (entry,) = registered("hub", inventory)
    assert (entry.name, entry.host, entry.ready, entry.server, entry.ids) == ("m", "hub", ready, server, ids)


_KEYS = [
    "conditions", "type", "status", "apiEndpoint", "id", "zones", "connection", "clusterClaims", "name", "value",
    "managedClusterClientConfigs", "url", "accessProviders", "cluster", "server", "properties", "uid", "secretRef",
]  # fmt: skip
_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.sampled_from(["KubeFedCluster", KARMADA, "ManagedCluster", KUBESPHERE, "ClusterProfile"]),
    st.dictionaries(st.sampled_from(_KEYS), _JUNK, max_size=6),
    st.dictionaries(st.sampled_from(_KEYS), _JUNK, max_size=6),
)
def test_whatever_people_write_is_never_an_error(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> None:
    inventory = Inventory(config={kind: (obj(kind, "m", spec=spec, status=status),)})
    (entry,) = registered("hub", inventory)
    assert entry.name == "m" or kind == "ClusterProfile"


def judged(*clusters: ClusterSnapshot) -> dict[tuple[str, str], RegisteredMember]:
    facts = {c.name: mesh_facts(c.inventory) for c in clusters if c.inventory is not None}
    return {(m.entry.registry, m.entry.name): m for m in members(clusters, facts)}


def codes(member: RegisteredMember) -> set[str]:
    return {finding.code for finding in member.findings}


def kubefed(name: str, server: str, *, ready: bool = True) -> Any:
    conditions = [READY] if ready else KUBEFED_OFFLINE
    return obj("KubeFedCluster", name, spec={"apiEndpoint": server}, status={"conditions": conditions})


def test_members_are_matched_by_endpoint_and_judged_by_both_sides() -> None:
    declared = (
        kubefed("one", "https://east.example:6443/"),
        kubefed("two", "HTTPS://West.example:6443", ready=False),
        kubefed("three", "https://nowhere.example"),
        kubefed("north", "https://north.example:443"),
    )
    east = with_config(worlds.east(), config={"KubeFedCluster": declared})
    found = judged(east, worlds.west(), worlds.north())
    one, two, three, north = (found["kubefed", name] for name in ("one", "two", "three", "north"))
    assert (one.cluster, one.state, codes(one)) == ("east", State.FRESH, set())
    assert (two.cluster, two.says.status) == ("west", HealthStatus.FAILING)
    assert codes(two) == {"MEMBER-NOT-READY", "MEMBER-DISAGREEMENT"}
    assert (three.cluster, three.state, codes(three)) == (None, State.NONE, {"MEMBER-UNREACHED"})
    assert (north.cluster, codes(north)) == ("north", {"MEMBER-DISAGREEMENT"})
    assert hosts(found.values()) == {"east"}


def test_a_uid_is_certain_and_beats_a_name() -> None:
    declared = (obj(KARMADA, "east", spec={"id": "uid-west"}, status={"conditions": [READY]}),)
    east = with_config(worlds.east(), config={KARMADA: declared}, namespaces=system("uid-east"))
    west = with_config(worlds.west(), namespaces=system("uid-west"))
    assert judged(east, west)["karmada", "east"].cluster == "west"


def test_members_with_a_way_of_their_own_stay_when_the_host_dies() -> None:
    declared = (kubefed("west", "https://west.example:6443"),)
    east = lost(with_config(worlds.east(), config={"KubeFedCluster": declared}))
    west = judged(east, worlds.west())["kubefed", "west"]
    assert (west.cluster, west.state) == ("west", State.FRESH)
    assert "MEMBER-HOST-GONE" in codes(west)
    assert "east" in next(f.message for f in west.findings if f.code == "MEMBER-HOST-GONE")


def test_clusters_that_no_registry_knows_are_said_where_there_is_a_registry() -> None:
    east = with_config(worlds.east(), config={"KubeFedCluster": (kubefed("east", "https://east.example:6443"),)})
    assert codes(judged(east, worlds.west())["", "west"]) == {"MEMBER-UNREGISTERED"}
    assert not judged(worlds.east(), worlds.west())


def synced(status: str) -> Telemetry:
    samples = tuple(
        Scalar("istiod_remote_cluster_sync_status", {"cluster": "west", "status": name}, float(name == status))
        for name in ("synced", "syncing", "timeout", "closed")
    )
    return Telemetry(at=worlds.AT, window_seconds=300.0, control=samples)


@pytest.mark.parametrize(("telemetry", "ready"), [(synced("synced"), True), (synced("timeout"), False), (None, None)])
def test_remote_secrets_are_members_whose_health_istiod_tells(telemetry: Telemetry | None, ready: bool | None) -> None:
    (entry,) = registered("east", Inventory(remote_secrets=(secret("west"),)), telemetry)
    assert (entry.registry, entry.name, entry.ready) == ("istio", "west", ready)


def test_of_two_replicas_the_one_that_is_not_synced_counts() -> None:
    both = Telemetry(at=0, window_seconds=1, control=(*synced("synced").control, *synced("timeout").control))
    assert sync_states(both) == {"west": "timeout"}


def test_a_remote_secret_means_the_cluster_of_that_id_in_its_mesh() -> None:
    east = with_config(worlds.east(), remote_secrets=(secret("west"),))
    assert judged(east, worlds.west())["istio", "west"].cluster == "west"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("https://A:443", "https://a/", True),
        ("https://a:6443", "https://a:6443/", True),
        ("https://a", "http://a", False),
        ("https://a/clusters/x", "https://a/clusters/y", False),
    ],
)
def test_endpoints_are_compared_by_what_they_reach(left: str, right: str, same: bool) -> None:
    assert (endpoint(left) == endpoint(right)) is same


def test_what_is_no_url_is_no_endpoint() -> None:
    assert endpoint("nonsense") == endpoint("https://a:not-a-port") == ""


def test_clusters_say_whether_they_are_hosts_and_members() -> None:
    declared = (kubefed("west", "https://west.example:6443"),)
    east = with_config(worlds.east(), config={"KubeFedCluster": declared})
    picture = Picture(worlds.world(east, worlds.west()))
    roles = {item.name: item.roles for item in view("clusters").all_items(picture)}
    assert "host" in roles["east"]
    assert "member" not in roles["east"]
    assert "member" in roles["west"]
