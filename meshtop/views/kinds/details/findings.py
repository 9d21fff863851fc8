"""A finding opened: what it means, whom it concerns, and the fix to apply."""

from __future__ import annotations

from meshtop.model.state import Finding, Health, HealthStatus, Severity
from meshtop.model.text import clean
from meshtop.views.frame.columns import NOTHING
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.kinds.mtls import SEVERITY_SIGNS, SEVERITY_TONES
from meshtop.views.picture.picture import Picture

_HEALTH = {Severity.ERROR: HealthStatus.FAILING, Severity.WARNING: HealthStatus.DEGRADED}


def detail(picture: Picture, item: FindingItem, key: str) -> Detail:
    """Everything about one finding."""
    place = "/".join(filter(None, (item.cluster, item.namespace, item.workload)))
    return Detail(
        kind="findings",
        key=key,
        title=item.code,
        health=Health(_HEALTH.get(item.severity, HealthStatus.UNKNOWN), (item.message,)),
        sections=(
            Section(
                "What is wrong",
                (
                    *finding_facts(Finding(code=item.code, severity=item.severity, message=item.message, fix=item.fix)),
                    fact("where", place or "between clusters"),
                    fact("callers", item.callers),
                    fact("read more", f"docs/findings.md, {item.code}", Tone.DIM),
                ),
            ),
        ),
        related=(
            related(
                picture,
                "mtls",
                "Workloads",
                lambda m: (m.cluster, m.namespace, m.workload) == (item.cluster, item.namespace, item.workload),
                "It is about more than one workload.",
            ),
        ),
        charts=(),
    )


def finding_facts(finding: Finding) -> tuple[Fact, ...]:
    """A finding with its fix, a line for each line of YAML."""
    said = Cell(f"{SEVERITY_SIGNS[finding.severity]}{clean(finding.message)}", SEVERITY_TONES[finding.severity])
    lines = [Fact("what", said)]
    for number, line in enumerate((finding.fix or "").splitlines()):
        lines.append(Fact("fix" if number == 0 else "", Cell(kept(line), Tone.ACCENT) if line.strip() else NOTHING))
    return tuple(lines)


def kept(line: str) -> str:
    """A line of YAML with its indentation."""
    inner = line.lstrip(" ")
    return " " * (len(line) - len(inner)) + clean(inner)
