"""What a screen asks to be worked out of the next picture: a frozen copy, made again with whatever it follows from."""

from __future__ import annotations

import pytest

from meshtop.console.screens.table import WIDE
from meshtop.console.session import PictureRequest
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.screens.test_screens import go, press, settled
from tests.console.stage import busy_world, session_of, stage


def test_a_request_works_out_what_a_screen_then_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has been worked out, drawing reads no rows anew."""
    picture = Picture(busy_world())
    query = Query(sort="name")
    key = view("workloads").key(view("workloads").all_items(picture)[0])
    request = PictureRequest(
        kinds=frozenset({"services"}), table=("workloads", query), details=(("workloads", key),), attention=Query()
    )
    request.prepare(picture)
    assert view("workloads").items(picture, query) is view("workloads").items(picture, query)


def test_a_filter_that_the_kind_does_not_know_spoils_nothing() -> None:
    picture = Picture(busy_world())
    PictureRequest(kinds=frozenset({"services"}), table=("services", Query(filter="nocolumn:x"))).prepare(picture)


async def test_the_screen_in_front_says_what_it_will_draw_next() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(WIDE, 40)) as pilot:
        await settled(pilot)
        first = session_of(app).request
        assert first.kinds == {"clusters"}
        assert first.attention == Query()
        await go(pilot, "workloads")
        request = session_of(app).request
        assert request.table is not None
        assert request.table[0] == "workloads"
        assert len(request.details) == 1
        await press(pilot, "down")
        moved = session_of(app).request
        assert moved.details != request.details, "what stands beside the table follows the cursor"
        await press(pilot, "slash", *"reviews", "enter")
        filtered = session_of(app).request
        assert filtered.table is not None
        assert filtered.table[1].filter == "reviews"
        assert request.table[1].filter == "", "what was handed over stays as it was"
        await press(pilot, "escape", "escape")
        assert session_of(app).request.kinds == {"clusters"}


async def test_a_covered_screen_does_not_put_its_request_in_the_place_of_the_one_in_front() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter")
        assert session_of(app).request.table is None
        app.set_scope(app.scope.filtered("reviews"))
        await settled(pilot)
        assert session_of(app).request.table is None
