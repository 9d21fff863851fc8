"""`E` writes a page about what is wrong of what is shown, and its recording beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from textual.pilot import Pilot

from meshtop.console.desk import incident_file
from meshtop.console.desk.incident_file import write_incident
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.screens.test_screens import go, press, settled
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.sources.recording.moments import read, written

PAGE = "incident-20260801T140000Z.html"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


def bottom(app: StillApp) -> str:
    return app.screen.query_one(BottomBar).hints.render_line(0).text.strip()


async def asked(pilot: Pilot[int]) -> str:
    """What is said once the page was written, or refused."""
    app = pilot.app
    assert isinstance(app, StillApp)
    await press(pilot, "E")
    await app.workers.wait_for_complete()
    await pilot.pause()
    return bottom(app)


@pytest.mark.parametrize("place", ["clusters", "workloads", "changes"])
async def test_e_writes_the_page_and_its_recording_from_anywhere(here: Path, place: str) -> None:
    world = busy_world()
    app = stage(world)
    async with app.run_test(size=(200, 40)) as pilot:
        await settled(pilot)
        if place != "clusters":
            await go(pilot, place)
        said = await asked(pilot)
    assert f"{here / PAGE} tells of what is wrong" in said
    assert "incident-20260801T140000Z.rec beside it" in said
    page = (here / PAGE).read_text()
    assert "reviews-v2" in page
    assert "Which change may have caused it" in page
    assert (here / PAGE).stat().st_mode & 0o777 == 0o600
    (recorded,) = read(here / "incident-20260801T140000Z.rec")
    assert recorded.clusters[0].name == world.clusters[0].name
    assert not [one for one in session_of(app).asked if one[0] == "refresh"], "no cluster is asked again"


async def test_a_second_page_takes_another_name(here: Path) -> None:
    async with stage(busy_world()).run_test(size=(200, 40)) as pilot:
        await settled(pilot)
        await asked(pilot)
        before = (here / PAGE).read_bytes()
        assert "140000Z-2.html" in await asked(pilot)
    assert (here / PAGE).read_bytes() == before


async def test_in_a_browser_nothing_is_written_on_the_server(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(200, 40)) as pilot:
        await settled(pilot)
        monkeypatch.setattr(StillApp, "is_web", True)
        assert "In a browser no page is written" in await asked(pilot)
    assert list(here.iterdir()) == []


async def test_a_defect_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise LookupError("no such page")

    monkeypatch.setattr("meshtop.console.desk.incident_file.write_incident", broken)
    async with stage(busy_world()).run_test(size=(200, 40)) as pilot:
        await settled(pilot)
        assert "the page was not written" in await asked(pilot)


def test_where_the_current_folder_takes_nothing_the_state_folder_does(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("no folder")
    said, done = write_incident(Picture(busy_world()), Query(), (taken, tmp_path / "state"))
    assert done
    assert str(tmp_path / "state" / PAGE) in said
    said, done = write_incident(Picture(busy_world()), Query(), (taken,))
    assert not done
    assert said.startswith(f"No page was written into {taken}: ")


def test_a_fleet_that_takes_long_to_record_gets_the_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_file, "MOST_RECORDED", 0)
    said, done = write_incident(Picture(busy_world()), Query(), (tmp_path,))
    assert done
    assert "without a recording" in said
    assert [one.name for one in tmp_path.iterdir()] == [PAGE]
    assert "None was made with this page" in (tmp_path / PAGE).read_text()


def test_of_a_recording_no_other_one_is_made(tmp_path: Path) -> None:
    file = written(tmp_path / "outage.rec", [busy_world()])
    said, _ = write_incident(Picture(read(file)[0]), Query(), (tmp_path,), recording=file.name)
    assert "it is made of outage.rec" in said
    assert sorted(one.name for one in tmp_path.iterdir()) == [PAGE, "outage.rec"]


def test_no_secret_that_a_server_said_is_on_the_page(tmp_path: Path) -> None:
    world = busy_world()
    *others, north = world.clusters
    status = structs.replace(north.kubernetes, error="GET https://maria:hunter-two@north.example/ failed")
    world = structs.replace(world, clusters=(*others, structs.replace(north, kubernetes=status)))
    write_incident(Picture(world), Query(), (tmp_path,))
    assert b"hunter-two" not in (tmp_path / PAGE).read_bytes()
    assert "north.example" in (tmp_path / PAGE).read_text()
