"""Puts the pages together for the site: README as the start, docs, and every picture and file that they link to.

The pages link to each other as they lie in the repository, and keep their places here but for README.md, which becomes
index.md. `links` also tells, without building, whether a link and its anchor lead somewhere.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
START = ("README.md", "index.md")
"""The page that is the start of the site: its name in the repository, and there."""
_LINK = re.compile(r"(\]\()([^)\s]+)([^)]*\))")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


class PageLink(NamedTuple):
    """A link of a page: the page, where it leads within the repository, and the anchor there."""

    page: str
    target: str
    anchor: str


def site_pages(root: Path = ROOT) -> list[str]:
    """Every page, by its path in the repository."""
    return sorted(str(path.relative_to(root)) for path in (*root.glob("*.md"), *root.glob("docs/**/*.md")))


def links(page: str, root: Path = ROOT) -> Iterator[PageLink]:
    """The links of a page that stay in the repository."""
    text = _FENCE.sub("", (root / page).read_text(encoding="utf-8"))
    for _, target, _ in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(path))) if path else page
        yield PageLink(page, place, anchor)


def anchors(page: str, root: Path = ROOT) -> set[str]:
    """The anchors of a page's headings, as the site and forges make them: lower case, words joined by hyphens."""
    found: dict[str, int] = {}
    made = set()
    text = _FENCE.sub("", (root / page).read_text(encoding="utf-8"))
    for heading in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", plain.lower()).strip())
        count = found.get(slug, 0)
        found[slug] = count + 1
        made.add(f"{slug}_{count}" if count else slug)
    return made


def prepare(into: Path, root: Path = ROOT) -> None:
    """Copy the pages, and whatever they link to, into a folder for the site's builder."""
    shutil.rmtree(into, ignore_errors=True)
    pages = site_pages(root)
    for page in pages:
        place = into / (START[1] if page == START[0] else page)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_with_start((root / page).read_text(encoding="utf-8"), page), encoding="utf-8")
        for link in links(page, root):
            source, copy = root / link.target, into / link.target
            if source.is_file() and link.target not in pages and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)


def _with_start(text: str, page: str) -> str:
    """The page's text with its links to README.md leading to the start."""

    def renamed(found: re.Match[str]) -> str:
        path, mark, anchor = found[2].partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else ""
        if place != START[0]:
            return found[0]
        return f"{found[1]}{path.removesuffix(START[0])}{START[1]}{mark}{anchor}{found[3]}"

    return _LINK.sub(renamed, text)


def main() -> int:
    """Put the pages together and build the site; ends with mkdocs' exit code, which is not 0 for a broken link."""
    prepare(ROOT / "build" / "site")
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
