"""What stands between the command and the first frame: nothing that only data need."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    "pydantic",
    "httpx",
    "kubernetes",
    "requests",
    "meshtop.views.picture.picture",
    "meshtop.analysis.traffic.edges",
)
PROGRAM = f"""
import sys
import meshtop.console.app
import meshtop.console.run
from meshtop.console.screens.fleet import FleetScreen
FleetScreen()
print(*(name for name in {LATER!r} if name in sys.modules))
"""


def test_the_first_frame_imports_nothing_that_only_data_need() -> None:
    output = subprocess.run([sys.executable, "-c", PROGRAM], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert output.split() == []
