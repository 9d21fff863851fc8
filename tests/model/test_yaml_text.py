from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshtop.model.yaml_text import diff_yaml, dump_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé", min_size=1), inner, max_size=4)
)


@given(TREES, st.booleans(), st.booleans(), st.sampled_from([80, 4096]))
def test_what_is_written_is_read_as_it_was(tree: Any, sort_keys: bool, allow_unicode: bool, width: int) -> None:
    text = dump_yaml(tree, sort_keys=sort_keys, allow_unicode=allow_unicode, width=width)
    assert yaml.safe_load(text) == tree
    assert allow_unicode or text.isascii()


def test_the_order_of_keys_stays_unless_it_is_asked_for() -> None:
    assert dump_yaml({"kind": "A", "apiVersion": "v1"}) == "kind: A\napiVersion: v1\n"
    assert dump_yaml({"kind": "A", "apiVersion": "v1"}, sort_keys=True) == "apiVersion: v1\nkind: A\n"


def test_there_are_no_anchors() -> None:
    hosts = ["a", "b"]
    assert dump_yaml({"one": hosts, "two": hosts}) == "one:\n- a\n- b\ntwo:\n- a\n- b\n"


def test_long_values_are_folded_at_the_width() -> None:
    tree = {"text": "word " * 40}
    assert len(dump_yaml(tree).splitlines()) > 1
    assert len(dump_yaml(tree, width=4096).splitlines()) == 1


def test_a_diff_names_both_sides_and_shows_three_lines_around() -> None:
    before = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}
    assert diff_yaml(before, {**before, "f": 7}, "east", "west") == (
        "--- east", "+++ west", "@@ -3,4 +3,4 @@", " c: 3", " d: 4", " e: 5", "-f: 6", "+f: 7",
    )  # fmt: skip


def test_what_is_not_there_has_no_lines() -> None:
    assert diff_yaml(None, {"a": 1}, "none", "new") == ("--- none", "+++ new", "@@ -0,0 +1 @@", "+a: 1")
    assert diff_yaml({"a": 1}, None, "old", "none")[-1] == "-a: 1"


@given(TREES)
def test_what_is_the_same_has_no_diff(tree: Any) -> None:
    assert diff_yaml(tree, tree, "a", "b") == ()
