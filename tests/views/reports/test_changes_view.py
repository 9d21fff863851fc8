"""The kind `changes` as it is printed: fields, order, and nothing that a terminal would obey."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from meshtop.cli.printers import render
from meshtop.cli.text_table import Style
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.kube import KindStatus
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds
from tests.worlds import AT

HOSTILE = "web\x1b]0;owned\x07\x1b[2J\u202e\nrm"


def picture(*objects: ObjectTrace, events: tuple[KubeEvent, ...] = (), kinds: tuple[KindStatus, ...] = ()) -> Picture:
    east = worlds.east()
    assert east.inventory is not None
    traces = Traces(objects=objects, events=events)
    inventory = structs.replace(east.inventory, traces=traces, kinds=(*east.inventory.kinds, *kinds))
    return Picture(worlds.world(structs.replace(east, inventory=inventory), worlds.west()))


def written(name: str, before: float, fields: bytes = b'{"f:spec":{"f:host":{}}}', who: str = "kubectl") -> ObjectTrace:
    write = FieldWrite(manager=who, time=AT - before, fields=fields)
    return ObjectTrace(kind="DestinationRule", namespace="shop", name=name, writes=(write,))


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "csv", "name"])
def test_hostile_words_reach_no_terminal(output: str) -> None:
    fields = json.dumps({"f:spec": {f"f:{HOSTILE}": {}}}).encode()
    event = KubeEvent(
        reason="BackOff", kind="Pod", namespace="shop", name=HOSTILE, message=HOSTILE, first=AT - 5, last=AT
    )
    shown = picture(written(HOSTILE, 60, fields, HOSTILE), events=(event,))
    of_kind = view("changes")
    items = of_kind.items(shown, Query())
    assert len(items) == 2
    told = render(output, of_kind, shown, items, Style(), Query())
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\x07" not in told
    for item in items:
        opened = detail(shown, "changes", of_kind.key(item))
        assert opened is not None
        assert not {"\x1b", "\u202e"} & set("".join(f.cell.text for s in opened.sections for f in s.facts))


def test_fields_that_cannot_be_read_are_one_change() -> None:
    shown = picture(written("odd", 60, b'[[["nonsense"]]]'), written("well", 30))
    items = view("changes").items(shown, Query())
    assert [(item.name, item.what) for item in items] == [
        ("well", ("spec.host",)),
        ("odd", ("fields that cannot be read",)),
    ]


def test_what_is_not_known_is_null() -> None:
    shown = picture(structs.replace(written("r", 60), writes=(), created=AT - 60))
    (item,) = json.loads(
        render("json", view("changes"), shown, view("changes").items(shown, Query()), Style(), Query())
    )["items"]
    assert (item["who"], item["impact"], item["suspicion"], item["undo"]) == (None, None, None, None)
    assert item["how"] == "create"


def test_rows_are_filtered_and_ordered_by_any_column() -> None:
    shown = picture(written("a", 60), written("b", 30, who="helm"))
    of_kind = view("changes")
    assert [item.name for item in of_kind.items(shown, Query(filter="who:helm"))] == ["b"]
    assert [item.name for item in of_kind.items(shown, Query(sort="time"))] == ["a", "b"]
    assert [item.name for item in of_kind.items(shown, Query(names=("shop/a",)))] == ["a"]
    assert of_kind.items(shown, Query(clusters=("west",))) == []


def test_events_that_may_not_be_read_are_named_as_unknown() -> None:
    shown = picture(kinds=(KindStatus(kind="Event", state="denied", error="no"),))
    found = view("changes").unknowns(shown, Query())
    assert ("Event", "east", "denied") in [(one.what, one.cluster, one.why.value) for one in found]
