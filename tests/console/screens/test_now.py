"""How NOW looks where something is wrong: the first screen in three stories, a minute after each set in.

The demo's clusters are read over sockets by the real observatory, on a clock that is moved by hand; the screen is then
drawn of what was read. `pytest --snapshot-update` takes the pictures again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec import structs

from meshtop.console.terminal.look import Look
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus
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
