"""Where the one-file program begins; PyInstaller freezes this script, and nothing else runs it.

The frozen program is its own Python for the two modules that meshtop starts as processes of their own: `sys.executable
-m meshtop.demo`, and `-m meshtop` for a browser's console.
"""

from __future__ import annotations

import os
import runpy
import sys

OWN_MODULES = ("meshtop", "meshtop.demo")


def own_libraries_only_for_this_program(environ: dict[str, str] | os._Environ[str]) -> None:
    """Take the bundled libraries out of what child processes inherit.

    The loader has read LD_LIBRARY_PATH by now; a login plugin such as `aws`, or kubectl, must find its own libraries.
    A frozen program among them, this one too, prepares its own again.
    """
    environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    before = environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is not None:
        environ["LD_LIBRARY_PATH"] = before
    else:
        environ.pop("LD_LIBRARY_PATH", None)


def begin() -> None:
    """Run meshtop, or one of its modules as Python would."""
    own_libraries_only_for_this_program(os.environ)
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2] in OWN_MODULES:
        module = sys.argv[2]
        del sys.argv[1:3]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    from meshtop.__main__ import main

    main()


if __name__ == "__main__":
    begin()
