"""Each story of the demo, asked five minutes after it set in by a process that was not there before: its change is the
first that is suspected. In the calm world nothing is suspected of anything."""

from __future__ import annotations

import asyncio
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from meshtop.cli.printers import render
from meshtop.cli.text_table import Style
from meshtop.demo.world.scenarios import SCENARIOS
from meshtop.model.snapshot import Snapshot
from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.changes.item import ChangeItem
from tests.judgement.simulated import START, SimulatedWorld, told_once

LATER = 300.0

FIRST = {
    "everyday": ("us-east", "VirtualService", "reviews", "weights"),
    "bad-canary": (("us-east", "eu-west"), "Deployment", "reviews-v3", "rollout"),
    "dead-cluster": ("eu-west", "Cluster", "eu-west", "lost"),
    "plaintext-intruder": ("us-east", "Service", ("storefront", "cart"), "edit"),
    "lagging-control-plane": ("us-east", "Deployment", "istiod-1-30", "rollout"),
    "expiring-certificate": ("on-prem", "Certificate", "CN=legacy mesh root,O=Halyard Supply Co.", "certificate"),
    "noisy-tenant": ("us-east", "Deployment", "reporting-v1", "scale"),
    "drifted-config": ("eu-west", "DestinationRule", "catalog", "edit"),
    "broken-destinationrule": ("us-east", "DestinationRule", "payments", "edit"),
    "disjoint-roots": ("eu-west", "Certificate", "CN=prod-eu-west mesh root,O=Halyard Supply Co.", "certificate"),
}
"""Where the change was made, of what kind and name the object is, and what was done; several where they are alike."""


@cache
def five_minutes_later(story: str) -> Snapshot:
    """What an observatory that starts five minutes into a story reads."""

    async def read() -> Snapshot:
        world = SimulatedWorld(story, begins=-LATER, traced=True)
        with tempfile.TemporaryDirectory() as folder:
            async with world.observed(Path(folder)) as observatory:
                return await world.look(observatory)

    with ThreadPoolExecutor(1) as alone:
        return alone.submit(lambda: asyncio.run(read())).result()


def _changes(picture: Picture) -> list[ChangeItem]:
    return view("changes").items(picture, Query())


def test_every_story_is_here() -> None:
    assert {*FIRST, "calm"} == {*SCENARIOS}


@pytest.mark.parametrize("story", [pytest.param(one, marks=told_once(one)) for one in FIRST])
def test_the_cause_is_the_first_suspect(story: str) -> None:
    picture = PictureFactory().picture(five_minutes_later(story))
    items = _changes(picture)
    found = [(i.suspicion, i) for i in items if i.suspicion is not None]
    assert found, [item.title for item in items]
    suspicion, first = min(found, key=lambda pair: pair[0].rank)
    for said, wanted in zip((first.cluster, first.kind, first.name, first.action), FIRST[story], strict=True):
        assert said in (wanted if isinstance(wanted, tuple) else (wanted,)), [one.why for one, _ in found]
    assert suspicion.rank == 0
    assert first.title in suspicion.why
    # What needs attention names it too, and it is what the story is about.
    of = next(item for item in attention(picture) if item.id == suspicion.attention)
    assert of.changes[0].key == first.key
    # That a cluster ceased to answer is what the item says itself.
    assert (of.cause and of.cause.title) == (None if first.action == "lost" else first.title)
    assert not any(item.time.timestamp() > START for item in items)


def test_nothing_is_suspected_where_nothing_is_wrong() -> None:
    picture = PictureFactory().picture(five_minutes_later("calm"))
    assert [item.title for item in _changes(picture)]
    assert [item.suspicion.why for item in _changes(picture) if item.suspicion is not None] == []
    assert [item.changes for item in attention(picture) if item.changes] == []


@told_once("bad-canary")
def test_a_rollout_is_told_once_with_its_images_and_what_it_did() -> None:
    picture = PictureFactory().picture(five_minutes_later("bad-canary"))
    of_reviews = [i for i in _changes(picture) if i.name.startswith("reviews-v3") and i.cluster == "us-east"]
    assert [i.action for i in of_reviews] == ["rollout"]
    told = json.loads(render("json", view("changes"), picture, of_reviews, Style(), Query()))["items"][0]
    assert told["who"] == "argocd-controller"
    assert told["what"] == [{"field": "image", "before": "2.9.4", "after": "3.0.0"}]
    assert told["notes"] == ["revision 5"]
    assert told["impact"]["before"]["errorRatio"] < 0.01 < told["impact"]["after"]["errorRatio"]


@told_once("noisy-tenant")
def test_a_scaling_has_its_numbers() -> None:
    picture = PictureFactory().picture(five_minutes_later("noisy-tenant"))
    first = next(i for i in _changes(picture) if i.action == "scale")
    assert first.who == "nightly-reports"
    assert [(one.path, one.before, one.after) for one in first.what] == [("replicas", "2", "40")]
    assert "scaled 2→40" in first.title
