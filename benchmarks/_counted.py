"""The program as it is, but for one byte added to a file with each picture: `-m benchmarks._counted FILE …`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._processes import PYTHON


def counted(path: Path, *arguments: str) -> list[str]:
    """The command that runs the program with these arguments, and counts its pictures in a file."""
    return [PYTHON, "-m", "benchmarks._counted", str(path), *arguments]


def pictures(path: Path) -> int:
    """How many there were so far."""
    return path.stat().st_size if path.is_file() else 0


def _run(path: str, arguments: Sequence[str]) -> None:
    from meshtop.views.picture.factory import PictureFactory

    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    whole: Callable[..., Any] = PictureFactory.picture

    def picture(self: PictureFactory, *given: Any, **named: Any) -> Any:
        os.write(file, b".")
        return whole(self, *given, **named)

    setattr(PictureFactory, "picture", picture)  # noqa: B010 -- a method is no attribute that one may assign to.
    sys.argv = ["meshtop", *arguments]
    from meshtop.__main__ import main

    main()


if __name__ == "__main__":
    _run(sys.argv[1], sys.argv[2:])
