"""The kind `certificates`: roots, control planes, workloads and gateways, the first to expire first."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from meshtop.analysis.security.expiry import (
    ERROR_DAYS,
    WARNING_DAYS,
    CertificateKind,
    Expiry,
    finding_of,
    superseded_roots,
)
from meshtop.model.numbers import age
from meshtop.views.frame.columns import NOTHING, Columns, text_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.findings import applicable, finding_facts
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.trust import SHORT
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import expiries_of, moment_of
from meshtop.views.picture.query import Place

DAY = 86_400.0


class CertificateItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A certificate (INTERFACE.md, kind certificates); issuer and fingerprint are null where only metrics know it.

    `superseded` is true for an expired root whose cluster also has a valid one, and absent otherwise.
    """

    cluster: str
    subject: str
    issuer: str | None
    kind: CertificateKind
    not_after: str
    days_left: float
    fingerprint: str | None
    exact: bool = True
    superseded: bool | UnsetType = UNSET


def build(picture: Picture) -> list[CertificateItem]:
    """A row for each known certificate."""
    now = moment_of(picture)
    found = expiries_of(picture)
    superseded = superseded_roots(found, now)
    return picture.rows("certificates", found, lambda expiry: _item(expiry, now, superseded=expiry in superseded))


def _item(expiry: Expiry, now: float, *, superseded: bool) -> CertificateItem:
    return CertificateItem(
        cluster=expiry.cluster,
        subject=expiry.subject,
        issuer=expiry.issuer,
        kind=expiry.kind,
        not_after=rfc3339(expiry.not_after),
        days_left=round(expiry.days_left(now), 2),
        fingerprint=expiry.fingerprint,
        exact=expiry.exact,
        superseded=superseded or UNSET,
    )


def days_tone(item: CertificateItem) -> Tone:
    """Colour by time left; a workload's certificate is valid for a day and renewed automatically."""
    if item.superseded is True:
        return Tone.PLAIN
    if item.days_left <= 0:
        return Tone.FAILING
    if item.kind is CertificateKind.WORKLOAD:
        return Tone.PLAIN
    if item.days_left < ERROR_DAYS:
        return Tone.FAILING
    return Tone.DEGRADED if item.days_left < WARNING_DAYS else Tone.PLAIN


_SEVERITIES = {Tone.FAILING: "error", Tone.DEGRADED: "warning", Tone.PLAIN: "none"}
"""Urgency of a certificate's expiry, in sort order."""


def _days_cell(item: CertificateItem) -> Cell:
    tone = days_tone(item)
    sign = {Tone.FAILING: "✗ ", Tone.DEGRADED: "▲ "}.get(tone, "")
    if item.days_left <= 0:
        return Cell(f"{sign}-{age(-item.days_left * DAY)}", tone)
    return Cell(sign + ("" if item.exact else "≥ ") + age(item.days_left * DAY), tone)


def detail(picture: Picture, item: CertificateItem, key: str) -> Detail:
    """The detail of one certificate."""
    told = finding_of(_expiry(picture, item), moment_of(picture), superseded=item.superseded is True)
    findings = [applicable(told.finding, picture.snapshot.cluster(item.cluster))] if told is not None else []
    also = [
        other
        for other in VIEW.all_items(picture)
        if item.fingerprint is not None and other.fingerprint == item.fingerprint and other.cluster != item.cluster
    ]
    left = age(item.days_left * DAY) if item.days_left > 0 else f"none: it expired {age(-item.days_left * DAY)} ago"
    left += "" if item.exact else ", or up to a day more: only whole days are known"
    return Detail(
        kind="certificates",
        key=key,
        title=item.subject,
        health=None,
        sections=(
            Section(
                "About",
                (
                    *VIEW.facts(item, "cluster", "kind", "subject", "issuer", "notAfter"),
                    fact("left", left, days_tone(item)),
                    *VIEW.facts(item, "fingerprint"),
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
    items = VIEW.all_items(picture)
    return next(e for e, i in zip(expiries_of(picture), items, strict=True) if i is item)


c = Columns(CertificateItem)

VIEW: View[CertificateItem] = View(
    kind="certificates",
    singular="certificate",
    list_kind="CertificateList",
    title="Certificates",
    item=CertificateItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=0, max_width=32),
        c.text("kind", "KIND", "root, controlplane, workload or gateway.", "kind", priority=0, max_width=14),
        c.text("subject", "SUBJECT", "Its subject.", "subject", aliases=("name",), priority=1, max_width=48),
        c.custom(name="daysLeft", title="LEFT", help_="Time until it expires; compared in days.",
                 value=lambda i: i.days_left, cell=_days_cell, align=Align.RIGHT, numeric=True, unit="d",
                 order=lambda i: i.days_left, aliases=("left", "days"), priority=0, min_width=5),
        c.text("notAfter", "NOT AFTER", "When it expires.", "not_after", priority=2, max_width=20),
        c.custom(name="severity", title="SEVERITY", help_="error, warning or none: how soon it must be renewed.",
                 value=lambda i: _SEVERITIES[days_tone(i)], cell=lambda i: Cell(_SEVERITIES[days_tone(i)]),
                 order=lambda i: list(_SEVERITIES).index(days_tone(i)), hidden=True),
        c.text("issuer", "ISSUER", "Who signed it.", "issuer", wide=True, priority=5, max_width=48),
        c.custom(name="fingerprint", title="SHA-256", help_="Its fingerprint.", value=lambda i: i.fingerprint,
                 cell=lambda i: Cell(i.fingerprint[:SHORT]) if i.fingerprint else NOTHING,
                 full=lambda i: text_cell(i.fingerprint), label="SHA-256", priority=4, max_width=14),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.kind.value, i.fingerprint[:SHORT] if i.fingerprint else i.subject),
    places=lambda i: (Place(cluster=i.cluster),),
    default_sort="severity,daysLeft,cluster",
    empty="No certificate is known: neither istio-ca-root-cert nor the metrics of istiod and its agents were read.",
    needs=Needs(("ConfigMap",), traffic=True),
    related=("clusters", "trust"),
    namespaced=False,
)  # fmt: skip
