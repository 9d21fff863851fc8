"""`python -m screenshots [NAME …]`: draw the console's screens as SVG; `--list` names them.

With `--all` every one of them is drawn in each size and look, into dist/screenshots with a page to look through.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from meshtop.console.app import MeshtopApp
from meshtop.console.session import ConsoleOptions, ConsoleSession
from meshtop.console.terminal.look import decide_look
from meshtop.observatory.build import open_observatory
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from screenshots.svg import portable
from screenshots.world import let_pass, now, served

FOLDER = Path(__file__).resolve().parent
EVERYTHING = FOLDER.parent / "dist" / "screenshots"
ALL = ("80x24", "120x40", "160x45", "200x60")
SIZES = {size: (int(size.partition("x")[0]), int(size.partition("x")[2])) for size in (*ALL, "100x24")}
LOOKS = {"dark": "dark", "light": "light", "16": "ansi"}
"""Looks and their themes: with all colours on dark and on light, and with the terminal's own sixteen."""
STILL = 4
"""So many equal pictures in a row mean that all has arrived."""
PAUSE_SECONDS = 0.15
AGAIN = 100
"""Pauses after which what has not come is asked for again."""
PATIENCE = 400
"""Pauses after which a picture that still changes is an error."""
WAIT = "wait for "
_TAG = re.compile(r"\s*<[^>]+>")


@dataclass(frozen=True)
class Shot:
    """A picture: the keys that lead there, and the sizes it is drawn in.

    What stands after WAIT among the keys is waited for on screen. With `shows` so many seconds are let pass after the
    keys, until that text is on screen; it is drawn in a world of its own, to which `after` puts an end.
    """

    name: str
    keys: Sequence[str] = ()
    sizes: Sequence[str] = ("120x40",)
    shows: str = ""
    seconds: float = 0.0
    after: Sequence[str] = ()


THREE = ("80x24", "120x40", "200x60")
SHOTS = (
    Shot("fleet", sizes=THREE),
    Shot("control-planes", ("tab",)),
    Shot("services", ("2",), THREE),
    Shot("workloads", ("2", "tab"), ("200x60",)),
    Shot("edges", ("2", "tab", "tab")),
    Shot("service", ("2", "w", "enter"), THREE),
    Shot("graph", ("3",), THREE),
    Shot("graph-around", ("2", "down", "down", "g")),
    Shot("mtls", ("4",), THREE),
    Shot("tenants", ("5",)),
    Shot("tenant-matrix", ("5", "tab")),
    Shot("canaries", ("6",), THREE),
    Shot("canary", ("6", "w", "enter"), THREE),
    Shot("help", ("question_mark",), ("80x24",)),
    Shot(
        "shift",
        (
            *("6", f"{WAIT}ROUTE OF", "slash", *"catalog", "enter", f"{WAIT}enter open", "S", f"{WAIT}weights", "tab"),
            *(*"25,50,100", *["tab"] * 6, *"us-east;eu-west", "tab", "tab", *"release 41", "enter", f"{WAIT}Type shop"),
            *(*"shop", "enter", f"{WAIT}Waiting about"),
        ),
        ("100x24",),
        shows="✓ follows",
        seconds=75.0,
        after=("A", "escape"),
    ),
)


class StillSession(ConsoleSession):
    """Reads the clusters as ever, at the moment at which they stand still."""

    def _open(self) -> Observatory:
        assert self._settings is not None
        return open_observatory(self._settings, kubeconfig=self._options.kubeconfig, clock=now)


class StillApp(MeshtopApp):
    """The console at the clusters' own moment."""

    def now(self) -> float:
        """The moment at which everything stands still."""
        return now()


def console(kubeconfig: Path, theme: str) -> StillApp:
    """The console on the served clusters, as a terminal with all colours shows it."""
    # The clusters are served by this process: while it draws, or the machine is busy, they answer late.
    options = ConsoleOptions(settings=lambda: Settings.model_validate({"timeout": "60s"}), kubeconfig=str(kubeconfig))
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    app = StillApp(options, decide_look(environ, color="always", theme=theme))
    app.session = StillSession(options, app)
    return app


async def still(app: StillApp, pilot: Pilot[int], times: int = STILL) -> str:
    """The picture, once it is the same so many times in a row. Raises TimeoutError."""
    last, same = "", 0
    for number in range(1, PATIENCE + 1):
        await pilot.pause(PAUSE_SECONDS)
        snapshot = app.picture.snapshot if app.picture is not None else None
        arrived = snapshot is not None and snapshot.settled and all(one.history for one in snapshot.clusters)
        # The clusters are served by this process too: while they are still asked it draws nothing.
        svg = app.export_screenshot(title="meshtop") if arrived else ""
        if not arrived and number % AGAIN == 0:
            # While the clock stands still nothing that was missed falls due again by itself.
            app.session.refresh()
        same = same + 1 if arrived and svg == last else 0
        last = svg
        if same >= times:
            return svg
    raise TimeoutError("the screen never stood still")


async def shown(app: StillApp, pilot: Pilot[int], text: str) -> None:
    """Wait until a text is on screen. Raises TimeoutError."""
    for _ in range(PATIENCE):
        if text in _TAG.sub("", app.export_screenshot()).replace("&#160;", " ").replace("\n", ""):
            return
        await pilot.pause(PAUSE_SECONDS)
    raise TimeoutError(f"{text} never came on screen")


@dataclass(frozen=True)
class Canvas:
    """Where pictures of one size and look go."""

    folder: Path
    size: str
    look: str = "dark"

    def path(self, shot: Shot) -> Path:
        """The file of a picture; dark ones, which the pages show, have no look in their name."""
        look = "" if self.look == "dark" else f"-{self.look}"
        return self.folder / f"{shot.name}-{self.size}{look}.svg"


async def draw(kubeconfig: Path, canvas: Canvas, shots: Sequence[Shot]) -> None:
    """Draw pictures of one size and look with one console."""
    app = console(kubeconfig, LOOKS[canvas.look])
    async with app.run_test(size=SIZES[canvas.size]) as pilot:
        await still(app, pilot)
        for shot in shots:
            await pilot.press("escape", "escape", "escape", "1")
            await still(app, pilot, 1)
            for key in shot.keys:
                if key.startswith(WAIT):
                    await shown(app, pilot, key.removeprefix(WAIT))
                    continue
                await pilot.press(key)
                await (pilot.pause() if shot.shows else still(app, pilot, 1))
            if shot.shows:
                let_pass(shot.seconds)
                await shown(app, pilot, shot.shows)
                app.session.refresh()
                await shown(app, pilot, "live · 0s ago")
            path = canvas.path(shot)
            path.write_text(portable(await still(app, pilot)), encoding="utf-8")
            print(path.relative_to(FOLDER.parent))
            await pilot.press(*shot.after)
            await still(app, pilot, 1)


def page(folder: Path, canvases: Sequence[Canvas]) -> Path:
    """A page with all pictures of a folder, size by size. Returns its file."""
    found = [(shot, canvas) for shot in SHOTS for canvas in canvases if canvas.path(shot).exists()]
    figures = "".join(
        f"<h2>{shot.name} {canvas.size} {canvas.look}</h2><img src='{canvas.path(shot).name}'>\n"
        for shot, canvas in found
    )
    file = folder / "index.html"
    file.write_text(f"<!doctype html><title>meshtop</title><style>img{{max-width:100%}}</style>\n{figures}", "utf-8")
    return file


def main(arguments: Sequence[str]) -> int:
    """Draw; the exit code."""
    names = [shot.name for shot in SHOTS]
    if "--list" in arguments:
        print("\n".join(names))
        return 0
    everything = "--all" in arguments
    arguments = [name for name in arguments if name != "--all"]
    unknown = [name for name in arguments if name not in names]
    if unknown:
        print(f"There is no picture {unknown[0]}; there are {', '.join(names)}.", file=sys.stderr)
        return 2
    chosen = [shot for shot in SHOTS if not arguments or shot.name in arguments]
    folder = EVERYTHING if everything else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if everything:
        canvases = [Canvas(folder, size, look) for look in LOOKS for size in ALL]
    else:
        canvases = [Canvas(folder, size) for size in SIZES]
    with tempfile.TemporaryDirectory() as state:
        # What is written is written down in a journal of its own, under names that are the same each time.
        os.environ["XDG_STATE_HOME"] = state
        secrets.token_hex = lambda nbytes=None: "5a4e"
        groups = [[shot for shot in chosen if not shot.shows], *([shot] for shot in chosen if shot.shows)]
        for group in filter(None, groups):
            for canvas in canvases:
                shots = [shot for shot in group if everything or canvas.size in shot.sizes]
                if shots:
                    with served() as kubeconfig:
                        asyncio.run(draw(kubeconfig, canvas, shots))
    if everything:
        print(page(folder, canvases).relative_to(FOLDER.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
