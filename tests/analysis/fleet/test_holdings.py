"""What federations put where, in the shapes of their own objects, held against what their members have."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.fleet.federated import declarations
from meshtop.analysis.fleet.holdings import FederatedObject, HoldingState, held
from meshtop.model.constants import FEDERATED_KINDS
from meshtop.model.kube import ConfigObject, Controller, Inventory, KindStatus, Meta, Namespace
from meshtop.sources.kubernetes.kinds import REGISTRIES
from tests.analysis.fleet.objects import condition, obj

POLICY = obj("PeerAuthentication", "default", "shop", group="security.istio.io")
HAVING = Inventory(config={"PeerAuthentication": (POLICY,)})
LACKING = Inventory(config={"PeerAuthentication": ()})
NAMES = {"kubefed": ("a", "b", "c"), "karmada": ("a", "b", "c"), "ocm": ("a", "b", "c")}


def of(*objects: ConfigObject, **clusters: Inventory | None) -> tuple[FederatedObject, ...]:
    """What a hub with these objects propagates; members go by the names of their clusters, `c` is read by nobody."""
    config: dict[str, tuple[ConfigObject, ...]] = {}
    for one in objects:
        config[one.kind] = (*config.get(one.kind, ()), one)
    found = declarations(Inventory(config=config), NAMES)
    return held("hub", found, lambda registry, member: member if member in clusters else None, clusters)


def states(found: FederatedObject) -> dict[str, str]:
    return {one.member: one.state.value for one in found.members}


def federated(placement: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any) -> ConfigObject:
    return obj("FederatedPeerAuthentication", "default", "shop", spec={"placement": placement, **spec}, status=status)


EVERYONE = {"clusters": [{"name": name} for name in "abc"]}


def test_of_kubefed_each_member_is_told_by_its_cluster_and_its_registry() -> None:
    status = {
        "conditions": [condition("Propagation", "False", "CheckClusters")],
        "clusters": [{"name": "a"}, {"name": "b", "status": "CreationFailed"}, {"name": "gone"}],
    }
    overrides = [{"clusterName": "a", "clusterOverrides": [{"path": "/spec/mtls/mode", "value": "PERMISSIVE"}]}]
    (found,) = of(federated(EVERYONE, status, overrides=overrides), a=HAVING, b=LACKING)
    assert (found.registry, found.host, found.kind, found.namespace, found.name) == (
        "kubefed", "hub", "PeerAuthentication", "shop", "default",
    )  # fmt: skip
    assert states(found) == {"a": "there", "b": "failed", "c": "unknown", "gone": "left"}
    assert found.wants == ("a", "b", "c")
    a, b, c, _ = found.members
    assert (a.says, a.overrides) == ("OK", ("/spec/mtls/mode",))
    assert (b.says, b.why, b.overrides) == ("CreationFailed", "CreationFailed", ())
    assert (c.says, c.why, c.cluster) == (None, "no context leads to it", None)
    assert found.problems == ("Propagation is False (CheckClusters)",)
    assert found.chosen_by == ("named",)


def test_a_registry_that_believes_all_is_well_does_not_hide_what_is_missing() -> None:
    status = {"clusters": [{"name": "a"}, {"name": "b"}]}
    (found,) = of(federated({"clusters": [{"name": "a"}, {"name": "b"}]}, status), a=HAVING, b=LACKING)
    assert states(found) == {"a": "there", "b": "missing"}


def test_of_karmada_the_binding_says_it_and_names_its_policy() -> None:
    binding = ConfigObject(
        group="work.karmada.io", version="v1alpha2", kind="ResourceBinding",
        meta=Meta(name="web-deployment", namespace="shop", annotations={
            "propagationpolicy.karmada.io/name": "web", "propagationpolicy.karmada.io/namespace": "shop"}),
        spec={
            "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "clusters": [{"name": "a", "replicas": 2}, {"name": "b", "replicas": 1}, {"name": "c"}],
        },
        status={
            "conditions": [condition("FullyApplied", "False", "FullyAppliedFailed")],
            "aggregatedStatus": [
                {"clusterName": "a", "applied": True, "health": "Healthy"},
                {"clusterName": "b", "applied": True, "health": "Unhealthy"},
                {"clusterName": "c", "applied": False, "appliedMessage": "quota"},
            ],
        },
    )  # fmt: skip
    override = obj(
        "OverridePolicy",
        "west",
        "shop",
        spec={
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "overrideRules": [
                {
                    "targetCluster": {"clusterNames": ["b"]},
                    "overriders": {"plaintext": [{"path": "/spec/replicas"}], "imageOverrider": [{}]},
                }
            ],
        },
    )
    elsewhere = obj("OverridePolicy", "west", "other", spec=override.spec)
    running = Inventory(controllers=(Controller(kind="Deployment", meta=Meta(name="web", namespace="shop")),))
    (found,) = of(binding, override, elsewhere, a=running, b=running)
    assert states(found) == {"a": "there", "b": "failed", "c": "failed"}
    assert [one.says for one in found.members] == ["applied", "applied, unhealthy", "quota"]
    assert [one.overrides for one in found.members] == [(), ("/spec/replicas", "/images"), ()]
    assert found.chosen_by == ("PropagationPolicy shop/web",)
    assert found.sources == ("ResourceBinding shop/web-deployment",)


def work(member: str, *told: dict[str, Any], **labels: str) -> ConfigObject:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    status = {"resourceStatus": {"manifests": list(told)}}
    return obj(
        "ManifestWork", "base", member, spec={"workload": {"manifests": [manifest]}}, status=status, labels=labels
    )


def told(status: str) -> dict[str, Any]:
    meta = {"group": "", "kind": "Namespace", "name": "shop", "namespace": ""}
    return {"resourceMeta": meta, "conditions": [condition("Applied", status, "AppliedManifestFailed")]}


def test_of_open_cluster_management_the_works_of_all_members_are_one_object() -> None:
    there = Inventory(namespaces=(Namespace(meta=Meta(name="shop")),))
    mark = {"work.open-cluster-management.io/manifestworkreplicaset": "fleet.base"}
    (found,) = of(work("a", told("True"), **mark), work("b", told("False"), **mark), work("c"), a=there, b=there)
    assert (found.kind, found.namespace, found.name) == ("Namespace", "", "shop")
    assert states(found) == {"a": "there", "b": "failed", "c": "unknown"}
    assert found.members[1].says == "Applied is False"
    assert found.chosen_by == ("ManifestWorkReplicaSet fleet.base", "ManifestWork base")


def test_what_cannot_be_read_there_is_unknown_and_not_missing() -> None:
    denied = Inventory(kinds=(KindStatus(kind="PeerAuthentication", state="denied"),))
    confined = Inventory(kinds=(KindStatus(kind="PeerAuthentication", state="denied", namespaces=("shop",)),))
    other = Inventory(kinds=(KindStatus(kind="Pod", state="fresh"),))
    (found,) = of(federated(EVERYONE), a=denied, b=confined, c=None)
    assert states(found) == {"a": "unknown", "b": "missing", "c": "unknown"}
    assert found.members[0].why == "PeerAuthentication is not read there (denied)"
    assert found.members[2].why == "it cannot be read"
    (unread,) = of(federated({"clusters": [{"name": "a"}]}), a=other)
    assert states(unread) == {"a": "unknown"}


def test_gateways_of_two_groups_are_two_kinds() -> None:
    istios = Inventory(config={"Gateway": (obj("Gateway", "g", "shop"),)})
    manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "g", "namespace": "shop"},
    }
    (found,) = of(obj("ManifestWork", "w", "a", spec={"workload": {"manifests": [manifest]}}), a=istios)
    assert states(found) == {"a": HoldingState.MISSING.value}


def test_objects_of_any_shape_cost_nothing_but_themselves() -> None:
    odd: list[Any] = [None, 3, "x", [], {}, {"clusters": "all"}, {"clusters": [None, {"name": 3}]}]
    for value in odd:
        found = of(
            obj(
                "FederatedService",
                "s",
                "shop",
                spec={"placement": value, "overrides": value},
                status={"clusters": value},
            ),
            obj("ResourceBinding", "r", "shop", spec={"resource": value, "clusters": value}),
            obj("ManifestWork", "w", "a", spec={"workload": value}, status={"resourceStatus": value}),
            obj("OverridePolicy", "o", "shop", spec={"overrideRules": [value], "resourceSelectors": value}),
            a=HAVING,
        )
        assert [one.kind for one in found] == ["Service"]
        assert found[0].wants == ()


def test_every_federated_kind_that_is_read_is_looked_at() -> None:
    assert set(FEDERATED_KINDS) == {kind.name for kind in REGISTRIES if kind.name.startswith("Federated")}
