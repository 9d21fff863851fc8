from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from meshtop.views.frame.moments import parse_moment

NOW = datetime(2026, 8, 1, 15, 0, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-08-01T12:05:00Z", datetime(2026, 8, 1, 12, 5, tzinfo=UTC)),
        ("2026-08-01T14:05:00+02:00", datetime(2026, 8, 1, 12, 5, tzinfo=UTC)),
        ("2026-08-01T12:05:00.5Z", datetime(2026, 8, 1, 12, 5, 0, 500_000, tzinfo=UTC)),
        ("-10m", datetime(2026, 8, 1, 12, 50, 30, tzinfo=UTC)),
        ("-1h30m", datetime(2026, 8, 1, 11, 30, 30, tzinfo=UTC)),
        ("-2d", datetime(2026, 7, 30, 13, 0, 30, tzinfo=UTC)),
        ("14:05", datetime(2026, 8, 1, 12, 5, tzinfo=UTC)),
        ("16:00", datetime(2026, 7, 31, 14, 0, tzinfo=UTC)),
        ("now", datetime(2026, 8, 1, 13, 0, 30, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "is not a moment; write"),
        ("-", "is not a moment"),
        ("25:00", "is not a time of day"),
        ("2026-08-01T12:05:00", "has no time zone; add Z"),
        ("2026-08-01T13:05:00Z", "is in the future"),
        ("-999999999999d", "is too long ago"),
        ("", "is not a moment"),
    ],
)
def test_what_is_no_moment(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_moment(text, NOW)
