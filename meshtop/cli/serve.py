"""`meshtop serve`: the console in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import Common, common_of, common_options
from meshtop.cli.session import open_session

if TYPE_CHECKING:
    from meshtop.cli.web import BoundedServer

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TOKEN_VARIABLE = "MESHTOP_SERVE_TOKEN"


@click.command("serve", short_help="The console in a browser, read-only by default.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Where to listen (127.0.0.1).")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=8000, help="The port; 0: a free one.")
@click.option("--allow-writes", is_flag=True, help="Let the console write, as far as settings and rights allow it.")
@common_options
@click.pass_context
def command(ctx: click.Context, host: str, port: int, allow_writes: bool) -> int:
    """Serve the console to browsers, each with a console of its own, until interrupted.

    It is read-only without --allow-writes, and listens on 127.0.0.1 without --host. On other addresses a token is
    required: it is part of the printed address (or the value of MESHTOP_SERVE_TOKEN). The token is sent unencrypted
    unless a proxy in front adds TLS.
    """
    try:
        from meshtop.cli.web import BoundedServer
    except ImportError as error:
        raise CommandError("Serving needs textual-serve: install meshtop[serve].") from error
    common = common_of(ctx)
    open_session(ctx)
    away = host not in LOOPBACK
    token = os.environ.get(TOKEN_VARIABLE) or (secrets.token_urlsafe(24) if away else None)
    server = BoundedServer(console_command(common, read_only=common.read_only or not allow_writes), host, port, token)
    asyncio.run(_serve(server, read_only=common.read_only or not allow_writes))
    return 0


async def _serve(server: BoundedServer, *, read_only: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    try:
        address = await server.start()
    except OSError as error:
        raise CommandError(f"{server.host}:{server.port} cannot be listened on: {error.strerror or error}.") from error
    say(f"meshtop: The console is served {'read-only ' if read_only else ''}until interrupted (ctrl-c):")
    print(address, flush=True)
    try:
        await ended.wait()
    finally:
        await server.stop()


def console_command(common: Common, *, read_only: bool) -> str:
    """The command line of one browser's console: this program with the same options."""
    # Everybody's browser begins at the same place, and not where somebody else's was left.
    words = [sys.executable, "-m", "meshtop", "--no-remember"]
    given = (
        ("--config", common.config),
        ("--kubeconfig", common.kubeconfig),
        ("--tenant", common.tenant),
        ("--window", common.window),
        ("--timeout", common.timeout),
        ("--log", common.log),
    )
    for flag, value in given:
        words += [flag, str(value)] if value is not None else []
    for flag, values in (("--context", common.context), ("--cluster", common.cluster), ("-n", common.namespace)):
        for value in values:
            words += [flag, value]
    if common.at is not None:
        from meshtop.views.frame.document import rfc3339

        words += ["--at", rfc3339(common.at)]
    words += ["--read-only"] if read_only else []
    words += ["--ascii"] if common.ascii else []
    return shlex.join(words)
