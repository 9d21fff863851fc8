"""Less evidence never makes another claim: an answer stays as it was, or becomes unknown.

Worlds are taken apart kind by kind, as where an account may not read them, put together in any order and under other
names; what is said of identity, mutual TLS, trust and who sees what is compared before and after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from meshtop.model.kube import ConfigObject, Container, Controller, Inventory, Meta, Namespace, Pod, RemoteSecret
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.views.kinds.mtls import VIEW as MTLS
from meshtop.views.kinds.mtlsedges import VIEW as MTLS_EDGES
from meshtop.views.kinds.trust import VIEW as TRUST
from meshtop.views.picture.picture import Picture
from tests import worlds
from tests.analysis.security.test_anchors import made
from tests.worlds import request

NAMES = ("east", "west", "north")
KINDS = (
    "Namespace", "Service", "EndpointSlice", "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ConfigMap",
    "Secret", "MutatingWebhookConfiguration", "PeerAuthentication", "DestinationRule", "VirtualService", "ServiceEntry",
    "Sidecar", "WorkloadEntry",
)  # fmt: skip
CONFIG = KINDS[11:]


def istiod(cluster: str, environment: Mapping[str, str]) -> tuple[Controller, Pod]:
    labels = {"app": "istiod", "istio.io/rev": "default"}
    meta = Meta(name="istiod", namespace="istio-system", labels=labels)
    containers = (Container("discovery", "istio/pilot:1.30.1"),)
    return (
        Controller(kind="Deployment", meta=meta, desired=1, ready=1, containers=containers,
                   environment={"CLUSTER_ID": cluster, **environment}),
        Pod(meta=structs.replace(meta, name="istiod-x-1"), phase="Running", ready=True, containers=containers),
    )  # fmt: skip


def policy(kind: str, namespace: str, spec: dict[str, Any], group: str = "networking.istio.io") -> ConfigObject:
    return ConfigObject(group=group, version="v1", kind=kind, meta=worlds.meta("default", namespace), spec=spec)


PA = "security.istio.io"
OBJECTS = (
    policy("PeerAuthentication", "shop", {"mtls": {"mode": "STRICT"}}, PA),
    policy("PeerAuthentication", "istio-system", {"mtls": {"mode": "STRICT"}}, PA),
    policy("PeerAuthentication", "shop", {"mtls": {"mode": "DISABLE"}}, PA),
    policy("DestinationRule", "shop", {"host": "reviews", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}),
    policy("DestinationRule", "shop", {"host": "reviews", "exportTo": ["."],
                                       "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}),
    policy("Sidecar", "shop", {"egress": [{"hosts": ["istio-system/*"]}]}),
)  # fmt: skip


@cache
def root(name: str, copy: int = 0) -> str:
    return made(name, copy=copy)


class Recipe(Struct, frozen=True, kw_only=True):
    """What one cluster is made of: short enough to be read where a test fails."""

    name: str
    calls: frozenset[tuple[str, str]] = frozenset()
    objects: tuple[int, ...] = ()
    mesh: tuple[tuple[str, Any], ...] | None = None
    roots: tuple[tuple[str, int], ...] = ()
    plane: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    injector: bool = False
    kubeconfig: str = ""
    served_by: str = ""
    spire: bool = False
    remotes: frozenset[str] = frozenset()

    def made(self) -> ClusterSnapshot:
        """The cluster, of which everything was read."""
        samples = [request(f"{self.name}/web", f"{to}/v1", 10.0, reporter=side) for to, side in sorted(self.calls)]
        base = worlds.cluster(self.name, samples)
        inventory = base.inventory
        assert inventory is not None
        config: dict[str, tuple[ConfigObject, ...]] = {}
        for number in self.objects:
            obj = OBJECTS[number]
            config[obj.kind] = (*config.get(obj.kind, ()), obj)
        maps = {} if self.mesh is None else {"istio-system/istio": {"mesh": json.dumps(dict(self.mesh))}}
        if self.roots:
            maps["istio-system/istio-ca-root-cert"] = {"root-cert.pem": "".join(root(*one) for one in self.roots)}
        planes = [istiod(self.name, dict(self.environment))] if self.plane else []
        secrets = [
            RemoteSecret(meta=Meta(name=f"istio-remote-secret-{other}", namespace="istio-system"), cluster_id=other)
            for other in sorted(self.remotes)
        ]
        if self.kubeconfig:
            meta = Meta(name="istio-kubeconfig", namespace="istio-system")
            secrets.append(RemoteSecret(meta=meta, cluster_id=self.kubeconfig))
        injector = Meta(name="istio-sidecar-injector", labels={"istio.io/rev": "default"})
        served = {"topology.istio.io/controlPlaneClusters": self.served_by} if self.served_by else {}
        drivers = ("csi.spiffe.io",) if self.spire else ()
        whole = structs.replace(
            inventory,
            config=config,
            config_maps=maps,
            namespaces=(
                Namespace(meta=Meta(name="shop")),
                Namespace(meta=Meta(name="istio-system", annotations=served)),
            ),
            pods=(
                *(structs.replace(pod, csi_drivers=drivers) for pod in inventory.pods),
                *(pod for _, pod in planes),
            ),
            controllers=(*inventory.controllers, *(plane for plane, _ in planes)),
            remote_secrets=tuple(secrets),
            webhooks=(injector,) if self.injector else (),
        )
        return structs.replace(base, inventory=whole)


MESHES = st.dictionaries(st.sampled_from(["rootNamespace", "trustDomain", "defaultConfig", "exports"]),
                         st.sampled_from(["one", "two"]), max_size=4)  # fmt: skip


def mesh_config(chosen: Mapping[str, str]) -> tuple[tuple[str, Any], ...]:
    """A MeshConfig of the chosen settings."""
    found: dict[str, Any] = {}
    for setting, value in chosen.items():
        if setting == "rootNamespace":
            found[setting] = "istio-system"
        elif setting == "trustDomain":
            found[setting] = f"{value}.org"
        elif setting == "defaultConfig":
            found[setting] = {"meshId": value}
        else:
            found["defaultDestinationRuleExportTo"] = ["."]
    return tuple(found.items())


def serving(others: list[str]) -> list[tuple[tuple[str, str], ...]]:
    """The variables of an istiod that serves other clusters: a primary, or one of another cluster's configuration."""
    primary, watcher = ("EXTERNAL_ISTIOD", "true"), ("LOCAL_CLUSTER_SECRET_WATCHER", "true")
    return [(primary,), *((primary, ("CLUSTER_ID", o)) for o in others),
            *((primary, watcher, ("CLUSTER_ID", o)) for o in others)]  # fmt: skip


def recipes(name: str) -> st.SearchStrategy[Recipe]:
    """A cluster with or without a control plane, and with any settings, roots, rules, links and calls."""
    others = [other for other in NAMES if other != name]
    return st.builds(
        Recipe,
        name=st.just(name),
        calls=st.frozensets(st.tuples(st.sampled_from(NAMES), st.sampled_from(["source", "destination"]))),
        objects=st.lists(st.integers(0, len(OBJECTS) - 1), unique=True).map(tuple),
        mesh=st.none() | MESHES.map(mesh_config),
        roots=st.sampled_from([(), (("A", 0),), (("A", 1),), (("B", 0),), (("A", 0), ("B", 0))]),
        plane=st.booleans(),
        environment=st.sampled_from([(), *serving(others)]),
        injector=st.booleans(),
        kubeconfig=st.sampled_from(["", *others]),
        served_by=st.sampled_from(["", *others]),
        spire=st.booleans(),
        remotes=st.frozensets(st.sampled_from(others)),
    )


Fleet = tuple[ClusterSnapshot, ...]


FLEETS = st.tuples(*map(recipes, NAMES))
FIELDS = {
    "Namespace": "namespaces", "Service": "services", "EndpointSlice": "endpoint_slices", "Pod": "pods",
    "ConfigMap": "config_maps", "Secret": "remote_secrets", "MutatingWebhookConfiguration": "webhooks",
}  # fmt: skip


def without(cluster: ClusterSnapshot, kind: str) -> ClusterSnapshot:
    """The cluster as it is read by an account that may not list a kind."""
    inventory = cluster.inventory
    assert inventory is not None
    changes: dict[str, Any] = {
        "kinds": tuple(
            structs.replace(one, state="denied", count=0) if one.kind == kind else one for one in inventory.kinds
        )
    }
    if kind in FIELDS:
        changes[FIELDS[kind]] = {} if kind == "ConfigMap" else ()
    elif kind in CONFIG:
        changes["config"] = {name: objects for name, objects in inventory.config.items() if name != kind}
    else:
        changes["controllers"] = tuple(c for c in inventory.controllers if c.kind != kind)
    return structs.replace(cluster, inventory=structs.replace(inventory, **changes))


FOLLOWS = frozenset({"one mesh", "obeys", "mode", "outcome", "mesh_id", "trust_domain", "root_namespace", "auto_mtls",
                     "cluster_domain", "trust"})  # fmt: skip
UNKNOWN = frozenset({None, "unknown", "UNKNOWN"})


def claims(fleet: Fleet, names: Mapping[str, str] | None = None) -> dict[Any, object]:
    """What is said of meshes, trust, policies and calls; clusters go by their names before they got others."""
    names = names or {}
    picture = Picture(worlds.world(*fleet))

    def was(name: str) -> str:
        return names.get(name, name)

    found: dict[Any, object] = {}
    for left, right in combinations([c.name for c in fleet], 2):
        found["one mesh", frozenset((was(left), was(right)))] = picture.meshes.same(left, right)
    for cluster in fleet:
        facts = picture.facts[cluster.name]
        for fact in ("cluster_id", "mesh_id", "trust_domain", "root_namespace", "auto_mtls", "cluster_domain"):
            found[fact, was(cluster.name)] = getattr(facts, fact)
        obeyed = facts.obeys.cluster if facts.obeys is not None else None
        found["obeys", was(cluster.name)] = obeyed and was(obeyed)
    for pair in TRUST.all_items(picture):
        found["trust", frozenset((was(pair.left), was(pair.right)))] = pair.trusted.value
    for item in MTLS.all_items(picture):
        declared = item.declared.mode
        found["mode", was(item.cluster), item.namespace, item.workload] = declared and str(declared)
    for edge in MTLS_EDGES.all_items(picture):
        ends = (edge.source, edge.destination)
        key = tuple((was(end.cluster), end.namespace, end.workload) for end in ends)
        found["outcome", key, edge.protocol, edge.port] = edge.outcome.value
    return found


MORE_OR_LESS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


OUTSIDE = Recipe(
    name="north",
    plane=True,
    environment=(("EXTERNAL_ISTIOD", "true"), ("LOCAL_CLUSTER_SECRET_WATCHER", "true"), ("CLUSTER_ID", "west")),
)
"""An istiod that reads the cluster `west` from outside."""
SERVED = Recipe(name="east", mesh=mesh_config({"rootNamespace": "one", "trustDomain": "one"}), served_by="west")


@example((SERVED, Recipe(name="west", plane=True), Recipe(name="north")), "east", ["Namespace"])
@example((Recipe(name="east"), Recipe(name="west", served_by="east"), OUTSIDE), "west", ["ConfigMap"])
@given(FLEETS, st.sampled_from(NAMES), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True))
@MORE_OR_LESS
def test_what_is_no_longer_read_never_makes_another_claim(
    parts: tuple[Recipe, ...], where: str, kinds: list[str]
) -> None:
    fleet = tuple(part.made() for part in parts)
    less = list(fleet)
    for kind in kinds:
        less = [without(cluster, kind) if cluster.name == where else cluster for cluster in less]
    before, after = claims(fleet), claims(tuple(less))
    # The one rule by which less says more: a link joins clusters of which one does not say its mesh (that two meshes
    # are linked as istiod links one is not expected). Whom a cluster then obeys follows from that.
    joined = any(key[0] == "one mesh" and before[key] is not True and now is True for key, now in after.items())
    changed = {
        key: (before[key], now)
        for key, now in after.items()
        if key in before and now != before[key] and now not in UNKNOWN and not (joined and key[0] in FOLLOWS)
    }
    assert changed == {}


@given(FLEETS, st.permutations(range(len(NAMES))))
@MORE_OR_LESS
def test_merging_in_any_order_says_the_same(parts: tuple[Recipe, ...], order: list[int]) -> None:
    fleet = tuple(part.made() for part in parts)
    assert claims(tuple(fleet[i] for i in order)) == claims(fleet)


@given(FLEETS)
@MORE_OR_LESS
def test_other_names_for_contexts_change_nothing_but_names(parts: tuple[Recipe, ...]) -> None:
    """Where every cluster says its id, its context's name is nothing to go by.

    One of whose istiod it is not known whom it serves says none.
    """
    said = []
    for cluster in (structs.replace(part, environment=()).made() for part in parts):
        assert cluster.inventory is not None
        named = {"values": json.dumps({"global": {"multiCluster": {"clusterName": cluster.name}}})}
        maps = {**cluster.inventory.config_maps, "istio-system/values": named}
        said.append(structs.replace(cluster, inventory=structs.replace(cluster.inventory, config_maps=maps)))
    renamed = tuple(structs.replace(c, name=f"ctx/{c.name}", context=f"ctx/{c.name}") for c in said)
    assert claims(renamed, {c.name: c.name.removeprefix("ctx/") for c in renamed}) == claims(tuple(said))


def test_an_unread_cluster_is_no_cluster_without_a_mesh() -> None:
    bare = structs.replace(worlds.cluster("east", []), inventory=Inventory(kinds=worlds.all_read()))
    silent = worlds.north()
    assert Picture(worlds.world(worlds.cluster("west", []), bare)).meshes.same("west", "east") is False
    assert Picture(worlds.world(worlds.west(), silent)).meshes.same("west", "north") is None


@pytest.mark.parametrize("kind", KINDS)
def test_taking_a_kind_away_takes_all_of_it(kind: str) -> None:
    gone = without(worlds.east(), kind).inventory
    assert gone is not None
    assert not gone.evidence(kind).known
