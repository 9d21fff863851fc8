"""Every place of the console on every world, at 80x24, by keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest

from meshtop.console.places import PLACES, pages_of
from meshtop.demo.world.worlds.registry import WORLDS
from tests.e2e.worlds.walking import Walk, walk_the_console

KINDS = {kind for place in PLACES for kind in pages_of(place.kinds[0])}
SHOWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "primary-remote": {"controlplanes": ("us-east", "eu-west"), "drift": ("No object differs",)},
    "external": {"controlplanes": ("control",), "drift": ("No object differs",)},
    "no-mesh-id": {"clusters": ("us-east", "eu-west")},
    "own-root": {"mtls": ("permissive", "strict +1 port")},
    "revisions": {"controlplanes": ("1-29", "1-30", "1-31")},
    "owners": {"canaries": ("catalog", "reviews")},
    "one-namespace": {"clusters": ("denied", "partial"), "edges": ("not read",)},
    "ambient": {"workloads": ("storefront-v5",), "edges": ("shop/catalog-v1",)},
}


WALKED = (
    tuple(name for name in WORLDS if name != "multi-primary")
    if os.environ.get("FAULTS_WORLDS")
    else ("primary-remote", "one-namespace", "ambient")
)
"""In the suite those that differ most from the company's; `make faults` walks all of them."""


@pytest.mark.parametrize("world", WALKED)
async def test_no_place_shows_a_defect(
    world: str, walk: Callable[[str], Walk], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = await walk_the_console(walk(world).picture.snapshot, monkeypatch, caplog)
    assert set(seen) == KINDS
    for kind, words in SHOWN[world].items():
        for word in words:
            assert word in seen[kind], seen[kind]
