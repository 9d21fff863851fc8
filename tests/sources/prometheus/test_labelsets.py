"""Label sets that come again are the same object; those that stay away are forgotten."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.model.telemetry import Labels
from meshtop.sources.prometheus import labelsets
from meshtop.sources.prometheus.answers import QueryFailed, decode_samples
from meshtop.sources.prometheus.labelsets import LabelSets

EAST = msgspec.Raw(b'{"reporter":"source","source_workload":"web","le":"+Inf","job":"istio"}')
WEST = msgspec.Raw(b'{"reporter":"destination","source_workload":"w\\u0065b"}')


def test_a_set_is_decoded_once() -> None:
    sets = LabelSets()
    first = sets.decode(EAST)
    assert first == Labels(reporter="source", source_workload="web", le="+Inf")
    assert sets.decode(msgspec.Raw(bytes(EAST))) is first
    sets.begin_refresh()
    assert sets.decode(EAST) is first, "it stays from one refresh to the next"


def test_equal_values_of_different_sets_are_one_string() -> None:
    sets = LabelSets()
    assert sets.decode(EAST).source_workload is sets.decode(WEST).source_workload


def test_a_set_that_two_turns_did_not_see_is_forgotten() -> None:
    sets = LabelSets()
    sets.decode(EAST)
    sets.decode(WEST)
    sets.begin_refresh()
    sets.decode(EAST)
    assert len(sets) == 2
    sets.begin_refresh()
    sets.decode(EAST)
    assert len(sets) == 1


def test_turns_without_an_answer_forget_nothing() -> None:
    sets = LabelSets()
    first = sets.decode(EAST)
    for _ in range(3):
        sets.begin_refresh()
    assert sets.decode(EAST) is first


@pytest.mark.parametrize("metric", ["[]", '"web"', '{"reporter":1}', "null"])
async def test_labels_of_a_wrong_shape_are_a_failed_query(metric: str) -> None:
    answer = f'{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{metric},"value":[0,"1"]}}]}}}}'
    with pytest.raises(QueryFailed):
        await decode_samples(answer.encode(), LabelSets())


def test_ten_thousand_sets_that_never_come_again_are_not_kept() -> None:
    sets = LabelSets()
    for refresh in range(100):
        sets.begin_refresh()
        for one in range(100):
            sets.decode(msgspec.Raw(b'{"reporter":"source","source_workload":"job-%d-%d"}' % (refresh, one)))
    assert len(sets) == 200


@given(st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=1, max_size=6))
def test_labels_in_whatever_order_are_those_of_their_texts(refreshes: list[list[int]]) -> None:
    """Series come in the order of the last answer that began alike, with others in between, without some, or not."""
    in_order, one_by_one = LabelSets(), LabelSets()
    for refresh in refreshes:
        for sets in (in_order, one_by_one):
            sets.begin_refresh()
        answer = in_order.in_order()
        for number in refresh:
            raw = msgspec.Raw(b'{"source_workload":"web-%d"}' % number)
            found = answer.decode(raw)
            assert found == one_by_one.decode(raw) == Labels(source_workload=f"web-{number}")
            assert found is in_order.decode(raw)
        answer.end()
        assert len(in_order) == len(one_by_one)


def test_a_series_that_stands_where_it_stood_is_marked_by_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = LabelSets()
    raws = [msgspec.Raw(b'{"source_workload":"web-%d"}' % number) for number in range(6)]
    answer = sets.in_order()
    first = [*map(answer.decode, raws)]
    answer.end()
    sets.begin_refresh()
    marked: list[bytes] = []

    def counted(text: bytes) -> int:
        marked.append(text)
        return mark(text)

    mark = labelsets._mark
    monkeypatch.setattr(labelsets, "_mark", counted)
    new = msgspec.Raw(b'{"source_workload":"new"}')
    found = [*map(sets.in_order().decode, [*raws[:2], new, *raws[2:4], raws[5]])]
    assert [one for one in found if one.source_workload != "new"] == [*first[:4], first[5]]
    assert marked == [bytes(raws[0]), bytes(new), bytes(raws[5])], "the first, a new one, one whose neighbour is gone"


def test_a_named_text_is_taken_apart_once_and_has_the_same_labels_as_the_text_without_the_name() -> None:
    sets, apart = LabelSets(), []

    def unnamed(text: bytes) -> tuple[str, bytes]:
        apart.append(text)
        return "a", text.replace(b'"asked":"a",', b"")

    named, plain = b'{"asked":"a","reporter":"source"}', b'{"reporter":"source"}'
    expected = sets.decode(plain)
    for _ in range(4):
        assert sets.decode_named(named, unnamed) == ("a", expected)
        sets.begin_refresh()
    assert apart == [named]
    assert sets.decode(plain) is expected, "it stays known by itself as long as the named one comes"
    for _ in range(3):
        sets.decode(plain)
        sets.begin_refresh()
    sets.decode_named(named, unnamed)
    assert len(apart) == 2, "what was not used in two refreshes is dropped"


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(("le", "reporter", "source_workload", "job", "le ")),
        st.sampled_from(("0.5", "+Inf", "1e-05", "", '"le":"1"', "a\\", "ü", "{", "}", ",", 1, {"le": "2"})),
    ),
    max_size=4,
)


def told(text: bytes, decode: Any) -> object:
    try:
        return decode(text)
    except msgspec.MsgspecError as error:
        return type(error)


@given(st.lists(MEMBERS, max_size=5), st.sampled_from((",", ", ", " ,")), st.booleans())
def test_buckets_are_what_their_whole_text_says(
    series: list[list[tuple[str, Any]]], comma: str, is_ascii: bool
) -> None:
    """In any order, with bounds that are none, twice, or somewhere else."""
    shared = LabelSets().in_order().decode
    plain = msgspec.json.Decoder(Labels).decode
    for members in (*series, *series):
        pairs = (f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=is_ascii)}" for name, value in members)
        text = f"{{{comma.join(pairs)}}}".encode()
        assert told(text, shared) == told(text, plain)


def test_the_rest_of_a_bucket_is_decoded_for_the_first_of_its_histogram(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def decode(text: bytes) -> Labels:
        seen.append(text)
        return msgspec.json.decode(text, type=Labels)

    monkeypatch.setattr(labelsets, "_decode", decode)
    sets = LabelSets()
    new = sets.in_order().decode
    found = [new(b'{"job":"a","le":"%d","reporter":"source"}' % bound) for bound in range(20)]
    assert seen == [b'{"job":"a","reporter":"source"}']
    assert [one.le for one in found] == [str(bound) for bound in range(20)]
    assert sets.decode(b'{"job":"a","le":"7","reporter":"source"}') is found[7]
    assert found[3].reporter is found[4].reporter
