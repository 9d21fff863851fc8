"""Reports: how their fields add up, and how they split into what arrived and what was lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.traffic.reports import EdgeReport

RATES = st.integers(0, 1000).map(float)
CODES = st.dictionaries(st.sampled_from(("200", "404", "503")), RATES)
REPORTS = st.builds(
    EdgeReport,
    plain_if_unknown=st.just(False),
    requests=RATES,
    errors=RATES,
    sent=RATES,
    duration_sum=st.none() | RATES,
    messages_sent=st.none() | RATES,
    codes=CODES,
    buckets=st.dictionaries(st.sampled_from((1.0, 5.0)), RATES),
    has_requests=st.booleans(),
    has_bytes=st.booleans(),
)
ADDED = [name for name in EdgeReport.__struct_fields__ if name != "plain_if_unknown"]


def _examples(name: str) -> tuple[object, object]:
    """A value of a field, and what it and a half of it add up to."""
    if name.startswith("has_"):
        return True, True
    if name == "buckets":
        return {5.0: 4.0}, {5.0: 6.0}
    if name.endswith(("codes", "flags")):
        return {"UF": 4.0}, {"UF": 6.0}
    return 4.0, 6.0


@pytest.mark.parametrize("name", ADDED)
def test_every_field_adds_up(name: str) -> None:
    """A field that `plus` forgot would stay as it is by default."""
    value, expected = _examples(name)
    empty = EdgeReport(plain_if_unknown=False)
    one = structs.replace(empty, **{name: value})
    assert getattr(empty.plus(one).plus(one, 0.5), name) == expected
    assert getattr(one, name) == value


@given(REPORTS, REPORTS)
def test_the_order_of_adding_does_not_matter_and_neither_report_changes(one: EdgeReport, other: EdgeReport) -> None:
    before = structs.asdict(one), structs.asdict(other)
    assert one.plus(other) == other.plus(one)
    assert (structs.asdict(one), structs.asdict(other)) == before


@given(REPORTS)
def test_none_stays_none_and_an_empty_report_adds_nothing(report: EdgeReport) -> None:
    assert report.plus(EdgeReport(plain_if_unknown=False)) == report


def test_what_was_lost_and_what_was_delivered_make_up_the_whole() -> None:
    report = EdgeReport(
        plain_if_unknown=True,
        has_requests=True,
        requests=10.0,
        errors=4.0,
        lost_requests=3.0,
        lost_errors=3.0,
        codes={"200": 6.0, "503": 4.0, "-": 0.1 + 0.2},
        lost_codes={"503": 3.0, "-": 0.3},
        flags={"UF": 3.0},
        lost_flags={"UF": 3.0},
    )
    delivered, lost = report.without_lost(), report.only_lost()
    assert (delivered.requests, delivered.errors, delivered.lost_requests) == (7.0, 1.0, 0.0)
    assert (delivered.codes, delivered.flags) == ({"200": 6.0, "503": 1.0}, {})
    assert (lost.requests, lost.errors, lost.codes, lost.flags) == (3.0, 3.0, {"503": 3.0, "-": 0.3}, {"UF": 3.0})
    assert delivered.plain_if_unknown
    assert lost.plain_if_unknown
    assert report.requests == 10.0


@pytest.mark.parametrize(
    ("fields", "volume", "silent"),
    [
        ({"has_requests": True, "requests": 2.0, "sent": 9.0}, 2.0, False),
        ({"has_connections": True, "connections": 3.0, "sent": 9.0}, 3.0, False),
        ({"sent": 9.0, "received": 1.0}, 10.0, False),
        ({"has_requests": True}, 0.0, True),
    ],
)
def test_the_volume_is_in_the_first_unit_that_was_counted(
    fields: dict[str, float], volume: float, silent: bool
) -> None:
    report = structs.replace(EdgeReport(plain_if_unknown=False), **fields)
    assert (report.volume, report.silent) == (volume, silent)
