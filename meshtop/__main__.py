"""The program's entry point."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshtop.settings.load import Loaded


def main() -> None:
    """Run meshtop and end the process with its exit code."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        from meshtop import __version__

        # Where it cannot be written, the long way says so.
        with contextlib.suppress(OSError):
            print(f"meshtop {__version__}", flush=True)
            return
    from meshtop.process import prepare_process

    prepare_process()
    from meshtop.cli.main import main as run
    from meshtop.cli.options import Common

    common = Common()
    common.console = _console
    common.keymap_problems = _keymap_problems
    called = os.path.basename(sys.argv[0])
    if called.startswith("kubectl"):
        from meshtop.cli.kubectl_plugin import run_for_kubectl

        sys.exit(run_for_kubectl(called, sys.argv[1:], common))
    sys.exit(run(common=common))


def _console(loaded: Loaded, **scope: Any) -> int:
    """Open the console; here, because the command line and the console do not know each other."""
    from meshtop.console.run import run_console

    return run_console(loaded, **scope)


def _keymap_problems(keymap: dict[str, str]) -> list[str]:
    """What is wrong with the keys that settings give; here for the same reason."""
    from meshtop.console.keymap import keymap_problems

    return keymap_problems(keymap)


if __name__ == "__main__":
    main()
