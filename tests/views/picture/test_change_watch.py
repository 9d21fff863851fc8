"""What changes from one picture to the next is written down, and told with its values beside the clusters' marks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from meshtop.model.changes import SeenChange
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.query import Query
from tests import worlds


class Ring:
    """A memory of this test; it may refuse to write."""

    def __init__(self, *, full: bool = False) -> None:
        self.rows: list[SeenChange] = []
        self.full = full

    def note(self, changes: Sequence[SeenChange]) -> None:
        if self.full:
            raise OSError("no space left")
        self.rows += changes

    def seen(self, since: float, until: float) -> list[SeenChange]:
        return [one for one in self.rows if since <= one.at <= until]


def scaled(snapshot: Snapshot, count: int, at: float, state: State = State.FRESH) -> Snapshot:
    """The same world later, in which the first Deployment of the first cluster has so many replicas."""
    first, *others = snapshot.clusters
    assert first.inventory is not None
    number = next(i for i, one in enumerate(first.inventory.controllers) if one.kind == "Deployment")
    controllers = list(first.inventory.controllers)
    controllers[number] = structs.replace(controllers[number], desired=count)
    inventory = structs.replace(first.inventory, controllers=tuple(controllers))
    status = SourceStatus(state=state, answered_at=at)
    return structs.replace(
        snapshot, at=at, clusters=(structs.replace(first, inventory=inventory, kubernetes=status), *others)
    )


def test_a_scaling_that_was_watched_is_told_with_its_numbers() -> None:
    ring = Ring()
    factory = PictureFactory(change_memory=ring)
    before = worlds.world(worlds.east(), worlds.west())
    factory.picture(before)
    assert ring.rows == [], "the first look has nothing to be held against"
    later = scaled(before, 40, worlds.AT + 60)
    picture = factory.picture(later)
    assert [(one.path, one.after, one.at) for one in ring.rows] == [("replicas", "40", worlds.AT + 60)]
    (item,) = [one for one in view("changes").items(picture, Query()) if one.action == "scale"]
    assert item.what[0].after == "40"
    # A process that was not there before knows it from the memory.
    fresh = PictureFactory(change_memory=ring).picture(structs.replace(later, at=worlds.AT + 120))
    assert [one.what for one in view("changes").items(fresh, Query()) if one.action == "scale"] == [item.what]
    factory.picture(structs.replace(later, at=worlds.AT + 120))
    assert len(ring.rows) == 1


def test_neither_a_past_moment_nor_an_old_answer_is_a_look() -> None:
    ring = Ring()
    factory = PictureFactory(change_memory=ring)
    before = worlds.world(worlds.east(), worlds.west())
    factory.picture(before)
    factory.picture(structs.replace(scaled(before, 40, worlds.AT + 60), moment=worlds.AT - 600))
    factory.picture(scaled(before, 41, worlds.AT + 70, State.STALE))
    assert ring.rows == []
    factory.picture(scaled(before, 42, worlds.AT + 80))
    assert [(one.before, one.after) for one in ring.rows] != []
    assert {one.after for one in ring.rows} == {"42"}


def test_a_memory_that_cannot_write_costs_no_picture() -> None:
    factory = PictureFactory(change_memory=Ring(full=True))
    before = worlds.world(worlds.east(), worlds.west())
    factory.picture(before)
    picture = factory.picture(scaled(before, 40, worlds.AT + 60))
    assert picture.snapshot.clusters
