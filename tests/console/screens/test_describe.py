"""Describe and objects, by keys: what is asked of which cluster, search, what shapes a thing, and how it looks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from textual.pilot import Pilot

from meshtop.console.replay import NOBODY_ASKED
from meshtop.console.screens.describe import DescribeScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.object import ClusterPagesScreen, ObjectScreen
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import CellsLine, LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.views.frame.detail import detail
from meshtop.views.reports.shaped_by import SHAPED_BY
from tests import worlds
from tests.analysis.security.mtls.objects import config, destination_rule
from tests.console.screens.test_changes import shown
from tests.console.screens.test_screens import press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.views.kinds.test_security import with_objects
from tests.views.reports.test_describe import CRASHING, deployment, event, pod

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


class Asked:
    """Stands for the observatory: notes what is asked, and answers."""

    def __init__(self, *answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    async def described(self, *words: str, clusters: tuple[str, ...] = ()) -> tuple[Any, ...]:
        self.asked.append((*words, clusters))
        return self.answer

    async def objects(self, *words: str) -> tuple[Any, ...]:
        self.asked.append(words)
        return self.answer

    def ask(self, question: Callable[[Any], Any]) -> Future[Any]:
        answered: Future[Any] = Future()
        try:
            question(self).send(None)
        except StopIteration as done:
            answered.set_result(done.value)
        return answered


def sick(cluster: str, *, denied: bool = False) -> DescribedObject:
    conditions = [{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable",
                   "lastTransitionTime": "2026-08-01T13:55:00Z"}]  # fmt: skip
    pods = ShownObject(
        cluster=cluster,
        kind="Pod",
        found=() if denied else (pod("web-ok"), pod("web-bad", **CRASHING)),
        error=f"pods of {cluster} may not be listed." if denied else None,
    )
    return DescribedObject(
        cluster=cluster,
        subject=ShownObject(cluster=cluster, kind="Deployment", found=(deployment(conditions=conditions),)),
        pods=pods,
        events=ShownObject(cluster=cluster, kind="Event", found=(event("web-bad", 3),)),
    )


def console(monkeypatch: pytest.MonkeyPatch, observatory: Asked) -> StillApp:
    app = stage(busy_world(), look=Look("meshtop-dark"))
    monkeypatch.setattr(session_of(app), "ask", observatory.ask)
    return app


def bottom(app: StillApp) -> str:
    return app.screen.query_one(KeyHints).render_line(0).text.strip()


def page(screen: ClusterPagesScreen) -> str:
    return text_of(next(one for one in screen.query(LineView) if one.display))


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("now", ("", "", "north", ("north",))),
        ("workloads", ("Deployment.apps", "shop", "reviews-v2", ())),
        ("mtls", ("Deployment.apps", "shop", "reviews-v1", ())),
        ("services", ("Service", "shop", "reviews", ())),
        ("virtualmachines", ("WorkloadEntry", "shop", "ledger-1", ())),
    ],
)
async def test_one_key_asks_the_clusters_about_the_row(
    command: str, asked: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    observatory = Asked(sick("east"))
    app = console(monkeypatch, observatory)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command(command, "")
        await press(pilot, "D")
        assert isinstance(app.screen, DescribeScreen)
        assert observatory.asked == [asked]
        assert "web-bad" in page(app.screen)
        await press(pilot, "r")
        assert len(observatory.asked) == 2, "r asks once more"
        await press(pilot, "D")
        assert not isinstance(app.screen, DescribeScreen)


async def test_a_page_describes_itself_and_not_its_selected_row(monkeypatch: pytest.MonkeyPatch) -> None:
    observatory = Asked(sick("east"))
    app = console(monkeypatch, observatory)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.open_detail("services", "east/shop/reviews")
        await press(pilot, "D")
        assert observatory.asked == [("Service", "shop", "reviews", ())]


@pytest.mark.parametrize(("width", "beside"), [(160, 2), (80, 1)])
async def test_clusters_stand_side_by_side_and_say_what_they_deny(
    width: int, beside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console(monkeypatch, Asked(sick("east"), sick("west", denied=True)))
    async with app.run_test(size=(width, 40)) as pilot:
        await settled(pilot)
        app.run_command("workloads", "")
        await press(pilot, "D")
        screen = app.screen
        assert isinstance(screen, DescribeScreen)
        texts = [one for one in screen.query(LineView) if one.display]
        assert len(texts) == beside
        assert "CrashLoopBackOff" in text_of(texts[0])
        await press(pilot, "tab")
        assert "? pods of west may not be listed." in page(screen)


async def test_what_has_no_object_and_a_recording_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    app = console(monkeypatch, Asked())
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        app.run_command("edges", "")
        await press(pilot, "D")
        assert bottom(app).startswith("D describes a workload, service, route")
        app.run_command("services", "")
        await settled(pilot)
        monkeypatch.setattr(type(app), "replay", object(), raising=False)
        app.__dict__.pop("replay", None)
        for key in ("D", "Y"):
            app.screen.say("")  # type: ignore[attr-defined]
            made = getattr(app.screen, {"D": "action_describe", "Y": "action_object"}[key])
            made()
            assert bottom(app) == NOBODY_ASKED
        app.replay = None


async def test_why_a_pod_ended_is_not_cut_on_a_narrow_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    app = console(monkeypatch, Asked(sick("east")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.run_command("workloads", "")
        await press(pilot, "D")
        assert isinstance(app.screen, DescribeScreen)
        assert "OOMKilled, exit 137" in " ".join(page(app.screen).split())


async def test_nothing_anywhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = DescribedObject(cluster="east", subject=ShownObject(cluster="east", kind="Deployment"))
    app = console(monkeypatch, Asked(nothing))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("workloads", "")
        await press(pilot, "D")
        assert isinstance(app.screen, DescribeScreen)
        assert "No cluster has it any more." in page(app.screen)


async def test_a_slash_searches_n_goes_on_and_esc_ends_the_search_first(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"spec": {f"field{number:03}": "needle" if number in (60, 120) else "hay" for number in range(160)}}
    read = shown("east", 90)
    tree = {**read.found[0], **many}
    app = console(monkeypatch, Asked(ShownObject(cluster="east", kind="Service", found=(tree,))))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.run_command("services", "")
        await press(pilot, "Y")
        screen = app.screen
        assert isinstance(screen, ObjectScreen)
        await press(pilot, "slash", *"NEEDLE", "enter")
        keys = screen.query_one("#object-keys", CellsLine)
        assert "/NEEDLE: 2 lines" in keys.render_line(0).text
        assert "field060: needle" in page(screen)
        await press(pilot, "n")
        assert "field120: needle" in page(screen)
        await press(pilot, "N")
        assert "field060: needle" in page(screen)
        await press(pilot, "slash", *"xyz", "enter")
        assert ": 0 lines" in keys.render_line(0).text
        await press(pilot, "slash", "escape")
        assert app.screen is screen, "esc ends the typing"
        await press(pilot, "escape")
        assert app.screen is screen, "then the search"
        assert "esc back" in keys.render_line(0).text
        await press(pilot, "escape")
        assert app.screen is not screen


def shaped_world() -> Any:
    route = config("VirtualService", "shop", "reviews", {
        "hosts": [worlds.REVIEWS_HOST],
        "http": [{"name": "main", "mirror": {"host": "reviews", "subset": "v2"}, "timeout": "3s",
                  "route": [{"destination": {"host": "reviews"}}]}],
    })  # fmt: skip
    return worlds.world(with_objects(worlds.east(), route, destination_rule("shop", "rule", worlds.REVIEWS_HOST)))


async def test_what_shapes_a_service_opens_as_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    observatory = Asked(shown("east", 90))
    app = stage(shaped_world())
    monkeypatch.setattr(session_of(app), "ask", observatory.ask)
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot)
        app.open_detail("services", "east/shop/reviews")
        await press(pilot, "shift+tab")
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        assert screen.shown_page.name == "Shaped by 2"
        assert screen.meant == ("services", "east/shop/reviews"), "x, g and ! mean the service"
        assert SHAPED_BY not in screen.kinds()
        table = screen.query_one("#related", LiveTable)
        assert "routes reviews" in text_of(table)
        await press(pilot, "enter")
        assert isinstance(app.screen, ObjectScreen)
        await press(pilot, "escape", "down", "Y")
        assert isinstance(app.screen, ObjectScreen)
        assert observatory.asked == [("DestinationRule", "shop", "rule"), ("VirtualService", "shop", "reviews")]


async def test_a_service_tells_what_its_route_does_besides() -> None:
    app = stage(shaped_world())
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot)
        assert app.picture is not None
        found = detail(app.picture, "services", "east/shop/reviews")
        assert found is not None
        (rules,) = [one for one in found.sections if one.title.startswith("Rules of")]
        assert rules.title == "Rules of VirtualService shop/reviews"
        told = [(fact.label.strip(), fact.cell.text) for fact in rules.facts]
        assert told == [("#main", "reviews"), ("mirrors", "everything to reviews v2"), ("timeout", "3s")]


Compare = Callable[..., bool]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_how_a_description_looks(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    app = console(monkeypatch, Asked(sick("east"), sick("west", denied=True)))

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        app.run_command("workloads", "")
        await press(pilot, "D")

    assert snap_compare(app, run_before=run, terminal_size=size)
