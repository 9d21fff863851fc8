"""`meshtop config view | validate | schema | init`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import say
from meshtop.cli.options import common_of, common_options
from meshtop.cli.session import Session, open_session, write

if TYPE_CHECKING:
    from meshtop.settings.first import FoundCluster
    from meshtop.settings.load import Loaded


@click.group("config", short_help="View and validate settings, write a first settings file.")
@common_options
def command() -> None:
    """Settings: view those in force and their sources, validate a file, print its schema, write a first file."""


@command.command("view")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print (table)."
)
@common_options
@click.pass_context
def view(ctx: click.Context, output: str) -> None:
    """Print every setting in force and its source; secrets are hidden."""
    from meshtop.cli.printers import json_text, to_yaml
    from meshtop.cli.text_table import any_table
    from meshtop.model.text import clean
    from meshtop.settings.environment import default_path
    from meshtop.settings.origins import settings_in_force

    session = open_session(ctx)
    settings = settings_in_force(session.loaded)
    if output == "json":
        write(json_text(settings))
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
    """Check the settings file, the environment and the flags; names every error, and exits with 2 if there are any."""
    from meshtop.settings.document import ConfigError

    try:
        session = open_session(ctx)
        loaded = session.loaded
        _check_files(loaded)
        _check_policies(session)
        _check_keymap(session)
    except ConfigError as error:
        *others, last = error.every
        for one in others:
            say(f"meshtop: {one}")
        raise ConfigError(last) from error
    where = str(loaded.file) if loaded.file else "the defaults (there is no settings file)"
    write(f"{where}: everything is in order.")


@command.command("schema")
@common_options
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema of meshtop.yaml, for editors."""
    from meshtop.cli.printers import json_text
    from meshtop.settings.schema import settings_schema

    write(json_text(settings_schema()))


@command.command("init")
@click.option("--tenancy", is_flag=True, help="Write only tenancy.yaml, from the marks found in the clusters.")
@click.option(
    "--offline", is_flag=True, help="Ask no cluster: a file in which everything is explained and nothing is set."
)
@common_options
@click.pass_context
def init(ctx: click.Context, tenancy: bool, offline: bool) -> None:
    """Ask the clusters what there is, and write a first settings file with what differs from the defaults.

    Every other key is explained in it as a comment. Where namespaces carry marks of tenants, tenancy.yaml is written
    beside it. Nothing is ever overwritten.
    """
    from pathlib import Path

    from meshtop.settings.environment import default_path
    from meshtop.settings.first import found_file, refuse_existing, write_first_file, write_new

    if tenancy and offline:
        raise click.UsageError("--tenancy asks the clusters, and --offline asks none; leave one of them out.", ctx)
    asked = common_of(ctx).config or os.environ.get("MESHTOP_CONFIG")
    path = Path(asked).expanduser() if asked and asked != "none" else default_path(os.environ)
    if offline:
        write_first_file(path)
        write(str(path))
        return
    owners_file = path.with_name("tenancy.yaml")
    refuse_existing(owners_file if tenancy else path)
    if not tenancy or (asked and not path.exists()):
        common_of(ctx).config = "none"
    session = open_session(ctx)
    found = _found(session, needed=tenancy)
    if found is None:
        write_first_file(path)
        write(str(path))
        return
    clusters, owners = found
    if tenancy:
        write_new(owners_file, owners)
        write(str(owners_file))
        if session.settings.tenancy is None:
            say(f"meshtop: Name it in {path} as `tenancy: {owners_file.name}`.")
        return
    new_owners = bool(owners) and not owners_file.exists()
    write_new(path, found_file(clusters, tenancy=owners_file.name if owners else None))
    write(str(path))
    if new_owners:
        write_new(owners_file, owners)
        write(str(owners_file))


def _found(session: Session, *, needed: bool) -> tuple[list[FoundCluster], str] | None:
    """What the clusters are, and the text of a tenancy file, "" where no namespace carries a mark.

    With `needed` the text is there anyway, and having no clusters is an error; else it is said, and None.
    """
    from meshtop.analysis.tenancy.starter import first_tenancy
    from meshtop.cli.session import once, say_missing
    from meshtop.model.state import State
    from meshtop.settings.first import FoundCluster
    from meshtop.sources.auth.kubeconfig import KubeconfigError
    from meshtop.views.picture.asks import FIRST_SETTINGS

    try:
        snapshot = once(session, asked=FIRST_SETTINGS)
    except KubeconfigError as error:
        if needed:
            raise
        say(f"meshtop: No cluster was asked: {error.sentences}")
        return None
    say_missing(session, snapshot)
    owners = session.picture(snapshot).owners
    marked = any(owner.tenants for owner in owners.all_known().values())
    clusters = [
        FoundCluster(
            name=one.name,
            context=one.context,
            answers=one.inventory is not None,
            why=one.kubernetes.error or one.kubernetes.state.value,
            endpoint=(one.prometheus.endpoint or "") if one.prometheus.state is not State.NONE else "",
        )
        for one in snapshot.clusters
        if one.context and not one.adopted
    ]
    return clusters, first_tenancy(owners) if marked or needed else ""


def _check_files(loaded: Loaded) -> None:
    """Check that the files named in the settings can be read. Raises ConfigError."""
    from meshtop.settings.document import ConfigError, dotted

    for key, path in loaded.files():
        try:
            path.expanduser().read_bytes()
        except OSError as error:
            why = "it is a directory" if isinstance(error, IsADirectoryError) else str(error.strerror).lower()
            raise ConfigError(f"{loaded.origin(key)}: {dotted(key)}: {path} cannot be read: {why}.") from error


def _check_keymap(session: Session) -> None:
    """Check that the keys and ids of `keymap` exist. Raises ConfigError."""
    from meshtop.settings.document import ConfigError

    check, keymap = session.common.keymap_problems, session.loaded.data.get("keymap")
    problems = check(keymap) if check is not None and keymap else []
    if problems:
        where = session.loaded.origin(("keymap",))
        every = tuple(f"{where}: {problem}" for problem in problems)
        raise ConfigError(every[0], every=every)


def _check_policies(session: Session) -> None:
    """Check tenancy, policy and clusters, also against the kubeconfig. Raises ConfigError, KubeconfigError."""
    from meshtop.analysis.tenancy.access.build import build_policy
    from meshtop.settings.checked import fault
    from meshtop.settings.forms import split_selector
    from meshtop.sources.auth.kubeconfig import KubeconfigError, UnknownContextError, find_clusters

    pictures = session.pictures
    if pictures.rules is not None:
        build_policy(pictures.rules.policy, pictures.tenancy)
    common, clusters = session.common, session.settings.clusters
    if pictures.tenancy is None and not clusters:
        return
    try:
        refs = find_clusters(kubeconfig=common.kubeconfig, contexts=common.context, clusters=clusters)
    except UnknownContextError:
        raise
    except KubeconfigError as error:
        say(f"meshtop: The named clusters were not checked: {error}")
        return
    if pictures.tenancy is None:
        return
    names = sorted(ref.name for ref in refs)
    for path, selector in pictures.tenancy.selectors():
        cluster, _ = split_selector(selector)
        if cluster != "*" and cluster not in names:
            message = (
                f"{selector} names a cluster that is not one of {', '.join(names) or 'the clusters (there are none)'}"
            )
            raise fault(pictures.tenancy.where, path, message)


def _written(value: object) -> str:
    """A value as written in the file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
