"""`meshtop serve`: who is let in, what the console may do, and the console in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from meshtop.cli.options import Common
from meshtop.cli.serve import console_command
from meshtop.cli.web import COOKIE, BoundedServer
from tests.cli.serve.chromium import Page, browser
from tests.console.terminal.emulator import Terminal
from tests.patience import PATIENCE_SECONDS

DEAD = """\
apiVersion: v1
kind: Config
clusters: [{name: lonely, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: lonely, context: {cluster: lonely, user: u}}]
users: [{name: u, user: {token: t}}]
"""


@contextlib.asynccontextmanager
async def guarded(token: str | None, host: str = "127.0.0.1") -> AsyncIterator[tuple[str, str]]:
    """A guarded server; the address that it prints and its origin. No console is started by these requests."""
    server = BoundedServer("false", host, 0, token)
    address = await server.start()
    try:
        yield address, f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def test_an_address_without_a_token_is_for_this_machine_only() -> None:
    async with guarded(None) as (address, origin), aiohttp.ClientSession() as session:
        assert address == f"{origin}/"
        async with session.get(address) as response:
            assert response.status == 200
            assert response.headers["X-Frame-Options"] == "DENY"
            text = await response.text()
            assert f'data-session-websocket-url="ws://{origin.removeprefix("http://")}/ws"' in text
        async with session.get(address, headers={"Host": "rebound.example"}) as response:
            assert response.status == 403


async def test_behind_a_proxy_with_tls_the_page_and_its_cookie_are_for_tls() -> None:
    async with guarded("secret") as (address, origin), aiohttp.ClientSession() as session:
        headers = {"X-Forwarded-Proto": "https"}
        async with session.get(address, headers=headers, allow_redirects=False) as response:
            assert "Secure" in response.headers["Set-Cookie"]
        async with session.get(origin, headers={**headers, "Cookie": f"{COOKIE}=secret"}) as response:
            assert f'data-session-websocket-url="wss://{origin.removeprefix("http://")}/ws"' in await response.text()
        async with session.get(address, allow_redirects=False) as response:
            assert "Secure" not in response.headers["Set-Cookie"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_other_pages_cannot_speak_to_a_console(origin: str) -> None:
    async with guarded(None) as (_, own), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await session.ws_connect(f"{own}/ws", headers={"Origin": origin})
        assert raised.value.status == 403


async def test_a_token_is_asked_for_once_and_kept_in_a_cookie() -> None:
    async with guarded("s3cret", "0.0.0.0") as (address, origin):
        assert address.endswith("/?token=s3cret")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            for path in ("/", "/?token=wrong", "/?token=", "/ws", "/static/js/textual.js", "/download/x"):
                async with session.get(origin + path, headers={"Cookie": f"{COOKIE}=wrong"}) as response:
                    assert response.status == 401, path
            async with session.get(f"{origin}/?token=s3cret", allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (302, "/")
                assert "HttpOnly" in response.headers["Set-Cookie"]
            async with session.get(f"{origin}/") as response:
                assert response.status == 200
            async with session.get(f"{origin}/static/js/textual.js") as response:
                assert response.status == 200


@pytest.mark.parametrize(("read_only", "flag"), [(True, True), (False, False)])
def test_the_console_is_this_program_with_the_same_scope(read_only: bool, flag: bool) -> None:
    common = Common()
    common.kubeconfig, common.cluster, common.namespace = "/tmp/a b", ("east",), ("shop", "pay")
    common.at = 0.0
    words = console_command(common, read_only=read_only)
    assert "--kubeconfig '/tmp/a b'" in words
    assert "--cluster east -n shop -n pay --at 1970-01-01T00:00:00Z" in words
    assert ("--read-only" in words) is flag


@contextlib.asynccontextmanager
async def served(folder: Path, *options: str) -> AsyncIterator[tuple[str, str]]:
    """The real command on a cluster that does not answer: the address it prints, and what it says."""
    (folder / "kubeconfig").write_text(DEAD, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MESHTOP_", "XDG_", "TEXTUAL"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "meshtop", "--kubeconfig", str(folder / "kubeconfig"), "serve", "--port", "0", *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environment, "HOME": str(folder)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            told = (await process.stderr.readline()).decode()
            address = (await process.stdout.readline()).decode().strip()
        yield address, told
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_elsewhere_it_has_a_token_of_its_own(tmp_path: Path) -> None:
    async with served(tmp_path, "--host", "0.0.0.0", "--allow-writes") as (address, told):
        assert "read-only" not in told
        assert len(address.partition("?token=")[2]) >= 32


@pytest.mark.browser
async def test_the_console_in_a_browser(tmp_path: Path) -> None:
    """The page opens, the console draws the fleet read-only, keys reach it, and its end is seen."""
    (tmp_path / "server").mkdir()
    async with served(tmp_path / "server") as (address, told), browser(tmp_path) as page:
        assert "read-only" in told
        await page.ask("Page.enable")
        await page.ask("Page.addScriptToEvaluateOnNewDocument", source=_LISTEN)
        await page.ask("Page.navigate", url=address)
        await page.until("document.body.classList.contains('-first-byte')")
        lines = await _screen(page, "lonely")
        assert any(line.endswith("RO") for line in lines[:3])
        assert await page.evaluate("document.querySelector('.textual-terminal canvas').width") > 0
        await page.evaluate("document.querySelector('.textual-terminal textarea').focus()")
        await page.press("q")
        await page.until("document.body.classList.contains('-closed')")


_LISTEN = """
window.heard = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', async (event) => {
      const data = event.data instanceof Blob ? await event.data.arrayBuffer() : event.data;
      if (typeof data !== 'string') window.heard.push(new TextDecoder().decode(data));
    });
  }
};
"""
"""Keeps what the console sends to the terminal in the page, which draws it on a canvas."""


async def _screen(page: Page, wanted: str) -> list[str]:
    """Wait until a word stands on the screen; the screen's lines."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            terminal = Terminal(200, 60)
            terminal.feed(await page.evaluate("window.heard.join('')"))
            if any(wanted in line for line in terminal.text()):
                return terminal.text()
            await asyncio.sleep(0.05)
