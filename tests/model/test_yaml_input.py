"""YAML from anywhere is data or a refusal: never an exception of another kind, a crash, or a tree that never ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.identity.trees import config_tree
from meshtop.model import yaml_input
from meshtop.model.yaml_input import YamlRefused, load_yaml, read_bounded
from meshtop.settings.document import ConfigError, parse_document, read_document
from meshtop.settings.environment import read_environment
from meshtop.sources.auth.kubeconfig import KubeconfigError, find_clusters, ref_from_registry

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "x: " + "{a: " * 100_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "steps": "".join(f"{' ' * n}a:\n" for n in range(3_000)),
    "laughs": LAUGHS,
    "merged laughs": "a: &a {x: 1}\n"
    + "".join(f"{n}: &{n} {{<<: [{', '.join([f'*{b}'] * 9)}]}}\n" for b, n in zip("abcdefgh", "bcdefghi", strict=True)),
    "holds itself": "a: &a [*a]",
    "odd integer": "x: !!int ''",
    "odd float": "x: !!float 'x'",
    "long integer": "x: " + "9" * 10_000,
    "odd binary": "x: !!binary '\u20ac'",
    "object": "x: !!python/object/apply:os.system [true]",
    "list as key": "? [a]\n: b",
    "unfinished": "x: [",
    "control": "x: \x00",
    "unknown anchor": "x: *nothing",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_way_in_refuses_it_in_a_sentence(name: str, tmp_path: Path) -> None:
    text = HOSTILE[name]
    with pytest.raises(YamlRefused):
        load_yaml(text)
    with pytest.raises(KubeconfigError, match="The registry's kubeconfig of member cannot be understood"):
        ref_from_registry("member", text)
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match="config"):
        find_clusters(kubeconfig=str(path), environ={}, contexts=(), clusters=())
    with pytest.raises(ConfigError, match="config"):
        read_document(path)
    assert config_tree("x: 1\n" + text) is None
    read_environment({"MESHTOP_CLUSTERS": "[" + text})


@pytest.mark.parametrize("word", ["2026-13-45", "2026-01-01", "2026-01-01T99:00:00Z", "2001-12-14t21:59:43.10-05:00"])
def test_a_moment_is_the_text_that_it_is(word: str) -> None:
    assert load_yaml(f"x: {word}") == {"x": word}
    assert parse_document(f"x: {word}", Path("f")).data == {"x": word}


def test_what_is_no_utf8_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"a: b\nc: \xff\n")
    with pytest.raises(KubeconfigError, match=r"config, line 2, is not UTF-8"):
        find_clusters(kubeconfig=str(path), environ={}, contexts=(), clusters=())
    with pytest.raises(ConfigError, match=r"config, line 2: this is not UTF-8"):
        read_document(path)


def test_an_endless_file_is_read_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(YamlRefused, match="larger than"):
        read_bounded(Path("/dev/zero"), most=1_000_000)
    monkeypatch.setattr(yaml_input, "MAX_BYTES", 1_000_000)
    with pytest.raises(YamlRefused, match="larger than"):
        load_yaml("x" * 1_000_001)


def test_anchors_that_people_use_are_read() -> None:
    text = "base: &base {a: 1, b: [x, y]}\nother: {<<: *base, c: 2}\nagain: *base\n"
    assert load_yaml(text)["other"] == {"a": 1, "b": ["x", "y"], "c": 2}
    deep = "x: " + "[" * 60 + "]" * 60
    assert load_yaml(deep)["x"]


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"# \n\t,0123456789.<=~%@`", max_size=200))
def test_any_text_is_data_or_refused(text: str) -> None:
    try:
        load_yaml(text)
    except YamlRefused as refusal:
        assert refusal.why  # noqa: PT017 - most texts are data
