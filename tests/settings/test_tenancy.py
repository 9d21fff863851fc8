from __future__ import annotations

from contextlib import nullcontext
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.settings.access import read_access
from meshtop.settings.document import ConfigError
from meshtop.settings.forms import meet, selector_matches
from meshtop.settings.tenancy import read_tenancy
from tests.analysis.tenancy.fleets import TENANCY, write

GROUPS = "        groups:\n"
WORKSPACE = "tenants:\n  - name: a\n    workspaces:\n      - name: w\n        namespaces: [{0}]\n"
X = WORKSPACE.format("'*/x'")


def two(first: str, second: str) -> str:
    return (
        "tenants:\n"
        f"  - name: a\n    workspaces:\n      - name: one\n        namespaces: ['{first}']\n"
        f"      - name: two\n        namespaces: ['{second}']\n"
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("tenants: [{nam: a}]", 1, r"tenants\[0\].name: this key is missing"),
        ("tenants:\n  - name: a\n    workspces: []", 3, "did you mean workspaces"),
        ("tenants: [{name: a/b}]", 1, "not a valid name"),
        ("tenants:\n  - name: a\n  - name: a", 3, "tenant a already exists .*line 2"),
        (WORKSPACE.format("shop"), 5, "write CLUSTER/NAMESPACE"),
        (WORKSPACE.format("'ea*/shop'"), 5, "a cluster is its whole name"),
        (WORKSPACE.format("'east/s*p'"), 5, "a prefix such as"),
        (WORKSPACE.format("'east/'"), 5, "write CLUSTER/NAMESPACE"),
        (WORKSPACE.format(""), 5, "must not be empty"),
        (two("*/shop", "east/shop"), 7, r"east/shop of workspace a/two overlaps \*/shop of workspace a/one .*line 5"),
        (two("*/shop*", "west/sh*"), 7, "belongs to one workspace"),
        (
            WORKSPACE.format("'*/x'") + "        groups: {security: [{name: g, namespaces: ['*/y']}]}",
            6,
            "selects nothing",
        ),
        (
            WORKSPACE.format("'*/x'")
            + "        groups:\n          traffic:\n            - {name: g}\n            - {name: h}",
            9,
            "traffic group h shares namespaces with g",
        ),
        (
            WORKSPACE.format("'*/x'")
            + "        groups:\n          traffic: [{name: g}]\n          gateway: [{name: g}]",
            8,
            "group g already exists",
        ),
        (X + "        settings: {trafficMode: STRICT}", 6, "trafficMode: write 'OPTIONAL' or 'REQUIRED'"),
        ("bindings:\n  - {role: boss, subjects: ['user:a'], on: organization}", 2, "role"),
        ("bindings:\n  - {role: reader, subjects: [a], on: organization}", 2, "write user:NAME or team:NAME"),
        ("tenants: [{name: a}]\nbindings:\n  - {role: reader, subjects: ['user:a'], on: tenant/b}", 3, "no tenant/b"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, "tenancy.yaml", text)
    with pytest.raises(ConfigError, match=said) as raised:
        read_tenancy(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize(
    ("first", "second"), [("east/shop", "west/shop"), ("*/shop", "*/shop-x"), ("*/shop-*", "*/shop"), ("*/a*", "*/b*")]
)
def test_workspaces_side_by_side(tmp_path: Path, first: str, second: str) -> None:
    read = read_tenancy(write(tmp_path, "tenancy.yaml", two(first, second)))
    assert read is not None
    assert len(list(read.workspaces())) == 2


def test_the_whole_file_is_read_with_its_places(tmp_path: Path) -> None:
    read = read_tenancy(write(tmp_path, "tenancy.yaml", TENANCY))
    assert read is not None
    assert [(w.name, t.name) for _, t, w in read.workspaces()] == [("web", "storefront"), ("cards", "payments")]
    path = next(path for path, selector in read.selectors() if selector == "*/pay")
    assert read.where(path).endswith("tenancy.yaml, line 12")
    assert read_tenancy(None) is None
    inline = read_tenancy({"tenants": [{"name": "a"}]})
    assert inline is not None
    with pytest.raises(ConfigError, match=r"tenancy\.tenants\[0\]\.name"):
        read_tenancy({"tenants": [{"name": "a:b"}]})


_clusters = st.sampled_from(["east", "west", "arn:aws:eks:eu:1:cluster/prod"])
_namespaces = st.sampled_from(["a", "ab", "abc", "b", "shop", "shop-1", "shop-"])
_patterns = st.builds(
    lambda c, n: f"{c}/{n}",
    st.one_of(_clusters, st.just("*")),
    st.one_of(_namespaces, st.just("*"), _namespaces.map(lambda n: f"{n}*")),
)


@given(_patterns, _patterns, _clusters, _namespaces)
def test_selectors_that_mean_the_same_namespace_meet(left: str, right: str, cluster: str, namespace: str) -> None:
    assert meet(left, right) == meet(right, left)
    if selector_matches(left, cluster, namespace) and selector_matches(right, cluster, namespace):
        assert meet(left, right)


@given(st.lists(_patterns, min_size=2, max_size=5))
def test_overlaps_are_found_wherever_they_are(selectors: list[str]) -> None:
    workspaces = [{"name": f"w{n}", "namespaces": [selector]} for n, selector in enumerate(selectors)]
    overlap = any(meet(a, b) for a, b in combinations(selectors, 2))
    with pytest.raises(ConfigError, match="belongs to one workspace") if overlap else nullcontext():
        read_tenancy({"tenants": [{"name": "t", "workspaces": workspaces}]})


POLICY = """\
policyClasses: [pc1]
userAttributes:   {ua1: [pc1]}
objectAttributes: {oa1: [pc1], oa2: [oa1]}
users:   {u1: [ua1]}
objects: {o1: [oa2]}
associations: [{userAttribute: ua1, rights: [read, write], target: oa1}]
prohibitions: [{subject: u1, rights: [write], conjunctive: true, include: [oa1], exclude: []}]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("pc1]\nuser", "pc1, u1]\nuser", 4, "u1 is already declared in policyClasses"),
        ("{ua1: [pc1]}", "{ua1: [pc2]}", 2, r"userAttributes\.ua1\[0\]: pc2 is not declared"),
        ("target: oa1", "target: oa9", 6, r"associations\[0\]\.target: oa9 is not declared"),
        ("include: [oa1]", "include: [oa9]", 7, r"prohibitions\[0\]\.include\[0\]: oa9"),
        ("subject: u1", "subjct: u1", 7, r"prohibitions\[0\]"),
        ("users:", "usres:", 4, "did you mean users"),
        ("rights: [read, write]", "rights: []", 6, r"rights"),
    ],
)
def test_a_policy_file_is_checked(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = write(tmp_path, "access.yaml", POLICY.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said) as raised:
        read_access(path)
    assert str(raised.value).startswith(f"{path}, line {line}: ")
