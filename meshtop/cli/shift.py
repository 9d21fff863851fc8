"""`meshtop shift ROUTE --to DEST=WEIGHT`: shift weights, watched by a guard, with rollback on failure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.acting import open_journal, with_fleet
from meshtop.cli.exits import CommandError, say
from meshtop.cli.moment import Duration
from meshtop.cli.options import common_options
from meshtop.cli.session import open_session, write
from meshtop.model.constants import DEFAULT_GUARD, DEFAULT_STEP_SECONDS
from meshtop.model.errors import Exit
from meshtop.settings.durations import format_duration

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.shift.plan import ShiftPlan
    from meshtop.actions.shift.preflight import Preflight
    from meshtop.actions.shift.preview import Preview
    from meshtop.cli.session import Session


@click.command("shift", short_help="Shift weights of a route, in every cluster of its mesh, watched by a guard.")
@click.argument("route", metavar="ROUTE")
@click.option("--to", required=True, metavar="DEST=WEIGHT[,...]", help="Weights in percent; others share the rest.")
@click.option("--dry-run", is_flag=True, help="Check and preview only; nothing is written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--plan", metavar="5,25,50,100", help="Steps of the one destination that --to names.")
@click.option(
    "--every",
    type=Duration(),
    default=format_duration(DEFAULT_STEP_SECONDS),
    show_default=True,
    metavar="2m",
    help="Duration of a step.",
)
@click.option(
    "--guard",
    default=DEFAULT_GUARD,
    show_default=True,
    metavar="errors,latency|none",
    help="Signals by which the canary is judged; everything is rolled back if it is worse.",
)
@click.option("--wave", multiple=True, metavar="CLUSTER[,CLUSTER]", help="Clusters that go first; repeatable.")
@click.option(
    "--on-loss",
    type=click.Choice(["take-back", "hold"]),
    default="take-back",
    show_default=True,
    help="What to do with the other clusters when one fails or is changed by others.",
)
@click.option("--override", default="", metavar="WORDS", help='Shift although a controller owns it: "flagger owns it".')
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the journal.")
@click.option("--no-wait", is_flag=True, help="Write the weights and exit; nothing is confirmed or watched.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    route: str,
    to: str,
    dry_run: bool,
    yes: bool,
    plan: str | None,
    every: str,
    guard: str,
    wave: tuple[str, ...],
    on_loss: str,
    override: str,
    reason: str,
    no_wait: bool,
) -> int:
    """Shift weights: ROUTE is NAMESPACE/NAME of a VirtualService or httproute/NAMESPACE/NAME, then #ROUTE where it has
    several weighted routes.

    Checks everything, shows each cluster's diff, asks, writes, confirms from telemetry that the split follows, and
    watches the guard; if that fails, everything is rolled back (exit 1).
    """
    session = open_session(ctx)
    wanted = _plan(route, to, plan, every, guard, wave, on_loss, override, reason, wait=not no_wait)

    async def act(fleet: Fleet) -> int:
        return await _shift(session, fleet, wanted, dry_run=dry_run, yes=yes)

    return with_fleet(session, act)


def _plan(
    route: str,
    to: str,
    plan: str | None,
    every: str,
    guard: str,
    waves: tuple[str, ...],
    on_loss: str,
    override: str,
    reason: str,
    *,
    wait: bool,
) -> ShiftPlan:
    from meshtop.actions.shift.plan import OnLoss, ShiftPlan, parse_guard, parse_steps
    from meshtop.settings.durations import parse_duration

    try:
        steps = parse_steps(to, plan)
        watched = parse_guard(guard)
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    if not wait and len(steps) > 1:
        raise CommandError("--no-wait writes one step; a plan has to be watched.")
    return ShiftPlan(
        route=route,
        steps=steps,
        waves=tuple(tuple(part.strip() for part in one.split(",") if part.strip()) for one in waves),
        every_seconds=parse_duration(every),
        guard=watched,
        on_loss=OnLoss(on_loss),
        reason=reason,
        override=override,
        wait=wait,
    )


async def _shift(session: Session, fleet: Fleet, plan: ShiftPlan, *, dry_run: bool, yes: bool) -> int:
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.preflight import preflight
    from meshtop.actions.shift.preview import preview
    from meshtop.actions.shift.runner import ShiftRunner
    from meshtop.cli.progress import follow_shift

    attended = sys.stdin.isatty()
    # What is held in the middle is finished by resume or rollback, not by another shift on top of it.
    asks_again = attended and not yes and plan.on_loss == "take-back"
    refused = Exit.INTERRUPTED
    while True:
        found = await preflight(plan, fleet, clusters=session.common.cluster)
        _say_checks(found)
        if found.refusal is not None:
            raise found.refusal
        diffs = await preview(found, fleet)
        _show(diffs, to_stdout=dry_run)
        if dry_run:
            return Exit.FINE
        if not yes:
            _confirm(found, refused=refused)
        controls = Controls()
        runner = ShiftRunner.begin(found, fleet, open_journal(), controls=controls, attended=attended)
        code = await follow_shift(runner.run(), controls)
        if code != Exit.CONFLICT or not asks_again:
            return code
        say("It was changed by others. The current state, and what the shift would change:")
        refused = Exit.CONFLICT


def _say_checks(found: Preflight) -> None:
    from meshtop.actions.shift.narration import check_lines

    for _, line in check_lines(found.checks):
        say(line)


def _show(diffs: list[Preview], *, to_stdout: bool) -> None:
    from meshtop.actions.shift.narration import diff_lines

    (write if to_stdout else say)("\n".join(diff_lines(diffs)))


def _confirm(found: Preflight, *, refused: Exit) -> None:
    """Ask for the namespace's name to confirm. Raises CommandError without a terminal, or with `refused`."""
    namespace = found.targets[0].where.namespace
    clusters = ", ".join(found.plan.clusters)
    if not sys.stdin.isatty():
        raise CommandError("No terminal to confirm in: add --yes to shift without being asked, or --dry-run.")
    from meshtop.model.text import clean

    answer = click.prompt(
        clean(f"This changes {clusters}. Type {namespace} to go on"), default="", show_default=False, err=True
    )
    if answer.strip() != namespace:
        raise CommandError("Not shifted: the typed name does not match.", refused)
