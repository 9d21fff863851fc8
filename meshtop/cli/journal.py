"""`meshtop journal [ID]`: what was shifted, by whom, why, and what is still under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshtop.cli.acting import open_journal, told
from meshtop.cli.exits import Exit, say
from meshtop.cli.options import common_options
from meshtop.cli.session import write

if TYPE_CHECKING:
    from meshtop.actions.journal import Action, Entry


@click.command("journal", short_help="What was shifted, by whom, why, and what is under way.")
@click.argument("identity", metavar="[ID]", required=False)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print.")
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str | None, output: str) -> int:
    """List the latest actions, or everything about one. `-o json` is the audit in full."""
    from meshtop.actions.recover import find_action
    from meshtop.cli.printers import to_json, to_yaml

    journal = open_journal()
    with told():
        actions = [find_action(journal, identity)] if identity is not None else journal.actions(limit=1000)
    if output == "table":
        lines = _history(actions[0]) if identity is not None else _list(actions)
        if not lines:
            say("meshtop: Nothing was shifted from here yet.")
        write("\n".join(lines))
        return Exit.FINE
    document = {"apiVersion": "meshtop/v1", "kind": "ActionList", "items": [action_json(a) for a in actions]}
    write(to_json(document) if output == "json" else to_yaml(document).rstrip("\n"))
    return Exit.FINE


def action_json(action: Action) -> dict[str, Any]:
    """An action with times in RFC 3339."""
    from meshtop.views.document import rfc3339

    return {
        "id": action.id,
        "kind": action.kind,
        "state": action.state.value,
        "created": rfc3339(action.created),
        "ended": None if action.ended is None else rfc3339(action.ended),
        "who": action.who,
        "origin": action.origin,
        "reason": action.reason,
        "subject": action.subject,
        "unanswered": [entry.cluster for entry in action.unanswered()],
        "plan": action.plan,
        "entries": [
            {
                "time": rfc3339(entry.time),
                "event": entry.event.value,
                "cluster": entry.cluster,
                "object": entry.object,
                "detail": entry.detail,
            }
            for entry in action.entries
        ],
    }


def _list(actions: list[Action]) -> list[str]:
    from meshtop.views.document import rfc3339
    from meshtop.views.text import clean

    if not actions:
        return []
    rows = [("ID", "WHEN", "WHO", "STATE", "ROUTE", "REASON")]
    rows += [(a.id, rfc3339(a.created), a.who, a.state.value, a.subject, a.reason) for a in actions]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(clean(part).ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _history(action: Action) -> list[str]:
    from meshtop.views.document import rfc3339
    from meshtop.views.text import clean

    lines = [
        f"{action.id}  {action.kind} of {clean(action.subject)}: {action.state.value}",
        f"by {clean(action.who)} on {clean(action.origin)}, {rfc3339(action.created)}"
        + (f", because: {clean(action.reason)}" if action.reason else ""),
    ]
    lines += [f"{rfc3339(entry.time)}  {_entry(entry)}" for entry in action.entries]
    if action.open:
        lines.append(
            f"Under way or stopped in the middle: meshtop resume {action.id}, or meshtop rollback {action.id}."
        )
    return lines


def _entry(entry: Entry) -> str:
    from meshtop.views.text import clean

    where = " ".join(part for part in (entry.cluster, entry.object) if part)
    detail = " ".join(f"{key}={value}" for key, value in entry.detail.items())
    return clean(" ".join(part for part in (entry.event.value, where, detail) if part))
