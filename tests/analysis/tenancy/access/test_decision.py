"""NGAC decisions: the reference's worked example, tables, and properties over random policies."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.tenancy.access.decision import decide, explain_right, prohibition_applies
from meshtop.analysis.tenancy.access.policy import Association, Policy, PolicyError, PolicyNodeKind, Prohibition

U, UA, OBJ, OA, PC = (
    PolicyNodeKind.USER,
    PolicyNodeKind.USER_ATTRIBUTE,
    PolicyNodeKind.OBJECT,
    PolicyNodeKind.OBJECT_ATTRIBUTE,
    PolicyNodeKind.POLICY_CLASS,
)
RWX = frozenset({"read", "write", "execute"})


def association(ua: str, rights: str, target: str) -> Association:
    return Association(ua, frozenset(rights.split()), target)


def worked_example() -> Policy:
    """The worked example of reference/anchors.md."""
    return Policy(
        {"pc1": PC, "oa1": OA, "oa2": OA, "oa3": OA, "oa4": OA, "o1": OBJ, "ua1": UA, "u1": U},
        {
            "oa3": ["pc1"],
            "oa4": ["pc1"],
            "oa2": ["oa3"],
            "oa1": ["oa4"],
            "o1": ["oa1", "oa2"],
            "ua1": ["pc1"],
            "u1": ["ua1"],
        },
        [Association("ua1", RWX, "oa3")],
        [
            Prohibition("ua1", frozenset({"read"}), True, ("oa1", "oa2")),
            Prohibition("u1", frozenset({"write"}), True, ("oa3",)),
        ],
    )


def test_the_references_worked_example() -> None:
    decision = decide(worked_example(), "u1", "o1")
    assert decision.rights == {"execute"}
    assert decision.granted == RWX
    assert len(decision.prohibitions) == 2


def test_explanations_name_paths_and_what_takes_away() -> None:
    policy = worked_example()
    may = explain_right(policy, "u1", "execute", "o1")
    assert may.allowed
    assert may.grants["pc1"][0].user_path == ("u1", "ua1")
    assert may.grants["pc1"][0].object_path == ("o1", "oa2", "oa3")
    may_not = explain_right(policy, "u1", "read", "o1")
    assert not may_not.allowed
    assert may_not.prohibitions[0].subject == "ua1"
    assert "prohibition on ua1" in may_not.sentence
    unknown = explain_right(policy, "u1", "shift", "o1")
    assert unknown.missing == ("pc1",)


def two_classes(*associations: Association) -> Policy:
    kinds = {"pc1": PC, "pc2": PC, "oa1": OA, "oa2": OA, "o1": OBJ, "ua1": UA, "u1": U, "free": OBJ}
    parents = {"oa1": ["pc1"], "oa2": ["pc2"], "o1": ["oa1", "oa2"], "u1": ["ua1"]}
    return Policy(kinds, parents, associations)


@pytest.mark.parametrize(
    ("associations", "rights"),
    [
        ([], set()),
        ([association("ua1", "read write", "oa1")], set()),
        ([association("ua1", "read write", "oa1"), association("ua1", "read", "oa2")], {"read"}),
        ([association("ua1", "*", "oa1"), association("ua1", "read", "oa2")], {"read"}),
        ([association("ua1", "read", "o1")], {"read"}),
        ([association("ua1", "*", "o1")], {"shift"}),
    ],
)
def test_every_policy_class_must_grant(associations: list[Association], rights: set[str]) -> None:
    assert (
        decide(two_classes(*associations), "u1", "o1", rights=["shift"] if "shift" in rights else []).rights == rights
    )


def test_an_object_under_no_policy_class_is_nobodys() -> None:
    policy = two_classes(association("ua1", "read", "free"))
    assert decide(policy, "u1", "free").rights == set()
    assert "no policy class" in explain_right(policy, "u1", "read", "free").sentence


@pytest.mark.parametrize(
    ("conjunctive", "include", "exclude", "above", "want"),
    [
        (True, (), (), {"a"}, False),
        (False, (), (), {"a"}, False),
        (True, ("a", "b"), (), {"a"}, False),
        (True, ("a", "b"), (), {"a", "b"}, True),
        (True, ("a",), ("b",), {"a", "b"}, False),
        (True, (), ("b",), {"a"}, True),
        (False, ("a", "b"), (), {"a"}, True),
        (False, ("c",), ("b",), {"a"}, True),
        (False, ("c",), ("a",), {"a"}, False),
    ],
)
def test_prohibitions(
    conjunctive: bool, include: tuple[str, ...], exclude: tuple[str, ...], above: set[str], want: bool
) -> None:
    assert prohibition_applies(Prohibition("u", RWX, conjunctive, include, exclude), above) is want


@pytest.mark.parametrize(
    ("kinds", "parents", "message"),
    [
        ({"a": OA, "b": OA, "c": OA}, {"a": ["b"], "b": ["c"], "c": ["a"]}, "cycle: a → b → c → a"),
        ({"a": OA}, {"a": ["a"]}, "cycle: a → a"),
        ({"u": U}, {"u": ["nobody"]}, "user u is assigned to nobody, which is not declared"),
        ({"u": U, "p": PC}, {"u": ["p"]}, "user u can't be assigned to p, a policy class"),
        ({}, {"u": []}, "u is assigned but not declared"),
    ],
)
def test_policies_that_make_no_sense(
    kinds: dict[str, PolicyNodeKind], parents: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        Policy(kinds, parents)


@st.composite
def policies(draw: st.DrawFn, *, prohibited: bool = True) -> dict[str, Any]:
    """Parts of a random policy; attributes point to later ones only, so that it has no circle."""
    uas = [f"ua{i}" for i in range(draw(st.integers(1, 4)))]
    oas = [f"oa{i}" for i in range(draw(st.integers(1, 5)))]
    pcs = [f"pc{i}" for i in range(draw(st.integers(1, 2)))]
    kinds = {"u": U, "o": OBJ, **dict.fromkeys(uas, UA), **dict.fromkeys(oas, OA), **dict.fromkeys(pcs, PC)}

    def some(names: list[str]) -> list[str]:
        return draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []

    parents = {"u": some(uas), "o": some(oas)}
    for index, name in enumerate(uas):
        parents[name] = some(uas[index + 1 :] + pcs)
    for index, name in enumerate(oas):
        parents[name] = some(oas[index + 1 :] + pcs)
    rights = st.sets(st.sampled_from(["read", "write", "shift", "*"]), min_size=1).map(frozenset)
    associations = draw(
        st.lists(st.builds(Association, st.sampled_from(uas), rights, st.sampled_from([*oas, "o"])), max_size=4)
    )
    sides = st.lists(st.sampled_from(oas), max_size=2).map(tuple)
    prohibitions = draw(
        st.lists(st.builds(Prohibition, st.sampled_from([*uas, "u"]), rights, st.booleans(), sides, sides), max_size=2)
    )
    return {
        "kinds": kinds,
        "assignments": parents,
        "associations": associations,
        "prohibitions": prohibitions if prohibited else [],
    }


@settings(max_examples=40)
@given(policies(), st.randoms())
def test_order_does_not_matter(parts: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(k, shuffled(v)) for k, v in value.items()]
            random.shuffle(items)
            return dict(items)
        if isinstance(value, list):
            return random.sample(value, len(value))
        return value

    mixed = {name: shuffled(part) for name, part in parts.items()}
    assert decide(Policy(**mixed), "u", "o").rights == decide(Policy(**parts), "u", "o").rights


@settings(max_examples=40)
@given(policies(prohibited=False), st.data())
def test_more_assignments_of_a_user_never_remove_a_right(parts: dict[str, Any], data: st.DataObject) -> None:
    before = decide(Policy(**parts), "u", "o").rights
    attributes = [n for n, k in parts["kinds"].items() if k is UA]
    more = {**parts, "assignments": {**parts["assignments"]}}
    more["assignments"]["u"] = [*parts["assignments"]["u"], data.draw(st.sampled_from(attributes))]
    assert before <= decide(Policy(**more), "u", "o").rights


@settings(max_examples=40)
@given(policies(prohibited=False), st.data())
def test_more_assignments_of_an_object_remove_a_right_only_with_a_policy_class(
    parts: dict[str, Any], data: st.DataObject
) -> None:
    policy = Policy(**parts)
    attributes = [n for n, k in parts["kinds"].items() if k is OA]
    added = data.draw(st.sampled_from(attributes))
    more = {**parts, "assignments": {**parts["assignments"], "o": [*parts["assignments"]["o"], added]}}
    grown = Policy(**more)
    classes = {n for n in policy.upward("o") if parts["kinds"][n] is PC}
    grown_classes = {n for n in grown.upward("o") if parts["kinds"][n] is PC}
    if classes == grown_classes:
        assert decide(policy, "u", "o").rights <= decide(grown, "u", "o").rights


@settings(max_examples=40)
@given(policies(), st.sampled_from(["read", "write", "shift"]))
def test_explanations_agree_with_decisions(parts: dict[str, Any], right: str) -> None:
    policy = Policy(**parts)
    explanation = explain_right(policy, "u", right, "o")
    assert explanation.allowed == (right in decide(policy, "u", "o", rights=[right]).rights)
    for ways in explanation.grants.values():
        for way in ways:
            assert way.user_path[0] == "u"
            assert way.object_path[0] == "o"
            for path in (way.user_path, way.object_path):
                for child, parent in pairwise(path):
                    assert parent in policy.parents[child]


def test_unknown_names_are_said() -> None:
    policy = worked_example()
    with pytest.raises(PolicyError, match="nobody is not a user"):
        decide(policy, "nobody", "o1")
    with pytest.raises(PolicyError, match="u1 is not an object"):
        explain_right(policy, "u1", "read", "u1")
