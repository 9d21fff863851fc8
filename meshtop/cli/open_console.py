"""Opens the console, if there is a terminal for it."""

from __future__ import annotations

import contextlib
import os
import sys

from meshtop.cli.exits import CommandError, at_end, say
from meshtop.cli.options import Common
from meshtop.settings.environment import state_folder
from meshtop.settings.load import load_settings

WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""Environment variable that textual-serve sets for a console."""
LOG_NAME = "console.log"
POINTER = "use commands such as `meshtop get clusters` instead (see `meshtop --help`)"


def open_console(
    common: Common, *, diff: bool = True, mouse: bool = True, remember: bool = True, opening: str | None = None
) -> int:
    """Open the console, on what `opening` names if it does, and return its exit code.

    Raises CommandError without a suitable terminal, ConfigError, and FilterError where `opening` names nothing.
    """
    check_terminal()
    if common.console is None:
        raise CommandError(f"The console is not available here; {POINTER}.")
    if common.log is None:
        _keep_log()
    flags = common.flags()
    if not mouse:
        flags["--no-mouse"] = (("mouse",), False)
    if not remember:
        flags["--no-remember"] = (("remember",), False)
    loaded = load_settings(config=common.config, environ=os.environ, flags=flags)
    for note in loaded.notes:
        say(f"meshtop: {note}")
    return common.console(
        loaded,
        kubeconfig=common.kubeconfig,
        contexts=common.context,
        clusters=common.cluster,
        namespaces=common.namespace,
        tenant=common.tenant,
        moment=common.at,
        diff=diff,
        opening=opening,
        recording=common.recording,
    )


def _keep_log() -> None:
    """Write the console's log to the state folder; if that fails, there is no log."""
    from meshtop.log import start_log, stop_log

    path = state_folder(os.environ) / LOG_NAME
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        start_log(path)
        at_end(stop_log)


def check_terminal() -> None:
    """Raise CommandError unless stdin and stdout are a usable terminal, or `meshtop serve` started this process."""
    if os.environ.get("TEXTUAL_DRIVER") == WEB_DRIVER:
        return
    for stream, name in ((sys.stdin, "stdin"), (sys.stdout, "stdout")):
        if stream is None or not stream.isatty():
            raise CommandError(f"The console needs a terminal, but {name} is not one; {POINTER}.")
    if os.environ.get("TERM", "") in ("", "dumb"):
        term = os.environ.get("TERM") or "not set"
        raise CommandError(f"This terminal is not supported (TERM is {term}); {POINTER}.")
