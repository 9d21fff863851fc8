"""The false alarm is tested like the miss: two calm hours raise nothing, and where something is, its cause comes first.

Time is simulated. The calm world is looked at five times here; `benchmarks/judgement_worlds.py` does it at every
scrape. What is wrong with the calm world from the start (a node, a machine, old plaintext) is there throughout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from meshtop.cli.printers import render
from meshtop.cli.text_table import Style
from meshtop.console.screens.now_rows import needs_of
from meshtop.model.attention import Forgetful, Remembered, Sighting
from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.events import AttentionChanges, AttentionEventKind
from meshtop.views.reports.attention.view import attention
from tests.judgement.simulated import STORIES, SimulatedWorld, a_minute_into, statuses, told_once

MINUTE = 60.0
SCRAPE_SECONDS = 15.0
TWO_SCRAPES = 2 * SCRAPE_SECONDS


async def test_two_calm_hours_raise_nothing_and_nothing_flips(tmp_path: Path) -> None:
    world = SimulatedWorld("calm")
    async with world.observed(tmp_path) as observatory:
        factory, changes = PictureFactory(), AttentionChanges()
        before: dict[str, str] = {}
        raised: list[str] = []
        # Two looks a scrape apart, since what flips flips between neighbours; then ever further.
        for minute in (0.0, 0.25, 20.0, 60.0, 120.0):
            world.now = world.begins + minute * MINUTE
            picture = factory.picture(await world.look(observatory, list_objects=minute == 0.0))
            # Verdicts on canaries are tested where they are made.
            items = [item for item in attention(picture) if not item.id.startswith("canary/")]
            raised += [e.line() for e in changes.look(items, world.now) if e.event is not AttentionEventKind.THERE]
            now = statuses(picture)
            raised += [f"{n}: {before[n]} -> {now[n]}" for n in before.keys() & now.keys() if before[n] != now[n]]
            before = now
        assert raised == []
        assert all(status != "failing" for name, status in now.items() if name.startswith("clusters "))


@pytest.mark.parametrize("name", [pytest.param(one, marks=told_once(one)) for one in STORIES])
def test_the_cause_comes_first_within_a_minute(name: str) -> None:
    story = STORIES[name]
    begins, snapshot = a_minute_into(name)
    picture = PictureFactory().picture(snapshot)
    items = attention(picture)
    first = items[0]
    assert first.id in story.causes, [item.id for item in items[:3]]
    assert set(story.findings) <= set(first.findings)
    assert first.since is not None
    assert not first.lasting
    assert first.since.timestamp() == pytest.approx(begins, abs=TWO_SCRAPES)
    # Folded: under their cause and there once, and nothing else of the story stands beside it.
    below = [one.id for one in first.consequences]
    assert set(story.consequences) <= set(below), below
    assert len(below) == len(set(below))
    beside = [item.id for item in items[1:] if item.id.startswith(story.untouched)]
    assert beside == []

    of_kind = view("attention")
    document = json.loads(render("json", of_kind, picture, list(items), Style(), Query()))
    assert document["items"][0]["id"] == first.id
    assert document["items"][0]["since"] == first.since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    table = render("table", of_kind, picture, list(items), Style(), Query()).splitlines()
    assert first.title in table[1]
    assert f"{datetime.fromtimestamp(first.since.timestamp(), UTC):%m-%d %H:%M:%S}Z" in table[1]
    needs = needs_of(items, picture.snapshot.at, known_too=False)
    assert next(iter(needs.values())).message == first.title


def test_what_follows_is_remembered_by_its_own_cluster() -> None:
    """So that it is the same item, with its age and acknowledgement, when it stands for itself one day."""

    class Recording(Forgetful):
        seen: ClassVar[dict[str, Sighting]] = {}

        def see(self, sightings: Iterable[Sighting], *_: object, **__: object) -> dict[str, Remembered]:
            self.seen.update({one.id: one for one in sightings})
            return {}

    _, snapshot = a_minute_into("bad-canary")
    attention(PictureFactory(attention_log=Recording()).picture(snapshot))
    uids = {cluster.name: cluster.uid for cluster in snapshot.clusters}
    assert all(uids.values())
    for cluster in ("us-east", "eu-west"):
        told = Recording.seen[f"workload/{cluster}/shop/reviews-v3"]
        assert told.follows.startswith("canary/")
        assert told.clusters == (cluster,)
        assert told.scope == uids[cluster]
