"""Every place of the console on every world, at 80x24, by keys."""

from __future__ import annotations

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


@pytest.mark.parametrize("world", [name for name in WORLDS if name != "multi-primary"])
async def test_no_place_shows_a_defect(
    world: str, walk: Callable[[str], Walk], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = await walk_the_console(walk(world).picture.snapshot, monkeypatch, caplog)
    assert set(seen) == KINDS
    for kind, words in SHOWN[world].items():
        for word in words:
            assert word in seen[kind], seen[kind]
