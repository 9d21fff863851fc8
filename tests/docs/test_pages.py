"""The pages name what exists: commands, options, kinds, settings, scenarios, places; every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from meshtop.cli.main import COMMANDS, cli
from meshtop.console.places import PLACES
from meshtop.demo.world.scenarios import SCENARIOS
from meshtop.demo.world.worlds.registry import WORLDS
from meshtop.settings.environment import variables
from meshtop.settings.schema import HttpEndpoint, PrometheusSettings, TelemetrySettings
from meshtop.views.frame.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@cache
def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", found) for sub, found in command.commands.items())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_has_its_line(name: str, command: click.Command) -> None:
    text = page("docs/commands.md")
    assert name in text
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    options = {option for one in shown for option in one.opts if option.startswith("-")}
    assert not {option for option in options if f"`{option}" not in text and f" {option}" not in text}


def test_every_kind_has_its_line() -> None:
    text = page("docs/commands.md")
    assert not [kind.name for kind in KINDS if not kind.hidden and f"| `{kind.name}` |" not in text]


def test_every_setting_has_its_line() -> None:
    text = page("docs/configuration.md")
    sections = {"prometheus": PrometheusSettings, "telemetry": TelemetrySettings}
    inner: set[str] = set()
    for model in (HttpEndpoint, *sections.values()):
        assert issubclass(model, BaseModel)
        inner |= {field.alias or name for name, field in model.model_fields.items()}
    assert not [key for key in inner if f"{key}:" not in text and f"`{key}`" not in text]
    keys = {path[-1] for path in variables().values() if path[0] != "telemetry"}
    assert not [key for key in keys if not re.search(rf"[`.]{key}\b", text)]


def test_every_world_has_its_line() -> None:
    assert not [name for name in WORLDS if f"| `{name}`" not in page("docs/demo.md")]


def test_every_scenario_and_place_has_its_line() -> None:
    assert not [name for name in SCENARIOS if f"| `{name}`" not in page("docs/demo.md")]
    for place in PLACES:
        assert f"| `{place.tab.key}` | {place.tab.name} |" in page("docs/console.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_is_reached_from_the_readme(path: Path) -> None:
    linked = "\n".join(one.read_text(encoding="utf-8") for one in PAGES if one != path)
    assert path.name == "README.md" or path.name in linked
