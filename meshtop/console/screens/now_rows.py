"""The rows of NOW: each thing that needs attention, the rest of its sentence, what came before, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.console.widgets.line_widget import wrapped_lines
from meshtop.console.widgets.table_layout import floor_width, lay_out
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.views.reports.attention.item import AttentionItem

MOST_NAMED = 2
"""So many tenants are named without being counted."""
_SIGN = 2
"""Cells of the sign before a sentence."""


class Need(Struct, frozen=True):
    """A row of NOW: what is drawn of it, and the kind and key that enter opens; `id` is what is acknowledged."""

    sign: str
    tone: Tone
    message: str
    kind: str
    key: str
    since: str = ""
    hit: str = ""
    who: str = ""
    id: str = ""
    began: float | None = None
    """When it began (Unix seconds), where that is known to a scrape or two."""


def who_text(tenants: Sequence[str]) -> str:
    """Whoever is affected; of many first how many, since the end is what is cut."""
    names = ", ".join(tenants)
    return names if len(tenants) <= MOST_NAMED else f"{len(tenants)} tenants: {names}"


def needs_of(
    items: Iterable[AttentionItem], now: float, *, known_too: bool, kept: str | None = None, consequences: int = 2
) -> dict[str, Need]:
    """The rows of NOW: each item, and under it what changed before and the first consequences of it.

    What is acknowledged is left out unless `known_too`, but for the item with the id `kept`.
    """
    from meshtop.views.reports.attention.view import hit_text, lines_below, opened_by, since_text

    needs: dict[str, Need] = {}
    for item in items:
        if item.acknowledged is not None and not known_too and item.id != kept:
            continue
        kind, key = opened_by(item)
        who = who_text(item.impact.tenants)
        needs[item.id] = Need(
            item.sign,
            item.tone,
            f"{item.mark}{item.title}",
            kind,
            key,
            since_text(item, now),
            hit_text(item),
            who,
            item.id,
            item.since.timestamp() if item.since is not None and not item.lasting else None,
        )
        for number, line in enumerate(lines_below(item, now, consequences)):
            needs[f"{item.id}#{number}"] = Need(
                " ", Tone.DIM, f" {line}", kind, key, id=item.id, began=needs[item.id].began
            )
    return needs


LEAST_SENTENCE, MOST_WHO = 40, 24
"""Cells that a sentence of NOW has at least, and that whoever is affected has at most below 120 columns."""


def needs_table(needs: dict[str, Need], title: str, width: int) -> Table[str]:
    """A row for each, for so wide a screen in cells.

    Rows are keys, since what a message measures changes while the thing stays the same.
    """

    def column(name: str, title: str, help_: str, cell: Callable[[Need], Cell], **more: Any) -> Column[str]:
        return Column(
            name=name,
            title=title,
            help=help_,
            value=lambda key: cell(needs[key]).text,
            cell=lambda key: cell(needs[key]),
            **more,
        )

    return Table(
        (
            column(
                "message", title, "What needs attention, the worst first; enter opens it.",
                lambda one: Cell(f"{one.sign} {one.message}", one.tone),
                priority=0, min_width=LEAST_SENTENCE, max_width=400,
            ),
            column("since", "SINCE", "When it began (UTC), and how long ago.", lambda one: Cell(one.since, Tone.DIM),
                   priority=1, min_width=10, max_width=12),
            column("hit", "HIT", "What it costs a second.", lambda one: Cell(one.hit, one.tone), align=Align.RIGHT,
                   priority=2, min_width=12, max_width=18),
            column("who", "WHO IS AFFECTED", "Tenants of the place and of the callers.",
                   lambda one: Cell(one.who, Tone.DIM), priority=4, min_width=15, max_width=max(MOST_WHO, width // 5)),
        ),
        tuple(needs),
        str,
    )  # fmt: skip


def whole_sentences(needs: dict[str, Need], table: Table[str], width: int, most: int, *, first: int) -> dict[str, Need]:
    """The rows with the rest of sentences that are cut where their table has `width` cells, each in a row of its own.

    So it is done for the `first` items, which are the worst; for those below them as long as all is within `most` rows.
    """
    columns = table.columns
    cells = [[column.cell(key).text for key in needs] for column in columns]
    wanted = [
        max(floor_width(column), min(max(map(cell_width, texts), default=0), column.max_width))
        for column, texts in zip(columns, cells, strict=True)
    ]
    # One cell is the scrollbar's.
    places = lay_out(columns, wanted, max(1, width - 1)).places
    room = places[0].width - _SIGN if places else 0
    shown: dict[str, Need] = {}
    left, items = most - len(needs), 0
    for key, one in needs.items():
        shown[key] = one
        if key != one.id:
            continue
        items += 1
        if items > first and left <= 0:
            continue
        pieces = wrapped_lines(one.message, room)
        if len(pieces) < 2:
            continue
        left -= 1
        shown[key] = structs.replace(one, message=pieces[0])
        rest = one.message[len(pieces[0]) :].strip()
        shown[f"{key}~"] = Need(" ", one.tone, rest, one.kind, one.key, id=one.id, began=one.began)
    return shown
