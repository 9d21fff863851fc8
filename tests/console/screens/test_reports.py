"""Settings and doctor inside the console: read on another thread, complete, and esc leaves them."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.reports import DoctorScreen, SettingsScreen, written
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.top_bar import TopBar
from meshtop.settings.document import ConfigError
from meshtop.settings.origins import Setting
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.doctor import examine
from meshtop.views.reports.doctor_lines import doctor_lines
from tests.console.screens.test_screens import press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage

SETTINGS = [
    Setting("refresh", "5s", "default"),
    Setting("readOnly", True, "/etc/meshtop.yaml:3"),
    Setting("clusters.0.prometheus.headers.Authorization", "(hidden)", "/etc/meshtop.yaml:9"),
    Setting("theme", None, "default"),
]


def with_settings(settings: list[Setting] | None) -> StillApp:
    app = stage(busy_world())
    app.options = structs.replace(app.options, settings_in_force=None if settings is None else lambda: settings)
    return app


async def made(app: StillApp) -> None:
    await app.workers.wait_for_complete()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_settings_say_what_is_set_first_and_where(size: tuple[int, int]) -> None:
    app = with_settings(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"settings", "enter")
        await made(app)
        await settled(pilot)
        assert isinstance(app.screen, SettingsScreen)
        shown = text_of(app.screen.query_one(LineView))
        assert [shown.index(word) for word in ("SET", "readOnly", "BY DEFAULT", "refresh")] == sorted(
            shown.index(word) for word in ("SET", "readOnly", "BY DEFAULT", "refresh")
        )
        assert "true" in shown
        assert "(hidden)" in shown
        assert "meshtop.yaml:3" in shown
        assert app.screen.query_one(TopBar).render_line(1).text.startswith(" Settings")
        await press(pilot, "escape")
        assert isinstance(app.screen, FleetScreen)


async def test_settings_that_cannot_be_told_are_said() -> None:
    app = with_settings(None)
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        app.run_command("settings", "")
        await settled(pilot)
        assert "meshtop config view" in app.screen.query_one(KeyHints).render_line(0).text


async def test_settings_that_are_wrong_by_now_are_one_sentence() -> None:
    def broken() -> list[Setting]:
        raise ConfigError("meshtop.yaml, line 3: it is wrong.")

    app = stage(busy_world())
    app.options = structs.replace(app.options, settings_in_force=broken)
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        app.run_command("settings", "")
        await settled(pilot)
        await made(app)
        await settled(pilot)
        assert "meshtop.yaml, line 3: it is wrong." in text_of(app.screen.query_one(LineView))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_doctor_says_what_the_command_says(size: tuple[int, int]) -> None:
    app = stage(busy_world())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"doctor", "enter")
        await settled(pilot)
        await made(app)
        await settled(pilot)
        assert isinstance(app.screen, DoctorScreen)
        view = app.screen.query_one(LineView)
        drawn = []
        for y in range(view.virtual_size.height):
            view.scroll_to(y=y, animate=False)
            await pilot.pause()
            drawn.append(view.render_line(0).text.strip() if y <= view.max_scroll_y else "")
        below = [view.render_line(y).text.strip() for y in range(view.size.height)]
        shown = " ".join(" ".join([*drawn, *below]).split())
        picture = Picture(busy_world())
        for line in doctor_lines(examine(picture.snapshot, lambda: picture.facts), size[0] - 4, verbose=True):
            words = " ".join("".join(cell.text for cell in line).split())
            assert words in shown


async def test_the_doctor_looks_again_with_each_picture() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.run_command("doctor", "")
        await settled(pilot)
        await made(app)
        await settled(pilot)
        before = text_of(app.screen.query_one(LineView))
        world = busy_world()
        session_of(app).publish(structs.replace(world, sequence=world.sequence + 1, clusters=world.clusters[:1]))
        await settled(pilot)
        await made(app)
        await settled(pilot)
        after = text_of(app.screen.query_one(LineView))
        assert before != after


@pytest.mark.parametrize(("value", "text"), [(None, "null"), (True, "true"), (False, "false"), (3, "3"), ("x", "x")])
def test_values_are_written_as_in_the_file(value: object, text: str) -> None:
    assert written(value) == text
