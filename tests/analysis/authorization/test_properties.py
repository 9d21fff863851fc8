"""Properties: a DENY never allows more, less told only opens a verdict, and the order of policies is nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.authorization.attachment import Enforcer
from meshtop.analysis.authorization.call import UNTOLD
from meshtop.analysis.authorization.decision import Permission
from meshtop.model.kube import ConfigObject
from tests.analysis.authorization.build import call, judge, point, policy, tokens
from tests.analysis.security.mtls.objects import config

PRINCIPALS = ["cluster.local/ns/shop/sa/web", "cluster.local/ns/far/sa/job", "other/ns/shop/sa/web", "*", "*/sa/web"]
PATHS = ["/", "/a", "/a/b", "/a*", "*b", "/{*}", "*"]
CLAIMS = [{"iss": "iss", "sub": "me", "groups": ["g"]}, {"iss": "evil", "sub": "me"}, None]


def some_of(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2)


SOURCES = st.fixed_dictionaries(
    {},
    optional={
        "principals": some_of(PRINCIPALS), "notPrincipals": some_of(PRINCIPALS),
        "namespaces": some_of(["shop", "f*"]), "notNamespaces": some_of(["shop"]),
        "ipBlocks": some_of(["10.0.0.0/8", "::/0"]), "requestPrincipals": some_of(["*", "iss/me"]),
        "notRequestPrincipals": some_of(["*"]), "serviceAccounts": some_of(["web", "far/job"]),
        "trustDomains": some_of(["cluster.local"]),
    },
)  # fmt: skip
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "paths": some_of(PATHS), "notPaths": some_of(PATHS), "methods": some_of(["GET", "P*"]),
        "ports": some_of(["8080", "9090", "bad"]), "notPorts": some_of(["8080"]), "hosts": some_of(["api*", "x"]),
    },
)  # fmt: skip
CONDITIONS = st.fixed_dictionaries(
    {
        "key": st.sampled_from([
            "request.headers[x-a]", "source.namespace", "destination.port", "request.auth.claims[groups]",
            "connection.sni", "source.ip", "odd.key", "experimental.envoy.filters.a[b]",
        ]),
    },
    optional={"values": some_of(["shop", "8080", "g", "v"]), "notValues": some_of(["shop", "9090", "v"])},
)  # fmt: skip
RULES = st.fixed_dictionaries(
    {},
    optional={
        "from": st.lists(st.fixed_dictionaries({"source": SOURCES}), max_size=2),
        "to": st.lists(st.fixed_dictionaries({"operation": OPERATIONS}), max_size=2),
        "when": st.lists(CONDITIONS, max_size=2),
    },
)
ODD = st.sampled_from([{"rules": "x"}, {"action": 3}, {"selector": []}, {"rules": [{"from": [{"source": {"x": 1}}]}]}])
SPECS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"rules": st.lists(RULES, max_size=3)},
        optional={
            "action": st.sampled_from(["ALLOW", "DENY", "AUDIT", "CUSTOM"]),
            "provider": st.sampled_from([{"name": "one"}, {"name": "two"}]),
        },
    ),
    ODD,
)
OTHERS = st.lists(
    st.sampled_from([
        tokens("iss", jwtRules=[{"issuer": "iss"}]),
        tokens("odd", jwtRules="x"),
        config("PeerAuthentication", "shop", "strict", {"mtls": {"mode": "STRICT"}}, group="security.istio.io"),
    ]),
    max_size=2,
    unique_by=lambda obj: obj.meta.name,
)  # fmt: skip
OBJECTS = st.tuples(st.lists(SPECS, max_size=4), OTHERS).map(
    lambda both: [*(policy(f"p{n}", **spec) for n, spec in enumerate(both[0])), *both[1]]
)
CALLS = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["http", "tcp"]),
        "principal": st.sampled_from([*PRINCIPALS[:3], None]),
        "source_ip": st.sampled_from(["10.0.0.1", "192.0.2.1", "2001:db8::1"]),
        "port": st.sampled_from([8080, 9090]),
        "method": st.sampled_from(["GET", "POST"]),
        "path": st.sampled_from(["/", "/a", "/a/b?q", "/x"]),
        "headers": st.sampled_from([{}, {"x-a": "v"}]),
        "claims": st.sampled_from(CLAIMS),
        "sni": st.sampled_from([None, "v"]),
    }
)
FIELDS = [
    "principal", "source_ip", "remote_ip", "destination_ip", "port", "method", "path", "host", "headers",
    "claims", "sni",
]  # fmt: skip
POINTS = st.sampled_from([Enforcer.SIDECAR, Enforcer.GATEWAY, Enforcer.ZTUNNEL])
ORDER = {Permission.DENIED: 0, Permission.DEPENDS: 1, Permission.ALLOWED: 2}


@given(OBJECTS, CALLS, POINTS, st.lists(RULES, max_size=2))
def test_another_deny_never_allows_more(
    objects: list[ConfigObject], told: dict[str, Any], enforcer: Enforcer, rules: list[dict[str, Any]]
) -> None:
    at, of = point(enforcer), call(**told)
    before = judge(*objects, of=of, at=at).permission
    after = judge(*objects, policy("more", action="DENY", rules=rules), of=of, at=at).permission
    assert ORDER[after] <= ORDER[before]


@given(OBJECTS, CALLS, POINTS, st.sets(st.sampled_from(FIELDS)))
def test_less_told_never_turns_a_verdict(
    objects: list[ConfigObject], told: dict[str, Any], enforcer: Enforcer, missing: set[str]
) -> None:
    at, of = point(enforcer), call(**told)
    whole = judge(*objects, of=of, at=at)
    less = judge(*objects, of=structs.replace(of, **dict.fromkeys(missing, UNTOLD)), at=at)
    assert less.permission in (whole.permission, Permission.DEPENDS)
    if less.asked:
        assert whole.asked


@given(OBJECTS, CALLS, POINTS, st.randoms(use_true_random=False))
def test_the_order_of_policies_is_nothing(
    objects: list[ConfigObject], told: dict[str, Any], enforcer: Enforcer, random: Any
) -> None:
    at, of = point(enforcer), call(**told)
    mixed = list(objects)
    random.shuffle(mixed)
    assert judge(*mixed, of=of, at=at) == judge(*objects, of=of, at=at)


KEYS = [
    "rules", "from", "to", "when", "source", "operation", "key", "values", "principals", "ports", "selector",
    "matchLabels", "targetRefs", "targetRef", "kind", "name", "action", "provider", "jwtRules", "issuer", "mtls",
    "mode", "portLevelMtls",
]  # fmt: skip
SHAPES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(SHAPES, st.sampled_from(["AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"]), CALLS, POINTS)
def test_no_shape_raises(spec: Any, kind: str, told: dict[str, Any], enforcer: Enforcer) -> None:
    odd = structs.replace(config(kind, "shop", "odd", {}, group="security.istio.io"), spec=spec)
    judge(odd, policy(rules=[{}]), of=call(**told), at=point(enforcer))
