"""A member opened: what its registry says, how it is seen from here, and what to do."""

from __future__ import annotations

from meshtop.views.frame.columns import STATE_SIGNS, STATE_TONES
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related, verdict
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.members import MemberItem
from meshtop.views.kinds.mtls import SEVERITY_SIGNS, SEVERITY_TONES
from meshtop.views.picture.fleet import members_of
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: MemberItem, key: str) -> Detail:
    """Everything about one member."""
    entry = next(m.entry for m in members_of(picture) if (m.entry.registry, m.entry.host, m.entry.name)
                 == (item.registry, item.host, item.name))  # fmt: skip
    conditions = [
        fact(c.type, " ".join(part for part in (c.status, c.reason, c.message) if part)) for c in item.conditions
    ]
    findings: list[Fact] = []
    for found in item.findings:
        findings.append(fact(found.code, SEVERITY_SIGNS[found.severity] + found.message,
                             SEVERITY_TONES[found.severity]))  # fmt: skip
        findings.extend([fact("", found.fix, Tone.ACCENT)] if found.fix else [])
    return Detail(
        kind="members",
        key=key,
        title=item.name,
        health=item.says,
        sections=(
            Section(
                "As its registry says",
                (
                    *verdict(item.says),
                    fact("registry", item.registry or "none"),
                    fact("host", item.host),
                    fact("server", item.server),
                    fact("region", item.region),
                    fact("zones", item.zones),
                    fact("keeps a credential", "yes" if entry.keeps_credentials else "no"),
                    *conditions,
                ),
            ),
            Section(
                "As seen from here",
                (
                    fact("cluster", item.cluster),
                    fact("state", Cell(STATE_SIGNS[item.state] + item.state, STATE_TONES[item.state])),
                    fact("via", item.via),
                    fact("adopted", "yes, with the registry's credentials" if item.adopted else "no"),
                ),
            ),
            Section("What stands out", tuple(findings) or (fact("", "nothing"),)),
        ),
        related=(related(picture, "clusters", "Cluster", lambda i: i.name == item.cluster, "No context leads to it."),),
        charts=(),
    )
