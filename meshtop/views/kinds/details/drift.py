"""A drifted object opened: how each cluster stands to it, and what each has that the reference has not."""

from __future__ import annotations

from meshtop.analysis.fleet.drift.compare import DriftStatus
from meshtop.views.frame.detail import Detail, Section, fact
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.text import clean
from meshtop.views.kinds.drift import SIGNS, TONES, DriftItem, diff_of
from meshtop.views.picture.fleet import drift_of
from meshtop.views.picture.picture import Picture

MOST_LINES = 200
_LINES = {"+": Tone.GOOD, "-": Tone.FAILING, "@": Tone.DIM}


def detail(picture: Picture, item: DriftItem, key: str) -> Detail:
    """Everything about one object, with a diff for each cluster that differs."""
    found = next(
        d for d in drift_of(picture) if (d.kind, d.namespace, d.name) == (item.kind, item.namespace, item.name)
    )
    diffs = [
        Section(
            f"{item.reference} → {name}",
            tuple(
                fact("", Cell(clean(line), _LINES.get(line[:1], Tone.PLAIN)))
                for line in diff_of(found, item.reference, name)[:MOST_LINES]
            ),
        )
        for name, mark in item.clusters.items()
        if mark is DriftStatus.DIFFERS
    ]
    return Detail(
        kind="drift",
        key=key,
        title=f"{item.kind} {item.namespace}/{item.name}" if item.namespace else f"{item.kind} {item.name}",
        health=None,
        sections=(
            Section("Why", (fact("", item.reason), *(fact("differs in", path) for path in item.differs))),
            Section(
                "In each cluster",
                tuple(fact(name, Cell(f"{SIGNS[mark]} {mark}", TONES[mark])) for name, mark in item.clusters.items()),
            ),
            *diffs,
        ),
        related=(),
        charts=(),
    )
