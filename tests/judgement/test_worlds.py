"""The false alarm is tested like the miss: two calm hours raise nothing, and where something is, its cause comes first.

Time is simulated. The calm world is looked at every ten minutes here; `benchmarks/judgement_worlds.py` does it
every minute. What is wrong with the calm world from the start (a node, a machine, old plaintext) is there throughout.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meshtop.cli.printers import render
from meshtop.cli.text_table import Style
from meshtop.console.screens.fleet import needs_of
from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.events import AttentionChanges, AttentionEventKind
from meshtop.views.reports.attention.view import attention
from tests.judgement.simulated import STORIES, SimulatedWorld, statuses

MINUTE = 60.0
SCRAPE_SECONDS = 15.0
TWO_SCRAPES = 2 * SCRAPE_SECONDS


async def test_two_calm_hours_raise_nothing_and_nothing_flips(tmp_path: Path) -> None:
    world = SimulatedWorld("calm")
    async with world.observed(tmp_path) as observatory:
        factory, changes = PictureFactory(), AttentionChanges()
        before: dict[str, str] = {}
        raised: list[str] = []
        for look in range(7):
            picture = factory.picture(await world.look(observatory, list_objects=look == 0))
            # Verdicts on canaries are tested where they are made.
            items = [item for item in attention(picture) if not item.id.startswith("canary/")]
            raised += [e.line() for e in changes.look(items, world.now) if e.event is not AttentionEventKind.THERE]
            now = statuses(picture)
            raised += [f"{n}: {before[n]} -> {now[n]}" for n in before.keys() & now.keys() if before[n] != now[n]]
            before = now
            world.now += 20 * MINUTE
        assert raised == []
        assert all(status != "failing" for name, status in now.items() if name.startswith("clusters "))


@pytest.mark.parametrize("name", STORIES)
async def test_the_cause_comes_first_within_a_minute(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    world = SimulatedWorld(name, begins=15.0)
    async with world.observed(tmp_path) as observatory:
        factory = PictureFactory()
        if world.world.dying is not None:
            await world.look(observatory)
        world.now = world.begins + MINUTE
        picture = factory.picture(await world.look(observatory))
        items = attention(picture)
    first = items[0]
    assert any(first.id.startswith(cause) for cause in story.causes), [item.id for item in items[:3]]
    assert first.since is not None
    assert first.since.timestamp() == pytest.approx(world.begins, abs=TWO_SCRAPES)
    below = {one.id for one in first.consequences} | {first.id}
    for wanted in story.consequences:
        assert any(one.startswith(wanted) for one in below), below
        assert not [item.id for item in items[1:] if item.id.startswith(wanted)], "folded, and not named twice"

    of_kind = view("attention")
    document = json.loads(render("json", of_kind, picture, list(items), Style(), Query()))
    assert document["items"][0]["id"] == first.id
    assert document["items"][0]["since"] == first.since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    table = render("table", of_kind, picture, list(items), Style(), Query()).splitlines()
    assert first.title in table[1]
    assert f"{datetime.fromtimestamp(first.since.timestamp(), UTC):%m-%d %H:%M:%S}Z" in table[1]
    needs = needs_of(items, picture.snapshot.at, known_too=False)
    assert next(iter(needs.values())).message == first.title
