"""Checks, diffs and events of a shift as lines of text, in Argo Rollouts' terms, for the command and the console."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.actions.events import ActionEvent, EventKind, ObservedSplit
from meshtop.actions.shift.preflight import Check, CheckStatus
from meshtop.actions.shift.preview import Preview
from meshtop.model.numbers import written_out

_DETAILS = frozenset(
    {
        EventKind.WRITTEN, EventKind.CONFIRMED, EventKind.RESTORED, EventKind.NOT_RESTORED, EventKind.PAUSED,
        EventKind.RESUMED, EventKind.NOTE,
    }
)  # fmt: skip
"""Events that are indented, below the step or end that they belong to."""
SIGNS = {CheckStatus.OK: "✓", CheckStatus.WARNING: "▲", CheckStatus.REFUSED: "✗"}


def check_lines(checks: Iterable[Check]) -> list[tuple[CheckStatus, str]]:
    """The checks as lines, each with its worst status; clusters with the same result share one."""
    alike: dict[tuple[str, CheckStatus, str], list[str]] = {}
    for check in checks:
        alike.setdefault((check.name, check.status, check.message), []).append(check.cluster)
    return [
        (mark, f"{SIGNS[mark]} {', '.join(dict.fromkeys(clusters))} {name}: {message}")
        for (name, mark, message), clusters in alike.items()
    ]


def diff_lines(diffs: Iterable[Preview]) -> list[str]:
    """Each cluster's diff; clusters with equal diffs share one."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for diff in diffs:
        alike.setdefault((diff.object, diff.lines[2:]), []).append(diff.cluster)
    lines = []
    for (title, body), clusters in alike.items():
        where = f"{', '.join(clusters)}: {title}"
        lines += [f"--- {where}", f"+++ {where} (dry run)", *body] if body else [f"{where} has these weights already."]
    return lines


def line_of(event: ActionEvent) -> str:
    """One event as one line."""
    place = f"Step {event.step}/{event.steps}" + (f", wave {event.wave}/{event.waves}" if event.waves > 1 else "")
    if event.kind is EventKind.STEP:
        return f"{place}: {event.message}"
    if event.kind is EventKind.OBSERVED:
        left = "" if not event.seconds_left else f", {event.seconds_left:.0f} s left"
        splits = "; ".join(_split(one) for one in event.observed)
        return f"  {splits}; guard: {_guard(event)}{left}"
    if event.kind in _DETAILS:
        return f"  {event.message}"
    return event.message


def _split(one: ObservedSplit) -> str:
    weights = " ".join(
        f"{name} SetWeight {weight} ActualWeight {one.actual[name] * 100:.1f}"
        if name in one.actual
        else f"{name} SetWeight {weight} ActualWeight -"
        for name, weight in one.set.items()
    )
    return f"{one.cluster}: {weights} ({one.status.value}, {written_out(one.requests or 0.0)} requests)"


def _guard(event: ActionEvent) -> str:
    verdict = event.verdict
    if verdict is None:
        return "off"
    return verdict.summary
