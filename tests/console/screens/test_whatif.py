"""What if, by keys: from every place, pasted, on another thread, on a newer picture; and how it looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from textual import events
from textual.pilot import Pilot

from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.findings import FindingsScreen
from meshtop.console.screens.whatif import NOT_OBJECTS, WhatIfScreen
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.model.snapshot import Snapshot
from meshtop.views.picture import asks
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports import answers
from tests import worlds
from tests.analysis.security.mtls.objects import config
from tests.console.flow.strolling import open_flow
from tests.console.graph.walking import open_graph
from tests.console.screens.test_screens import press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.judgement.simulated import some_time_into
from tests.views.kinds.test_security import with_objects
from tests.views.reports.test_questions import DENY

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(scope="module")
def intruded() -> Snapshot:
    """A world in which somebody sends plaintext."""
    return some_time_into("plaintext-intruder", 300.0)[1]


async def answered(pilot: Pilot[Any]) -> WhatIfScreen:
    """Wait until the screen in front has its answer, or says why there is none."""
    for _ in range(500):
        await pilot.pause(0.01)
        screen = pilot.app.screen
        if isinstance(screen, WhatIfScreen) and not screen._busy and (screen._answer or screen._problem):
            await settled(pilot)
            return screen
    raise AssertionError(f"no answer on {pilot.app.screen}")


def said(screen: WhatIfScreen) -> str:
    return " ".join(text_of(screen.query_one("#verdict", LineView)).split())


def pages(screen: WhatIfScreen) -> tuple[str, ...]:
    return screen._page_names()[0]


async def paste(pilot: Pilot[Any], text: str) -> None:
    """As a terminal with bracketed paste sends it."""
    await settled(pilot)
    app = pilot.app
    (app.focused or app.screen).post_message(events.Paste(text))
    await settled(pilot)


def bottom(app: StillApp) -> str:
    return app.screen.query_one(KeyHints).render_line(0).text.strip()


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("mtls", "STRICT in shop"), ("namespaces", "STRICT in shop"), ("workloads", "STRICT in shop"),
        ("services", "STRICT in shop"), ("now", "without "), ("edges", "STRICT in shop"),
        ("virtualmachines", "STRICT in shop"),
    ],
)  # fmt: skip
async def test_one_key_asks_about_the_row(command: str, first: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command(command, "")
        await press(pilot, "W")
        screen = await answered(pilot)
        assert pages(screen)[0].startswith(first)
        assert "Nothing is written." in said(screen)
        await press(pilot, "escape")
        assert not isinstance(app.screen, WhatIfScreen)


async def test_a_page_asks_about_itself_and_then_about_its_selected_row() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.open_detail("clusters", "east")
        await press(pilot, "W")
        screen = await answered(pilot)
        assert pages(screen)[0].startswith("without east")


async def test_tab_goes_through_tables_and_questions_and_enter_opens_what_a_row_is(intruded: Snapshot) -> None:
    app = stage(intruded)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.open_detail("clusters", "eu-west")
        await press(pilot, "W")
        screen = await answered(pilot)
        names = pages(screen)
        assert [name.split(":")[0] for name in names[:3]] == [
            "without eu-west",
            "without eu-west",
            "STRICT in the whole mesh",
        ]
        assert names[0].startswith("without eu-west: Hosts ")
        await press(pilot, "tab")
        assert screen._page_names()[1] == 1
        await press(pilot, "tab")
        screen = await answered(pilot)
        assert screen.crumbs() == ("what if", "STRICT in the whole mesh")
        assert "STRICT in the whole mesh" in said(screen)
        await press(pilot, "shift+tab")
        await answered(pilot)
        await press(pilot, "a", "enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.kind == "services"


async def test_the_flow_asks_about_the_node_under_the_cursor() -> None:
    async with stage(busy_world()).run_test(size=(120, 40)) as pilot:
        await open_flow(pilot)
        await pilot.press("W")
        screen = await answered(pilot)
        assert pages(screen)[:2] == ("STRICT in shop", "STRICT for web alone")


async def test_the_canvas_asks_about_the_node_under_the_cursor() -> None:
    async with stage(busy_world()).run_test(size=(200, 60)) as pilot:
        view = await open_graph(pilot)
        assert view.cursor.node is not None
        await pilot.press("W")
        screen = await answered(pilot)
        assert pages(screen)[0].startswith(("STRICT in shop", "without "))


async def test_all_rows_are_there_on_demand() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("mtls", "")
        await press(pilot, "W")
        screen = await answered(pilot)
        table = screen.query_one("#calls", LiveTable)
        assert table.model is not None
        assert len(table.model) == 0
        assert "a shows all 4." in text_of(table)
        await press(pilot, "a")
        assert len(table.model) == 4
        await press(pilot, "n")
        assert screen.query_one("#verdict", LineView).has_focus
        await press(pilot, "n")
        assert table.has_focus


async def test_while_it_is_open_what_it_takes_is_read_and_no_longer() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("workloads", "")
        await press(pilot, "W")
        await answered(pilot)
        session = session_of(app)
        assert session.request.attended() == asks.STRICT
        assert not session.request.attended().findings
        await press(pilot, "tab")
        await answered(pilot)
        assert session.request.attended() == asks.APPLY
        assert session.request.attended().findings
        await press(pilot, "escape")
        assert not session.request.attended().findings


async def test_a_newer_picture_is_a_newer_answer() -> None:
    world = busy_world()
    app = stage(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("namespaces", "")
        await press(pilot, "W")
        screen = await answered(pilot)
        before = said(screen)
        later = structs.replace(world, at=world.at + 60, sequence=world.sequence + 1, clusters=world.clusters[:1])
        session_of(app).publish(later)
        await settled(pilot)
        after = said(await answered(pilot))
        assert "0 of 4 calls" in before
        assert "0 of 4 calls" not in after


async def test_of_pictures_in_quick_succession_not_each_is_answered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = busy_world()
    asked: list[float] = []
    answer = answers.answered

    def counted(picture: Picture, *more: Any) -> Any:
        asked.append(picture.snapshot.at - world.at)
        return answer(picture, *more)

    monkeypatch.setattr(answers, "answered", counted)
    app = stage(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("namespaces", "")
        await press(pilot, "W")
        await answered(pilot)
        for number in range(1, 9):
            session_of(app).publish(structs.replace(world, at=world.at + number, sequence=world.sequence + number))
            await settled(pilot)
            await answered(pilot)
    assert asked == [0.0, 5.0]


async def test_an_answer_to_a_question_that_was_left_is_not_shown() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("mtls", "")
        await press(pilot, "W")
        screen = await answered(pilot)
        late = screen._answer
        screen._go_to(3)
        from meshtop.console.screens.whatif import WhatIfAnswered

        screen.on_what_if_answered(WhatIfAnswered(screen._questions, 0, late, ""))
        assert screen._answer is not late
        assert "STRICT in the whole mesh" in said(await answered(pilot))


async def test_pasted_objects_are_forecast_from_anywhere() -> None:
    app = stage(busy_world(), query=Query(namespaces=("shop",), clusters=("east",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("services", "")
        await paste(pilot, DENY)
        screen = await answered(pilot)
        assert pages(screen) == ("AuthorizationPolicy shop/closed",)
        assert "AuthorizationPolicy shop/closed is new in east." in said(screen)
        assert "west" not in said(screen).split("is new in")[1].split(".")[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: Service\nmetadata: {name: x\nfoo: [", "is not YAML"),
        ("apiVersion: v1\nkind: Service", "apiVersion, kind and metadata have to be there"),
    ],
)
async def test_a_wrong_paste_gets_a_sentence_and_no_table(text: str, sentence: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await paste(pilot, text)
        screen = await answered(pilot)
        assert sentence in said(screen)
        assert not screen.query_one("#calls").display
        session_of(app).publish(structs.replace(busy_world(), sequence=2))
        await settled(pilot)
        assert sentence in said(screen), "what was pasted does not get better with another picture"


async def test_other_text_that_is_pasted_opens_nothing_and_prompts_keep_theirs() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await paste(pilot, "reviews")
        assert bottom(app) == NOT_OBJECTS
        app.run_command("services", "")
        await press(pilot, "slash")
        await paste(pilot, "reviews")
        assert app.screen.query_one(BottomBar).typing
        assert app.scope.query.filter == "reviews"
        assert not isinstance(app.screen, WhatIfScreen)


async def test_a_row_about_which_nothing_can_be_asked_says_so() -> None:
    app = stage(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("W")
        await pilot.pause()
        assert bottom(app) == "Nothing was read yet."


async def test_a_finding_s_page_leads_to_what_its_fix_would_do() -> None:
    target = {"destination": {"host": "reviews", "subset": "v9"}}
    route = config("VirtualService", "shop", "subset", {"hosts": [worlds.REVIEWS_HOST], "http": [{"route": [target]}]})
    app = stage(worlds.world(with_objects(worlds.east(), route)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "7")
        assert isinstance(app.screen, FindingsScreen)
        picture = app.picture
        assert picture is not None
        from meshtop.views.frame.registry import view

        findings = view("findings")
        with_yaml = next(one for one in findings.all_items(picture) if "apiVersion:" in (one.fix or ""))
        app.open_detail("findings", findings.key(with_yaml))
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert "W says what this fix would do" in text_of(app.screen.query_one("#facts", LineView))
        await press(pilot, "W")
        screen = await answered(pilot)
        assert pages(screen)[0] == "this fix"


async def test_a_defect_in_the_answer_is_said_and_the_console_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(answers, "answered", broken)
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("W")
        screen = await answered(pilot)
        assert "A defect of meshtop" in said(screen)
        await press(pilot, "escape")
        assert not isinstance(app.screen, WhatIfScreen)


async def test_the_answer_is_copied_with_what_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("mtls", "")
        await press(pilot, "W")
        await answered(pilot)
        await press(pilot, "a", "C")
        assert "STRICT in namespace shop" in copied[0]
        assert "sources: east, west, north" in copied[0]
        assert "shop/reviews-v1" in copied[0]


Compare = Callable[..., bool]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_how_strict_looks(snap_compare: Compare, intruded: Snapshot, size: tuple[int, int]) -> None:
    app = stage(intruded, look=Look("meshtop-dark"))
    app.now = lambda: intruded.at + 2.0  # type: ignore[method-assign]

    async def run(pilot: Pilot[Any]) -> None:
        await press(pilot, "4", "w", "W")
        (await answered(pilot)).say("")
        await pilot.pause()

    assert snap_compare(app, run_before=run, terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_how_a_cluster_that_leaves_looks(snap_compare: Compare, intruded: Snapshot, size: tuple[int, int]) -> None:
    app = stage(intruded, look=Look("meshtop-dark"))
    app.now = lambda: intruded.at + 2.0  # type: ignore[method-assign]

    async def run(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        app.open_detail("clusters", "eu-west")
        await press(pilot, "W")
        (await answered(pilot)).say("")
        await pilot.pause()

    assert snap_compare(app, run_before=run, terminal_size=size)


def test_a_picture_of_what_would_be_is_made_apart(intruded: Snapshot) -> None:
    """What is forecast leaves nothing in what the console remembers of the world as it is."""

    from textual.message_pump import MessagePump

    from meshtop.console.session import ConsoleOptions, ConsoleSession
    from meshtop.settings.schema import Settings
    from meshtop.views.picture.factory import PictureFactory

    class Watching:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"what would be is no change: {name}")

    session = ConsoleSession(ConsoleOptions(settings=Settings), MessagePump())
    assert session.forecaster() is None, "before the settings were read"
    factory = session._pictures = PictureFactory(change_memory=Watching())
    make = session.forecaster()
    assert make is not None
    assert isinstance(make(intruded), Picture)
    assert make(intruded).memory is not factory.memory
