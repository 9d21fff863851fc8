"""A served world as its user walks it: commands run in this process over real HTTP, and the console by keys."""

from __future__ import annotations

import asyncio
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from meshtop.cli.main import main
from meshtop.console.app import MeshtopApp
from meshtop.console.places import PLACES, pages_of
from meshtop.console.screens.base import MeshScreen
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.stage import stage
from tests.patience import PATIENCE_SECONDS

SMALL = (80, 24)


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Walk:
    """Somebody at a terminal in front of one world."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._items: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, *arguments: str) -> Said:
        """Run a command; a machine under load answers late, and what is tested is what is answered."""
        common = ("--kubeconfig", str(self.kubeconfig), "--config", "none", "--timeout", f"{PATIENCE_SECONDS:.0f}s")
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main((*arguments, *common))
        return Said(code, out.getvalue(), err.getvalue())

    @cached_property
    def picture(self) -> Picture:
        """The world read once over HTTP, for all that only look at it."""
        with ThreadPoolExecutor(1) as pool:
            return Picture(pool.submit(asyncio.run, snapshot_of(self.kubeconfig)).result())

    def get(self, kind: str) -> list[dict[str, Any]]:
        """The items of `get KIND -o json`, read once; what goes through weighted routes is counted by the command."""
        if kind not in self._items:
            if kind == "canaries":
                said = self("get", kind, "-o", "json")
                assert said.code == 0, said.err
                self._items[kind] = said.document["items"]
            else:
                encoded = msgspec.json.encode(view(kind).items(self.picture, Query()))
                self._items[kind] = msgspec.json.decode(encoded)
        return self._items[kind]


async def snapshot_of(kubeconfig: Path) -> Snapshot:
    """One settled snapshot, the last day's plaintext included."""
    observatory = open_observatory(Settings(), kubeconfig=str(kubeconfig), timeout_seconds=PATIENCE_SECONDS)
    try:
        return await observatory.once(plaintext=True)
    finally:
        await observatory.close()


async def walk_the_console(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> dict[str, str]:
    """Open the console at 80x24 and every page of every place by its keys; what each shows, by kind.

    Fails where a page is a defect: an error that ends the program, or one that was caught and logged.
    """
    app: MeshtopApp = stage(snapshot)
    monkeypatch.setattr(app, "now", lambda: snapshot.at + 2.0)
    seen: dict[str, str] = {}
    async with app.run_test(size=SMALL) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        for place in PLACES:
            await pilot.press(place.tab.key)
            for _ in pages_of(place.kinds[0]):
                await app.workers.wait_for_complete()
                await pilot.pause()
                screen = app.screen
                assert isinstance(screen, MeshScreen)
                lines = [strip.text for strip in app.screen._compositor.render_strips()]
                assert len(lines) == SMALL[1]
                seen[getattr(screen, "kind", place.kinds[0])] = "\n".join(lines)
                await pilot.press("tab")
    defects = [record for record in caplog.records if record.exc_info or record.levelname in ("ERROR", "CRITICAL")]
    assert not defects, [record.getMessage() for record in defects]
    return seen
