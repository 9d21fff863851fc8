"""textual-serve with access control: who may open the page, and which pages may connect to a console."""

from __future__ import annotations

import hmac
import logging
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

COOKIE = "meshtop-token"
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Guarded(Server):
    """Serves one console for each browser.

    With a token, every request must have it: the first in its address, later ones in a cookie.
    Without one, only host names of this machine are accepted, which prevents DNS rebinding. Consoles accept
    connections only from pages of this server: otherwise any page in the same browser could open a WebSocket to them.
    """

    def __init__(self, command: str, host: str, port: int, token: str | None) -> None:
        super().__init__(command, host=host, port=port, title="meshtop")
        self.token = token
        self._runner: web.AppRunner | None = None

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
            leading_on.set_cookie(COOKIE, self.token, httponly=True, samesite="Lax", path="/")
            raise leading_on
        response = await handler(request)
        if not response.prepared:
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    def _knows(self, request: web.Request) -> bool:
        assert self.token is not None
        said = (request.query.get("token"), request.cookies.get(COOKIE))
        return any(given is not None and hmac.compare_digest(given.encode(), self.token.encode()) for given in said)

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, with the server's address as seen by this browser."""
        before = self.public_url
        self.public_url = f"{request.scheme}://{request.host}"
        try:
            page: Any = await super().handle_index(request)
        finally:
            self.public_url = before
        response: web.StreamResponse = page
        return response
