"""The names of pages in a line: all of them where they fit, else a sign that there are more."""

from __future__ import annotations

import pytest

from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.told import written_line

NAMES = ("Clusters", "Control planes", "Members", "Federated", "Drift", "Discovery", "Alerts", "SLOs")


def line(current: int, width: int) -> str:
    pages = Pages()
    pages.show(NAMES, current)
    (drawn,) = pages.make_lines(width, 1)
    return written_line(drawn)


@pytest.mark.parametrize("current", range(len(NAMES)))
@pytest.mark.parametrize("width", [80, 120, 200])
def test_from_80_columns_all_pages_of_the_first_place_are_there(current: int, width: int) -> None:
    assert line(current, width).split("  ")[1:] == line(0, width).split("  ")[1:]
    assert all(name in line(current, width) for name in NAMES)
    assert not {"‹", "›"} & set(line(current, width))


@pytest.mark.parametrize("current", range(len(NAMES)))
@pytest.mark.parametrize("width", range(20, 80))
def test_the_current_page_is_there_and_what_is_not_is_said(current: int, width: int) -> None:
    told = line(current, width)
    shown = [name for name in NAMES if name in told]
    assert NAMES[current] in shown
    assert len(told) <= width
    assert ("‹" in told) is (NAMES[0] not in shown)
    assert ("›" in told) is (NAMES[-1] not in shown)
