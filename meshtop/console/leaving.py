"""Frees what only an old picture held, a little at a time: all at once would hold up every thread, and so the keys.

Python frees an object with all that only it holds in one step, in which no other thread gets a turn. The picture of a
big fleet is hundreds of thousands of objects.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshtop.console.preparing import is_big
from meshtop.process import give_way, in_turns

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

AT_ONCE = 100
"""So many rows, edges or samples are freed in one step."""
MANY = 60
"""With so many elements a collection is taken apart."""


class LeavingPicture:
    """Holds a picture that is being replaced on screen, so that nothing of it is freed there, until `release`."""

    def __init__(self, picture: Picture) -> None:
        self._picture: Picture | None = picture

    def release(self) -> None:
        """Let go of it: of a small fleet at once, of a big one by a thread of its own."""
        if self._picture is None or not is_big(self._picture):
            self._picture = None
            return
        threading.Thread(target=self.let_go, name="leaving", daemon=True).start()

    def let_go(self) -> None:
        """Free it step by step, and give way to others after each."""
        if self._picture is None:
            return
        parts, holders = parts_of(self._picture)
        self._picture = None
        for held, at_once in ((holders, 1), (parts, AT_ONCE)):
            while held:
                del held[-at_once:]
                time.sleep(0)
                give_way()


def parts_of(picture: Picture) -> tuple[list[Any], list[Any]]:
    """The many things that a picture consists of, one by one, and what holds them, which must go first.

    A snapshot, or a function that knows an index of all edges, would else take all that it holds with it in one step.
    """
    found: list[Any] = []
    holders: list[Any] = []
    for group in _groups(picture, holders):
        give_way()
        found.extend(group)
    return found, holders


def _groups(picture: Picture, holders: list[Any]) -> Iterator[Any]:
    """Whatever it made, and the series that it was made from."""
    yield from _collections(vars(picture), holders)
    for cluster in picture.snapshot.clusters:
        if cluster.telemetry is not None:
            fields = {name: getattr(cluster.telemetry, name) for name in cluster.telemetry.__struct_fields__}
            yield from _collections(fields, holders)


def _collections(named: dict[Any, Any], holders: list[Any], deeper: int = 2) -> Iterator[Any]:
    """The elements of collections; big ones themselves, and what is none, go to `holders`."""
    single = []
    for value in in_turns(tuple(named.values())):
        if isinstance(value, list | tuple) and len(value) >= MANY:
            holders.append(value)
            yield tuple(value)
        elif isinstance(value, dict) and len(value) >= (MANY if deeper < 2 else 0) and deeper:
            holders.append(value)
            yield from _collections(value, holders, deeper - 1)
        elif isinstance(value, dict) and len(value) >= MANY:
            holders.append(value)
            yield tuple(value)
            yield tuple(value.values())
        elif deeper and hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
            holders.append(value)
            yield from _collections(vars(value), holders, deeper - 1)
        else:
            single.append(value)
    if len(named) >= MANY:
        yield tuple(named)
        yield single
    else:
        holders.extend(single)
