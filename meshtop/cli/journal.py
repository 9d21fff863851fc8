"""`meshtop journal [ID]`: what was written, by whom, why, and what is still in progress."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from meshtop.cli.acting import say_damaged, say_unfinished
from meshtop.cli.exits import say
from meshtop.cli.options import common_options
from meshtop.cli.repeated import repeated
from meshtop.cli.session import open_session, write
from meshtop.log import log_failure
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from meshtop.actions.journal.journal import Action
    from meshtop.actions.story import Course
    from meshtop.cli.session import Session

_log = logging.getLogger(__name__)


@click.command("journal", short_help="What was written, by whom, why, and what is in progress.")
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--all", "everywhere", is_flag=True, help="Include actions in clusters that are not in the kubeconfig.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print.")
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str | None, everywhere: bool, output: str) -> int:
    """List the latest actions in the kubeconfig's clusters, or show one in detail.

    `--all -o json` is the full audit trail.
    """
    from meshtop.actions.journal.journal import Journal, journal_path
    from meshtop.actions.journal.place import require_place
    from meshtop.actions.shift.recover import find_action
    from meshtop.cli.printers import json_text, to_yaml

    require_place(journal_path())
    with contextlib.closing(Journal(journal_path(), reading=True)) as journal:
        for note in journal.notes:
            say(f"meshtop: {note}")
        actions = [find_action(journal, identity)] if identity is not None else journal.actions(limit=1000)
        if identity is None and not everywhere:
            actions = _at_hand(open_session(ctx), actions)
        if identity is None:
            say_unfinished(journal)
        else:
            say_damaged(journal)
        told = [_told(action, journal.path) for action in actions]
        empty = not told and not journal.actions(limit=1) and not journal.damaged
        code = Exit.BAD if journal.damaged or any(one.problem for one in told) else Exit.FINE
        damaged = [{"where": row.where, "why": row.why} for row in journal.damaged]
    for one in told:
        if one.problem:
            say(f"meshtop: Action {one.action.id}: {one.problem}")
    if output == "table":
        if empty:
            say("meshtop: The journal is empty: nothing was written from here yet.")
        lines = told[0].history if identity is not None else _list(told)
        write(repeated("\n".join(lines)))
        return code
    document = {
        "apiVersion": "meshtop/v1",
        "kind": "ActionList",
        "damaged": damaged,
        "items": [one.document for one in told],
    }
    write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
    return code


class _Told(NamedTuple):
    """An action with what is printed of it, and why that is not all."""

    action: Action
    course: str
    document: dict[str, Any]
    history: list[str]
    problem: str = ""


def _told(action: Action, path: Path) -> _Told:
    """An action as it is printed; one that is not as meshtop writes them is printed as far as that goes."""
    from msgspec import structs

    from meshtop.actions.story import course_of

    course = course_of(action, path)
    try:
        return _Told(action, course.value, action_json(action, course), _history(action, course))
    except Exception as error:  # noqa: BLE001 - plan and entries are data from a file
        log_failure(_log, f"telling action {action.id}", error)
        bare = structs.replace(action, plan={}, entries=())
        problem = f"its plan or entries are not as meshtop writes them ({type(error).__name__})."
        return _Told(action, course.value, action_json(bare, course), _history(bare, course), problem)


def _at_hand(session: Session, actions: list[Action]) -> list[Action]:
    """The actions in clusters of the kubeconfig (without requests to them); the number left out is reported."""
    from meshtop.actions.at_hand import actions_at_hand
    from meshtop.actions.cluster_identity import ClusterIdentity
    from meshtop.sources.auth.kubeconfig import KubeconfigError, find_clusters

    try:
        refs = find_clusters(
            kubeconfig=session.common.kubeconfig,
            contexts=session.common.context,
            clusters=session.settings.clusters,
        )
    except KubeconfigError:
        # Without any cluster there is none to keep to.
        return actions
    found = actions_at_hand(actions, {ref.name: ClusterIdentity(server=ref.server) for ref in refs})
    if len(found) < len(actions):
        left = len(actions) - len(found)
        say(f"{left} {'action' if left == 1 else 'actions'} in clusters that are not here: meshtop journal --all.")
    return found


def action_json(action: Action, course: Course) -> dict[str, Any]:
    """An action with times in RFC 3339; `course` distinguishes running actions from interrupted ones."""
    from meshtop.actions.story import cluster_states
    from meshtop.views.frame.document import rfc3339

    return {
        "id": action.id,
        "kind": action.kind,
        "state": action.state.value,
        "course": course.value,
        "created": rfc3339(action.created),
        "ended": None if action.ended is None else rfc3339(action.ended),
        "who": action.who,
        "origin": action.origin,
        "reason": action.reason,
        "subject": action.subject,
        "unanswered": [entry.cluster for entry in action.unanswered()],
        "clusters": [
            {"cluster": one.cluster, "state": one.state.value, "message": one.message} for one in cluster_states(action)
        ],
        "identities": {name: {"uid": one.uid, "server": one.server} for name, one in sorted(action.clusters.items())},
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


def _list(told: list[_Told]) -> list[str]:
    from meshtop.model.text import cell_width, clean, fit
    from meshtop.views.frame.document import rfc3339

    if not told:
        return []
    rows = [("ID", "WHEN", "WHO", "STATE", "WHAT", "REASON")]
    rows += [(a.id, rfc3339(a.created), a.who, course, a.subject, a.reason) for a, course, *_ in told]
    widths = [max(cell_width(clean(row[i])) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(fit(part, width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _history(action: Action, course: Course) -> list[str]:
    from meshtop.actions.story import cluster_states, entry_text, may_resume, stopped_at
    from meshtop.model.text import clean
    from meshtop.views.frame.document import rfc3339

    at = stopped_at(action) if course.unfinished or course.alive else ""
    lines = [
        f"{action.id}  {action.kind} of {action.subject}: {course.value}{f' at {at}' if at else ''}",
        f"by {action.who} on {action.origin}, {rfc3339(action.created)}"
        + (f", because: {action.reason}" if action.reason else ""),
    ]
    lines += [f"{one.cluster}: {one.state.value}: {one.message}" for one in cluster_states(action)]
    lines += [
        " ".join(part for part in (rfc3339(entry.time), entry.cluster, entry_text(entry)) if part)
        for entry in action.entries
    ]
    lines += [f"Damaged: {one}." for one in action.damage]
    if course.unfinished:
        forward = f"meshtop resume {action.id}, or " if may_resume(action, course) else ""
        lines.append(f"To finish it: {forward}meshtop rollback {action.id}.")
    return [clean(line) for line in lines]
