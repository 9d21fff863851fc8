"""The least policies: what was seen is what passes, nothing of it can be left out, and what is silent is said."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.authorization.decision import AccessVerdict, Permission
from meshtop.analysis.authorization.least import LeastPolicies, least_policies, manifest_of
from meshtop.analysis.authorization.observed import ObservedAccess
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.model.kube import ConfigObject, ServicePort
from meshtop.model.mesh import Proxy
from meshtop.model.traffic import Edge
from tests.analysis.authorization.build import operation, policy, source
from tests.analysis.authorization.test_observed import ambient, edge, member, service, workload

ACCOUNTS = "td.example/ns/shop/sa"


def suggested(one: MeshMember, *edges: Edge) -> LeastPolicies:
    return least_policies(ObservedAccess(MeshTls([one])), edges, "shop", one.workloads)


def specs(found: LeastPolicies) -> dict[str, Any]:
    return {one.obj.meta.name: one.obj.spec for one in found.policies}


def test_one_policy_for_each_workload_with_the_callers_and_ports_that_were_seen() -> None:
    one = member(workload("web"), workload("job"), workload("api"), workload("idle"))
    found = suggested(one, edge(), edge("job"), edge("api", to="web"))
    assert specs(found) == {
        "api-callers": {
            "selector": {"matchLabels": {"app": "api"}},
            "action": "ALLOW",
            "rules": [
                source(principals=[f"{ACCOUNTS}/job", f"{ACCOUNTS}/web"]) | operation(ports=["8080"]),
            ],
        },
        "web-callers": {
            "selector": {"matchLabels": {"app": "web"}},
            "action": "ALLOW",
            "rules": [source(principals=[f"{ACCOUNTS}/api"]) | operation(ports=["8080"])],
        },
    }
    assert (found.seen, found.allowed, found.failing, found.requests_per_second) == (3, 3, (), 30.0)
    assert found.silent == ("Nobody was seen to call idle, job in east: they get no policy, and stay open.",)
    assert all(one.clusters == ("east",) for one in found.policies)
    manifest = manifest_of(found.policies[0].obj)
    assert (manifest["apiVersion"], manifest["kind"]) == ("security.istio.io/v1", "AuthorizationPolicy")
    assert manifest["metadata"] == {"name": "api-callers", "namespace": "shop"}


def test_calls_without_identity_leave_their_port_open_and_are_said() -> None:
    one = member(workload("web"), workload("api"))
    found = suggested(one, edge(mtls=0.0), edge())
    assert specs(found)["api-callers"]["rules"] == [operation(ports=["8080"])]
    said = "Calls from shop/web to shop/api are in plaintext: the policy lets everybody in on their port."
    assert said in found.silent
    assert found.allowed == found.seen == 2
    nameless = member(workload("web"), workload("api"), services=(service("web"),))
    lost = suggested(nameless, edge("", mtls=None))
    assert lost.policies == ()
    assert any("no policy can narrow it" in sentence for sentence in lost.silent)
    assert lost.allowed == 1


def test_what_is_refused_today_is_not_let_in() -> None:
    one = member(workload("web"), workload("job"), workload("api"),
                 objects=(policy("api", rules=[source(principals=[f"{ACCOUNTS}/web"])]),))  # fmt: skip
    found = suggested(one, edge(), structs.replace(edge("job"), codes={"403": 10.0}))
    assert found.seen == 1
    assert f"{ACCOUNTS}/job" not in str(specs(found))
    assert any("from shop/job to shop/api are left out: all were refused" in sentence for sentence in found.silent)
    stays = "AuthorizationPolicy shop/api of east stays in force there: delete it to allow no more than what was seen."
    assert stays in found.silent


def test_no_policy_that_is_there_is_replaced() -> None:
    one = member(workload("web"), workload("api"), objects=(policy("api-callers", rules=[{}]),))
    assert list(specs(suggested(one, edge()))) == ["api-callers-2"]


def test_what_stays_denied_is_not_proven() -> None:
    closed = policy("closed", action="DENY", rules=[operation(ports=["8080"])])
    found = suggested(member(workload("web"), workload("api"), objects=(closed,)), edge())
    assert (found.seen, found.allowed) == (1, 0)
    assert found.failing[0][1] == "AuthorizationPolicy shop/closed, rule 1, denies it."


def test_a_service_behind_a_waypoint_gets_a_policy_there_and_its_workload_one_for_the_waypoint() -> None:
    found = suggested(ambient(), edge())
    assert specs(found) == {
        "api-callers": {
            "selector": {"matchLabels": {"app": "api"}},
            "action": "ALLOW",
            "rules": [source(principals=[f"{ACCOUNTS}/wp"]) | operation(ports=["8080"])],
        },
        "api-callers-at-waypoint": {
            "targetRefs": [{"kind": "Service", "group": "", "name": "api"}],
            "action": "ALLOW",
            "rules": [source(principals=[f"{ACCOUNTS}/web"]) | operation(ports=["80"])],
        },
    }
    assert found.allowed == 1


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"proxy": Proxy.NONE}, "shop/api has no proxy: no policy is enforced there."),
        ({"labels": (("team", "a"),)}, "shop/api has no label such as app, by which a policy could select it."),
        ({"is_gateway": True}, "The gateway shop/api takes calls from outside: no policy is suggested for it."),
    ],
)
def test_what_no_policy_can_be_for_is_said(made: dict[str, Any], said: str) -> None:
    found = suggested(member(workload("web"), workload("api", **made)), edge())
    assert found.policies == ()
    assert said in found.silent


def test_a_name_is_made_from_any_label() -> None:
    labels = (("app", "My_App.v2"), ("security.istio.io/tlsMode", "istio"))
    one = member(workload("web"), workload("api", labels=labels))
    assert list(specs(suggested(one, edge()))) == ["my-app-v2-callers"]


NAMES = ("a", "b", "c", "d")
CALLS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(["http", "tcp"])), min_size=1, max_size=8,
    unique=True,
)  # fmt: skip


def fewer(obj: ConfigObject) -> Iterator[ConfigObject]:
    """The policy without one of its principals, each in turn, and without one of its ports."""
    for r, rule in enumerate(obj.spec["rules"]):
        for kind, part, key in (("from", "source", "principals"), ("to", "operation", "ports")):
            for value in rule[kind][0][part][key]:
                spec = copy.deepcopy(obj.spec)
                spec["rules"][r][kind][0][part][key] = [v for v in rule[kind][0][part][key] if v != value] or ["1"]
                yield structs.replace(obj, spec=spec)


@given(CALLS)
def test_all_that_was_seen_passes_and_nothing_can_be_left_out(calls: list[tuple[str, str, str]]) -> None:
    ports = (ServicePort(80, "http", target=8080), ServicePort(5432, "tcp", target=5432))
    one = member(*map(workload, NAMES), services=tuple(service(name, *ports) for name in NAMES))
    edges = [edge(caller, to=called, protocol=protocol) for caller, called, protocol in calls]
    found = suggested(one, *edges)
    assert found.allowed == found.seen == len(edges)
    objects = [one.obj for one in found.policies]
    mesh = MeshTls([one])
    for obj in objects:
        others = [other for other in objects if other is not obj]
        for less in fewer(obj):
            access = ObservedAccess(mesh, {"east": [*others, less]})
            verdicts = [access.edge(call) for call in edges]
            assert any(isinstance(v, AccessVerdict) and v.permission is Permission.DENIED for v in verdicts)
    seen = set(calls)
    access = ObservedAccess(mesh, {"east": objects})
    targets = {called for _, called, _ in calls}
    for caller in NAMES:
        for called in targets:
            for protocol in ("http", "tcp"):
                verdict = access.edge(edge(caller, to=called, protocol=protocol))
                assert isinstance(verdict, AccessVerdict)
                assert (verdict.permission is Permission.ALLOWED) == ((caller, called, protocol) in seen)
