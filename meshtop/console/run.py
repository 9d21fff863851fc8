"""Starts the console: an immediate message, then the first frame, then imports that it does not need."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from meshtop import __version__
from meshtop.process import answer_keys_first, end_with_parent, share_one_heap

if TYPE_CHECKING:
    from meshtop.console.desk.remembered import ConsoleMemory
    from meshtop.settings.load import Loaded
    from meshtop.settings.origins import Setting
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
    from meshtop.console.terminal.keys_first import run_keys_first
    from meshtop.console.terminal.look import decide_look
    from meshtop.settings.document import ConfigError
    from meshtop.views.picture.query import Query

    data = loaded.data
    memory = memory_of(remember=bool(data.get("remember", True)), reads_only=recording is not None)
    try:
        look = decide_look(
            os.environ,
            color=data.get("color", "auto"),
            theme=data.get("theme") or remembered_theme(memory),
            ascii_only=data.get("ascii"),
            plots=data.get("plots", "auto"),
        )
    except ValueError as error:
        raise ConfigError(f"theme: {error}") from error

    def settings() -> Settings:
        return loaded.settings

    def in_force() -> list[Setting]:
        from meshtop.settings.origins import settings_in_force

        return settings_in_force(loaded)

    options = ConsoleOptions(
        settings=settings,
        settings_in_force=in_force,
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
    app = MeshtopApp(options, look, opening=first, memory=memory)
    answer_keys_first()
    share_one_heap()
    end_with_parent()
    try:
        run_keys_first(app.run_async(mouse=options.mouse))
    finally:
        if sys.stdout.isatty():
            sys.stdout.write("\r\x1b[K")  # else the shell's prompt would stand on "opening the console"
            sys.stdout.flush()
    if app.exit_message:
        sys.stderr.write(app.exit_message + "\n")
    return app.return_code or 0


def memory_of(*, remember: bool, reads_only: bool) -> ConsoleMemory:
    """What was remembered; a recording and a console in a browser, whose state is the server's, never write it."""
    from meshtop.console.desk.remembered import FILE, ConsoleMemory
    from meshtop.settings.environment import state_folder

    if not remember:
        return ConsoleMemory()
    in_browser = "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")
    return ConsoleMemory(state_folder(os.environ) / FILE, writes=not (reads_only or in_browser))


def remembered_theme(memory: ConsoleMemory) -> str | None:
    """The theme that was chosen last, if this version has it."""
    from meshtop.console.themes import theme_names

    name = (memory.state.theme or "").removeprefix("meshtop-")
    return name if name in theme_names() else None
