"""What holds for every test of the console."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from meshtop.console.terminal.shell import Shell


@pytest.fixture(autouse=True)
def a_press_ends_with_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key may be held back until the one before it is done; a press is over when none is, however busy the machine.

    The console gives each key a second at most (`KeyOrder`), so this ends.
    """
    pressed = Pilot.press

    async def press(pilot: Pilot[Any], *keys: str) -> None:
        await pressed(pilot, *keys)
        app = pilot.app
        while isinstance(app, Shell) and app.is_running and not app.key_order.is_idle:
            await pilot.pause(0.005)

    monkeypatch.setattr(Pilot, "press", press)
