"""`python -m tests.golden write DIR` and `compare DIR`; see the package's own words."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from tests.golden import __doc__ as words
from tests.golden.run import chosen, differences, forks, outputs, program, write
from tests.golden.world import TREE


def main() -> int:
    """Write or compare; the exit code."""
    parser = argparse.ArgumentParser(
        "python -m tests.golden", description=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("write", "compare"))
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--tree", type=Path, default=TREE, metavar="PATH", help="the checkout whose program is run")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of the commands, by WORLD/NAME")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many commands run at once (2)")
    parser.add_argument("--plain", action="store_true", help="a fresh interpreter for each command: twice as slow")
    given = parser.parse_args()
    if given.what == "compare" and not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    tree = given.tree.resolve()
    with contextlib.nullcontext(program) if given.plain else forks(tree, given.workers) as run:
        made = outputs(chosen(given.only), tree=tree, workers=given.workers, run=run)
        if given.what == "write":
            print(f"{write(given.folder, made)} outputs written to {given.folder}")
            return 0
        count = 0
        for difference in differences(given.folder, made, complete=given.only == "*"):
            count += 1
            print(difference, flush=True)
    print(f"{count or 'no'} differences", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
