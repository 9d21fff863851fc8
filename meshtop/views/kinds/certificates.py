"""The kind `certificates`: roots, control planes, workloads and gateways, what runs out first first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.security.expiry import ERROR_DAYS, WARNING_DAYS, CertificateKind, Expiry
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import NOTHING
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.numbers import age
from meshtop.views.frame.table import Align, Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.kinds.trust import SHORT
from meshtop.views.picture.posture import expiries_of, moment_of
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

DAY = 86_400.0


class CertificateItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A certificate (INTERFACE.md, kind certificates); issuer and fingerprint are null where only metrics know it."""

    cluster: str
    subject: str
    issuer: str | None
    kind: CertificateKind
    not_after: str
    days_left: float
    fingerprint: str | None
    exact: bool = True


def build(picture: Picture) -> list[CertificateItem]:
    """A row for each certificate that is known."""
    now = moment_of(picture)
    return [_item(expiry, now) for expiry in expiries_of(picture)]


def _item(expiry: Expiry, now: float) -> CertificateItem:
    return CertificateItem(
        cluster=expiry.cluster,
        subject=expiry.subject,
        issuer=expiry.issuer,
        kind=expiry.kind,
        not_after=rfc3339(expiry.not_after),
        days_left=round(expiry.days_left(now), 2),
        fingerprint=expiry.fingerprint,
        exact=expiry.exact,
    )


def days_tone(item: CertificateItem) -> Tone:
    """Colour of what is left; a workload's certificate lives for a day and is renewed by itself."""
    if item.days_left <= 0:
        return Tone.FAILING
    if item.kind is CertificateKind.WORKLOAD:
        return Tone.PLAIN
    if item.days_left < ERROR_DAYS:
        return Tone.FAILING
    return Tone.DEGRADED if item.days_left < WARNING_DAYS else Tone.PLAIN


_SEVERITIES = {Tone.FAILING: "error", Tone.DEGRADED: "warning", Tone.PLAIN: "none"}
"""In the order in which they worry."""


def _days_cell(item: CertificateItem) -> Cell:
    tone = days_tone(item)
    sign = {Tone.FAILING: "✗ ", Tone.DEGRADED: "▲ "}.get(tone, "")
    if item.days_left <= 0:
        return Cell(f"{sign}-{age(-item.days_left * DAY)}", tone)
    return Cell(sign + ("" if item.exact else "≥ ") + age(item.days_left * DAY), tone)


VIEW: View[CertificateItem] = View(
    kind="certificates",
    singular="certificate",
    list_kind="CertificateList",
    title="Certificates",
    item=CertificateItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=0, max_width=32),
        c.text("kind", "KIND", "root, controlplane, workload or gateway.", "kind", priority=0, max_width=14),
        c.text("subject", "SUBJECT", "Whose it is.", "subject", aliases=("name",), priority=1, max_width=48),
        Column(name="daysLeft", title="LEFT", help="How long it is still good, in days where compared.",
               value=lambda i: i.days_left, cell=_days_cell, align=Align.RIGHT, numeric=True, unit="d",
               order=lambda i: i.days_left, aliases=("left", "days"), priority=0, min_width=5),
        c.text("notAfter", "NOT AFTER", "When it runs out.", "not_after", priority=2, max_width=20),
        Column(name="severity", title="SEVERITY", help="error, warning or none: how soon it must be renewed.",
               value=lambda i: _SEVERITIES[days_tone(i)], cell=lambda i: Cell(_SEVERITIES[days_tone(i)]),
               order=lambda i: list(_SEVERITIES).index(days_tone(i)), hidden=True),
        c.text("issuer", "ISSUER", "Who signed it.", "issuer", wide=True, priority=5, max_width=48),
        Column(name="fingerprint", title="SHA-256", help="Its fingerprint.", value=lambda i: i.fingerprint,
               cell=lambda i: Cell(i.fingerprint[:SHORT]) if i.fingerprint else NOTHING, priority=4, max_width=14),
    ),
    build=build,
    path=lambda i: (i.cluster, i.kind.value, i.fingerprint[:SHORT] if i.fingerprint else i.subject),
    places=lambda i: (Place(cluster=i.cluster),),
    default_sort="severity,daysLeft,cluster",
    empty="No certificate is known: neither istio-ca-root-cert nor the metrics of istiod and its agents were read.",
    related=("clusters", "trust"),
    namespaced=False,
)  # fmt: skip
