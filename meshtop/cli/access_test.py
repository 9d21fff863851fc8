"""`meshtop access test`: unit tests of AuthorizationPolicies, from files alone; no cluster is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from meshtop.cli.exits import say
from meshtop.cli.manifest_files import STDIN, bytes_of, file_name, listed_files
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, open_session, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.analysis.authorization.cases import AccessTestAnswer

LIST_KIND = "AccessTestList"


class AccessTestDocument(Struct, frozen=True, rename="camel", kw_only=True):
    """All cases with their outcome (docs/authorization.md); `passed` and `failed` count them."""

    api_version: str = "meshtop/v1"
    kind: str = LIST_KIND
    passed: int
    failed: int
    items: tuple[AccessTestAnswer, ...]


@click.command("test", short_help="Unit tests of AuthorizationPolicies, for CI.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", type=click.Choice(("text", "json", "yaml")), default="text", help="How to print.")
@click.option("--all", "all_", is_flag=True, help="Text: include cases that are as expected.")
@common_options
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], output: str, all_: bool) -> int:
    """Judge the calls of test files by the policies beside them, and compare with the verdict each should get.

    A FILE has `cases` with policies, workloads, a call and the expected allow, deny, custom or depends; or it is a
    manifest, whose policies count for all cases; or a folder of such files, or - for stdin. No cluster is asked. Exits
    with 1 where a verdict differs.
    """
    import time

    from meshtop.analysis.authorization.cases import judge_test
    from meshtop.settings.access_tests import read_access_tests

    session = open_session(ctx)
    now = session.common.at if session.common.at is not None else time.time()
    paths = [path for one in files for path in listed_files(one)]
    if paths.count(STDIN) > 1:
        raise click.UsageError("- is stdin, which can be read once.", ctx)
    given = {Path(file_name(STDIN)): bytes_of(STDIN)} if STDIN in paths else {}
    tests = read_access_tests([Path(file_name(path)) for path in paths], given)
    answers = tuple(judge_test(test, now=now) for test in tests)
    failed = sum(not answer.passed for answer in answers)
    if output == "text":
        _print_text(session, answers, everything=all_)
    else:
        _print_document(output, AccessTestDocument(passed=len(answers) - failed, failed=failed, items=answers))
    return Exit.BAD if failed else Exit.FINE


def _print_document(output: str, document: AccessTestDocument) -> None:
    from meshtop.cli.printers import json_text, to_yaml

    write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))


def _print_text(session: Session, answers: Sequence[AccessTestAnswer], *, everything: bool) -> None:
    """A line for each case that differs (or for each), then how many do."""
    from meshtop.model.text import clean
    from meshtop.views.frame.table import Tone

    style = session.style(sys.stdout)
    lines = []
    for answer in answers:
        if answer.passed and everything:
            lines.append(f"{style.paint('ok  ', Tone.GOOD)}  {clean(answer.name)}: {answer.got}. {clean(answer.why)}")
        elif not answer.passed:
            told = f"{clean(answer.name)}: expected {answer.expected}, got {answer.got}. {clean(answer.why)}"
            lines.append(f"{style.paint('FAIL', Tone.FAILING)}  {told}")
    write("\n".join(style.plain(line) for line in lines))
    failed = sum(not answer.passed for answer in answers)
    cases = f"{len(answers)} case{'' if len(answers) == 1 else 's'}"
    say(f"{cases}: {f'{failed} not as expected' if failed else 'all as expected'}.")
