"""Display of findings: tones and signs by severity, a cell in a table, facts in a detail."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from msgspec import structs

from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Finding, Severity
from meshtop.model.text import clean
from meshtop.views.frame.columns import NOTHING
from meshtop.views.frame.facts import Fact, Section, fact
from meshtop.views.frame.table import Cell, Column, Tone

SEVERITY_TONES = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED, Severity.INFO: Tone.DIM}
SEVERITY_SIGNS = {Severity.ERROR: "✗ ", Severity.WARNING: "▲ ", Severity.INFO: ""}
SEVERITY_ORDER = {severity: order for order, severity in enumerate(SEVERITY_TONES)}
"""Severities, the worst first."""


class HasFindings(Protocol):
    """An item that carries findings."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The item's findings."""


Bearer = TypeVar("Bearer", bound=HasFindings)


def worst_of(findings: Iterable[Finding]) -> Finding | None:
    """The first of the most severe findings; None where there are none."""
    return min(findings, key=lambda f: SEVERITY_ORDER[f.severity], default=None)


def findings_cell(findings: Sequence[Finding]) -> Cell:
    """The worst finding's code, and how many more there are."""
    worst = worst_of(findings)
    if worst is None:
        return NOTHING
    more = f" +{len(findings) - 1}" if len(findings) > 1 else ""
    return Cell(f"{SEVERITY_SIGNS[worst.severity]}{worst.code}{more}", SEVERITY_TONES[worst.severity])


def _worst_order(item: HasFindings) -> int:
    worst = worst_of(item.findings)
    return len(SEVERITY_ORDER) if worst is None else SEVERITY_ORDER[worst.severity]


def findings_column(
    help_: str = "What is wrong, the worst first (docs/findings.md).", *, priority: int = 2, max_width: int = 30
) -> Column[HasFindings]:
    """The column of findings, for items that carry them; it sorts the worst first."""
    return Column(
        name="findings",
        title="FINDINGS",
        help=help_,
        value=lambda item: tuple(finding.code for finding in item.findings),
        cell=lambda item: findings_cell(item.findings),
        order=_worst_order,
        aliases=("finding", "code"),
        priority=priority,
        min_width=10,
        max_width=max_width,
    )


def finding_facts(finding: Finding) -> tuple[Fact, ...]:
    """One finding with its fix, a line for each line of YAML."""
    said = Cell(f"{SEVERITY_SIGNS[finding.severity]}{clean(finding.message)}", SEVERITY_TONES[finding.severity])
    lines = [Fact("what", said)]
    for number, line in enumerate((finding.fix or "").splitlines()):
        cell = Cell(_indented(line), Tone.ACCENT) if line.strip() else NOTHING
        lines.append(Fact("fix" if number == 0 else "", cell))
    return tuple(lines)


def findings_section(findings: Iterable[Finding]) -> Section:
    """Several findings by their codes, each with its fix below it."""
    facts: list[Fact] = []
    for finding in findings:
        message = SEVERITY_SIGNS[finding.severity] + finding.message
        facts.append(fact(finding.code, message, SEVERITY_TONES[finding.severity]))
        if finding.fix:
            facts.append(fact("", finding.fix, Tone.ACCENT))
    return Section("Findings", tuple(facts) or (fact("", "none"),))


_COMMAND = re.compile(r"\b(kubectl|istioctl)( (?:-n \S+ )?[a-z-]+\b[^|;`()\n]*)")
"""A command in a fix; istioctl's subcommands stand before its options."""


def in_context(fix: str | None, context: str | None) -> str | None:
    """A fix whose commands name the context of the cluster that is meant: the current one may be another."""
    if not fix or not context:
        return fix

    def named(found: re.Match[str]) -> str:
        program, rest = found.groups()
        return found[0] if "--context" in rest else f"{program} --context {shlex.quote(context)}{rest}"

    return _COMMAND.sub(named, fix)


def applicable(finding: Finding, cluster: ClusterSnapshot | None) -> Finding:
    """A finding about a cluster whose fix can be pasted: its commands name the context of that cluster."""
    return structs.replace(finding, fix=in_context(finding.fix, cluster.context)) if cluster is not None else finding


def _indented(line: str) -> str:
    """A line of YAML, cleaned, with its indentation."""
    inner = line.lstrip(" ")
    return " " * (len(line) - len(inner)) + clean(inner)
