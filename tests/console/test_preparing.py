"""Rows of a big fleet are made on another thread: keys do not wait for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from meshtop.console import preparing
from meshtop.console.picture_request import PictureRequest
from meshtop.console.preparing import Preparation
from meshtop.console.screens.table import WIDE, TableScreen
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.screens.test_screens import go, settled
from tests.console.stage import busy_world, stage

SERVICES = PictureRequest(kinds=frozenset({"services"}), table=("services", Query()))


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Kinds of rows that are made of a fleet that counts as big, and the name of the thread that makes them."""
    monkeypatch.setattr(preparing, "BIG_PODS", 1)
    made: list[tuple[str, str]] = []
    rows = Picture.rows

    def noted(self: Picture, kind: str, *rest: Any) -> list[Any]:
        made.append((kind, threading.current_thread().name))
        return rows(self, kind, *rest)

    monkeypatch.setattr(Picture, "rows", noted)
    return made


def join_makers() -> None:
    for thread in threading.enumerate():
        if thread.name == "rows":
            thread.join()


async def test_a_screen_that_is_opened_makes_no_rows_in_the_consoles_thread(makers: list[tuple[str, str]]) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(WIDE, 40)) as pilot:
        await settled(pilot)
        await asyncio.to_thread(join_makers)
        await go(pilot, "services")
        await asyncio.to_thread(join_makers)
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, TableScreen)
        assert screen.shown is not None
        assert len(screen.shown)
    assert {"services", "workloads", "edges"} <= {kind for kind, _ in makers}
    assert {thread for _, thread in makers} == {"rows"}


def test_what_was_prepared_is_ready_whichever_row_is_selected(makers: list[tuple[str, str]]) -> None:
    picture = Picture(busy_world())
    arrived: list[Picture] = []
    preparation = Preparation(arrived.append)
    preparation.prepare(picture, SERVICES)
    assert preparation.is_ready(picture, SERVICES)
    selected = PictureRequest(kinds=SERVICES.kinds, table=SERVICES.table, details=(("services", "x"),))
    assert preparation.is_ready(picture, selected)
    assert arrived == []


def test_a_picture_that_was_prepared_for_something_else_arrives_once_more(makers: list[tuple[str, str]]) -> None:
    picture = Picture(busy_world())
    arrived: list[Picture] = []
    preparation = Preparation(arrived.append)
    preparation.prepare(picture, PictureRequest(kinds=frozenset({"clusters"})))
    assert not preparation.is_ready(picture, SERVICES)
    join_makers()
    assert arrived == [picture]
    assert preparation.is_ready(picture, SERVICES)


def test_a_small_fleet_is_drawn_at_once() -> None:
    assert Preparation(lambda picture: None).is_ready(Picture(busy_world()), SERVICES)
