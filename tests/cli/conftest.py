"""A command line whose observatory is a snapshot made by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

import pytest

from meshtop.cli.main import main
from meshtop.cli.session import Session
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.feed import Schedule
from tests import worlds


class FakeObservatory:
    """Answers with these snapshots, one after another."""

    def __init__(self, snapshots: Sequence[Snapshot], error: Exception | None) -> None:
        self.snapshots = snapshots
        self.error = error
        self.schedule = Schedule(refresh_seconds=5.0, window_seconds=300.0, moment=None)
        self.moments: list[float | None] = []
        """Of which moments it was asked."""

    async def remeasure(self, moment: float | None) -> Snapshot:
        self.moments.append(moment)
        return self.snapshots[-1]

    async def once(self, *, plaintext: bool = False) -> Snapshot:
        if self.error is not None:
            raise self.error
        self.moments.append(self.schedule.moment)
        return self.snapshots[0]

    async def follow(self) -> AsyncGenerator[Snapshot, None]:
        for snapshot in self.snapshots:
            yield snapshot

    def feed(self, cluster: str) -> None:
        """None: nobody can be asked about rights."""

    async def close(self) -> None: ...


class Outcome(NamedTuple):
    """What a run did."""

    code: int
    out: str
    err: str


class Program:
    """meshtop on a world; `sessions` and `observatories` are those it opened."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.snapshots: Sequence[Snapshot] = (worlds.world(worlds.east(), worlds.west()),)
        self.error: Exception | None = None
        self.sessions: list[Session] = []
        self.observatories: list[FakeObservatory] = []
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        code = main(arguments)
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)


@pytest.fixture
def meshtop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> Program:
    """The program on two healthy clusters, without any settings of the user's own."""
    program = Program(capsys)
    home = str(tmp_path_factory.mktemp("home"))
    for name in ("NO_COLOR", "MESHTOP_CONFIG", "MESHTOP_DEBUG", "KUBECONFIG", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)

    def observatory(session: Session, **_asked: object) -> FakeObservatory:
        program.sessions.append(session)
        program.observatories.append(FakeObservatory(program.snapshots, program.error))
        return program.observatories[-1]

    monkeypatch.setattr(Session, "observatory", observatory)
    return program
