"""What comes, gets worse, and goes; what became a consequence has not gone away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from meshtop.model.attention import Acknowledgement
from meshtop.model.state import Severity
from meshtop.views.frame.things import Thing
from meshtop.views.reports.attention.events import AttentionChanges, AttentionEventKind
from meshtop.views.reports.attention.item import AttentionItem, FoldedItem, Impact, PrecedingChange
from meshtop.views.reports.attention.rank import rank_key, stepped_back
from meshtop.views.reports.attention.view import lines_below

NOW = datetime(2026, 8, 1, 14, 5, tzinfo=UTC)
LONG_AGO = datetime(2026, 7, 31, 14, 0, tzinfo=UTC)


def item(id_: str, severity: Severity = Severity.WARNING, **fields: object) -> AttentionItem:
    made = AttentionItem(
        id=id_,
        severity=severity,
        title=f"{id_} is not well",
        since=NOW,
        first_seen=NOW,
        impact=Impact(),
        cause=None,
        consequences=(),
        acknowledged=None,
        about=(),
        findings=(),
    )
    return structs.replace(made, **fields)


def test_what_comes_and_goes() -> None:
    changes = AttentionChanges()
    at = NOW.timestamp()
    assert [e.event for e in changes.look([item("a")], at)] == [AttentionEventKind.THERE]
    assert changes.look([item("a")], at) == []
    (came,) = changes.look([item("a"), item("b")], at)
    assert (came.event, came.item.id, came.rings) == (AttentionEventKind.CAME, "b", True)
    assert came.line() == "14:05:00Z came   ▲ b is not well since 14:05:00Z · b"
    worse, gone = changes.look([item("a", Severity.ERROR)], at)
    assert (worse.event, worse.rings) == (AttentionEventKind.WORSE, True)
    assert (gone.event, gone.item.id, gone.rings) == (AttentionEventKind.GONE, "b", False)
    (better,) = changes.look([item("a")], at)
    assert (better.event, better.rings) == (AttentionEventKind.BETTER, False)


def test_what_began_before_today_has_its_date() -> None:
    began = NOW - timedelta(days=8, hours=1)
    cause = PrecedingChange(time=began, title="new pods of b")
    old = item("b", since=began, cause=cause)
    (there,) = AttentionChanges().look([old], NOW.timestamp())
    assert there.line() == "14:05:00Z there  ▲ b is not well since 07-24 13:05:00Z · b"
    assert lines_below(old, NOW.timestamp()) == ("└ before: new pods of b 07-24 13:05",)
    assert lines_below(old, began.timestamp()) == ("└ before: new pods of b 13:05",)


def test_what_became_a_consequence_has_not_gone() -> None:
    changes = AttentionChanges()
    changes.look([item("callee")], 0.0)
    below = (FoldedItem(id="callee", severity=Severity.WARNING, title="…", since=None),)
    (only,) = changes.look([item("caller", consequences=below)], 0.0)
    assert (only.event, only.item.id) == (AttentionEventKind.CAME, "caller")


def test_what_is_acknowledged_does_not_ring() -> None:
    changes = AttentionChanges()
    changes.look([], 0.0)
    (came,) = changes.look([item("a", acknowledged=Acknowledgement(at=NOW))], 0.0)
    assert not came.rings


def test_impact_and_newness_rank() -> None:
    now = NOW.timestamp()
    old = datetime.fromtimestamp(now - 3 * 86_400, UTC)
    worst = item("33 err/s since now", impact=Impact(errors_per_second=33.0))
    small = item("0.005 err/s since now", severity=Severity.ERROR, impact=Impact(errors_per_second=0.005))
    known = item("33 err/s for three days", since=old, first_seen=old, impact=Impact(errors_per_second=33.0))
    dead = item("a lost cluster", severity=Severity.ERROR, impact=Impact(unseen_per_second=None))
    acked = item("acknowledged", impact=Impact(errors_per_second=99.0), acknowledged=Acknowledgement(at=NOW))
    ordered = sorted([acked, known, small, dead, worst], key=lambda one: rank_key(one, now, 1_690.0))
    assert [one.id for one in ordered] == [
        "a lost cluster", "33 err/s since now", "33 err/s for three days", "0.005 err/s since now", "acknowledged",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({}, Severity.ERROR),
        ({"lasting": True}, Severity.WARNING),
        ({"since": LONG_AGO}, Severity.WARNING),
        ({"since": None, "first_seen": LONG_AGO}, Severity.WARNING),
        ({"since": None}, Severity.ERROR),
        ({"lasting": True, "impact": Impact(errors_per_second=1.5)}, Severity.ERROR),
        ({"lasting": True, "impact": Impact(unseen_per_second=None)}, Severity.ERROR),
        ({"lasting": True, "about": (Thing(kind="controlplanes", key="east"),)}, Severity.ERROR),
        ({"lasting": True, "severity": Severity.INFO}, Severity.INFO),
    ],
)
def test_an_error_that_is_old_and_costs_little_steps_back(changed: dict[str, object], severity: Severity) -> None:
    """What is new, costs much, or costs what nobody has counted, stays an error."""
    about = (Thing(kind="edges", key="a"),)
    one = item("a", Severity.ERROR, impact=Impact(errors_per_second=0.3), about=about)
    assert stepped_back(structs.replace(one, **changed), NOW.timestamp(), 100.0).severity is severity
