"""textual-serve with access control: who may open the page, and which pages may connect to a console."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import shlex
import signal
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler
from textual_serve.app_service import AppService
from textual_serve.server import Server

from meshtop.process import PARENT_PIPE

COOKIE = "meshtop-token"
MOST_SESSIONS = 10
"""A console of a large fleet takes some hundred megabytes."""
COLUMNS, LINES = (20, 500), (5, 200)
"""The smallest and the largest terminal that a browser may ask for."""
IDLE_SECONDS = 3600.0
"""A console to which nobody has typed for so long is closed; its page opens another."""
HEARTBEAT_SECONDS = 15.0
"""So often a browser is asked whether it is still there; one that does not answer by half of it is gone."""
_END_SECONDS = 3.0
"""How long a console has to end by itself, and then by SIGTERM."""
_LOCAL = ("127.0.0.1", "localhost", "::1")


_log = logging.getLogger(__name__)


def clamped(value: object, within: tuple[int, int], default: int) -> int:
    """A number of cells as a browser asks for it, within what a terminal has; the default for what is no number."""
    try:
        number = int(str(value))
    except ValueError:
        return default
    return min(max(number, within[0]), within[1])


def _scheme(request: web.Request) -> str:
    """How the browser asked: by https where a proxy in front says so, and its page could not open a plain socket.

    Whoever says so wrongly gets a page with an address that does not work, and nothing else.
    """
    return "https" if request.headers.get("X-Forwarded-Proto", "") == "https" else request.scheme


class ServedConsole(AppService):
    """The process of one browser's console, in a group of its own, which ends with its socket whatever it does.

    It ends with this process too, by a pipe of which only this process has the other end.
    """

    _pipe: int | None = None

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        watched, self._pipe = os.pipe()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *shlex.split(self.command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**self._build_environment(width=width, height=height), PARENT_PIPE: str(watched)},
                start_new_session=True,
                pass_fds=(watched,),
            )
        finally:
            os.close(watched)
        assert process.stdin is not None
        self._stdin = process.stdin
        return process

    async def stop(self) -> None:
        """Ask the console to end, tell it, and end it: a write to a hanging one must not hold this up either."""
        try:
            await self._end()
        finally:
            if self._pipe is not None:
                os.close(self._pipe)
                self._pipe = None

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self.send_meta({"type": "quit"})
                if self._stdin is not None:
                    self._stdin.close()
                await process.wait()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            if process.returncode is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_END_SECONDS):
                        await process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


class BoundedServer(Server):
    """Serves one console for each browser, at most `MOST_SESSIONS` at once.

    With a token, every request must have it: the first in its address, later ones in a cookie.
    Without one, only host names of this machine are accepted, which prevents DNS rebinding. Consoles accept
    connections only from pages of this server: otherwise any page in the same browser could open a WebSocket to them.
    """

    def __init__(self, command: str, host: str, port: int, token: str | None) -> None:
        super().__init__(command, host=host, port=port, title="meshtop")
        self.token = token
        self._runner: web.AppRunner | None = None
        self._sessions = 0
        self._sockets: set[web.WebSocketResponse] = set()

    async def start(self) -> str:
        """Start listening and return the address to open. Raises OSError."""
        logging.getLogger("textual-serve").setLevel(logging.ERROR)
        app = await self._make_app()
        app.middlewares.append(self._guard)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.public_url = f"http://{shown}:{self.port}"
        return self.public_url + (f"/?token={self.token}" if self.token else "/")

    async def stop(self) -> None:
        """End every console and stop listening."""
        await asyncio.gather(*(socket.close() for socket in tuple(self._sockets)), return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing, as the command prints the address."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.token is None:
            if urlsplit(f"//{request.host}").hostname not in _LOCAL:
                raise web.HTTPForbidden(text="This console accepts only host names of its own machine.\n")
        elif not self._knows(request):
            raise web.HTTPUnauthorized(text="Open the address that `meshtop serve` printed, with its token.\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="This console accepts connections from its own page only.\n")
        if self.token is not None and "token" in request.query and request.path == "/":
            # The token does not stay in the address, where it would be looked over shoulders and kept in histories.
            leading_on = web.HTTPFound("/")
            secure = _scheme(request) == "https"
            leading_on.set_cookie(COOKIE, self.token, httponly=True, samesite="Lax", path="/", secure=secure)
            raise leading_on
        response = await handler(request)
        if not response.prepared:
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One browser's console, from its start to its end: both go when one of them does."""
        if self._sessions >= MOST_SESSIONS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_SESSIONS} consoles are open here; close one of them.\n")
        self._sessions += 1

        async def close() -> None:
            await socket.close()

        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=1 << 20)
        console = ServedConsole(
            self.command,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=close,
            download_manager=self.download_manager,
            debug=False,
        )
        try:
            await socket.prepare(request)
            self._sockets.add(socket)
            width = clamped(request.query.get("width"), COLUMNS, 80)
            await console.start(width, clamped(request.query.get("height"), LINES, 24))
            await self._converse(socket, console)
        finally:
            self._sockets.discard(socket)
            try:
                await asyncio.shield(console.stop())
            finally:
                self._sessions -= 1
                await socket.close()
        return socket

    async def _converse(self, socket: web.WebSocketResponse, console: ServedConsole) -> None:
        """Hand on what a browser sends until it leaves, says nonsense, or nobody has typed for `IDLE_SECONDS`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(IDLE_SECONDS) as idle:
                async for message in socket:
                    if message.type != WSMsgType.TEXT:
                        continue
                    kind, *rest = message.json()
                    if kind in ("stdin", "resize"):
                        idle.reschedule(loop.time() + IDLE_SECONDS)
                    if kind == "stdin":
                        await console.send_bytes(str(rest[0]).encode())
                    elif kind == "resize":
                        size = rest[0]
                        await console.set_terminal_size(
                            clamped(size.get("width"), COLUMNS, 80), clamped(size.get("height"), LINES, 24)
                        )
                    elif kind == "ping":
                        await socket.send_json(["pong", *rest])
                    elif kind == "blur":
                        await console.blur()
                    elif kind == "focus":
                        await console.focus()
        except TimeoutError:
            _log.info("a console was closed: nobody has typed for %g s", IDLE_SECONDS)
        except (ValueError, TypeError, LookupError, AttributeError, ConnectionError) as error:
            _log.warning("a console was closed: its browser sent what is no message (%s)", type(error).__name__)

    def _knows(self, request: web.Request) -> bool:
        assert self.token is not None
        said = (request.query.get("token"), request.cookies.get(COOKIE))
        return any(given is not None and hmac.compare_digest(given.encode(), self.token.encode()) for given in said)

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, with the server's address as seen by this browser."""
        before = self.public_url
        self.public_url = f"{_scheme(request)}://{request.host}"
        try:
            page: Any = await super().handle_index(request)
        finally:
            self.public_url = before
        response: web.StreamResponse = page
        return response
