"""The console on a recording: it says so, walks in its time, draws its charts, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from meshtop.console.app import MeshtopApp
from meshtop.console.replay import Replay
from meshtop.console.session import ConsoleOptions
from meshtop.model.telemetry import Line
from meshtop.settings.schema import Settings
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.views.frame.charts import request_charts
from tests import worlds
from tests.console.screens.test_journal import text_of
from tests.sources.recording.moments import written

ROUNDS = 3000


async def until(pilot: Pilot[int], holds: Callable[[], object], what: str) -> None:
    for _ in range(ROUNDS):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"waited in vain for {what}: {text_of(pilot.app)}")


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedSnapshots:
    """Ten minutes, a moment each, in which the requests grow; no other state is on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    told = []
    for i in range(11):
        east = worlds.cluster("east", [worlds.request("east/web", "east/v1", 100.0 + i)])
        told.append(worlds.world(east, worlds.north(), sequence=i + 1, at=worlds.AT + 60.0 * i))
    return RecordedSnapshots(written(tmp_path / "outage.rec", told))


def _app(recording: RecordedSnapshots, moment: float | None = None) -> MeshtopApp:
    return MeshtopApp(ConsoleOptions(settings=Settings, recording=recording, moment=moment))


async def test_it_says_what_it_is_and_walks_in_its_time(recording: RecordedSnapshots, tmp_path: Path) -> None:
    app = _app(recording)
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: "REQ/S 110" in text_of(app), "the last moment")
        assert "recording outage.rec 14:00–14:10" in text_of(app)
        assert "at 2026-08-01 14:10:00 UTC" in text_of(app)
        assert "RO" in text_of(app)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "REQ/S 109" in text_of(app), "a minute before")
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "at 2026-08-01 14:00:00 UTC" in text_of(app), "the first moment")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "The recording begins here." in text_of(app), "why nothing happens")
        await pilot.press("r")
        await until(pilot, lambda: "it has nothing newer" in text_of(app), "why nothing is read")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "at 2026-08-01 14:01:00 UTC" in text_of(app), "a minute after it")
        app.run_command("at", "2026-08-01T14:05:00Z")
        await until(pilot, lambda: "REQ/S 105" in text_of(app), "the moment that was asked for")
        app.run_command("at", "-3m")
        await until(pilot, lambda: "REQ/S 107" in text_of(app), "three minutes before the end")
        await pilot.press("full_stop")
        await until(pilot, lambda: "REQ/S 110" in text_of(app), "the last moment again")
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: "The recording ends here." in text_of(app), "why it goes no further")
        app.run_command("window", "10m")
        await until(pilot, lambda: "window that it was made with" in text_of(app), "why not")
        await pilot.press("J")
        await until(pilot, lambda: "can only be read" in text_of(app), "why there is no journal")
        await pilot.press("n", "a")
        await until(pilot, lambda: "can only be read" in text_of(app), "why nothing is acknowledged")
    assert not (tmp_path / "state/meshtop/attention.db").exists()
    assert not (tmp_path / "state/meshtop/journal.db").exists()


async def test_it_begins_where_it_is_told_to(recording: RecordedSnapshots) -> None:
    app = _app(recording, worlds.AT + 125.0)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "at 2026-08-01 14:02:00 UTC" in text_of(app), "that moment")
        assert app.now() == worlds.AT + 120.0


async def test_its_charts_are_drawn_of_what_was_recorded(recording: RecordedSnapshots) -> None:
    app = _app(recording)
    came: list[tuple[Line, ...]] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.picture is not None, "the last moment")
        chart = request_charts("east", (), window_seconds=worlds.WINDOW)[0]
        app.session.lines(chart, start=worlds.AT, end=worlds.AT + 600, step=60, done=came.append)
        await until(pilot, lambda: came, "the lines")
    assert came[0][0].values == tuple(100.0 + i for i in range(11))


def test_steps_reach_moments_that_are_rarer_than_they_are(tmp_path: Path) -> None:
    told = [worlds.world(worlds.east(), sequence=i + 1, at=worlds.AT + 600.0 * i) for i in range(3)]
    recording = RecordedSnapshots(written(tmp_path / "x.rec", told))
    replay = Replay(recording)
    assert replay.travelled(told[0], 60) == told[1].at
    assert replay.travelled(told[2], -60) == told[1].at
    assert replay.travelled(told[0], -60) == told[0].at
    assert replay.travelled(told[2], 60) == told[2].at
    recording.close()
