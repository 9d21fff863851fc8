"""The kind `trust`: for every pair of clusters whether they can use mutual TLS, and why."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.security.trust import Trusted
from meshtop.model.mesh import MeshFacts
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Fact, Section, fact
from meshtop.views.frame.findings import finding_facts
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import findings_of, pairs_of
from meshtop.views.picture.query import Place

SHORT = 12
"""Number of characters of a fingerprint shown on screen."""


class TrustItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A pair of clusters (INTERFACE.md, kind trust); roots are SHA-256 fingerprints."""

    left: str
    right: str
    trusted: Trusted
    shared: tuple[str, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    why: str
    same_mesh: bool | None = None


def build(picture: Picture) -> list[TrustItem]:
    """A row for each pair of clusters."""
    return picture.rows(
        "trust",
        pairs_of(picture),
        lambda pair: TrustItem(
            left=pair.left,
            right=pair.right,
            trusted=pair.trusted,
            shared=pair.shared,
            only_left=pair.only_left,
            only_right=pair.only_right,
            why=pair.why,
            same_mesh=pair.same_mesh,
        ),
    )


def trust_tone(item: TrustItem) -> Tone:
    """Colour: no trust within one mesh is an error; between two meshes it is intended."""
    if item.trusted is Trusted.UNKNOWN:
        return Tone.UNKNOWN
    if item.trusted is Trusted.YES:
        return Tone.PLAIN
    return Tone.DIM if item.same_mesh is False else Tone.FAILING


def trust_cell(item: TrustItem) -> Cell:
    """yes, no or unknown, with a sign where it matters."""
    tone = trust_tone(item)
    return Cell({Tone.FAILING: "✗ ", Tone.UNKNOWN: "? "}.get(tone, "") + item.trusted.value, tone)


_ORDER = {Tone.FAILING: 0, Tone.UNKNOWN: 1, Tone.PLAIN: 2, Tone.DIM: 3}


def short(fingerprints: tuple[str, ...]) -> tuple[str, ...]:
    """Fingerprints shortened for the screen."""
    return tuple(f[:SHORT] for f in fingerprints)


def detail(picture: Picture, item: TrustItem, key: str) -> Detail:
    """The detail of one pair of clusters."""
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
                "Trust",
                (
                    *VIEW.facts(item, "trusted", "why"),
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
        return (fact("", "unknown: its inventory was not read"),)
    return (
        fact("mesh", facts.mesh_id),
        fact("cluster id", facts.cluster_id),
        fact("network", facts.network),
        fact("trust domain", facts.trust_domain),
        fact("aliases", facts.trust_domain_aliases),
        fact("roots", f"{len(facts.roots)}" if facts.roots else None),
    )


c = Columns(TrustItem)

VIEW: View[TrustItem] = View(
    kind="trust",
    singular="trust",
    list_kind="TrustList",
    title="Trust between clusters",
    item=TrustItem,
    columns=(
        c.text("left", "CLUSTER", "One cluster.", "left", priority=0, max_width=32),
        c.text("right", "AND", "The other.", "right", priority=0, max_width=32),
        c.custom(name="trusted", title="TRUSTED", help_="Whether workloads of the two can use mutual TLS.",
                 value=lambda i: i.trusted.value, cell=trust_cell, order=lambda i: _ORDER[trust_tone(i)], priority=0,
                 min_width=7, max_width=10),
        c.text("why", "WHY", "The reason, in a sentence.", "why", priority=2, max_width=90),
        c.words("shared", "SHARED ROOTS", "Roots that both trust (SHA-256).", lambda i: short(i.shared), wide=True,
                priority=4),
        c.words("onlyLeft", "ONLY THE FIRST", "Roots that only the first trusts.", lambda i: short(i.only_left),
                wide=True, priority=5),
        c.words("onlyRight", "ONLY THE SECOND", "Roots that only the second trusts.", lambda i: short(i.only_right),
                wide=True, priority=5),
        c.flag("sameMesh", "ONE MESH", "Whether both are one mesh, by their mesh ids.", "same_mesh", wide=True,
               priority=3),
        c.words("cluster", "CLUSTER", "Either cluster.", lambda i: (i.left, i.right), hidden=True),
        c.words("root", "ROOT", "Any root's full fingerprint.", lambda i: (*i.shared, *i.only_left, *i.only_right),
                hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.left, i.right),
    places=lambda i: (Place(cluster=i.left), Place(cluster=i.right)),
    default_sort="trusted,left,right",
    empty="There is only one cluster, so there are no pairs.",
    needs=Needs(("ConfigMap", "Pod", "Deployment", "ClusterSPIFFEID")),
    related=("clusters", "certificates"),
    namespaced=False,
)  # fmt: skip
