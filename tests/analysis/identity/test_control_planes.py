from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.analysis.identity.control_planes import config_maps_to_read, homes, is_injector, istiods
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.model.kube import Controller, Inventory, KindStatus, Meta, Namespace, Pod, RemoteSecret

DENIED = (KindStatus(kind="Deployment"), KindStatus(kind="ConfigMap", state="denied"))


def istiod(namespace: str, revision: str = "", domain: str | None = None, **environment: str) -> Controller:
    labels = {"app": "istiod", **({"istio.io/rev": revision} if revision else {})}
    meta = Meta(name=f"istiod-{revision}", namespace=namespace, labels=labels)
    return Controller(kind="Deployment", meta=meta, desired=1, ready=1, environment=environment, domain=domain)


def namespace(name: str, labels: dict[str, str] | None = None, **annotations: str) -> Namespace:
    keyed = {key.replace("__", "/").replace("_", "."): value for key, value in annotations.items()}
    return Namespace(meta=Meta(name=name, labels=labels or {}, annotations=keyed))


def test_the_settings_are_those_of_the_namespace_where_istiod_runs() -> None:
    inventory = Inventory(
        controllers=(istiod("managed-istio", "asm-1-28"),),
        config_maps={
            "istio-system/istio": {"mesh": "rootNamespace: decoy\ntrustDomain: decoy"},
            "managed-istio/istio-asm-1-28": {"mesh": "trustDomain: td"},
        },
    )
    facts = mesh_facts(inventory)
    assert (facts.trust_domain, facts.root_namespace) == ("td", "managed-istio")
    assert [plane.namespace for plane in facts.control_planes] == ["managed-istio"]


def test_several_revisions_in_several_namespaces_are_all_read() -> None:
    found = istiods([istiod("b", "1-28"), istiod("a")], (), ())
    assert config_maps_to_read(found, (), ()) == (
        ("a", "istio"), ("a", "values"), ("a", "istio-ca-root-cert"),
        ("b", "istio"), ("b", "values"), ("b", "istio-ca-root-cert"),
        ("b", "istio-1-28"), ("b", "values-1-28"),
    )  # fmt: skip


def test_the_revision_with_the_tag_default_counts_and_one_for_other_clusters_does_not() -> None:
    tag = Meta(name="istio-revision-tag-default", labels={"istio.io/tag": "default", "istio.io/rev": "new"})
    everyone = [istiod("x", EXTERNAL_ISTIOD="true"), istiod("a", "old"), istiod("a", "new")]
    assert [i.meta.name for i in istiods(everyone, (), [tag])] == ["istiod-new", "istiod-old", "istiod-"]
    assert [i.meta.name for i in istiods(everyone, (), [])] == ["istiod-new", "istiod-old", "istiod-"]


def test_pods_stand_for_an_istiod_whose_controller_is_not_known() -> None:
    pod = Pod(meta=Meta(name="istiod-x", namespace="mesh", labels={"app": "istiod", "istio.io/rev": "r"}), ready=True)
    facts = mesh_facts(Inventory(pods=(pod,)))
    assert [(p.revision, p.namespace, p.pods.ready) for p in facts.control_planes] == [("r", "mesh", 1)]
    assert facts.roles == ("primary",)
    assert facts.cluster_id is None


@pytest.mark.parametrize(
    ("namespaces", "webhooks", "where"),
    [
        ((), (), ("istio-system",)),
        ((namespace("mesh", topology_istio_io__controlPlaneClusters="east"),), (), ("mesh",)),
        (
            (),
            (Meta(name="istio-sidecar-injector-x", annotations={"meta.helm.sh/release-namespace": "own"}),),
            ("own",),
        ),
        ((), (Meta(name="other", annotations={"meta.helm.sh/release-namespace": "own"}),), ("istio-system",)),
    ],
)
def test_where_a_cluster_without_istiod_keeps_its_settings(
    namespaces: tuple[Namespace, ...], webhooks: tuple[Meta, ...], where: tuple[str, ...]
) -> None:
    assert homes((), namespaces, webhooks) == where


def test_what_injects() -> None:
    assert is_injector(Meta(name="istio-revision-tag-prod"))
    assert is_injector(Meta(name="any", labels={"istio.io/rev": "1-28"}))
    assert not is_injector(Meta(name="cert-manager-webhook"))


def test_a_mesh_config_that_was_not_read_leaves_its_facts_unknown() -> None:
    facts = mesh_facts(Inventory(controllers=(istiod("istio-system"),), kinds=DENIED))
    assert (facts.root_namespace, facts.trust_domain, facts.auto_mtls, facts.cluster_domain) == (None,) * 4


def test_defaults_hold_where_the_mesh_config_is_known_to_be_absent() -> None:
    facts = mesh_facts(Inventory(controllers=(istiod("mesh"),)))
    assert (facts.root_namespace, facts.trust_domain, facts.auto_mtls) == ("mesh", "cluster.local", True)
    assert facts.cluster_domain == "cluster.local"


def test_a_mesh_config_that_cannot_be_understood_leaves_its_facts_unknown() -> None:
    maps = {"m/istio": {"mesh": "a: ["}, "m/istio-other": {"mesh": "trustDomain: other"}}
    facts = mesh_facts(Inventory(controllers=(istiod("m"),), config_maps=maps))
    assert (facts.root_namespace, facts.trust_domain, facts.auto_mtls) == (None, None, None)


def test_the_shared_mesh_config_fills_in_what_the_own_one_leaves_out() -> None:
    maps = {
        "m/istio-r": {"mesh": "trustDomain: own\ndefaultConfig: {}"},
        "m/istio-shared": {"mesh": "trustDomain: shared\nrootNamespace: users\ndefaultConfig: {meshId: m1}"},
    }
    inventory = Inventory(controllers=(istiod("m", "r", SHARED_MESH_CONFIG="istio-shared"),), config_maps=maps)
    facts = mesh_facts(inventory)
    assert (facts.trust_domain, facts.root_namespace, facts.mesh_id) == ("own", "users", "m1")


@pytest.mark.parametrize(
    ("argument", "values", "domain"),
    [
        (None, "{}", "cluster.local"),
        (None, '{"global": {"proxy": {"clusterDomain": "corp.local"}}}', "corp.local"),
        ("k8s.acme", '{"global": {"proxy": {"clusterDomain": "corp.local"}}}', "k8s.acme"),
        ("k8s.acme.", "{}", "k8s.acme"),
        (None, '{"global": {"proxy": {"clusterDomain": 7}}}', "cluster.local"),
    ],
)
def test_the_domain_of_a_cluster(argument: str | None, values: str, domain: str) -> None:
    maps = {"istio-system/values": {"values": values}}
    facts = mesh_facts(Inventory(controllers=(istiod("istio-system", domain=argument),), config_maps=maps))
    assert facts.cluster_domain == domain
    assert facts.service_domain == f"svc.{domain}"


@pytest.mark.parametrize(
    ("labels", "mesh_networks", "ip", "network"),
    [
        ({"topology.istio.io/network": "n1"}, "networks: {n2: {endpoints: [{fromRegistry: east}]}}", None, "n1"),
        (
            {},
            "networks: {n1: {endpoints: [{fromRegistry: w}]}, n2: {endpoints: [{fromRegistry: east}]}}",
            None,
            "n2",
        ),
        ({}, "networks: {n3: {endpoints: [{fromCidr: 10.0.0.0/8}]}}", "10.1.2.3", "n3"),
        ({}, "networks: {n3: {endpoints: [{fromCidr: 10.0.0.0/8}]}}", "192.168.0.1", "values"),
        ({}, "networks: [1]", None, "values"),
        ({}, "networks: {n3: {endpoints: [7, {fromCidr: [x]}]}, 4: 5}", "10.1.2.3", "values"),
    ],
)
def test_the_network_of_a_cluster(labels: dict[str, str], mesh_networks: str, ip: str | None, network: str) -> None:
    inventory = Inventory(
        controllers=(istiod("mesh", CLUSTER_ID="east"),),
        namespaces=(namespace("mesh", labels), namespace("istio-system", {"topology.istio.io/network": "decoy"})),
        pods=(Pod(meta=Meta(name="p", namespace="shop"), ip=ip),),
        config_maps={
            "mesh/istio": {"mesh": "{}", "meshNetworks": mesh_networks},
            "mesh/values": {"values": '{"global": {"network": "values"}}'},
        },
    )
    assert mesh_facts(inventory).network == network


EXTERNAL = {"EXTERNAL_ISTIOD": "true", "LOCAL_CLUSTER_SECRET_WATCHER": "true", "CLUSTER_ID": "east"}


def test_an_external_control_plane_goes_by_the_id_of_the_cluster_whose_configuration_it_reads() -> None:
    values = '{"global": {"network": "net-east", "multiCluster": {"clusterName": "east"}}}'
    outside = Inventory(
        controllers=(istiod("external-istiod", **EXTERNAL),),
        config_maps={"external-istiod/values": {"values": values}},
    )
    facts = mesh_facts(outside)
    assert (facts.cluster_id, facts.network) == (None, None)
    assert (facts.config_of, facts.outside) == (("east",), True)


def test_an_external_control_plane_beside_one_of_the_clusters_own_leaves_that_its_identity() -> None:
    both = (istiod("istio-system", CLUSTER_ID="control"), istiod("external-istiod", **EXTERNAL))
    facts = mesh_facts(Inventory(controllers=both))
    assert (facts.cluster_id, facts.config_of, facts.outside) == ("control", ("east",), False)


INJECTOR = Meta(name="istio-sidecar-injector", labels={"istio.io/rev": "default", "app": "sidecar-injector"})
FROM_ELSEWHERE = structs.replace(INJECTOR, annotations={"meta.helm.sh/release-namespace": "istio-system"})
KUBECONFIG = RemoteSecret(meta=Meta(name="istio-kubeconfig", namespace="external-istiod"), cluster_id="east")
FAR_MESH = '{"defaultConfig": {"discoveryAddress": "istiod.example.org:15012"}}'
NEAR_MESH = '{"defaultConfig": {"discoveryAddress": "istiod.external-istiod.svc:15012"}}'


@pytest.mark.parametrize(
    ("webhooks", "secrets", "mesh", "unread", "outside"),
    [
        pytest.param((INJECTOR,), (), None, (), False, id="its own injector, and proxies ask it here"),
        pytest.param((INJECTOR,), (), NEAR_MESH, (), False, id="its own Service is what proxies ask"),
        pytest.param((INJECTOR,), (KUBECONFIG,), FAR_MESH, (), True, id="a kubeconfig, and an address elsewhere"),
        pytest.param((), (KUBECONFIG,), None, (), True, id="a kubeconfig"),
        pytest.param((FROM_ELSEWHERE,), (KUBECONFIG,), None, (), True, id="another one's injector"),
        pytest.param((), (), None, (), None, id="nothing that tells"),
        pytest.param((INJECTOR,), (), FAR_MESH, (), None, id="an address elsewhere alone"),
        pytest.param((INJECTOR,), (), "{", (), None, id="a mesh config that cannot be parsed"),
        pytest.param((), (), None, ("MutatingWebhookConfiguration",), None, id="webhooks that were not read"),
        pytest.param((), (KUBECONFIG,), None, ("MutatingWebhookConfiguration",), None, id="a kubeconfig, no webhooks"),
        pytest.param((INJECTOR,), (), None, ("ConfigMap",), None, id="no mesh config"),
        pytest.param((INJECTOR,), (), None, ("Secret",), False, id="Secrets are not needed where the rest tells"),
    ],
)
def test_whose_configuration_an_istiod_reads_that_serves_other_clusters(
    webhooks: tuple[Meta, ...],
    secrets: tuple[RemoteSecret, ...],
    mesh: str | None,
    unread: tuple[str, ...],
    outside: bool | None,
) -> None:
    """EXTERNAL_ISTIOD alone is of a primary as well as of an external control plane."""
    kinds = ("Deployment", "Pod", "Namespace", "ConfigMap", "Secret", "MutatingWebhookConfiguration")
    inventory = Inventory(
        controllers=(istiod("external-istiod", EXTERNAL_ISTIOD="true", CLUSTER_ID="east"),),
        webhooks=webhooks,
        remote_secrets=secrets,
        config_maps={} if mesh is None else {"external-istiod/istio": {"mesh": mesh}},
        kinds=tuple(KindStatus(kind=kind, state="denied" if kind in unread else "fresh") for kind in kinds),
    )
    facts = mesh_facts(inventory)
    assert facts.outside is outside
    assert facts.cluster_id == ("east" if outside is False else None)
    assert facts.config_of == (("east",) if outside else ())


def test_of_its_pods_alone_it_is_not_known_whose_configuration_an_istiod_reads() -> None:
    pod = Pod(meta=Meta(name="istiod-1", namespace="istio-system", labels={"app": "istiod"}), phase="Running")
    facts = mesh_facts(Inventory(pods=(pod,), kinds=(KindStatus(kind="Deployment", state="denied"),)))
    assert (bool(facts.control_planes), facts.outside, facts.cluster_id) == (True, None, None)


def test_what_a_cluster_without_istiod_keeps_is_named_after_the_revision_that_injects_it() -> None:
    injector = Meta(name="istio-sidecar-injector-1-30", labels={"istio.io/rev": "1-30"})
    home = namespace("mesh", topology_istio_io__controlPlaneClusters="east")
    places = config_maps_to_read((), (home,), (injector,))
    assert {("mesh", "values"), ("mesh", "values-1-30"), ("mesh", "istio-1-30")} <= {*places}
