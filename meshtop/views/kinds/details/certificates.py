"""A certificate opened: whose it is, when it runs out, who else trusts it, and what to do."""

from __future__ import annotations

from meshtop.analysis.security.expiry import Expiry, expiry_findings
from meshtop.views.frame.detail import Detail, Section, fact, related
from meshtop.views.frame.numbers import age
from meshtop.views.frame.registry import view
from meshtop.views.kinds.certificates import DAY, CertificateItem, days_tone
from meshtop.views.kinds.details.findings import finding_facts
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import expiries_of, moment_of


def detail(picture: Picture, item: CertificateItem, key: str) -> Detail:
    """Everything about one certificate."""
    findings = [found.finding for found in expiry_findings([_expiry(picture, item)], moment_of(picture))]
    also = [
        other
        for other in view("certificates").all_items(picture)
        if item.fingerprint is not None and other.fingerprint == item.fingerprint and other.cluster != item.cluster
    ]
    left = age(item.days_left * DAY) if item.days_left > 0 else f"none: it ran out {age(-item.days_left * DAY)} ago"
    left += "" if item.exact else ", or up to a day more: only whole days are told"
    return Detail(
        kind="certificates",
        key=key,
        title=item.subject,
        health=None,
        sections=(
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("kind", item.kind),
                    fact("subject", item.subject),
                    fact("issuer", item.issuer),
                    fact("not after", item.not_after),
                    fact("left", left, days_tone(item)),
                    fact("SHA-256", item.fingerprint),
                    fact("also in", tuple(other.cluster for other in also)),
                ),
            ),
            *(Section(finding.code, finding_facts(finding)) for finding in findings),
        ),
        related=(
            related(
                picture,
                "trust",
                "Trust of its cluster",
                lambda t: item.cluster in (t.left, t.right),
                "There is no other cluster.",
            ),
        ),
        charts=(),
    )


def _expiry(picture: Picture, item: CertificateItem) -> Expiry:
    items = view("certificates").all_items(picture)
    return next(e for e, i in zip(expiries_of(picture), items, strict=True) if i is item)
