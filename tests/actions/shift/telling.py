"""What the tests of shifts ask of events and weights."""

from __future__ import annotations

from meshtop.actions.events import ActionEvent, EventKind

BEFORE = {"east": (80, 20), "west": (80, 20)}


AFTER = {"east": (50, 50), "west": (50, 50)}


def ended(events: list[ActionEvent]) -> ActionEvent:
    assert events[-1].kind is EventKind.ENDED
    return events[-1]
