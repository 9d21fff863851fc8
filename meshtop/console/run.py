"""Starts the console: an immediate message, then the first frame, then imports that it does not need."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from meshtop import __version__
from meshtop.process import answer_keys_first, end_with_parent

if TYPE_CHECKING:
    from meshtop.settings.load import Loaded
    from meshtop.settings.schema import Settings
    from meshtop.sources.recording.recorded import RecordedSnapshots


def run_console(
    loaded: Loaded,
    *,
    kubeconfig: str | None,
    contexts: tuple[str, ...] = (),
    clusters: tuple[str, ...] = (),
    namespaces: tuple[str, ...] = (),
    tenant: str | None = None,
    moment: float | None = None,
    diff: bool = True,
    opening: str | None = None,
    recording: RecordedSnapshots | None = None,
) -> int:
    """Open the console and return its exit code; `opening` names what it shows first (KIND/NAMESPACE/NAME).

    Raises ConfigError for a theme that does not exist, FilterError where `opening` names nothing.

    Settings are checked by the time this is called wherever something was set at all; without any, pydantic is
    imported after the first frame.
    """
    if opening is not None:
        from meshtop.console.opening import parse_opening

        first = parse_opening(opening)
    else:
        first = None
    if sys.stdout.isatty():
        sys.stdout.write(f"meshtop {__version__}: opening the console …\r")
        sys.stdout.flush()
    from meshtop.console.app import MeshtopApp
    from meshtop.console.session import ConsoleOptions
    from meshtop.console.terminal.look import decide_look
    from meshtop.settings.document import ConfigError
    from meshtop.views.picture.query import Query

    data = loaded.data
    try:
        look = decide_look(
            os.environ,
            color=data.get("color", "auto"),
            theme=data.get("theme"),
            ascii_only=bool(data.get("ascii")),
            plots=data.get("plots", "auto"),
        )
    except ValueError as error:
        raise ConfigError(f"theme: {error}") from error

    def settings() -> Settings:
        return loaded.settings

    options = ConsoleOptions(
        settings=settings,
        kubeconfig=kubeconfig,
        contexts=contexts,
        query=Query(clusters=clusters, namespaces=namespaces, tenant=tenant),
        moment=moment,
        mouse=bool(data.get("mouse", True)),
        read_only=bool(data.get("readOnly")),
        keymap=data.get("keymap") or {},
        cell_diff=diff,
        recording=recording,
    )
    app = MeshtopApp(options, look, opening=first)
    answer_keys_first()
    end_with_parent()
    try:
        app.run(mouse=options.mouse)
    finally:
        if sys.stdout.isatty():
            sys.stdout.write("\r\x1b[K")  # else the shell's prompt would stand on "opening the console"
            sys.stdout.flush()
    if app.exit_message:
        sys.stderr.write(app.exit_message + "\n")
    return app.return_code or 0
