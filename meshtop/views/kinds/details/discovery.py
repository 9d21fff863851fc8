"""A host opened: how each cluster resolves and reaches it, the links between them, and the services behind it."""

from __future__ import annotations

from meshtop.views.frame.detail import Detail, Fact, Section, fact, related
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.discovery import SIGNS, TONES, DiscoveryItem
from meshtop.views.kinds.mtls import SEVERITY_SIGNS, SEVERITY_TONES
from meshtop.views.picture.fleet import discovery_of
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: DiscoveryItem, key: str) -> Detail:
    """Everything about one host."""
    between = [x for x in discovery_of(picture).links if x.source in item.clusters and x.target in item.clusters]
    said = {True: Cell("reaches it"), False: Cell("✗ does not reach it", Tone.FAILING), None: Cell("? unknown")}
    paths = [fact(f"{link.source} → {link.target}", said[link.up]) for link in between]
    findings: list[Fact] = []
    for found in (*item.findings, *(f for link in between for f in link.findings)):
        findings.append(fact(found.code, SEVERITY_SIGNS[found.severity] + found.message,
                             SEVERITY_TONES[found.severity]))  # fmt: skip
        findings.extend([fact("", found.fix, Tone.ACCENT)] if found.fix else [])
    return Detail(
        kind="discovery",
        key=key,
        title=item.host,
        health=None,
        sections=(
            Section(
                "In each cluster",
                tuple(fact(name, Cell(f"{SIGNS[mark]} {mark}", TONES[mark])) for name, mark in item.clusters.items()),
            ),
            Section(
                "What it is",
                (
                    fact("mesh", item.mesh),
                    fact("DNS name", item.dns_name),
                    fact("exported by", item.exported_by),
                    fact("imported by", item.imported_by),
                    fact("cluster-local", "yes" if item.cluster_local else "no"),
                    fact("legacy names", item.legacy_names),
                ),
            ),
            Section("Between clusters", tuple(paths)),
            Section("What stands out", tuple(findings) or (fact("", "nothing"),)),
        ),
        related=(
            related(
                picture,
                "services",
                "Services",
                lambda s: s.cluster in item.clusters and item.host in s.hosts,
                "No Service of that host is known.",
            ),
        ),
        charts=(),
    )
