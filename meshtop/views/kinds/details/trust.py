"""A pair of clusters opened: both sides' roots, trust domains and ids, and what is wrong between them."""

from __future__ import annotations

from meshtop.model.mesh import MeshFacts
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related
from meshtop.views.kinds.details.findings import finding_facts
from meshtop.views.kinds.trust import TrustItem, trust_cell
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import findings_of


def detail(picture: Picture, item: TrustItem, key: str) -> Detail:
    """Everything about one pair of clusters."""
    pair = {item.left, item.right}
    findings = [
        located.finding
        for located in findings_of(picture)
        if located.finding.code.startswith("TRUST-") and any(name in located.finding.message for name in pair)
    ]
    return Detail(
        kind="trust",
        key=key,
        title=f"{item.left} and {item.right}",
        health=None,
        sections=(
            Section(
                "Do they trust each other",
                (
                    fact("trusted", trust_cell(item)),
                    fact("why", item.why),
                    *(fact("shared root", root) for root in item.shared),
                    *(fact(f"only {item.left}", root) for root in item.only_left),
                    *(fact(f"only {item.right}", root) for root in item.only_right),
                ),
            ),
            *(Section(name, _facts(picture.facts.get(name))) for name in (item.left, item.right)),
            *(Section(finding.code, finding_facts(finding)) for finding in findings),
        ),
        related=(
            related(
                picture, "certificates", "Certificates", lambda c: c.cluster in pair, "No certificate of them is known."
            ),
        ),
        charts=(),
    )


def _facts(facts: MeshFacts | None) -> tuple[Fact, ...]:
    if facts is None:
        return (fact("", "nothing is known of it: its inventory was not read"),)
    return (
        fact("mesh", facts.mesh_id),
        fact("cluster id", facts.cluster_id),
        fact("network", facts.network),
        fact("trust domain", facts.trust_domain),
        fact("aliases", facts.trust_domain_aliases),
        fact("roots", f"{len(facts.roots)}" if facts.roots else None),
    )
