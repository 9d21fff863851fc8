"""Edges bound to the objects of both their clusters."""
# ruff: noqa: E501 - a case of the table reads best on one line

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.security.mtls.mesh import MeshTls, TlsVerdict
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.trust import Trusted, TrustPair
from meshtop.model.kube import ConfigObject, EndpointSlice, Inventory, Meta, ServicePort
from meshtop.model.mesh import Obeyed, Proxy, VirtualMachine, Workload
from tests.analysis.security.mtls.meshes import edge, member, service, workload
from tests.analysis.security.mtls.objects import config, peer_authentication
from tests.analysis.security.mtls.objects import destination_rule as dr

WEB, API = workload("web", "front"), workload("api-v1", version="v1")
HOST = "api.shop.svc.cluster.local"
STRICT = peer_authentication("shop", mtls={"mode": "STRICT"})
MESH_STRICT = peer_authentication("istio-system", mtls={"mode": "STRICT"})


def tls(mode: str) -> dict[str, Any]:
    return {"trafficPolicy": {"tls": {"mode": mode}}}


def judge(
    *objects: ConfigObject,
    client: Workload | None = WEB,
    server: Workload | None = API,
    ports: tuple[ServicePort, ...] = (),
    host: str = "",
    protocol: str = "http",
    headless: bool = False,
    others: tuple[Workload, ...] = (),
    **facts: Any,
) -> tuple[TlsVerdict, ...]:
    everyone = tuple(w for w in (client, server, *others) if w is not None)
    east = member(
        workloads=everyone, services=(service("api", "shop", *ports, headless=headless),), config=objects, **facts
    )
    return MeshTls([east]).edge(edge(client, server, host=host, protocol=protocol))


def one(*objects: ConfigObject, **more: Any) -> TlsVerdict:
    (verdict,) = judge(*objects, **more)
    return verdict


LABELLED = workload("api-v1", tls="disabled")
BARE = workload("api-v1", proxy=Proxy.NONE)
CASES: list[tuple[str, list[ConfigObject], dict[str, Any], str, str | None]] = [
    ("nothing declared", [], {}, "mtls", None),
    ("strict and auto", [STRICT], {}, "mtls", None),
    ("strict and disabled", [STRICT, dr("shop", "api", "api", **tls("DISABLE"))], {}, "broken", "MTLS-STRICT-CLIENT-DISABLE"),
    ("strict and simple", [STRICT, dr("shop", "api", "api", **tls("SIMPLE"))], {}, "broken", "MTLS-STRICT-CLIENT-SIMPLE"),
    ("permissive and disabled", [dr("shop", "api", "api", **tls("DISABLE"))], {}, "plaintext", None),
    ("mutual without a sidecar", [dr("shop", "api", "api", **tls("ISTIO_MUTUAL"))], {"server": BARE}, "broken", "MTLS-MUTUAL-NO-SIDECAR"),
    ("auto without a sidecar", [], {"server": BARE}, "plaintext", None),
    ("strict from outside", [STRICT], {"client": None}, "broken", "MTLS-STRICT-OUTSIDE-CLIENT"),
    ("permissive from outside", [], {"client": None}, "plaintext", None),
    ("strict from a bare pod", [STRICT], {"client": workload("cron", "jobs", proxy=Proxy.NONE)}, "broken", "MTLS-STRICT-OUTSIDE-CLIENT"),
    ("a strict workload in a disabled namespace",
     [peer_authentication("shop", mtls={"mode": "DISABLE"}),
      peer_authentication("shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "STRICT"})],
     {}, "broken", "MTLS-STRICT-AUTO-PLAINTEXT"),
    ("a disabled workload in a strict namespace",
     [STRICT, peer_authentication("shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "DISABLE"})],
     {}, "broken", "MTLS-AUTO-TO-DISABLE"),
    ("mutual to a disabled workload",
     [dr("shop", "api", "api", **tls("ISTIO_MUTUAL")), peer_authentication("shop", mtls={"mode": "DISABLE"})],
     {}, "broken", "MTLS-MUTUAL-TO-DISABLE"),
    ("auto mTLS switched off", [], {"auto_mtls": False}, "plaintext", None),
    ("auto mTLS switched off and strict", [STRICT], {"auto_mtls": False}, "broken", "MTLS-STRICT-AUTO-PLAINTEXT"),
    ("ambient on both sides", [STRICT], {"client": workload("web", "front", proxy=Proxy.AMBIENT),
     "server": workload("api-v1", proxy=Proxy.AMBIENT)}, "mtls", None),
    ("headless with a bare endpoint", [STRICT], {"headless": True, "others": (workload("api-v0", proxy=Proxy.NONE),)},
     "broken", "MTLS-STRICT-AUTO-PLAINTEXT"),
    ("headless with sidecars only", [STRICT], {"headless": True}, "mtls", None),
    ("a sidecar to headless pods of ambient mode", [STRICT],
     {"headless": True, "server": workload("api-v1", proxy=Proxy.AMBIENT, tls="")}, "broken",
     "MTLS-STRICT-AUTO-PLAINTEXT"),
    ("an endpoint whose label says disabled", [STRICT],
     {"server": LABELLED}, "broken", "MTLS-STRICT-AUTO-PLAINTEXT"),
    ("a rule that is not exported", [STRICT, dr("shop", "api", "api", exportTo=["."], **tls("DISABLE"))], {}, "mtls", None),
    ("a policy with a selector in the root namespace",
     [peer_authentication("istio-system", "x", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "STRICT"}),
      dr("shop", "api", "api", **tls("DISABLE"))], {}, "plaintext", None),
    ("another root namespace", [peer_authentication("mesh-root", mtls={"mode": "STRICT"}),
     dr("shop", "api", "api", **tls("DISABLE"))], {"root_namespace": "mesh-root"}, "broken", "MTLS-STRICT-CLIENT-DISABLE"),
]  # fmt: skip


@pytest.mark.parametrize(("objects", "more", "outcome", "code"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_the_table_of_conflicts(
    objects: list[ConfigObject], more: dict[str, Any], outcome: str, code: str | None
) -> None:
    verdict = one(*objects, **more)
    assert (verdict.outcome, verdict.code) == (outcome, code), verdict.why
    assert verdict.why.endswith(".")


def test_a_service_port_is_led_to_the_workload_port_that_policies_speak_of() -> None:
    ports = peer_authentication(
        "shop",
        "api",
        selector={"matchLabels": {"app": "api"}},
        mtls={"mode": "PERMISSIVE"},
        portLevelMtls={8080: {"mode": "STRICT"}, 80: {"mode": "DISABLE"}},
    )
    verdict = one(ports, client=None)
    assert (verdict.port, verdict.target, verdict.server_mode) == (80, 8080, "STRICT")
    assert verdict.outcome is TlsOutcome.BROKEN


def test_a_named_target_port_is_found_in_the_endpoint_slices() -> None:
    ports = peer_authentication(
        "shop", "api", selector={"matchLabels": {"app": "api"}}, portLevelMtls={9999: {"mode": "STRICT"}}
    )
    named = service("api", "shop", ServicePort(80, "http", target="web-port"))
    east = member(workloads=(WEB, API), services=(named,), config=(ports,))
    (blind,) = MeshTls([east]).edge(edge(None, API))
    assert blind.outcome is TlsOutcome.UNKNOWN
    assert "port 80" in blind.why
    assert east.inventory is not None
    piece = EndpointSlice(meta=Meta(name="api-x", namespace="shop"), service="api", ports=(ServicePort(9999, "http"),))
    seeing = Inventory(services=(named,), config=east.inventory.config, endpoint_slices=(piece,))
    from msgspec import structs

    (verdict,) = MeshTls([structs.replace(east, inventory=seeing)]).edge(edge(None, API))
    assert (verdict.target, verdict.outcome) == (9999, TlsOutcome.BROKEN)


def test_ports_that_differ_are_told_one_by_one_and_those_of_other_protocols_left_out() -> None:
    rule = dr(
        "shop",
        "api",
        "api",
        trafficPolicy={"portLevelSettings": [{"port": {"number": 81}, "tls": {"mode": "DISABLE"}}]},
    )
    ports = (
        ServicePort(80, "http", target=8080),
        ServicePort(81, "http-admin", target=8081),
        ServicePort(90, "tcp-raw", target=9090),
        ServicePort(53, "dns", "UDP", target=53),
    )
    verdicts = judge(STRICT, rule, ports=ports)
    assert [(v.port, v.outcome.value) for v in verdicts] == [(80, "mtls"), (81, "broken")]
    (alike,) = judge(STRICT, ports=ports)
    assert (alike.port, alike.outcome) == (None, TlsOutcome.MTLS)
    (raw,) = judge(STRICT, ports=ports, protocol="tcp")
    assert raw.port == 90


def test_a_subsets_tls_counts_where_a_route_leads_to_it() -> None:
    rule = dr("shop", "api", "api", subsets=[{"name": "v1", "labels": {"version": "v1"}, **tls("DISABLE")}])
    assert one(STRICT, rule).outcome is TlsOutcome.MTLS
    route = config(
        "VirtualService",
        "shop",
        "api",
        {"hosts": ["api"], "http": [{"route": [{"destination": {"host": "api", "subset": "v1"}}]}]},
    )
    verdict = one(STRICT, rule, route)
    assert (verdict.code, verdict.subset) == ("MTLS-STRICT-CLIENT-DISABLE", "v1")
    other = workload("api-v2", version="v2")
    assert one(STRICT, rule, route, server=other).outcome is TlsOutcome.MTLS


def test_a_call_that_nobody_answered_is_judged_by_all_that_stand_behind_the_service() -> None:
    both = (API, workload("api-v2", version="v2"))
    verdict = one(STRICT, dr("shop", "api", "api", **tls("DISABLE")), server=None, host=HOST, others=both)
    assert verdict.code == "MTLS-STRICT-CLIENT-DISABLE"
    picky = peer_authentication("shop", "v2", selector={"matchLabels": {"version": "v2"}}, mtls={"mode": "STRICT"})
    unsure = one(picky, dr("shop", "api", "api", **tls("DISABLE")), server=None, host=HOST, others=both)
    assert (unsure.outcome, unsure.code) == (TlsOutcome.UNKNOWN, None)
    assert "which workload answers" in unsure.why


OUTSIDE = config(
    "ServiceEntry", "shop", "pay", {"hosts": ["pay.example"], "ports": [{"number": 443, "protocol": "HTTPS"}]}
)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"denied": ("PeerAuthentication",)}, "PeerAuthentication of east cannot be read (denied)."),
        ({"denied": ("DestinationRule",)}, "DestinationRule of east cannot be read (denied)."),
        ({"denied": ("Pod",)}, "Pod of east cannot be read (denied)."),
        ({"auto_mtls": None}, "auto mTLS is on in east is not known"),
        (
            {
                "roles": ("remote",),
                "obeys": Obeyed(why="east is configured by a primary cluster that meshtop does not read."),
            },
            "is configured by a primary cluster that meshtop does not read",
        ),
        ({"server": workload("api-v1", cluster="moon")}, "Nothing is known about the cluster moon"),
        ({"server": None, "host": "pay.example"}, "outside of the mesh"),
        ({"server": None, "host": "nobody.shop.svc.cluster.local"}, "No workload behind"),
    ],
)
def test_what_is_not_known_is_unknown_and_says_why(more: dict[str, Any], said: str) -> None:
    if (server := more.get("server")) is not None:
        more = {**more, "server": server}
    east = member(
        workloads=(WEB, API),
        services=(service("api"),),
        config=(OUTSIDE,),
        **{k: v for k, v in more.items() if k not in ("server", "host")},
    )
    (verdict,) = MeshTls([east]).edge(edge(WEB, more.get("server", API), host=more.get("host", "")))
    assert verdict.outcome is TlsOutcome.UNKNOWN
    assert said in verdict.why


def test_a_workload_that_is_not_in_the_inventory_is_unknown() -> None:
    east = member(workloads=(WEB,), services=(service("api"),))
    (verdict,) = MeshTls([east]).edge(edge(WEB, API))
    assert verdict.why == "shop/api-v1 is not in the inventory of east."


FAR = workload("api-v1", cluster="west")


def across(
    east: tuple[ConfigObject, ...], west: tuple[ConfigObject, ...], trusted: Trusted = Trusted.YES
) -> TlsVerdict:
    members = [
        member("east", workloads=(WEB,), services=(service("api"),), config=east),
        member("west", workloads=(FAR,), services=(service("api"),), config=west),
    ]
    pair = TrustPair(left="east", right="west", trusted=trusted, why="They share no root certificate.")
    (verdict,) = MeshTls(members, [pair]).edge(edge(WEB, FAR))
    return verdict


def test_across_clusters_the_clients_rules_and_the_servers_policies_count() -> None:
    off = dr("shop", "api", "api", **tls("DISABLE"))
    assert across((off,), (STRICT,)).code == "MTLS-STRICT-CLIENT-DISABLE"
    assert across((STRICT,), (off,)).outcome is TlsOutcome.MTLS
    assert across((), (STRICT,)).server_mode == "STRICT"
    assert across((peer_authentication("shop", mtls={"mode": "DISABLE"}),), (STRICT,)).code == (
        "MTLS-STRICT-AUTO-PLAINTEXT"
    ), "auto mTLS believes what the client's own istiod reads"


@pytest.mark.parametrize(
    ("trusted", "outcome", "code"),
    [(Trusted.YES, "mtls", None), (Trusted.NO, "broken", "MTLS-NO-TRUST"), (Trusted.UNKNOWN, "unknown", None)],
)
def test_mutual_tls_between_clusters_needs_trust(trusted: Trusted, outcome: str, code: str | None) -> None:
    verdict = across((), (STRICT,), trusted)
    assert (verdict.outcome, verdict.code) == (outcome, code)


def test_a_remote_cluster_obeys_its_primary() -> None:
    east = member("east", workloads=(WEB,), services=(service("api"),), config=(STRICT,))
    ignored = peer_authentication("shop", mtls={"mode": "DISABLE"})
    west = member("west", workloads=(FAR,), services=(service("api"),), config=(ignored,), roles=("remote",),
                  obeys=Obeyed(cluster="east", servers=("east",)))  # fmt: skip
    pair = TrustPair(left="east", right="west", trusted=Trusted.YES)
    (verdict,) = MeshTls([east, west], [pair]).edge(edge(WEB, FAR))
    assert (verdict.server_mode, verdict.outcome) == ("STRICT", TlsOutcome.MTLS)
    assert west.facts is not None
    doubt = Obeyed(why="Which primary west obeys cannot be told: east, north serve its mesh.")
    unsure = structs.replace(west, facts=structs.replace(west.facts, obeys=doubt))
    (verdict,) = MeshTls([east, unsure], [pair]).edge(edge(WEB, FAR))
    assert (verdict.outcome, verdict.why) == (TlsOutcome.UNKNOWN, doubt.why)


def test_a_virtual_machine_is_in_the_mesh_by_its_label_or_its_service_account() -> None:
    def entry(**spec: Any) -> ConfigObject:
        return config("WorkloadEntry", "shop", "vm", {"address": "10.9.9.9", **spec})

    machine = VirtualMachine(
        cluster="east", namespace="shop", name="vm", meta=Meta(name="vm", namespace="shop"), workload="vm",
        services=("api",),
    )  # fmt: skip
    target = workload("vm", app="api")
    for spec, outcome in (({"serviceAccount": "vm"}, "mtls"), ({}, "plaintext")):
        east = member(workloads=(WEB,), services=(service("api"),), config=(entry(**spec),), machines=(machine,))
        (verdict,) = MeshTls([east]).edge(edge(WEB, target, host=HOST))
        assert verdict.outcome == outcome, verdict.why


NAMESPACES = st.sampled_from(["shop", "front", "istio-system", "else"])
POLICIES = st.lists(
    st.builds(
        lambda ns, mode, app, created, i: peer_authentication(
            ns,
            f"p{i}",
            created=float(created),
            mtls={"mode": mode},
            **({"selector": {"matchLabels": {"app": app}}} if app else {}),
        ),
        NAMESPACES,
        st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE", "UNSET"]),
        st.sampled_from(["", "api", "web", "ghost"]),
        st.integers(0, 2),
        st.integers(0, 99),
    ),
    max_size=4,
    unique_by=lambda p: p.meta.key,
)
RULES = st.lists(
    st.builds(
        lambda ns, host, mode, created, i: dr(ns, f"r{i}", host, created=float(created), **tls(mode)),
        NAMESPACES,
        st.sampled_from([HOST, "*.local", "*", "other.shop.svc.cluster.local"]),
        st.sampled_from(["DISABLE", "SIMPLE", "ISTIO_MUTUAL"]),
        st.integers(0, 2),
        st.integers(0, 99),
    ),
    max_size=4,
    unique_by=lambda r: r.meta.key,
)


@settings(max_examples=60, deadline=None)
@given(POLICIES, RULES, st.randoms())
def test_the_order_of_objects_does_not_matter(
    policies: list[ConfigObject], rules: list[ConfigObject], random: Any
) -> None:
    objects = [*policies, *rules]
    shuffled = list(objects)
    random.shuffle(shuffled)
    assert judge(*objects) == judge(*shuffled)


@settings(max_examples=60, deadline=None)
@given(POLICIES, RULES)
def test_objects_for_others_change_nothing(policies: list[ConfigObject], rules: list[ConfigObject]) -> None:
    objects = [*policies, *rules]
    unrelated = (
        peer_authentication("elsewhere", "zz", mtls={"mode": "STRICT"}),
        peer_authentication("shop", "zz", selector={"matchLabels": {"app": "nobody"}}, mtls={"mode": "STRICT"}),
        dr("shop", "zz", "nobody", **tls("DISABLE")),
        dr("elsewhere", "zz", "*", **tls("DISABLE")),
        config("VirtualService", "shop", "zz", {"hosts": ["nobody"], "http": [{"route": []}]}),
    )
    assert judge(*objects, *unrelated) == judge(*objects)


def importing(*hosts: str, namespace: str = "front", **more: Any) -> ConfigObject:
    return config("Sidecar", namespace, "default", {"egress": [{"hosts": list(hosts)}], **more})


OPEN_ROUTE = config(
    "VirtualService", "shop", "api", {"hosts": ["www"], "http": [{"route": [{"destination": {"host": "api"}}]}]}
)


@pytest.mark.parametrize(
    ("objects", "mode", "outcome"),
    [
        ([importing("./*", "istio-system/*")], "DISABLE", "broken"),
        ([importing("shop/*")], "AUTO", "mtls"),
        ([importing("*/*", namespace="istio-system")], "AUTO", "mtls"),
        ([importing("./*", namespace="istio-system")], "DISABLE", "broken"),
        ([importing("./*", workloadSelector={"labels": {"app": "other"}})], "AUTO", "mtls"),
        ([importing("./*", "shop/www.shop.svc.cluster.local"), OPEN_ROUTE], "AUTO", "mtls"),
    ],
)
def test_what_a_sidecar_does_not_import_is_passed_through(objects: list[ConfigObject], mode: str, outcome: str) -> None:
    found = one(STRICT, *objects)
    assert (found.client_mode, found.outcome) == (mode, outcome)


@pytest.mark.parametrize(
    ("settings", "export_to", "mode"),
    [
        ("{}", None, "DISABLE"),
        ("defaultDestinationRuleExportTo: ['.']", None, "AUTO"),
        ("defaultDestinationRuleExportTo: ['~']", None, "AUTO"),
        ("defaultDestinationRuleExportTo: ['front']", None, "DISABLE"),
        ("defaultDestinationRuleExportTo: ['.']", ["*"], "DISABLE"),
        ("defaultDestinationRuleExportTo: 7", None, "DISABLE"),
        ("defaultServiceExportTo: ['.']", ["~"], "DISABLE"),
    ],
)
def test_the_meshs_default_for_exports_counts(settings: str, export_to: list[str] | None, mode: str) -> None:
    more: dict[str, Any] = {"exportTo": export_to} if export_to else {}
    rule = dr("shop", "api", "api", **tls("DISABLE"), **more)
    east = member(workloads=(WEB, API), services=(service("api"),), config=(rule,))
    assert east.inventory is not None
    inventory = structs.replace(east.inventory, config_maps={"istio": {"mesh": settings}})
    (found,) = MeshTls([structs.replace(east, inventory=inventory)]).edge(edge(WEB, API))
    assert found.client_mode == mode


def test_a_default_that_was_not_read_decides_nothing() -> None:
    rule = dr("shop", "api", "api", **tls("DISABLE"))
    found = one(rule, auto_mtls=None)
    assert found.outcome is TlsOutcome.UNKNOWN
    assert "defaultDestinationRuleExportTo" in found.why
    assert one(dr("front", "api", HOST, **tls("DISABLE")), auto_mtls=None).client_mode == "DISABLE"


@pytest.mark.parametrize(
    ("imported", "facts", "outcome"),
    [
        ("shop/*.shop.svc.k8s.acme", {}, "plaintext"),
        ("shop/*.shop.svc.k8s.acme", {"cluster_domain": "k8s.acme"}, "mtls"),
        ("shop/*.shop.svc.k8s.acme", {"cluster_domain": None}, "unknown"),
        ("shop/*", {"cluster_domain": None}, "mtls"),
        ("other/*", {"cluster_domain": None}, "plaintext"),
    ],
)
def test_what_a_sidecar_imports_by_full_hosts_hangs_on_the_domain(
    imported: str, facts: dict[str, Any], outcome: str
) -> None:
    narrow = config("Sidecar", "front", "default", {"egress": [{"hosts": [imported]}]})
    east = member(workloads=(WEB, API), services=(service("api"),), config=(narrow,), **facts)
    host = f"api.shop.svc.{facts.get('cluster_domain') or 'cluster.local'}"
    (verdict,) = MeshTls([east]).edge(edge(WEB, API, host=host))
    assert verdict.outcome.value == outcome


def test_without_the_right_to_read_sidecars_it_is_not_known_what_a_caller_imports() -> None:
    east = member(workloads=(WEB, API), services=(service("api"),), denied=("Sidecar",))
    (verdict,) = MeshTls([east]).edge(edge(WEB, API))
    assert (verdict.outcome.value, verdict.why) == ("unknown", "Sidecar of east cannot be read (denied).")


@pytest.mark.parametrize(
    ("name", "versions", "outcome"),
    [
        ("api.shop.svc.cluster.local", (), "mtls"),
        ("api.shop.svc.cluster.local.", ("1.28.0",), "mtls"),
        ("api.shop.svc.cluster.local", ("1.20.4",), "broken"),
        ("api.example.com", ("1.28.0",), "broken"),
    ],
)
def test_an_external_name_is_an_alias_of_the_service_that_it_names(
    name: str, versions: tuple[str, ...], outcome: str
) -> None:
    alias = structs.replace(service("alias"), external_name=name, selector={})
    east = member(
        workloads=(WEB, API), services=(service("api"), alias), config=(STRICT,), istio_versions=versions
    )  # fmt: skip
    (verdict,) = MeshTls([east]).edge(edge(WEB, API, host="alias.shop.svc.cluster.local"))
    assert verdict.outcome.value == outcome
