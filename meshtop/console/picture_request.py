"""What the front screen will draw of the next picture, so that it is worked out before it is drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from meshtop.log import log_repeated
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.views.frame.filter import FilterError
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from meshtop.views.frame.view import AnyView
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)


class PictureRequest(Struct, frozen=True, kw_only=True):
    """What the front screen will draw of the next picture.

    Frozen, because it is created on the console's thread and read on the publishing one, where `prepare` computes
    what key presses would otherwise wait for.
    """

    kinds: frozenset[str] = frozenset()
    """Kinds of which all rows are needed."""
    table: tuple[str, Query] | None = None
    """A kind whose rows are drawn as a query chooses and orders them."""
    tree: tuple[str, Query] | None = None
    """A kind of which the rows in a query's scope are drawn, to be ordered by the screen."""
    details: tuple[tuple[str, str], ...] = ()
    """Items that are drawn with their details: kind and key."""
    attention: Query | None = None
    """The scope of the attention list."""
    cockpit: str | None = None
    """The key of a route whose cockpit is drawn."""
    asked: Asked | None = None
    """What is looked at besides, where that is no kind's rows."""

    def attended(self) -> Asked:
        """What is to be kept up to date from moment to moment for it: what its kinds are worked out from.

        A screen that names no kinds may look at anything, and so does a detail. What is read for findings alone is
        part of it where findings are drawn as such; counts of them do without.
        """
        from meshtop.views.picture.asks import asked_for

        kinds = {*self.kinds, *(drawn[0] for drawn in (self.table, self.tree) if drawn is not None)}
        findings = self._draws_findings() or (self.asked is not None and self.asked.findings)
        if self.details or not (kinds or self.asked is not None):
            return structs.replace(EVERYTHING_ASKED, findings=findings)
        marks = (
            Asked(frozenset({"Event"}), frozenset()) if self.attention is not None else Asked(frozenset(), frozenset())
        )
        asked = reduce(or_, map(asked_for, sorted(kinds)), marks if self.asked is None else marks | self.asked)
        return structs.replace(asked, findings=findings)

    def _draws_findings(self) -> bool:
        from meshtop.views.picture.asks import asked_for

        drawn = (drawn[0] for drawn in (self.table, self.tree) if drawn is not None)
        return any(asked_for(kind).findings for kind in (*drawn, *(kind for kind, _ in self.details)))

    def load(self) -> None:
        """Import what computing it needs, without computing anything."""
        self._work()

    def prepare(self, picture: Picture) -> None:
        """Compute everything requested, cached in the picture; a filter that is invalid for a kind is ignored."""
        for one in self._work():
            try:
                one(picture)
            except FilterError:
                continue
            except Exception as error:  # noqa: BLE001 - the screen that draws it meets it again, and says so
                log_repeated(_log, "what the screen draws could not be prepared", error)

    def _work(self) -> list[Callable[[Picture], object]]:
        """The pieces that are computed of a picture."""
        from meshtop.views.frame.detail import detail
        from meshtop.views.frame.registry import view

        work: list[Callable[[Picture], object]] = [view(kind).all_items for kind in self.kinds]
        if self.table is not None:
            work.append(partial(_rows_of, view(self.table[0]), self.table[1]))
        if self.tree is not None:
            work.append(partial(_scope_of, view(self.tree[0]), self.tree[1]))
        work += [partial(detail, kind=kind, key=key) for kind, key in self.details]
        if self.cockpit is not None:
            from meshtop.views.reports.cockpit import cockpit

            work.append(partial(cockpit, key=self.cockpit))
        if self.attention is not None:
            from meshtop.views.reports.attention.view import attention

            work.append(partial(attention, query=self.attention))
            # Its last lines are what changed.
            work.append(view("changes").all_items)
        return work


def _rows_of(shown: AnyView, query: Query, picture: Picture) -> object:
    return shown.items(picture, query)


def _scope_of(shown: AnyView, query: Query, picture: Picture) -> object:
    return shown.in_scope(picture, picture.resolved(query))
