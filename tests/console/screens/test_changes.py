"""The place Changes, the changes below NOW, the way to an onset, the marks on plots, and an object in every cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pytest
from msgspec import structs

from meshtop.console.screens.changes import ChangeDetailScreen, ChangesScreen
from meshtop.console.screens.fleet import ChangesLine, FleetScreen
from meshtop.console.screens.object import ObjectScreen
from meshtop.console.widgets.chart import MARK, chart_lines
from meshtop.console.widgets.chart_model import ChartModel, ChartSeries
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.shown_object import ShownObject
from meshtop.model.snapshot import Snapshot
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.stage import busy_world, session_of, stage
from tests.worlds import AT


def changed_world() -> Snapshot:
    """The busy world, in which somebody wrote to reviews v2 ten minutes ago, and the route a minute ago."""
    image: dict[str, Any] = {
        "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}}
    }
    first, *others = busy_world().clusters
    assert first.inventory is not None
    name = next(c.meta.name for c in first.inventory.controllers if c.kind == "Deployment")
    namespace = next(c.meta.namespace for c in first.inventory.controllers if c.kind == "Deployment")
    traces = Traces(
        objects=(
            ObjectTrace(kind="Deployment", namespace=namespace, name=name, writes=(
                FieldWrite(manager="argocd", time=AT - 600, fields=json.dumps(image).encode()),)),
            ObjectTrace(kind="Service", namespace=namespace, name="reviews", writes=(
                FieldWrite(manager="kubectl-edit", time=AT - 60, fields=b'{"f:spec":{"f:type":{}}}'),)),
        ),
        events=(KubeEvent(reason="Rebooted", kind="Node", namespace="", name="n", first=AT - 7200, last=AT - 7200),),
    )  # fmt: skip
    inventory = structs.replace(first.inventory, traces=traces)
    return structs.replace(busy_world(), clusters=(structs.replace(first, inventory=inventory), *others))


@pytest.fixture(scope="module")
def changed() -> Snapshot:
    return changed_world()


def text_of(view_: LineView, width: int = 100) -> str:
    assert view_._make is not None
    return "\n".join("".join(run.text for run in line.runs) for line in view_._make(width))


async def test_the_place_lists_the_newest_first_and_opens_one(changed: Snapshot) -> None:
    app = stage(changed)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.pause()
        app.run_command("changes", "")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ChangesScreen)
        assert app.picture is not None
        items = view("changes").items(app.picture, Query())
        assert [item.who for item in items] == ["kubectl-edit", "argocd", None]
        assert screen.rows.cursor_key == items[0].key
        # What others did cannot be taken back from here, and the key says so.
        assert screen.check_action("roll_back", ()) is None
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, ChangeDetailScreen)
        assert "spec.type" in text_of(app.screen.query_one("#facts", LineView))


async def test_the_last_changes_stand_below_what_needs_attention(changed: Snapshot) -> None:
    app = stage(changed)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        line = screen.query_one(ChangesLine)
        assert line.display
        told = ["".join(run.text for run in one.runs) for one in line.make_lines(100, 3)]
        assert told[0].startswith("CHANGES13:59 Service reviews changed in east by kubectl-edit")
        assert told[1].startswith("13:50 ")
        assert line.styles.height is not None
        assert len(told) == line.styles.height.value == 2
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, ChangesScreen)


async def test_a_bracket_goes_to_where_it_began_and_then_on_by_minutes(changed: Snapshot) -> None:
    app = stage(changed)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        needs = screen.query_one("#needs", LiveTable)
        began = AT - 300.0
        key = next(iter(screen._needs))
        screen._needs[key] = structs.replace(screen._needs[key], began=began)
        needs.focus()
        await pilot.press("left_square_bracket")
        assert session_of(app).asked[-1] == ("change", (None, began, False))
        # From there it goes on as it always did.
        app.picture = Picture(structs.replace(changed, moment=began))
        await pilot.press("left_square_bracket")
        assert session_of(app).asked[-1] == ("change", (None, began - 60.0, False))
        screen.rows.focus()
        app.picture = Picture(changed)
        await pilot.press("left_square_bracket")
        assert session_of(app).asked[-1] == ("change", (None, app.now() - 60.0, False))


def test_a_plot_marks_what_changed_on_its_axis() -> None:
    series = (ChartSeries("requests", tuple(float(i) for i in range(60))),)

    def axis(*marks: float) -> str:
        lines = chart_lines(ChartModel("Requests", "/s", series, start="-30m", marks=marks), 60, 12)
        line = lines[-2]
        assert [run.x for run in line.runs] == sorted(run.x for run in line.runs)
        drawn = ""
        for run in line.runs:
            drawn = drawn.ljust(run.x) + run.text
        return drawn

    plain = axis()
    assert MARK not in plain
    for marks in ((0.0,), (0.5,), (1.0,), (0.25, 0.75), (0.5, 0.501), (0.0, 1.0)):
        drawn = axis(*marks)
        assert len(drawn) == len(plain)
        columns = len(plain) - plain.index("└") - 1
        places = sorted({min(columns - 1, int(mark * columns)) for mark in marks})
        assert [i - plain.index("└") - 1 for i, c in enumerate(drawn) if c == MARK] == places
    assert axis(-0.1, 1.1) == plain


def shown(cluster: str, weight: int) -> ShownObject:
    tree = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "reviews",
            "namespace": "shop",
            "uid": cluster,
            "managedFields": [
                {"manager": "kubectl\x1b[2J", "operation": "Update", "time": "2026-08-01T13:59:00Z",
                 "fieldsV1": {"f:spec": {"f:weight": {}}}},
            ],
        },
        "spec": {"weight": weight, "note": "a\u202eb"},
    }  # fmt: skip
    return ShownObject(cluster=cluster, kind="Service", found=(tree,))


@pytest.mark.parametrize(("width", "beside"), [(160, 2), (80, 1)])
async def test_an_object_stands_in_each_cluster_side_by_side_or_page_by_page(
    changed: Snapshot, width: int, beside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = stage(changed)

    def ask(question: Callable[[Any], Coroutine[Any, Any, Any]]) -> Future[Any]:
        answered: Future[Any] = Future()
        answered.set_result((shown("east", 90), shown("west", 10)))
        return answered

    monkeypatch.setattr(session_of(app), "ask", ask)
    async with app.run_test(size=(width, 40)) as pilot:
        await pilot.pause()
        app.run_command("services", "")
        await pilot.pause()
        await pilot.press("Y")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ObjectScreen)
        texts = [one for one in screen.query(LineView) if one.display]
        assert len(texts) == beside
        told = text_of(texts[0])
        assert "weight: 90" in told
        assert "2026-08-01 13:59:00Z" in told
        assert "\x1b" not in told
        assert "\u202e" not in told
        assert "managedFields" not in told
        await pilot.press("tab")
        await pilot.pause()
        assert "weight: 10" in text_of(next(one for one in screen.query(LineView) if one.display))
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ObjectScreen)
