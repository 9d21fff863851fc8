"""What STRICT would break: nothing is written, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.observed import WorkloadDay
from meshtop.analysis.security.mtls.posture import TrafficWindow, posture
from meshtop.analysis.security.mtls.whatif import MESH, Effect, WhatIf, strict_members, what_if_strict
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import Proxy
from meshtop.model.traffic import Edge
from tests.analysis.security.mtls.meshes import edge, member, service, workload
from tests.analysis.security.mtls.objects import destination_rule as dr
from tests.analysis.security.mtls.objects import peer_authentication

WEB, API = workload("web", "front"), workload("api-v1")
CRON = workload("cron", "jobs", proxy=Proxy.NONE)


def ask(
    edges: Sequence[Edge], *objects: ConfigObject, scope: str = "shop", day: WorkloadDay | None = None
) -> tuple[WhatIf, MeshMember]:
    east = member(workloads=(WEB, API, CRON), services=(service("api"), service("web", "front")), config=objects)
    told = posture(MeshTls([east]), edges, window=TrafficWindow(0.0, 300.0), day=lambda where: day)
    return what_if_strict([east], (), edges, tuple(told.workloads.values()), scope), east


def effects(found: WhatIf) -> dict[str, str]:
    return {c.edge.source.workload or "?": c.effect.value for c in found.consequences}


def test_plaintext_breaks_mutual_tls_is_fine_and_the_rest_is_unknown() -> None:
    edges = [
        edge(None, API, judged=4.0, secured=0.0),
        edge(WEB, API, judged=6.0, secured=6.0),
        edge(CRON, API),
        edge(API, WEB, judged=1.0, secured=0.0),
    ]
    found, _ = ask(edges)
    assert effects(found) == {"?": "breaks", "cron": "breaks", "web": "fine"}
    assert found.consequences[0].effect is Effect.BREAKS
    assert found.consequences[-1].effect is Effect.FINE
    assert found.workloads == 1
    everywhere, _ = ask(edges, scope=MESH)
    assert effects(everywhere)["api-v1"] == "breaks"


def test_a_rule_that_sends_plaintext_breaks_and_says_so() -> None:
    off = dr("shop", "api", "api", trafficPolicy={"tls": {"mode": "DISABLE"}})
    found, _ = ask([edge(WEB, API, judged=6.0, secured=0.0)], off)
    (consequence,) = found.consequences
    assert consequence.effect is Effect.BREAKS
    assert "DestinationRule shop/api sets DISABLE" in consequence.why
    assert consequence.plaintext_per_second == 6.0


def test_who_nobody_measured_is_unknown() -> None:
    gone = workload("gone", "front")
    found, _ = ask([edge(gone, API)])
    (consequence,) = found.consequences
    assert consequence.effect is Effect.UNKNOWN
    assert "Not measured." in consequence.why
    (silent,) = found.unmeasured
    assert (silent.workload, "callers cannot tell" in silent.why) == ("api-v1", True)
    quiet, _ = ask([])
    assert "No caller in this window" in quiet.unmeasured[0].why
    assert not quiet.day_measured


def test_a_caller_of_the_last_day_is_told() -> None:
    day = WorkloadDay(True, {("east", "jobs", "cron"): 12.0})
    found, _ = ask([edge(WEB, API, judged=6.0, secured=6.0)], day=day)
    assert [(place, s.title, s.last_day) for place, s in found.earlier] == [
        ("shop/api-v1 in east", "jobs/cron in east", 12.0)
    ]
    assert found.day_measured


def test_exceptions_of_the_scope_go_and_those_of_others_stay() -> None:
    ports = peer_authentication(
        "shop", "api", selector={"matchLabels": {"app": "api"}}, mtls={"mode": "DISABLE"},
        portLevelMtls={8080: {"mode": "PERMISSIVE"}},
    )  # fmt: skip
    (strict,) = strict_members([member(workloads=(WEB, API), config=(ports,))], "shop")
    mesh = MeshTls([strict])
    api, web = (mesh.parties.find(("east", w.namespace, w.name)) for w in (API, WEB))
    assert api is not None
    assert web is not None
    policy, other = mesh.policy(api), mesh.policy(web)
    assert not isinstance(policy, str)
    assert not isinstance(other, str)
    assert (policy.mode, policy.ports, other.mode) == ("STRICT", {}, "PERMISSIVE")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE"]), max_size=3), st.sampled_from(["shop", MESH]))
def test_nothing_is_written(modes: list[str], scope: str) -> None:
    objects = [peer_authentication("shop", f"p{i}", mtls={"mode": mode}) for i, mode in enumerate(modes)]
    before = [dict(obj.spec) for obj in objects]
    edges = [edge(WEB, API, judged=6.0, secured=6.0)]
    found, east = ask(edges, *objects, scope=scope)
    assert [obj.spec for obj in objects] == before
    assert east.inventory is not None
    assert list(east.inventory.config.get("PeerAuthentication", ())) == objects
    again, _ = ask(edges, *objects, scope=scope)
    assert again == found


def test_nothing_is_presumed_of_a_root_namespace_that_is_not_known() -> None:
    lax = peer_authentication("istio-system", mtls={"mode": "PERMISSIVE"})
    east = member(workloads=(WEB, API), services=(service("api"),), config=(lax,))
    assert east.facts is not None
    rootless = structs.replace(east, facts=structs.replace(east.facts, root_namespace=None))
    (alone,) = strict_members([rootless], "shop")
    assert alone.facts is not None
    assert alone.facts.root_namespace is None
    (everywhere,) = strict_members([rootless], MESH)
    assert everywhere.facts == rootless.facts
    mesh = MeshTls([everywhere])
    assert all("root namespace of east is not known" in str(mesh.policy(party)) for party in mesh.parties)
    assert everywhere.inventory is not None
    assert [p.meta.namespace for p in everywhere.inventory.config["PeerAuthentication"]] == ["the root namespace"]


def test_without_the_root_namespace_only_what_no_policy_could_break_is_fine() -> None:
    bare = workload("api-v2", proxy=Proxy.NONE)
    east = member(workloads=(WEB, API, bare, CRON), services=(service("api"),), root_namespace=None)
    edges = [
        edge(None, API, judged=4.0, secured=0.0),
        edge(WEB, API, judged=6.0, secured=6.0),
        edge(CRON, API),
        edge(CRON, bare),
        edge(WEB, bare),
    ]
    told = posture(MeshTls([east]), edges, window=TrafficWindow(0.0, 300.0), day=lambda where: None)
    workloads = tuple(told.workloads.values())
    found = {
        (c.edge.source.workload or "?", c.edge.destination.workload): c
        for c in what_if_strict([east], (), edges, workloads, MESH).consequences
    }
    assert {key: c.effect.value for key, c in found.items()} == {
        ("?", "api-v1"): "unknown",
        ("cron", "api-v1"): "unknown",
        ("web", "api-v1"): "fine",
        ("cron", "api-v2"): "fine",
        ("web", "api-v2"): "fine",
    }
    assert "root namespace of east" in found["?", "api-v1"].why
    # A policy of the namespace itself needs no root namespace.
    alone = what_if_strict([east], (), edges, workloads, "shop").consequences
    assert {c.effect.value for c in alone if not c.edge.source.workload} == {"breaks"}
