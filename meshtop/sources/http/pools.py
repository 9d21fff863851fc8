"""Connections of one cluster: a pool for questions, which are reused, and one for watches, which are held."""

from __future__ import annotations

from collections.abc import Callable

import httpx

WATCH = "meshtop_watch"
"""A request's extension: it is a stream that stays open."""
_QUESTIONS = httpx.Limits(max_connections=24, max_keepalive_connections=24, keepalive_expiry=60.0)
_WATCHES = httpx.Limits(max_connections=96, max_keepalive_connections=0)


class Pools(httpx.AsyncBaseTransport):
    """Sends a watch through its own pool.

    httpcore holds all open connections, not only the idle ones, against the number of idle ones to keep: beside forty
    watches every question would close its connection and the next one would shake hands anew.
    """

    def __init__(self, make: Callable[[httpx.Limits], httpx.AsyncBaseTransport]) -> None:
        self._questions = make(_QUESTIONS)
        self._watches = make(_WATCHES)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the pool that it belongs to."""
        pool = self._watches if request.extensions.get(WATCH) else self._questions
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._questions.aclose()
        await self._watches.aclose()
