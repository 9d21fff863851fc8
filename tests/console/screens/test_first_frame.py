"""What stands between the command and the first frame: nothing that only data need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.screen import Screen

from meshtop.console.session import ConsoleOptions
from meshtop.settings.schema import Settings
from tests.console.stage import StillApp, StillSession

LATER = (
    "pydantic",
    "httpx",
    "kubernetes",
    "requests",
    "meshtop.views.picture.picture",
    "meshtop.analysis.traffic.edges",
)
PROGRAM = f"""
import sys
import meshtop.console.app
import meshtop.console.run
from meshtop.console.screens.fleet import FleetScreen
FleetScreen()
print(*(name for name in {LATER!r} if name in sys.modules))
"""


def test_the_first_frame_imports_nothing_that_only_data_need() -> None:
    output = subprocess.run([sys.executable, "-c", PROGRAM], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert output.split() == []


class WatchedApp(StillApp):
    """Remembers the text of each whole frame, and how many there were when reading began."""

    def __init__(self) -> None:
        session = StillSession(None)
        super().__init__(ConsoleOptions(settings=Settings), None, session)
        session.app = self
        self.frames: list[str] = []
        self.begun_after: int | None = None

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate):
            lines = ("".join(strip.text for strip in strips) for strips in renderable.strips)
            self.frames.append("\n".join(lines))
        super()._display(screen, renderable)

    def on_ready(self) -> None:
        self.begun_after = len(self.frames)


async def test_the_first_frame_is_whole() -> None:
    """Places, what is waited for, and keys: not a blank one, and all of it a sixtieth of a second later."""
    app = WatchedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
    for said in ("6 Canaries", "Reading the kubeconfig …", "? help"):
        assert said in app.frames[0]
    assert app.begun_after == 1
