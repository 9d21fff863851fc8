"""Serve an aiohttp application from a thread of its own on a port the system chooses, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from meshtop.demo.kube.tls import server_tls
from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A served application: its URL, and a way to touch what it serves from its own loop."""

    url: str
    certificate: bytes
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the server's loop and return its result."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - the caller's thread raises it
                future.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return future.result(timeout=PATIENCE_SECONDS)


@contextmanager
def running(make: Callable[[], web.Application], *, tls: bool = False) -> Iterator[Running]:
    """Serve the application that `make` builds (in the server's loop) until the block ends; over TLS if told so."""
    started: Future[Running] = Future()
    stop = asyncio.Event()
    context, certificate = server_tls() if tls else (None, b"")

    async def serve() -> None:
        try:
            runner = web.AppRunner(make(), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
        except BaseException as error:
            started.set_exception(error)
            raise
        host, port = runner.addresses[0][:2]
        started.set_result(
            Running(f"{'https' if tls else 'http'}://{host}:{port}", certificate, asyncio.get_running_loop())
        )
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    served = started.result(timeout=PATIENCE_SECONDS)
    try:
        yield served
    finally:
        served.loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=PATIENCE_SECONDS)
