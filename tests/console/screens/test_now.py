"""How NOW looks where something is wrong: the first screen in three stories, a minute after each set in.

The demo's clusters are read over sockets by the real observatory, on a clock that is moved by hand; the screen is then
drawn of what was read. `pytest --snapshot-update` takes the pictures again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec import structs

from meshtop.console.screens import now_rows
from meshtop.console.screens.now_rows import Need, needs_table, whole_sentences
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.line_widget import wrapped_lines
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone
from tests.console.stage import stage, with_history
from tests.judgement.simulated import a_minute_into, told_once

STORIES = ("bad-canary", "dead-cluster", "noisy-tenant")
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def without_ports(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The same cluster behind ports that are the same whenever the tests run."""

    def same(text: str | None) -> str | None:
        return None if text is None else re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:6443", text)

    def status(of: SourceStatus) -> SourceStatus:
        return structs.replace(of, error=same(of.error), endpoint=same(of.endpoint))

    return structs.replace(
        cluster,
        server=same(cluster.server) or "",
        kubernetes=status(cluster.kubernetes),
        prometheus=status(cluster.prometheus),
    )


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("story", [pytest.param(one, marks=told_once(one)) for one in STORIES])
def test_now(snap_compare: Callable[..., bool], story: str, size: tuple[int, int]) -> None:
    _, snapshot = a_minute_into(story)
    # What a single reading does not ask for: the hour of the plots, and of the changes in it.
    told = (with_history(one, 100.0 * (2 + n), end=snapshot.at) for n, one in enumerate(snapshot.clusters))
    snapshot = structs.replace(snapshot, clusters=tuple(map(without_ports, told)))
    app = stage(snapshot, look=Look("meshtop-dark"))
    app.now = lambda: snapshot.at + 2.0  # type: ignore[method-assign]
    assert snap_compare(app, terminal_size=size)


def need(number: int, words: int) -> Need:
    said = " ".join(f"word{n}" for n in range(words))
    return Need(
        "▲",
        Tone.DEGRADED,
        said,
        "workloads",
        f"k{number}",
        since="14:05 1m",
        hit="33 err/s",
        who="me",
        id=f"id{number}",
    )


@pytest.mark.parametrize(("most", "wrapped"), [(4, [0, 1]), (6, [0, 1]), (8, [0, 1, 3]), (9, [0, 1, 3, 4])])
def test_a_sentence_that_is_cut_goes_on_in_a_row_of_its_own(most: int, wrapped: list[int]) -> None:
    """The worst two, and further ones while all of it is in sight; `most` rows are."""
    needs = {f"id{n}": need(n, 2 if n == 2 else 12) for n in range(4)} | {"id4": need(4, 12)}
    rows = whole_sentences(needs, needs_table(needs, "NOW 5", 80), 80, most, first=2)
    assert [key for key in rows if key.endswith("~")] == [f"id{n}~" for n in wrapped]
    for n in wrapped:
        first, rest = rows[f"id{n}"], rows[f"id{n}~"]
        assert f"{first.message} {rest.message}" == needs[f"id{n}"].message
        assert cell_width(first.message) <= 50
        assert (rest.id, rest.key, rest.since, rest.hit) == (f"id{n}", f"k{n}", "", "")
    wide = needs_table(needs, "NOW 5", 300)
    assert whole_sentences(needs, wide, 300, most, first=2) == needs, "where it fits it is one row"


def test_only_sentences_that_may_go_on_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a fleet in which everything fails there are ten thousand, and a key waits meanwhile."""
    needs = {
        f"{number}": Need("✗", Tone.FAILING, "what is wrong with it " * 20, "services", f"{number}", id=f"{number}")
        for number in range(500)
    }
    taken: list[str] = []

    def noted(text: str, width: int) -> list[str]:
        taken.append(text)
        return wrapped_lines(text, width)

    monkeypatch.setattr(now_rows, "wrapped_lines", noted)
    rows = whole_sentences(needs, needs_table(needs, "NOW 500", 80), 80, 12, first=3)
    assert len(rows) == 503
    assert len(taken) == 3
