"""The program's entry point."""

from __future__ import annotations

import sys


def main() -> None:
    """Run meshtop and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from meshtop import __version__

        print(f"meshtop {__version__}")
        return
    from meshtop.cli.main import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
