"""Writes `share/`: manual pages and completion files, which the wheel installs where man and shells look for them.

They are kept in the repository, because whoever builds a wheel has no meshtop to ask yet; a test says when they are
old.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from release.manpages import pages

ROOT = Path(__file__).resolve().parents[1]
COMPLETIONS = {
    "bash": "bash-completion/completions/meshtop",
    "zsh": "zsh/site-functions/_meshtop",
    "fish": "fish/vendor_completions.d/meshtop.fish",
}
"""Where each shell looks, below a prefix's `share`."""


def files() -> dict[str, str]:
    """Every file below `share`, by its path there."""
    found = {f"man/man1/{name}": text for name, text in pages().items()}
    for shell, path in COMPLETIONS.items():
        words = [sys.executable, "-m", "meshtop", "completion", shell]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
        lines = done.stdout.splitlines(keepends=True)
        # How to install the file helps nobody who has it installed.
        found[path] = "".join(line for line in lines if not line.startswith("# To have it in every shell"))
    return found


def main() -> int:
    """Write what changed, and remove what is no more."""
    wanted, share = files(), ROOT / "share"
    for old in share.rglob("*"):
        if old.is_file() and str(old.relative_to(share)) not in wanted:
            old.unlink()
            print(f"removed {old.relative_to(ROOT)}")
    for name, text in wanted.items():
        path = share / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
