from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.model.kube import Meta, Pod
from meshtop.sources.kubernetes.kinds import BUILTIN, codec
from meshtop.sources.kubernetes.watches import LineSplitter, decode_events
from meshtop.sources.problem import SourceProblem

PODS = codec(next(kind for kind in BUILTIN if kind.name == "Pod"), "v1")


@given(st.lists(st.binary(min_size=1, max_size=12).filter(lambda b: b"\n" not in b and b.strip())), st.data())
@settings(max_examples=60, deadline=None)
def test_lines_do_not_depend_on_where_chunks_end(wanted: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    lines = LineSplitter(1000)
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += lines.feed(stream[start:end])
    assert found == wanted


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "resourceVersion": str(version)}
    return {"type": kind, "object": {"kind": "Pod", "metadata": meta}}


events = st.lists(st.tuples(st.sampled_from(["ADDED", "MODIFIED", "DELETED"]), st.sampled_from("abc")), max_size=12)


@given(events)
@settings(max_examples=60, deadline=None)
def test_a_batch_is_what_its_events_are_one_after_another(sequence: list[tuple[str, str]]) -> None:
    store: dict[str, int] = {"a": 0}
    lines = []
    for version, (kind, name) in enumerate(sequence, start=1):
        lines.append(json.dumps(event(kind, name, version)).encode())
        if kind == "DELETED":
            store.pop(name, None)
        else:
            store[name] = version
    batch = decode_events(lines, PODS)
    applied: dict[str, Pod] = {"a": Pod(meta=Meta(name="a", resource_version="0"))}
    applied.update({item.meta.name: item for item in batch.changed})
    for item in batch.gone:
        applied.pop(item.meta.name, None)
    assert {name: int(item.meta.resource_version) for name, item in applied.items()} == store
    assert batch.resource_version == (str(len(sequence)) if sequence else "")


def test_a_bookmark_moves_on_without_an_object() -> None:
    line = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "77"}}}
    batch = decode_events([json.dumps(line).encode()], PODS)
    assert (batch.changed, batch.gone, batch.resource_version) == ([], [], "77")


def test_an_unknown_event_is_passed_over() -> None:
    assert decode_events([b'{"type": "NEW", "object": {}}'], PODS).resource_version == ""


def test_an_error_event_tells_its_code() -> None:
    with pytest.raises(SourceProblem) as caught:
        decode_events([b'{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}'], PODS)
    assert caught.value.code == 410


@pytest.mark.parametrize("line", [b"x", b"{}", b'{"type": "ADDED", "object": {}}', b'{"type": "ADDED", "object": 1}'])
def test_garbage_is_an_error_of_decoding(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode_events([line], PODS)
