"""Verdicts on calls that were seen: who the caller is, which port, which waypoint, and what was not read."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.authorization.decision import AccessVerdict
from meshtop.analysis.authorization.observed import ObservedAccess, refused_per_second
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Namespace, Service, ServicePort
from meshtop.model.mesh import MeshFacts, Proxy, Workload
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target
from tests.analysis.authorization.build import operation, policy, source, tokens
from tests.analysis.security.mtls.objects import config

FACTS = MeshFacts(mesh_id="m", trust_domain="td.example", root_namespace="istio-system", auto_mtls=True,
                  roles=("primary",))  # fmt: skip
WEB = "td.example/ns/shop/sa/web"


def workload(name: str, proxy: Proxy = Proxy.SIDECAR, *, account: str | None = None, **more: Any) -> Workload:
    fields: dict[str, Any] = {
        "cluster": "east", "namespace": "shop", "name": name, "kind": "Deployment", "proxy": proxy,
        "labels": (("app", name), ("security.istio.io/tlsMode", "istio")),
        "service_account": name if account is None else account, "services": (name,),
    }  # fmt: skip
    return Workload(**(fields | more))


def service(name: str, *ports: ServicePort, **labels: str) -> Service:
    marks = {key.replace("_", "."): value for key, value in labels.items()}
    found = ports or (ServicePort(80, "http", target=8080),)
    return Service(meta=Meta(name=name, namespace="shop", labels=marks), cluster_ip="10.0.0.9", ports=found)


def member(*workloads: Workload, objects: tuple[ConfigObject, ...] = (), **more: Any) -> MeshMember:
    kinds: dict[str, list[ConfigObject]] = {}
    for obj in objects:
        kind = "Gateway.gateway.networking.k8s.io" if obj.kind == "Gateway" else obj.kind
        kinds.setdefault(kind, []).append(obj)
    fields: dict[str, Any] = {
        "services": (service("api"), service("web")),
        "namespaces": (Namespace(meta=Meta(name="shop")),),
        "config": {kind: tuple(found) for kind, found in kinds.items()},
    }
    return MeshMember(name="east", inventory=Inventory(**(fields | more)), facts=FACTS, workloads=workloads)


def edge(
    source_name: str = "web", *, mtls: float | None = 1.0, protocol: str = "http", to: str = "api", **more: Any
) -> Edge:
    kind = PeerKind.WORKLOAD if source_name else PeerKind.UNKNOWN
    caller = Peer(cluster="east", namespace="shop" if source_name else "", workload=source_name, kind=kind)
    target = Target(cluster="east", namespace="shop", workload=to, kind=PeerKind.WORKLOAD,
                    service=f"{to or 'api'}.shop.svc.cluster.local")  # fmt: skip
    sums = Sums(requests=10.0, judged=None if mtls is None else 10.0, secured=None if mtls is None else 10.0 * mtls)
    return structs.replace(Edge(source=caller, destination=target, protocol=protocol, sums=sums), **more)


def said(found: AccessVerdict | str) -> str:
    return found.permission.value if isinstance(found, AccessVerdict) else "unknown"


def judged(one: MeshMember, call: Edge) -> AccessVerdict | str:
    return ObservedAccess(MeshTls([one])).edge(call)


ONLY_WEB = policy(rules=[source(principals=[WEB])])
PAIR = (workload("web"), workload("api"))


@pytest.mark.parametrize(
    ("objects", "call", "expected"),
    [
        ((), edge(), "allowed"),
        ((ONLY_WEB,), edge(), "allowed"),
        ((policy(),), edge(), "denied"),
        ((ONLY_WEB,), edge(mtls=0.0), "denied"),
        ((ONLY_WEB,), edge(mtls=0.5), "depends"),
        ((ONLY_WEB,), edge(mtls=None), "allowed"),
        ((ONLY_WEB,), edge("", mtls=None), "denied"),
        ((ONLY_WEB,), edge("stranger"), "depends"),
        ((policy(rules=[source(principals=["x"])]),), edge(), "denied"),
        ((policy(rules=[operation(paths=["/x"])]),), edge(), "depends"),
        ((policy(rules=[operation(paths=["/x"])]),), edge(protocol="tcp"), "denied"),
        ((policy(rules=[operation(ports=["8080"])]),), edge(), "allowed"),
        ((policy(rules=[operation(ports=["80"])]),), edge(), "denied"),
        ((tokens(jwtRules=[{"issuer": "x"}]),), edge(), "allowed"),
        ((tokens(jwtRules=[{"issuer": "x"}]), policy(rules=[source(requestPrincipals=["*"])])), edge(), "depends"),
        ((policy(rules=[source(requestPrincipals=["*"])]),), edge(), "denied"),
        ((ONLY_WEB,), edge(to=""), "allowed"),
        ((policy("far", "other"),), edge(), "allowed"),
        ((policy("root", "istio-system", action="DENY", rules=[{}]),), edge(), "denied"),
    ],
)  # fmt: skip
def test_what_policies_say_of_a_call(objects: tuple[ConfigObject, ...], call: Edge, expected: str) -> None:
    assert said(judged(member(*PAIR, objects=objects), call)) == expected


def test_ports_that_differ_leave_it_open() -> None:
    two = (ServicePort(80, "http", target=8080), ServicePort(81, "http-admin", target=9090))
    only = policy(rules=[operation(ports=["8080"])])
    found = judged(member(*PAIR, objects=(only,), services=(service("api", *two), service("web"))), edge())
    assert isinstance(found, AccessVerdict)
    assert found.why.startswith("It depends on the port. allowed: ")


def test_an_account_that_was_not_read_leaves_open_who_calls() -> None:
    one = member(workload("web", account=""), workload("api"), objects=(ONLY_WEB,))
    found = judged(one, edge())
    assert said(found) == "depends"
    assert isinstance(found, AccessVerdict)
    assert "the caller's principal" in found.why
    assert said(judged(member(workload("web", account=""), workload("api")), edge())) == "allowed"


@pytest.mark.parametrize("kind", ["AuthorizationPolicy", "PeerAuthentication"])
def test_policies_that_were_not_read_are_unknown_and_never_allowed(kind: str) -> None:
    kinds = ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Service", "Namespace", "Pod",
             "Deployment", "ConfigMap", "DestinationRule", "Gateway.gateway.networking.k8s.io")  # fmt: skip
    read = [KindStatus(kind=name, state="denied" if name == kind else "fresh") for name in kinds]
    found = judged(member(*PAIR, kinds=tuple(read)), edge(mtls=0.0))
    assert isinstance(found, str)
    assert kind in found


def test_a_workload_without_a_proxy_and_one_outside_of_the_mesh() -> None:
    one = member(workload("web"), workload("api", Proxy.NONE), objects=(policy(),))
    found = judged(one, edge(mtls=0.0))
    assert isinstance(found, AccessVerdict)
    assert (said(found), found.why) == (
        "allowed", "Nothing enforces policies there: the called workload has no proxy.",
    )  # fmt: skip
    outside = structs.replace(edge(), destination=Target(kind=PeerKind.EXTERNAL, service="api.example"))
    assert judged(member(*PAIR), outside) == "api.example is outside of the mesh, where no policy is enforced."


def ambient(*objects: ConfigObject, label: str = "wp", to_service: bool = True) -> MeshMember:
    waypoint = workload("wp", is_waypoint=True, services=(),
                        labels=(("gateway.networking.k8s.io/gateway-name", "wp"),))  # fmt: skip
    marks = {"istio_io/use-waypoint": label} if to_service else {}
    gateway = config("Gateway", "shop", "wp", {}, group="gateway.networking.k8s.io")
    return member(
        workload("web", Proxy.AMBIENT), workload("api", Proxy.AMBIENT), waypoint,
        objects=(*objects, gateway), services=(service("api", **marks), service("web")),
    )  # fmt: skip


TO_SERVICE: dict[str, Any] = {"targetRefs": [{"group": "", "kind": "Service", "name": "api"}]}


def test_an_ambient_call_passes_its_waypoint_and_then_ztunnel() -> None:
    deny = policy("deny", action="DENY", rules=[{}], **TO_SERVICE)
    assert said(judged(ambient(deny), edge())) == "denied"
    assert said(judged(ambient(deny, label="none"), edge())) == "allowed"
    assert said(judged(ambient(deny, to_service=False), edge())) == "allowed"
    by_port = policy("port", action="DENY", rules=[operation(ports=["80"])], **TO_SERVICE)
    assert said(judged(ambient(by_port), edge())) == "denied"
    at_ztunnel = policy("z", rules=[source(principals=["td.example/ns/shop/sa/wp"])])
    assert said(judged(ambient(at_ztunnel), edge())) == "allowed"
    assert said(judged(ambient(policy("z", rules=[source(principals=[WEB])])), edge())) == "denied"
    assert said(judged(ambient(policy("z", rules=[operation(paths=["/"])]), to_service=False), edge())) == "denied"


def test_the_same_ends_are_judged_once() -> None:
    access = ObservedAccess(MeshTls([member(*PAIR, objects=(ONLY_WEB,))]))
    first = access.edge(edge())
    assert access.edge(structs.replace(edge(), sums=Sums(requests=99.0, judged=99.0, secured=99.0))) is first
    assert access.edge(edge(mtls=0.0)) is not first


def test_answers_that_refuse() -> None:
    assert refused_per_second(edge(codes={"200": 9.0, "403": 1.0})) == 1.0
    assert refused_per_second(edge(protocol="grpc", codes={"0": 9.0, "7": 0.5})) == 0.5
    assert refused_per_second(edge(codes={"": 3.0})) is None
    assert refused_per_second(edge(protocol="tcp", codes={"0": 3.0})) is None


def test_a_virtual_machine_calls_with_the_account_of_its_entry() -> None:
    from meshtop.analysis.inventory.virtual_machines import virtual_machines

    entry = config("WorkloadEntry", "shop", "vm-1", {"address": "192.0.2.7", "serviceAccount": "ledger",
                                                     "labels": {"app": "ledger"}})  # fmt: skip
    only = policy(rules=[source(principals=["td.example/ns/shop/sa/ledger"])])
    one = member(*PAIR, objects=(entry, only))
    assert one.inventory is not None
    machines = tuple(virtual_machines(one.inventory, "east"))
    named = machines[0].workload or machines[0].name
    assert said(judged(structs.replace(one, machines=machines), edge(named))) == "allowed"


def test_possible_calls_are_judged_at_every_port_of_the_services() -> None:
    two = (ServicePort(80, "http", target=8080), ServicePort(5432, "tcp", target=5432))
    rule = source(principals=[WEB]) | operation(ports=["8080"])
    only = policy(selector={"matchLabels": {"app": "api"}}, rules=[rule])
    one = member(*PAIR, workload("job"), objects=(only,), services=(service("api", *two), service("web")))
    access = ObservedAccess(MeshTls([one]))
    parties = {party.name: party for party in access.mesh.parties}
    mixed = access.between(parties["web"], parties["api"])
    assert isinstance(mixed, AccessVerdict)
    assert mixed.why.startswith("It depends on the port. allowed: AuthorizationPolicy shop/p, rule 1, allows it.")
    assert said(access.between(parties["job"], parties["api"])) == "denied"
    assert said(access.between(None, parties["api"])) == "denied"
    assert said(access.between(parties["api"], parties["web"])) == "allowed"
