"""`meshtop ack ID`: step an item of `attention` back, for a while or until it goes away. No cluster is asked."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from meshtop.cli.exits import say
from meshtop.cli.options import common_of, common_options
from meshtop.cli.session import open_session, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from meshtop.actions.attention import AttentionStore
    from meshtop.actions.known_item import KnownItem
    from meshtop.cli.options import Common
    from meshtop.settings.schema import Settings


class Span(click.ParamType[float]):
    """A duration, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        from meshtop.settings.durations import positive_duration

        try:
            return positive_duration(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def _ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What needs attention, as far as it was seen from here."""
    from click.shell_completion import CompletionItem

    from meshtop.actions.attention import AttentionStore, attention_path
    from meshtop.model.errors import MeshtopError
    from meshtop.settings.load import load_settings

    common = common_of(ctx)
    store = AttentionStore(attention_path())
    try:
        settings = load_settings(config=common.config, environ=os.environ, flags={}).settings
        there = [one for one in store.items(_servers(common, settings)) if one.gone is None and not one.follows]
    except MeshtopError:
        # Nobody who presses tab can read a sentence.
        return []
    finally:
        store.close()
    found = {one.id: one.title for one in there if one.id.startswith(incomplete)}
    return [CompletionItem(id_, help=title) for id_, title in found.items()]


def _servers(common: Common, settings: Settings) -> frozenset[str] | None:
    """The API servers of this fleet, by the kubeconfig and the settings; no cluster is asked. Raises KubeconfigError.

    None where registries add clusters that only the registries know.
    """
    from meshtop.sources.auth.kubeconfig import find_clusters

    refs = find_clusters(kubeconfig=common.kubeconfig, contexts=common.context, clusters=settings.clusters)
    if common.cluster:
        refs = tuple(ref for ref in refs if ref.name in common.cluster)
    elif settings.discovery.registries and settings.discovery.adopt_credentials:
        return None
    return frozenset(ref.server for ref in refs)


@click.command("ack", short_help="Step an item of `get attention` back: somebody knows of it.")
@click.argument("identity", metavar="[ID]", required=False, shell_complete=_ids)
@click.option("--for", "span", type=Span(), metavar="DURATION", help="For so long (4h); else until it goes away.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for whoever sees it next.")
@click.option("--undo", is_flag=True, help="Let it step forward again.")
@click.option("--list", "listed", is_flag=True, help="What is acknowledged, and what went away lately.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="--list: how to print.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    identity: str | None,
    span: float | None,
    reason: str,
    undo: bool,
    listed: bool,
    output: str,
) -> int:
    """Step an item of `meshtop get attention` back, so that what is new stands out.

    It steps forward again when its time is over, when it gets worse, or when it went away and comes back half an hour
    later or more. It is acknowledged for the clusters of this kubeconfig only. This writes a file in the state folder
    of this machine and nothing anywhere else.
    """
    from meshtop.actions.attention import AttentionError, AttentionStore, attention_path

    if listed == (identity is not None):
        raise click.UsageError("Give the ID of an item (meshtop get attention -o name), or --list.", ctx)
    session = open_session(ctx)
    servers = _servers(session.common, session.settings)
    store = AttentionStore(attention_path())
    try:
        if listed:
            _list(store, store.items(servers), output)
            return Exit.FINE
        assert identity is not None
        items = store.find(identity, servers)
        now = time.time()
        if undo:
            store.take_back(items)
        else:
            store.acknowledge(items, at=now, until=None if span is None else now + span, reason=reason)
    except AttentionError as error:
        say(f"meshtop: {error}")
        return Exit.USAGE
    finally:
        store.close()
    said = (
        "steps forward again"
        if undo
        else "steps back " + ("until it goes away" if span is None else f"until {_moment(now + span)}")
    )
    write(f"{items[0].id} {said}.")
    return Exit.FINE


def _moment(at: float) -> str:
    from meshtop.views.frame.document import rfc3339

    return rfc3339(at)


def _list(store: AttentionStore, items: list[KnownItem], output: str) -> None:
    """What is acknowledged, then what went away, the latest first."""
    shown = [one for one in items if not one.follows and (one.acknowledged is not None or one.gone is not None)]
    if output == "json":
        from meshtop.cli.printers import json_text

        found = [
            {
                "id": one.id,
                "severity": one.severity.value,
                "title": one.title,
                "clusters": one.clusters,
                "servers": sorted(store.servers_of(one)),
                "since": None if one.since is None else _moment(one.since),
                "firstSeen": _moment(one.first_seen),
                "goneAt": None if one.gone is None else _moment(one.gone),
                "acknowledged": one.acknowledged,
            }
            for one in shown
        ]
        write(json_text({"apiVersion": "meshtop/v1", "kind": "AcknowledgementList", "items": found}))
        return
    if not shown:
        say("meshtop: Nothing is acknowledged, and nothing went away lately.")
    for one in shown:
        state = ""
        if one.acknowledged is not None:
            until = one.acknowledged.until
            state = "acknowledged " + ("until it goes away" if until is None else f"until {_moment(until.timestamp())}")
            state += f": {one.acknowledged.reason}" if one.acknowledged.reason else ""
        if one.gone is not None:
            state = "; ".join(filter(None, (state, f"went away at {_moment(one.gone)}")))
        write(f"{one.id}  in {', '.join(one.clusters)}: {state}\n    {one.title}")
