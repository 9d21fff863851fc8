"""The pages as a site: every link and anchor leads somewhere, README's too, and what is linked comes along."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from release.site import ROOT, anchors, links, prepare, site_pages

PAGES = site_pages()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_anchor_leads_somewhere(page: str) -> None:
    for link in links(page):
        assert (ROOT / link.target).exists(), f"{page} links to {link.target}"
        if link.anchor:
            assert link.anchor in anchors(link.target), f"{page} links to {link.target}#{link.anchor}"


def test_the_site_has_every_page_and_picture(tmp_path: Path) -> None:
    prepare(tmp_path / "site")
    site = tmp_path / "site"
    assert (site / "index.md").exists()
    assert not (site / "README.md").exists()
    for page in PAGES:
        assert (site / ("index.md" if page == "README.md" else page)).exists()
        for link in links(page):
            assert link.target == "README.md" or (site / link.target).exists(), f"{page}: {link.target}"
    assert list((site / "screenshots").glob("*.svg"))


def test_the_menu_names_pages_that_there_are() -> None:
    def named(entries: object) -> list[str]:
        if isinstance(entries, str):
            return [entries]
        parts = entries.values() if isinstance(entries, dict) else entries
        assert not isinstance(parts, int)
        return [name for part in parts for name in named(part)]  # type: ignore[attr-defined]

    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    places = set(named(menu))
    assert places <= {"index.md", *PAGES}
    missing = {page for page in PAGES if page.count("/") == 1} - places
    assert not missing, f"{missing} stand in no menu"


def test_headings_make_anchors(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One `two` (three)\n## [Four](b.md) & five\n## Same\n## Same\n```\n# not one\n```\n"
    )
    assert anchors("a.md", tmp_path) == {"one-two-three", "four-five", "same", "same_1"}
