"""Three-valued logic: true, false, or None where what is known does not decide (Kleene's strong logic).

Every function here is monotone: filling in what was None never turns a true into a false or back. So a verdict that
does not depend on what is missing stays the same whatever is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

Truth = bool | None
"""True, False, or None: cannot be told."""


def every(parts: Iterable[Truth]) -> Truth:
    """Whether all hold: false as soon as one does not, open when one is open; true of nothing."""
    answer: Truth = True
    for part in parts:
        if part is False:
            return False
        if part is None:
            answer = None
    return answer


def some(parts: Iterable[Truth]) -> Truth:
    """Whether one holds: true as soon as one does, open when one is open; false of nothing."""
    answer: Truth = False
    for part in parts:
        if part is True:
            return True
        if part is None:
            answer = None
    return answer


def negated(part: Truth) -> Truth:
    """The opposite; what is open stays open."""
    return None if part is None else not part
