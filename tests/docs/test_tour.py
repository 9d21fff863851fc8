"""The film of the first two minutes: an SVG that every browser plays, about what the console really has."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from meshtop.console.places import PLACES
from release.animation import Frame, Glyph, animated
from release.tour import ROOT, STEPS, Step, filmed

SVG = "{http://www.w3.org/2000/svg}"


def line(text: str, **look: object) -> list[Glyph]:
    return [Glyph(char, **look) for char in text]  # type: ignore[arg-type]


def test_frames_are_shown_one_after_another_for_their_time() -> None:
    frames = [Frame([line("one")], "first", 2.0), Frame([line("two")], "second", 6.0), Frame([line("x")], "last", 2.0)]
    root = ElementTree.fromstring(animated(frames, "A title"))
    steps = [(one.get("keyTimes"), one.get("values"), one.get("dur")) for one in root.iter(f"{SVG}animate")]
    assert steps == [
        ("0.0000;0.2000", "visible;hidden", "10s"),
        ("0.0000;0.2000;0.8000", "hidden;visible;hidden", "10s"),
        ("0.0000;0.8000", "hidden;visible", "10s"),
    ]
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts == ["one", "first", "two", "second", "x", "last"]


def test_what_a_terminal_shows_is_text_and_never_markup() -> None:
    root = ElementTree.fromstring(animated([Frame([line("<b>&amp;")], "</svg>", 1.0)], "<title>"))
    assert [one.text for one in root.iter(f"{SVG}text")] == ["<b>&amp;", "</svg>"]
    assert not list(root.iter(f"{SVG}animate")), "one frame stands still"
    with pytest.raises(ValueError, match="a frame"):
        animated([], "")


def test_colours_and_runs() -> None:
    cells = [*line("ab", fg="ff0000", bold=True), *line("cd", reverse=True), *line("ef", fg="nonsense")]
    root = ElementTree.fromstring(animated([Frame([cells], "", 1.0)], ""))
    found = [(one.text, one.get("fill"), one.get("font-weight")) for one in root.iter(f"{SVG}text") if one.text]
    assert [(text, weight) for text, _, weight in found] == [("ab", "bold"), ("cd", None), ("ef", None)]
    assert found[0][1] == "#ff0000"
    assert len([one for one in root.iter(f"{SVG}rect") if one.get("y")]) == 1, "only what is reversed has a ground"


def test_the_film_that_is_kept_has_every_step() -> None:
    path = ROOT / "screenshots" / "tour.svg"
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    captions = {one.text for one in root.iter(f"{SVG}text")}
    assert {step.caption for step in STEPS} <= captions, "make tour"
    assert path.stat().st_size < 400_000
    assert not re.search(r"<script|href=|/tmp/|/home/", text)
    assert "screenshots/tour.svg" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_place_is_in_it() -> None:
    pressed = "".join(step.keys for step in STEPS)
    assert {place.tab.key for place in PLACES} <= set(pressed)


@pytest.mark.terminal
@pytest.mark.xdist_group("e2e-terminal")
def test_the_real_console_is_filmed(tmp_path: Path) -> None:
    frames = filmed((STEPS[0], Step("2", r"VMs.*|SERVICE", "services", 1.0)))
    shown = ["\n".join("".join(cell.data for cell in row) for row in frame.lines) for frame in frames]
    assert "on-prem" in shown[0]
    assert "Services" in shown[1]
    assert any(cell.fg not in ("default", "") for row in frames[0].lines for cell in row)
