"""A call's mutual TLS opened: what each side declares, what follows, what was seen, and how to mend it."""

from __future__ import annotations

from meshtop.analysis.security.mtls.conflicts import fix_of
from meshtop.model.state import Finding, Severity
from meshtop.views.frame.detail import Detail, Section, fact, related
from meshtop.views.frame.numbers import percent, quantity
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.details.findings import finding_facts
from meshtop.views.kinds.edges import end_text
from meshtop.views.kinds.mtlsedges import OUTCOME_SIGNS, OUTCOME_TONES, MtlsEdgeItem
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of, posture_of


def detail(picture: Picture, item: MtlsEdgeItem, key: str) -> Detail:
    """Everything about one call's mutual TLS."""
    ends = {(e.cluster, e.namespace, e.workload) for e in (item.source, item.destination)}
    seen = "not seen by a reporter that knows" if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} % mTLS"
    rate = "" if item.requests_per_second is None else f", {quantity(item.requests_per_second)} requests/s"
    sections = [
        Section(
            "What follows",
            (
                fact("outcome", Cell(OUTCOME_SIGNS[item.outcome] + item.outcome.value, OUTCOME_TONES[item.outcome])),
                fact("why", item.why),
                fact("seen", seen + rate, Tone.PLAIN if item.mtls_ratio in (None, 1.0) else Tone.DEGRADED),
            ),
        ),
        Section(
            "Declared",
            (
                fact("port", item.port),
                fact("client", f"{item.client_mode or 'unknown'}, by {item.client_policy or 'no rule'}"),
                fact("server", f"{item.server_mode or 'unknown'}, by {item.server_policy or 'nothing that is known'}"),
            ),
        ),
    ]
    if item.code is not None:
        fix = _fix(picture, item)
        finding = Finding(code=item.code, severity=Severity.ERROR, message=item.why, fix=fix)
        sections.append(Section(item.code, finding_facts(finding)))
    return Detail(
        kind="mtlsedges",
        key=key,
        title=f"{end_text(item.source)} → {end_text(item.destination)}",
        health=None,
        sections=tuple(sections),
        related=(
            related(
                picture,
                "mtls",
                "Both ends",
                lambda m: (m.cluster, m.namespace, m.workload) in ends,
                "Neither end is a workload that is known.",
            ),
        ),
        charts=(),
    )


def _fix(picture: Picture, item: MtlsEdgeItem) -> str | None:
    items: list[MtlsEdgeItem] = view("mtlsedges").all_items(picture)
    verdicts = [verdict for _, found in posture_of(picture).edges for verdict in found]
    chosen = next((v for i, v in zip(items, verdicts, strict=True) if i is item), None)
    return fix_of(mesh_of(picture), chosen) if chosen is not None else None
