"""Comparisons of configuration are made again when an inventory changes, and only then."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import structs

from meshtop.model.snapshot import Snapshot
from meshtop.views.unchanged import unless_changed
from tests import worlds


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_a_result_is_kept_until_something_it_follows_from_changes() -> None:
    make = Counted()

    def asked(snapshot: Snapshot, also: Hashable = ()) -> int:
        return unless_changed("test", snapshot, make, also=also)

    east, west = worlds.east(), worlds.west()
    assert asked(worlds.world(east, west)) == 1
    later = structs.replace(east, telemetry=None, kubernetes=worlds.fresh())
    assert asked(worlds.world(later, west, sequence=2, at=worlds.AT + 5)) == 1
    assert asked(worlds.world(east, west), also="synced") == 2
    assert asked(worlds.world(worlds.east(), west), also="synced") == 3
    assert asked(worlds.world(worlds.north()), also="synced") == 4
    assert asked(worlds.world(), also="synced") == 5
