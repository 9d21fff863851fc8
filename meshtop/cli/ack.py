"""`meshtop ack ID`: step an item of `attention` back, for a while or until it goes away. No cluster is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from meshtop.cli.exits import say
from meshtop.cli.options import common_options
from meshtop.cli.session import write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from meshtop.actions.attention import KnownItem


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

    store = AttentionStore(attention_path())
    try:
        there = [one for one in store.items() if one.gone is None and not one.follows]
    finally:
        store.close()
    return [CompletionItem(one.id, help=one.title) for one in there if one.id.startswith(incomplete)]


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
    later or more. This writes a file in the state folder of this machine and nothing anywhere else.
    """
    from meshtop.actions.attention import AttentionError, AttentionStore, attention_path

    if listed == (identity is not None):
        raise click.UsageError("Give the ID of an item (meshtop get attention -o name), or --list.", ctx)
    store = AttentionStore(attention_path())
    try:
        if listed:
            _list(store.items(), output)
            return Exit.FINE
        assert identity is not None
        items = store.find(identity)
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


def _list(items: list[KnownItem], output: str) -> None:
    """What is acknowledged, then what went away, the latest first."""
    shown = [one for one in items if not one.follows and (one.acknowledged is not None or one.gone is not None)]
    if output == "json":
        from meshtop.cli.printers import json_text

        found = [
            {
                "id": one.id,
                "severity": one.severity.value,
                "title": one.title,
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
        write(f"{one.id}  {state}\n    {one.title}")
