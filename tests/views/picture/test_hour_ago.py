"""The hour of NOW: what a figure became of, the clusters that are lost in it, and the plots that are drawn of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.console.screens.totals_line import ClusterHistory, headline
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import History, Line
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.model.traffic import Sums
from meshtop.views.frame.hour_ago import HourlyChange, added_change, change_in, hour_ago
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.clusters import VIEW
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import histories_in
from meshtop.views.reports.fleet_plots import fleet_charts, lines_of_history
from tests import worlds

STEP, POINTS = 30.0, 121


def line(name: str, before: float | None, now: float | None, *, end: float = worlds.AT) -> Line:
    """A line that is one value for its first half hour, and another from there on."""
    times = tuple(end - (POINTS - 1 - i) * STEP for i in range(POINTS))
    return Line(name=name, times=times, values=tuple(before if i < POINTS // 2 else now for i in range(POINTS)))


def hour(
    requests: tuple[float | None, float | None],
    errors: tuple[float, float] = (1.0, 1.0),
    p99: tuple[float, float] = (100.0, 100.0),
    *,
    end: float = worlds.AT,
) -> History:
    return History(
        requests=line("requests", *requests, end=end),
        errors=line("errors", *errors, end=end),
        p99_ms=line("p99", *p99, end=end),
    )


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (100.0, 168.0, "+68 %"),
        (100.0, 99.0, "−1 %"),
        (100.0, 100.2, "0 %"),
        (100.0, 0.0, "−100 %"),
        (1.0, 5.2, "×5.20"),
        (1.0, 40.0, "×40"),
        (0.0, 3.0, "new"),
        (0.0, 0.0, "0 %"),
        (None, 3.0, "–"),
        (3.0, None, "–"),
    ],
)
def test_what_became_of_a_figure(before: float | None, now: float | None, text: str) -> None:
    assert HourlyChange(now, before).text == text


def test_an_hour_ago_is_an_hour_before_the_last_moment() -> None:
    assert hour_ago(line("requests", 10.0, 20.0)) == HourlyChange(20.0, 10.0)
    short = line("requests", 10.0, 20.0)
    cut = structs.replace(short, times=short.times[-60:], values=short.values[-60:])
    assert hour_ago(cut) == HourlyChange(20.0, None), "half an hour is no hour"


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=200), st.floats(1, 600))
def test_any_values_have_a_change_or_none(values: list[float | None], step: float) -> None:
    times = [worlds.AT + i * step for i in range(len(values))]
    assert change_in(times, values).text


def test_what_is_lost_is_no_decline() -> None:
    lost = HourlyChange(None, 900.0)
    assert added_change([HourlyChange(110.0, 100.0), lost]).text == "+10 %"
    assert added_change([lost]).text == "–"


def drawn(histories: list[ClusterHistory], width: int = 160) -> str:
    sums = Sums(requests=100.0, errors=5.0)
    text = ""
    for run in headline(sums, histories, width, DEFAULT_THRESHOLDS).runs:
        text = text.ljust(run.x) + run.text
    return text


def test_totals_say_what_became_of_them_and_where_it_got_slower() -> None:
    text = drawn([
        ClusterHistory("east", hour((100.0, 150.0), (1.0, 7.5), (100.0, 110.0))),
        ClusterHistory("west", hour((100.0, 150.0), (1.0, 7.5), (100.0, 450.0))),
    ])  # fmt: skip
    assert "REQ/S 100 +50 %" in text
    assert "ERRORS 5.00 % ×5" in text, "the share, not the number of them"
    assert "west ×4.50" in text
    assert "▁" in text


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_totals_fit_any_width_figures_first(width: int) -> None:
    text = drawn([ClusterHistory("us-east", hour((100.0, 150.0)))], width)
    assert len(text) <= width
    for figure in ("REQ/S 100", "ERRORS 5.00 %", "P99", "mTLS"):
        assert figure in text


def test_where_the_hour_is_not_known_there_is_a_dash() -> None:
    assert "REQ/S 100 –" in drawn([])


def dead(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The cluster as it is after its Prometheus did not answer for ten minutes."""
    return structs.replace(
        cluster,
        prometheus=SourceStatus(state=State.UNREACHABLE, error="connection refused"),
        history=hour((80.0, 90.0), end=worlds.AT - 600.0),
    )


@pytest.fixture
def picture() -> Picture:
    east = structs.replace(worlds.east(), history=hour((100.0, 200.0)))
    return Picture(worlds.world(east, dead(worlds.west())))


def test_a_cluster_that_is_lost_has_no_present_in_the_hour_of_the_others(picture: Picture) -> None:
    (_, east), (_, west) = histories_in(picture, Query())
    assert east.requests.times == west.requests.times
    assert west.requests.values[-20:] == (None,) * 20
    assert hour_ago(west.requests).text == "–"
    errors, slow = lines_of_history(picture, Query(), 3600.0)
    assert [one.name for one in errors] == [one.name for one in slow] == ["east", "west"]
    assert errors[1].values[-1] is None
    assert errors[0].values[-1] == pytest.approx(0.5)


def test_plots_show_the_last_part_of_the_hour(picture: Picture) -> None:
    (east, _), _ = lines_of_history(picture, Query(), 900.0)
    assert len(east.times) == 31
    assert east.times[-1] - east.times[0] == 900.0


def test_the_charts_of_now_are_a_line_for_each_cluster(picture: Picture) -> None:
    for clusters in (("east", "west"), ("east",)):
        errors, slow = fleet_charts(picture, Query(clusters=clusters))
        assert (errors.title, slow.title) == ("Error ratio", "Latency p99")
        for chart in (errors, slow):
            assert [one.name for one in chart.lines] == [one.cluster for one in chart.lines] == list(clusters)


def test_of_many_clusters_those_with_errors_are_drawn() -> None:
    many = [
        structs.replace(
            worlds.cluster(f"c{n}", [worlds.request(f"c{n}/web", f"c{n}/v1", 1.0)]),
            history=hour((10.0, 10.0), (float(n == 7), float(n == 7))),
        )
        for n in range(8)
    ]
    errors, _ = fleet_charts(Picture(worlds.world(*many)), Query())
    assert len(errors.lines) == 6
    assert "c7" in [one.name for one in errors.lines]
    assert errors.title == "Error ratio (6 of 8 clusters)"


def test_figures_of_a_cluster_that_is_lost_stand_in_brackets(picture: Picture) -> None:
    cells = {}
    for item in VIEW.all_items(picture):
        columns = [column.under(DEFAULT_THRESHOLDS) for column in VIEW.columns]
        cells[item.name] = {column.name: column.cell(item) for column in columns}
    west = cells["west"]
    for name in ("requestsPerSecond", "errorRatio", "p99", "mtlsRatio"):
        assert west[name].text.startswith("("), name
        assert west[name].tone is Tone.UNKNOWN, name
    assert west["requestsChange"].text == "–"
    assert cells["east"]["requestsChange"].text == "+100 %"
    assert not cells["east"]["requestsPerSecond"].text.startswith("(")
