"""The demo as a process of its own, and what meshtop makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.e2e.serving import forked
from tests.patience import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS


@contextmanager
def demo(scenario: str, *options: str) -> Iterator[str]:
    """Serve a scenario; the path of its kubeconfig."""
    process = subprocess.Popen(
        [sys.executable, "-m", "meshtop.demo", "--scenario", scenario, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the demo of {scenario} did not start"
        yield json.loads(line)["kubeconfig"]
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def look(scenario: str, *options: str) -> Picture:
    """One settled picture of a scenario, the last day's plaintext included."""

    async def once(kubeconfig: str) -> Picture:
        observatory = open_observatory(Settings(), kubeconfig=kubeconfig, timeout_seconds=LIMIT_SECONDS)
        try:
            return Picture(await observatory.once(plaintext=True))
        finally:
            await observatory.close()

    with demo(scenario, *options) as kubeconfig:
        return asyncio.run(once(kubeconfig))


def rows(picture: Picture, kind: str, **query: Any) -> list[dict[str, Any]]:
    """A kind's items as scripts read them."""
    encoded = msgspec.json.encode(view(kind).items(picture, Query(**query)))
    decoded: list[dict[str, Any]] = msgspec.json.decode(encoded)
    return decoded


def meshtop(kubeconfig: str, *arguments: str) -> Any:
    """What a command prints as JSON; fails with its stderr. What `whatif` answers may not be certain (exit code 3)."""
    common = ("-o", "json", "--kubeconfig", kubeconfig, "--config", "none", "--timeout", "60s")
    done = forked([*arguments, *common], os.environ)
    assert done.returncode in ((0, 3) if arguments[0] == "whatif" else (0,)), done.stderr
    return json.loads(done.stdout)
