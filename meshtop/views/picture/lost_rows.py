"""Rows that could not be made: a defect costs the row that it stands in, and the list says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from msgspec import Struct

from meshtop.log import log_repeated
from meshtop.model.errors import MeshtopError
from meshtop.model.text import clean, cut
from meshtop.process import give_way

_log = logging.getLogger(__name__)
_WIDTH = 80
"""So much of each name and each error is told; the log has the rest."""
_TOLD = 3
Thing = TypeVar("Thing")
Row = TypeVar("Row")


class LostRow(Struct, frozen=True):
    """What the row was made of, and the error."""

    name: str
    error: str


class LostRows:
    """The rows of one Picture that could not be made, by kind."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, LostRow]] = {}

    def made(
        self,
        kind: str,
        things: Iterable[Thing],
        make: Callable[[Thing], Row],
        named: Callable[[Thing], object] = lambda thing: thing,
    ) -> list[Row]:
        """A row of each thing; what raises is left out, noted and logged. A MeshtopError is for users, and passes.

        `named` gives what of a thing has its name, or the name itself.
        """
        rows = []
        for thing in things:
            give_way()
            try:
                rows.append(make(thing))
            except MeshtopError:
                raise
            except Exception as error:  # noqa: BLE001 - it is noted, logged, and told with the list
                self.note(kind, named(thing), error)
        return rows

    def note(self, kind: str, thing: object, error: Exception) -> None:
        """Note that the row of a thing cannot be shown."""
        name = name_of(thing)
        first = (str(error).splitlines() or [""])[0]
        self._of.setdefault(kind, {})[name] = LostRow(name, cut(f"{type(error).__name__}: {first}", _WIDTH))
        log_repeated(_log, f"a row of {kind} cannot be shown: {name}", error)

    def sentence(self, kind: str, thing: str = "row") -> str:
        """How many rows (or what else `thing` says) of a kind could not be shown, and which first; else empty."""
        lost = list(self._of.get(kind, {}).values())
        if not lost:
            return ""
        rows = f"1 {thing}" if len(lost) == 1 else f"{len(lost)} {thing}s"
        told = ", ".join(f"{one.name} ({one.error})" for one in lost[:_TOLD])
        more = f" and {len(lost) - _TOLD} more" if len(lost) > _TOLD else ""
        return f"{rows} could not be shown: {told}{more}."


def name_of(thing: object) -> str:
    """What a thing is called where it has a name: cluster, namespace and name, as far as they are there.

    A text is a name itself, and a call is named by its two ends.
    """
    ends = [getattr(thing, end, None) for end in ("source", "destination")]
    if all(isinstance(end, Struct) for end in ends):
        return cut(" → ".join(map(name_of, ends)), _WIDTH)
    meta = getattr(thing, "meta", thing)
    own = next(
        (getattr(meta, part) for part in ("name", "workload", "service", "app", "host") if getattr(meta, part, "")), ""
    )
    parts = [getattr(thing, "cluster", ""), getattr(meta, "namespace", ""), own]
    said = thing if isinstance(thing, str) else "/".join(part for part in parts if isinstance(part, str) and part)
    return cut(clean(said or type(thing).__name__), _WIDTH)
