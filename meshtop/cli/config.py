"""`meshtop config view | validate | schema | init`."""

from __future__ import annotations

import os
import sys

import click

from meshtop.cli.exits import say
from meshtop.cli.options import common_of, common_options
from meshtop.cli.session import open_session, write


@click.group("config", short_help="Settings: what is in force, whether a file is right, a first file.")
@common_options
def command() -> None:
    """Settings: what is in force and where it came from, whether a file is right, its schema, a first file."""


@command.command("view")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print (table)."
)
@common_options
@click.pass_context
def view(ctx: click.Context, output: str) -> None:
    """Print every setting in force and which source won; secrets are hidden."""
    from meshtop.cli.printers import to_json, to_yaml
    from meshtop.cli.text_table import any_table
    from meshtop.settings.origins import settings_in_force
    from meshtop.settings.paths import default_path
    from meshtop.views.text import clean

    session = open_session(ctx)
    settings = settings_in_force(session.loaded)
    if output == "json":
        write(to_json(settings))
    elif output == "yaml":
        write(to_yaml(settings).rstrip("\n"))
    else:
        rows = [(s.key, clean(_written(s.value)), s.origin) for s in settings]
        write("\n".join(any_table(("KEY", "VALUE", "FROM"), rows, session.style(sys.stdout))))
    if session.loaded.file is None:
        path = default_path(os.environ)
        say(f"meshtop: There is no settings file ({path}); `meshtop config init` writes a first one.")


@command.command("validate")
@common_options
@click.pass_context
def validate(ctx: click.Context) -> None:
    """Check the settings file, the environment and the flags; ends with 2 when something is wrong."""
    from meshtop.settings.load import Loaded

    loaded: Loaded = open_session(ctx).loaded
    where = str(loaded.file) if loaded.file else "the defaults (there is no settings file)"
    write(f"{where}: everything is in order.")


@command.command("schema")
@common_options
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema of meshtop.yaml, for editors."""
    from meshtop.cli.printers import to_json
    from meshtop.settings.sections import json_schema

    write(to_json(json_schema()))


@command.command("init")
@common_options
@click.pass_context
def init(ctx: click.Context) -> None:
    """Write a first settings file in which everything is explained and nothing is set; never overwrites."""
    from pathlib import Path

    from meshtop.settings.first import write_first_file
    from meshtop.settings.paths import default_path

    asked = common_of(ctx).config or os.environ.get("MESHTOP_CONFIG")
    path = Path(asked).expanduser() if asked and asked != "none" else default_path(os.environ)
    write_first_file(path)
    write(str(path))


def _written(value: object) -> str:
    """A value as it would stand in the file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
