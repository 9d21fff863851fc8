"""What the console survives without a word, or with a short one, leaves its traceback in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.message_pump import MessagePump

from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.console.desk.rights import Rights
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.session import ConsoleOptions, ConsoleSession, SessionFailed
from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell
from meshtop.console.widgets.graph_view import GraphView
from meshtop.observatory.thread import ObservatoryThread
from meshtop.settings.schema import Settings
from meshtop.views.frame.charts import Chart, ChartLine
from meshtop.views.frame.facts import Detail
from tests import worlds


class Listener(MessagePump):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Future[Message] = Future()

    def post_message(self, message: Message) -> bool:
        self.heard.set_result(message)
        return True


class BrokenSession(ConsoleSession):
    """A session that fails at whatever it is asked."""

    def __init__(self) -> None:
        super().__init__(ConsoleOptions(settings=Settings), Listener())

    def ask(self, question: Callable[[Any], Coroutine[Any, Any, Any]]) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.set_exception(LookupError("no such answer"))
        return answer


def traced(caplog: pytest.LogCaptureFixture, error: str) -> str:
    """The one record of such an error, with its traceback."""
    (record,) = (r for r in caplog.records if r.exc_info and error in repr(r.exc_info[1]))
    assert record.name.startswith("meshtop.")
    return record.getMessage()


def test_a_session_that_cannot_begin(caplog: pytest.LogCaptureFixture) -> None:
    def settings() -> Settings:
        raise LookupError("no settings")

    listener = Listener()
    ConsoleSession(ConsoleOptions(settings=settings), listener).start()
    assert isinstance(listener.heard.result(30), SessionFailed)
    assert traced(caplog, "no settings") == "the console could not begin to read"


def test_an_observatory_that_breaks(caplog: pytest.LogCaptureFixture) -> None:
    failed: Future[BaseException] = Future()

    def build() -> Any:
        raise LookupError("no observatory")

    ObservatoryThread(build, print, failed.set_result).start()
    assert isinstance(failed.result(30), LookupError)
    assert traced(caplog, "no observatory") == "the observatory ended"


def test_rights_that_cannot_be_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    rights = Rights(BrokenSession())
    rights.want(worlds.world(), [("east", "shop")], Listener())
    assert rights.of("east", "shop") is None
    assert traced(caplog, "no such answer") == "the rights in east are not known"


def test_a_chart_without_lines(caplog: pytest.LogCaptureFixture) -> None:
    came: list[object] = []
    chart = Chart("requests", "/s", "east", (ChartLine("all", "/s", "up"),))
    BrokenSession().lines(chart, start=0.0, end=1.0, step=1.0, done=came.append)
    assert came == [()]
    assert traced(caplog, "no such answer") == "the chart requests has no lines"


async def test_a_graph_that_cannot_be_drawn(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> ServiceGraph:
        raise LookupError("no graph")

    class GraphApp(App[None]):
        def compose(self) -> ComposeResult:
            yield GraphView()

    app = GraphApp()
    async with app.run_test() as pilot:
        view = app.query_one(GraphView)
        view.show(make)
        while view.working:
            await pilot.pause()
    assert traced(caplog, "no graph") == "the graph could not be drawn"


async def test_words_beside_a_graph_that_cannot_be_found(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Detail:
        raise LookupError("no words")

    class PanelApp(App[None]):
        def compose(self) -> ComposeResult:
            yield GraphPanel()

    app = PanelApp()
    async with app.run_test():
        app.query_one(GraphPanel).show(make, 0.0)
        with pytest.raises(Exception, match="no words"):
            await app.workers.wait_for_complete()
    assert traced(caplog, "no words") == "working out what stands beside the graph failed"


async def test_a_defect_that_ends_the_console(caplog: pytest.LogCaptureFixture) -> None:
    class Falling(Shell):
        def on_mount(self) -> None:
            raise LookupError("no way on")

    with pytest.raises(LookupError):
        async with Falling(Look("meshtop-dark")).run_test():
            await asyncio.sleep(0)
    assert traced(caplog, "no way on") == "the console ended"
