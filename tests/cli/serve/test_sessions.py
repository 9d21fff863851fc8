"""Consoles in browsers are bounded in size, number and time, and none outlives its socket."""

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

from meshtop.cli import web as serving
from meshtop.cli.web import COLUMNS, LINES, MOST_SESSIONS, BoundedServer, clamped
from tests.patience import PATIENCE_SECONDS

STAND_IN = """\
import os, signal, sys
number = os.getpid()
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.path.join({folder!r}, str(number)), "w").write(os.environ["COLUMNS"] + "x" + os.environ["ROWS"])
sys.stdout.write("__GANGLION__\\n"); sys.stdout.flush()
sys.stdout.buffer.write(b"D" + (2).to_bytes(4, "big") + b"up"); sys.stdout.flush()
while True:
    data = sys.stdin.buffer.read(1)
    if not data and "deaf" not in sys.argv:
        break
    if not data:
        signal.pause()
"""


@contextlib.asynccontextmanager
async def served(folder: Path, *words: str) -> AsyncIterator[tuple[str, BoundedServer]]:
    """A server whose consoles are a stand-in, which writes the size it was given into a file named by its process."""
    (folder / "started").mkdir()
    (folder / "console.py").write_text(STAND_IN.format(folder=str(folder / "started")))
    server = BoundedServer(f"{sys.executable} {folder / 'console.py'} {' '.join(words)}", "127.0.0.1", 0, None)
    address = await server.start()
    try:
        yield address.replace("http", "ws") + "ws", server
    finally:
        await server.stop()
        for one in started(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)


def started(folder: Path) -> list[int]:
    return [int(one.name) for one in (folder / "started").iterdir()]


async def until_gone(number: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while Path(f"/proc/{number}").exists():
            await asyncio.sleep(0.01)


async def opened(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    socket = await session.ws_connect(address)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await socket.receive()).data == b"up"
    return socket


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("width=100000&height=100000", f"{COLUMNS[1]}x{LINES[1]}"),
        ("width=-5&height=0", f"{COLUMNS[0]}x{LINES[0]}"),
        ("width=120&height=40", "120x40"),
        ("width=x&height=", "80x24"),
        ("", "80x24"),
    ],
)
async def test_no_browser_makes_a_console_larger_than_a_terminal(tmp_path: Path, asked: str, given: str) -> None:
    async with served(tmp_path) as (address, _), aiohttp.ClientSession() as session:
        socket = await opened(session, f"{address}?{asked}")
        (number,) = started(tmp_path)
        assert (tmp_path / "started" / str(number)).read_text() == given
        await socket.close()


def test_sizes_are_clamped_whatever_they_are() -> None:
    values: tuple[object, ...] = (None, "", "1e9", float("inf"), [], {}, "9" * 5000, True)
    for value in values:
        assert COLUMNS[0] <= clamped(value, COLUMNS, 80) <= COLUMNS[1]


async def test_there_are_only_so_many_and_a_closed_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_SESSIONS", 2)
    assert MOST_SESSIONS < 100
    async with served(tmp_path) as (address, server), aiohttp.ClientSession() as session:
        sockets = [await opened(session, address) for _ in range(2)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await session.ws_connect(address)
        assert raised.value.status == 503
        assert len(started(tmp_path)) == 2
        await sockets[0].close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while server._sessions > 1:
                await asyncio.sleep(0.01)
        await (await opened(session, address)).close()
        await sockets[1].close()


@pytest.mark.parametrize("words", [(), ("deaf",)])
@pytest.mark.parametrize("leaves", ["closes", "vanishes", "talks nonsense"])
async def test_a_console_ends_with_its_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(serving, "_END_SECONDS", 0.2)
    async with served(tmp_path, *words) as (address, server), aiohttp.ClientSession() as session:
        socket = await opened(session, address)
        (number,) = started(tmp_path)
        if leaves == "closes":
            await socket.close()
        elif leaves == "vanishes":
            transport = socket.get_extra_info("socket")
            assert transport is not None
            socket._response.connection.transport.abort()  # type: ignore[union-attr]
        else:
            await socket.send_str('{"no": "list"')
        await until_gone(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while server._sessions:
                await asyncio.sleep(0.01)


async def test_a_console_to_which_nobody_types_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(serving, "_END_SECONDS", 0.2)
    async with served(tmp_path) as (address, _), aiohttp.ClientSession() as session:
        socket = await opened(session, address)
        (number,) = started(tmp_path)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                await socket.send_str('["ping", 1]')
        await until_gone(number)


async def test_stopping_the_server_ends_every_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_END_SECONDS", 0.2)
    async with aiohttp.ClientSession() as session:
        async with served(tmp_path, "deaf") as (address, _):
            _ = [await opened(session, address) for _ in range(2)]
            numbers = started(tmp_path)
        for number in numbers:
            await until_gone(number)


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: east, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {token: t}}]
contexts: [{name: east, context: {cluster: east, user: me}}]
current-context: east
"""


def children_of(parent: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def lives(number: int) -> bool:
    """Whether a process runs; one that has ended may wait for whoever reaps orphans here."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
async def test_a_console_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshtop", "serve", "--port", "0", "--kubeconfig", str(tmp_path / "kubeconfig")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "MESHTOP_CONFIG": "none"},
    )
    consoles: list[int] = []
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            address = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(address.replace("http", "ws") + "ws")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await socket.receive()
            consoles = children_of(process.pid)
            assert len(consoles) == 1
            assert lives(consoles[0])
            process.kill()
            await process.wait()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while lives(consoles[0]):
                    await asyncio.sleep(0.01)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        for one in consoles:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
