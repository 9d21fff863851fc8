"""Which DestinationRule applies, and the TLS it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.security.mtls.client import AppliedRule, TlsMode, client_tls, destination_rule, rule_tls
from meshtop.analysis.security.mtls.server import Mode
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.kube import ConfigObject
from tests.analysis.security.mtls.objects import destination_rule as dr

REVIEWS = "reviews.shop.svc.cluster.local"


def tls(mode: str) -> dict[str, Any]:
    return {"tls": {"mode": mode}}


def applied(
    rules: list[ConfigObject], *, client: str = "web", labels: dict[str, str] | None = None
) -> AppliedRule | None:
    return destination_rule(
        rules,
        host=REVIEWS,
        client_namespace=client,
        client_labels=labels or {},
        service_namespace="shop",
        root_namespace="istio-system",
    )


def mode_of(rule: AppliedRule | None, *, port: int = 9080, subset: str | None = None) -> str | None:
    mode, _ = rule_tls(rule, port=port, subset=subset)
    return mode


def test_the_first_namespace_with_a_match_wins_outright() -> None:
    silent_own = dr("web", "own", REVIEWS, trafficPolicy={"loadBalancer": {"simple": "RANDOM"}})
    theirs = dr("shop", "theirs", "reviews", trafficPolicy=tls("ISTIO_MUTUAL"))
    mesh = dr("istio-system", "mesh", "*.local", trafficPolicy=tls("SIMPLE"))
    assert mode_of(applied([mesh])) == "SIMPLE"
    assert mode_of(applied([mesh, theirs])) == "ISTIO_MUTUAL"
    assert mode_of(applied([mesh, theirs, silent_own])) is None, "a rule without TLS hides the service's own"


def test_an_exact_host_beats_a_wildcard_and_the_longest_wildcard_comes_first() -> None:
    short = dr("web", "a", "*.local", trafficPolicy=tls("SIMPLE"))
    long = dr("web", "b", "*.shop.svc.cluster.local", trafficPolicy=tls("MUTUAL"))
    exact = dr("web", "c", REVIEWS, trafficPolicy=tls("DISABLE"))
    assert mode_of(applied([short])) == "SIMPLE"
    assert mode_of(applied([short, long])) == "MUTUAL"
    assert mode_of(applied([short, long, exact])) == "DISABLE"


@pytest.mark.parametrize(
    ("export_to", "seen", "at_home"),
    [
        (None, True, True),
        (["*"], True, True),
        (["."], False, True),
        (["web"], True, False),
        (["cart"], False, False),
        (["web", "."], True, True),
        (["~"], False, False),
    ],
)
def test_export_to_decides_who_sees_a_rule(export_to: list[str] | None, seen: bool, at_home: bool) -> None:
    spec: dict[str, Any] = {"trafficPolicy": tls("DISABLE")}
    if export_to is not None:
        spec["exportTo"] = export_to
    theirs = dr("shop", "theirs", "reviews", **spec)
    assert (applied([theirs]) is not None) == seen
    assert (applied([theirs], client="shop") is not None) == at_home


def test_rules_of_one_host_merge_and_the_first_policy_stays() -> None:
    first = dr("shop", "first", "reviews", created=1.0, subsets=[{"name": "v1"}])
    second = dr(
        "shop",
        "second",
        REVIEWS,
        created=2.0,
        trafficPolicy=tls("SIMPLE"),
        subsets=[{"name": "v2"}, {"name": "v1", "x": 1}],
    )
    third = dr("shop", "third", "reviews", created=3.0, trafficPolicy=tls("DISABLE"))
    rule = applied([third, second, first])
    assert rule is not None
    assert [s["name"] for s in rule.subsets] == ["v1", "v2"]
    assert mode_of(rule) == "SIMPLE"
    assert rule.title.startswith("DestinationRule shop/first + DestinationRule shop/second")


def test_a_workload_selector_counts_for_its_workloads_in_its_namespace_only() -> None:
    chosen = dr(
        "web", "chosen", REVIEWS, workloadSelector={"matchLabels": {"app": "front"}}, trafficPolicy=tls("DISABLE")
    )
    general = dr("web", "general", REVIEWS, trafficPolicy=tls("ISTIO_MUTUAL"))
    assert mode_of(applied([general, chosen], labels={"app": "front"})) == "DISABLE"
    assert mode_of(applied([general, chosen], labels={"app": "back"})) == "ISTIO_MUTUAL"
    theirs = dr("shop", "theirs", REVIEWS, workloadSelector={"matchLabels": {"app": "front"}})
    assert applied([theirs], labels={"app": "front"}) is None


@pytest.mark.parametrize(
    ("policy", "subset_policy", "port", "want"),
    [
        (tls("ISTIO_MUTUAL"), None, 9080, "ISTIO_MUTUAL"),
        (tls("ISTIO_MUTUAL"), tls("DISABLE"), 9080, "DISABLE"),
        (tls("ISTIO_MUTUAL"), {"loadBalancer": {}}, 9080, "ISTIO_MUTUAL"),
        ({**tls("ISTIO_MUTUAL"), "portLevelSettings": [{"port": {"number": 9080}}]}, None, 9080, None),
        ({**tls("ISTIO_MUTUAL"), "portLevelSettings": [{"port": {"number": 9080}}]}, None, 80, "ISTIO_MUTUAL"),
        (
            {**tls("ISTIO_MUTUAL"), "portLevelSettings": [{"port": {"number": 9080}, **tls("DISABLE")}]},
            None,
            9080,
            "DISABLE",
        ),
        (
            tls("ISTIO_MUTUAL"),
            {"portLevelSettings": [{"port": {"number": 9080}, **tls("SIMPLE")}]},
            9080,
            "SIMPLE",
        ),
        (
            {"portLevelSettings": [{"port": {"number": 9080}, **tls("DISABLE")}]},
            {"loadBalancer": {"simple": "RANDOM"}},
            9080,
            "DISABLE",
        ),
        ({"tls": {}}, None, 9080, "DISABLE"),
    ],
)
def test_subsets_override_and_ports_replace_the_whole_policy(
    policy: dict[str, Any], subset_policy: dict[str, Any] | None, port: int, want: str | None
) -> None:
    subset: dict[str, Any] = {"name": "v1"}
    if subset_policy is not None:
        subset["trafficPolicy"] = subset_policy
    rule = applied([dr("shop", "r", "reviews", trafficPolicy=policy, subsets=[subset])])
    assert mode_of(rule, port=port, subset="v1") == want


def test_auto_mtls_is_off_for_a_mesh_that_switched_it_off() -> None:
    answer = client_tls(None, port=80, subset=None, auto_mtls=False, mesh_external=False, service_mode=Mode.PERMISSIVE)
    assert answer.mode is TlsMode.DISABLE
    assert answer.why == "auto mTLS is switched off in the mesh"


NAMES = st.sampled_from(["web", "shop", "istio-system", "cart"])
HOSTS = st.sampled_from([REVIEWS, "reviews", "*", "*.local", "*.shop.svc.cluster.local", "ratings"])
RULES = st.lists(
    st.builds(
        lambda ns, host, mode, created, index: dr(ns, f"r{index}", host, created=created, trafficPolicy=tls(mode)),
        NAMES,
        HOSTS,
        st.sampled_from(["DISABLE", "SIMPLE", "ISTIO_MUTUAL"]),
        st.integers(0, 3).map(float),
        st.integers(0, 99),
    ),
    max_size=6,
    unique_by=lambda rule: (rule.meta.namespace, rule.meta.name),
)


@given(RULES, st.randoms())
def test_the_order_of_objects_does_not_matter(rules: list[ConfigObject], random: Any) -> None:
    shuffled = list(rules)
    random.shuffle(shuffled)
    assert applied(rules) == applied(shuffled)


@given(RULES)
def test_a_rule_for_another_host_changes_nothing(rules: list[ConfigObject]) -> None:
    unrelated = dr("web", "zz", "payments.bank.svc.cluster.local", trafficPolicy=tls("DISABLE"))
    assert applied([*rules, unrelated]) == applied(rules)


def test_short_hosts_belong_to_the_rules_namespace() -> None:
    assert full_host("reviews", "shop") == REVIEWS
    assert full_host("*", "shop") == "*"
    assert full_host("api.example.com", "shop") == "api.example.com"
