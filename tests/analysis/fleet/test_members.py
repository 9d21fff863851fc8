"""Registries read into one shape, and members held against the clusters that are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.fleet.members import RegisteredMember, endpoint, hosts, registered_members
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
        ("KubeFedCluster", {}, {"conditions": [condition("Offline", "True"), READY]}, {}, False, "", ()),
        ("KubeFedCluster", {}, {}, {}, None, "", ()),
        (KARMADA, {}, {}, {}, None, "", ()),
        (KARMADA, {}, {"conditions": [condition("Ready", "False")]}, {}, False, "", ()),
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
    assert entry.name == "m"


def judged(*clusters: ClusterSnapshot) -> dict[tuple[str, str], RegisteredMember]:
    facts = {c.name: mesh_facts(c.inventory) for c in clusters if c.inventory is not None}
    return {(m.entry.registry, m.entry.name): m for m in registered_members(clusters, facts)}


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


def profile(name: str, namespace: str = "fleet", **properties: str) -> Any:
    told = [{"name": key.replace("_", "."), "value": value} for key, value in properties.items()]
    status = {"conditions": [condition("ControlPlaneHealthy", "True")], "properties": told}
    return obj("ClusterProfile", name, namespace, spec={"displayName": "Production"}, status=status)


def test_profiles_are_known_by_their_objects_names_and_not_by_those_for_people() -> None:
    hub = with_config(worlds.east(), config={"ClusterProfile": (profile("west"), profile("north"))})
    found = judged(hub, worlds.west(), worlds.north())
    assert {key[1]: m.cluster for key, m in found.items()} == {"west": "west", "north": "north"}
    assert {m.entry.display_name for m in found.values()} == {"Production"}


def test_profiles_of_one_name_in_two_namespaces_are_two() -> None:
    hub = with_config(worlds.east(), config={"ClusterProfile": (profile("west", "a"), profile("west", "b"))})
    found = judged(hub, worlds.west())
    assert {key[1]: m.cluster for key, m in found.items()} == {"a/west": "west", "b/west": "west"}


@pytest.mark.parametrize(
    ("value", "cluster"),
    [
        ("west", "west"),
        ("11111111-2222-3333-4444-555555555555", "west"),
        ("99999999-2222-3333-4444-555555555555", None),
    ],
)
@pytest.mark.parametrize("kind", ["ClusterProfile", "ManagedCluster"])
def test_the_id_in_properties_is_a_uid_or_a_name(kind: str, value: str, cluster: str | None) -> None:
    told = [{"name": "cluster.clusterset.k8s.io", "value": value}]
    declared = obj(kind, "m-1", status={"properties": told, "clusterClaims": told})
    hub = with_config(worlds.east(), config={kind: (declared,)})
    west = with_config(worlds.west(), namespaces=system("11111111-2222-3333-4444-555555555555"))
    assert next(m for (_, name), m in judged(hub, west).items() if name == "m-1").cluster == cluster


def test_of_clusters_behind_one_url_the_one_of_that_name_is_meant() -> None:
    declared = (kubefed("north", "https://proxy.example"), kubefed("other", "https://proxy.example"))
    east = with_config(worlds.east(), config={"KubeFedCluster": declared})
    behind = [structs.replace(c, server="https://proxy.example") for c in (worlds.west(), worlds.north())]
    found = judged(east, *behind)
    assert (found["kubefed", "north"].cluster, found["kubefed", "other"].cluster) == ("north", None)


@pytest.mark.parametrize(
    ("kind", "conditions"),
    [
        (KARMADA, [READY, condition("CompleteAPIEnablements", "False")]),
        ("ManagedCluster", [*OCM_READY, condition("ManagedClusterClockSynced", "False")]),
        ("ClusterProfile", [condition("ControlPlaneHealthy", "True"), condition("Joined", "False")]),
        (KUBESPHERE, [READY, condition("KSCoreReady", "False")]),
        (KUBESPHERE, [READY, condition("KubeConfigCertExpiresInSevenDays", "True")]),
    ],
)
def test_what_is_wrong_beside_ready_is_a_warning(kind: str, conditions: list[dict[str, str]]) -> None:
    east = with_config(worlds.east(), config={kind: (obj(kind, "west", status={"conditions": conditions}),)})
    west = next(m for (_, name), m in judged(east, worlds.west()).items() if name == "west")
    assert (west.says.status, codes(west)) == (HealthStatus.DEGRADED, {"MEMBER-CONDITION"})


@pytest.mark.parametrize(
    ("kind", "conditions", "expected"),
    [
        ("ManagedCluster", [*OCM_READY[:2], condition(OCM_READY[2]["type"], "Unknown")], {"MEMBER-DISAGREEMENT"}),
        (KARMADA, [condition("Ready", "Unknown")], {"MEMBER-DISAGREEMENT"}),
        (KARMADA, [], set()),
    ],
)
def test_a_registry_that_no_longer_hears_from_a_member_that_answers(
    kind: str, conditions: list[dict[str, str]], expected: set[str]
) -> None:
    east = with_config(worlds.east(), config={kind: (obj(kind, "west", status={"conditions": conditions}),)})
    west = next(m for (_, name), m in judged(east, worlds.west()).items() if name == "west")
    assert (west.says.status, codes(west)) == (HealthStatus.UNKNOWN, expected)


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
