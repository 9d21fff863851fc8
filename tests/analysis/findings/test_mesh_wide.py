"""Findings over many clusters: hosts, subsets and pods are looked for in the whole mesh, objects obeyed at home."""

from __future__ import annotations

from msgspec import structs

from meshtop.analysis.findings.judge import HIDDEN_OBJECTS, judge_config
from meshtop.analysis.findings.revisions import JudgedCluster, revisions_of
from meshtop.model.evidence import WhyUnknown
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta
from meshtop.model.mesh import ControlPlane, MeshFacts
from tests.analysis.findings.worlds import cluster, codes, found, istio, namespace, obeying, pod, service

ROUTE = istio("VirtualService", "cart", "{hosts: [cart], http: [{route: [{destination: {host: cart}}]}]}")
RULE = istio("DestinationRule", "cart", "{host: cart, subsets: [{name: v2, labels: {version: v2}}]}")


def test_a_host_of_another_cluster_of_the_mesh_is_there() -> None:
    east, west = cluster(ROUTE), cluster(service("cart"), "west")
    assert codes(east, west, only="destination-hosts") == []
    apart = cluster(service("cart"), "west", group="another mesh")
    assert codes(east, apart, only="destination-hosts") == [("IST0101", "east: VirtualService shop/cart")]


def test_of_a_cluster_whose_mesh_is_unknown_nothing_is_said_to_be_missing() -> None:
    unknown = cluster(service("cart"), "west", group=None)
    assert codes(cluster(ROUTE), unknown, only="destination-hosts") == []


def test_what_was_not_read_is_unknown_and_not_missing() -> None:
    denied = KindStatus(kind="Service", state="denied")
    kinds = tuple(KindStatus(kind=kind) for kind in ("VirtualService", "ServiceEntry"))
    east = cluster(ROUTE)
    east = structs.replace(east, inventory=structs.replace(east.inventory, kinds=(*kinds, denied)))
    judged = judge_config([east], only=["destination-hosts"])
    assert judged.findings == ()
    assert [(one.what, one.cluster, one.why) for one in judged.unknowns] == [("Service", "east", WhyUnknown.DENIED)]


def test_a_cluster_that_was_not_read_hides_only_what_may_be_in_it() -> None:
    nothing = Inventory(kinds=(KindStatus(kind="everything", state="failed"),))
    west = JudgedCluster(name="west", inventory=nothing, read=False)
    assert codes(cluster(ROUTE), west, only="destination-hosts") == [("IST0101", "east: VirtualService shop/cart")]
    east = cluster(ROUTE, perhaps=("west",))
    judged = judge_config([east, west], only=["destination-hosts"])
    assert judged.findings == ()
    assert {one.cluster for one in judged.unknowns} == {"west"}


def test_a_subset_is_missing_only_where_no_cluster_has_its_pods() -> None:
    east = cluster(RULE + service("cart") + pod("cart", version="v1"))
    west = cluster(service("cart") + pod("cart", version="v2"), "west")
    assert codes(east, west, only="rule-hosts") == []
    without = cluster(service("cart") + pod("cart", version="v1"), "west")
    one = found(east, without, only="rule-hosts")
    assert [(f.code, f.object.name) for f in one] == [("IST0173", "cart")]
    assert "any of the 2 clusters" in one[0].message
    elsewhere = cluster(pod("cart", namespace="other", version="v2"), "west")
    assert [code for code, _ in codes(east, elsewhere, only="rule-hosts")] == ["IST0173"]


def test_each_revision_reads_its_own_objects() -> None:
    istiods = "".join(
        f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istiod-{rev}, namespace: istio-system, labels: {{app: istiod, istio.io/rev: {rev}}}}}
spec: {{template: {{metadata: {{labels: {{app: istiod, istio.io/rev: {rev}}}}}, spec: {{containers: []}}}}}}
"""
        for rev in ("old", "new")
    )
    spec = "{hosts: [cart], http: [{route: [{destination: {host: cart, subset: v2}}]}]}"
    route = istio("VirtualService", "cart", spec, labels="{istio.io/rev: new}")
    rule = istio("DestinationRule", "cart", "{host: cart, subsets: [{name: v2}]}", labels="{istio.io/rev: old}")
    read = service("cart") + pod("cart", version="v2") + istiods
    assert codes(cluster(read + route + rule), only="destination-subsets") == [
        ("IST0101", "east: VirtualService shop/cart")
    ]
    assert codes(cluster(read + route + rule.replace("rev: old", "rev: new")), only="destination-subsets") == []
    tagged = cluster(read + route + rule.replace("rev: old", "rev: prod"))
    tag = Meta(name="tag", labels={"istio.io/rev": "new", "istio.io/tag": "prod"})
    tagged = structs.replace(tagged, inventory=structs.replace(tagged.inventory, webhooks=(tag,)))
    assert codes(tagged, only="destination-subsets") == []


def test_roles_labelled_with_a_revision_divide_nothing() -> None:
    """No control plane reads them, and findings are the same where they are not read."""
    istiods = "".join(
        f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istiod-{rev}, namespace: istio-system, labels: {{app: istiod, istio.io/rev: {rev}}}}}
spec: {{template: {{metadata: {{labels: {{app: istiod, istio.io/rev: {rev}}}}}, spec: {{containers: []}}}}}}
"""
        for rev in ("old", "new")
    )
    plain = cluster(istiods)
    assert len(list(revisions_of([plain]))) == 1
    meta = Meta(name="istiod", labels={"istio.io/rev": "new"})
    role = ConfigObject(group="rbac.authorization.k8s.io", version="v1", kind="ClusterRole", meta=meta, spec={})
    inventory = structs.replace(plain.inventory, config={"ClusterRole": (role,)})
    assert len(list(revisions_of([structs.replace(plain, inventory=inventory)]))) == 1


def test_services_that_differ_are_told_once_for_the_mesh() -> None:
    east = cluster(service("cart") + service("same"))
    west = cluster(service("cart", ports="[{name: grpc, port: 80}]") + service("same"), "west")
    assert codes(east, west, only="unlike-services") == [("IST0170", "east: Service shop/cart")]
    assert codes(east, structs.replace(west, facts=MeshFacts(group="other")), only="unlike-services") == []


def test_a_host_with_other_protocols_in_another_cluster() -> None:
    entry = istio("ServiceEntry", "pay", "{hosts: [pay.example.com], ports: [{number: 443, protocol: TLS}]}")
    other = entry.replace("TLS", "HTTPS")
    assert codes(cluster(entry), cluster(other, "west"), only="unlike-hosts") == [
        ("CONFIG-HOST-DIFFERS", "east: ServiceEntry shop/pay")
    ]
    assert codes(cluster(entry), cluster(entry, "west"), only="unlike-hosts") == []


def test_objects_of_a_cluster_that_obeys_another_do_nothing() -> None:
    remote = structs.replace(cluster(ROUTE, "remote"), facts=obeying("east"))
    assert codes(cluster(""), remote) == [("CONFIG-NOT-OBEYED", "remote: Cluster remote")]


def test_a_gateway_is_served_by_pods_of_its_own_cluster_and_of_those_that_obey_it() -> None:
    gateway = istio(
        "Gateway", "public",
        "{selector: {istio: in}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.b],"
        " tls: {mode: SIMPLE, credentialName: cert}}]}",
    )  # fmt: skip
    secret = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: edge}\ndata: {}\n"
    own = gateway + pod("in", namespace="edge", istio="in")
    west = cluster(pod("in", namespace="edge", istio="in"), "west")
    rule = "gateway-credentials"
    assert codes(cluster(own), only=rule) == [("IST0101", "east: Gateway shop/public")]
    flawed = found(cluster(own + secret), west, only=rule)
    assert [(f.code, "tls.crt and tls.key are missing" in f.message) for f in flawed] == [("IST0161", True)]
    follower = structs.replace(west, facts=obeying("east"))
    assert {f.code for f in found(cluster(own + secret), follower, only=rule)} == {"IST0161"}, "nothing was seen there"
    seen = cluster(pod("in", namespace="edge", istio="in") + secret.replace("name: cert", "name: other"), "west")
    follower = structs.replace(seen, facts=obeying("east"))
    assert {f.code for f in found(cluster(own + secret), follower, only=rule)} == {"IST0161", "IST0101"}


def test_versions_of_kubernetes_are_held_against_the_newest_control_plane() -> None:
    east = cluster("", control_planes=(ControlPlane(revision="default", version="1.28.1"),))
    old = structs.replace(east, inventory=structs.replace(east.inventory, version="v1.27.3"))
    assert [code for code, _ in codes(old, only="cluster-version")] == ["IST0142"]
    new = structs.replace(east, inventory=structs.replace(east.inventory, version="v1.31.0"))
    assert codes(new, only="cluster-version") == []


def test_a_namespace_of_another_cluster_exists() -> None:
    policy = istio("AuthorizationPolicy", "cart", "{rules: [{from: [{source: {namespaces: [web]}}]}]}")
    east = cluster(policy + namespace("shop") + pod("cart"))
    assert [code for code, _ in codes(east, only="authorization-policies")] == ["IST0101"]
    assert codes(east, cluster(namespace("web"), "west"), only="authorization-policies") == []


def test_what_an_access_policy_hides_is_not_missing() -> None:
    east = structs.replace(cluster(ROUTE + service("pay", ports="[{port: 80}]")), hides=True)
    judged = judge_config([east], only=["destination-hosts", "port-names"])
    assert [one.code for one in judged.findings] == ["IST0118"], "what is there is judged"
    assert [(one.what, one.why) for one in judged.unknowns] == [(HIDDEN_OBJECTS, WhyUnknown.DENIED)]


def test_settings_of_a_mesh_may_stand_in_files_of_their_own() -> None:
    entry = istio("ServiceEntry", "db", "{hosts: [db.example.com], ports: [{number: 5432, protocol: TCP}]}")
    metadata = "{ISTIO_META_DNS_CAPTURE: 'true', ISTIO_META_DNS_AUTO_ALLOCATE: 'true'}"
    mesh = f"\n---\ndefaultConfig: {{proxyMetadata: {metadata}}}\n"
    assert [code for code, _ in codes(cluster(entry), only="tcp-without-address")] == ["IST0134"]
    assert codes(cluster(entry + mesh), only="tcp-without-address") == []
    networks = "networks: {one: {endpoints: [{fromRegistry: nobody}]}}\n"
    assert codes(cluster(networks), only="networks") == [("IST0126", "east: MeshNetworks istio-system/meshnetworks")]


def test_hosts_of_a_cluster_set_are_services_or_imports() -> None:
    route = ROUTE.replace("{host: cart}", "{host: cart.shop.svc.clusterset.local}")
    imported = """
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: cart, namespace: shop}
spec: {type: ClusterSetIP, ports: [{port: 80}]}
"""
    rule = "destination-hosts"
    assert [code for code, _ in codes(cluster(route), only=rule)] == ["IST0101"]
    assert codes(cluster(route + service("cart")), only=rule) == []
    assert codes(cluster(route + imported), only=rule) == []
