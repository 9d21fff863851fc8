"""`C` copies the table that is on the screen, with what it is of."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.console.screens.test_screens import go, press, settled
from tests.console.stage import busy_world, stage


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def test_a_table_is_copied_with_place_scope_moment_and_sources(berlin: None) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 30)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "C")
        head, _, table = app.clipboard.partition("\n\n")
        place, scope, moment, sources, *unknown = head.splitlines()
        assert place == "Services ▸ Workloads"
        assert scope == "all clusters · last 5m"
        assert moment == "2026-08-01T14:00:00Z (2026-08-01 16:00:00 CEST)"
        assert sources == "sources: east, west, north"
        assert any("north did not answer" in one for one in unknown)
        titles, *rows = table.splitlines()
        assert "WORKLOAD" in titles
        assert any("reviews-v2" in row for row in rows)
        # What stands under a title begins where it does.
        at = titles.index("CLUSTER")
        assert {row[at : at + 4] for row in rows} == {"east", "west"}
        assert not table.endswith("\n\n")


async def test_on_the_fleet_it_is_the_table_that_has_the_keyboard() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "C")
        assert "NOW" not in app.clipboard.partition("\n\n")[2]
        await press(pilot, "n", "C")
        table = app.clipboard.partition("\n\n")[2]
        assert "NOW" in table.splitlines()[0]
        assert "reviews-v2" in table
