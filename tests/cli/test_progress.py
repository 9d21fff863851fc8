"""A running action on a terminal: what happens to it when that is gone."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator

import pytest

from meshtop.actions.events import ActionEvent
from meshtop.actions.shift.controls import Controls, ShiftRequest
from meshtop.cli.progress import follow_shift
from meshtop.model.errors import Exit
from tests.patience import PATIENCE_SECONDS


class _Holdable(Controls):
    """Tells when the shift is to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.held = asyncio.Event()
        self.times = 0

    def hold(self) -> None:
        super().hold()
        self.times += 1
        self.held.set()


async def test_a_terminal_that_is_gone_without_a_signal_holds_a_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, and under nohup, no SIGHUP says so."""
    master, slave = pty.openpty()
    controls = _Holdable()

    async def events() -> AsyncIterator[ActionEvent]:
        os.close(master)
        await controls.held.wait()
        # In each turn of the loop the reader would be called once more.
        for _ in range(5):
            await asyncio.sleep(0)
        for event in list[ActionEvent]():
            yield event

    name = os.ttyname(slave)
    with open(name, encoding="utf-8") as keys, open(name, "w", encoding="utf-8") as lines:
        os.close(slave)
        monkeypatch.setattr(sys, "stdin", keys)
        monkeypatch.setattr(sys, "stderr", lines)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await follow_shift(events(), controls) == Exit.BAD
        monkeypatch.undo()
    assert controls.take_request() is ShiftRequest.HOLD
    assert controls.times == 1
