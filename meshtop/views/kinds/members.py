"""The kind `members`: clusters as registries declare them, and as they are seen from here."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.fleet.members import RegisteredMember
from meshtop.analysis.inventory.untyped import Condition
from meshtop.log import redact
from meshtop.model.state import Finding, Health, State
from meshtop.views.frame.columns import (
    HEALTH_ORDER,
    STATE_ORDER,
    STATE_SIGNS,
    STATE_TONES,
    Columns,
    health_cell,
    state_cell,
)
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.findings import findings_section
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import placed_on
from meshtop.views.picture.members import members_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place


class MemberItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A member (INTERFACE.md, kind members); `state` is as seen from here, `says` the verdict of its registry.

    `cluster` is the cluster that meshtop reads for it, None where no context leads to it. `registry` is "" for a
    cluster in no registry. `via` is the cluster whose API server proxies to it.
    """

    registry: str
    host: str
    name: str
    server: str
    state: State
    conditions: tuple[Condition, ...]
    region: str | None
    zones: tuple[str, ...]
    adopted: bool
    says: Health
    cluster: str | None = None
    via: str | None = None
    placed: int = 0
    """How many objects its registry puts there."""
    findings: tuple[Finding, ...] = ()


def build(picture: Picture) -> list[MemberItem]:
    """A row for each member of each registry."""
    return picture.rows("members", members_of(picture), lambda member: _item(picture, member))


def _item(picture: Picture, member: RegisteredMember) -> MemberItem:
    entry = member.entry
    return MemberItem(
        registry=entry.registry,
        host=entry.host,
        name=entry.name,
        server=redact(entry.server),
        state=member.state,
        conditions=entry.conditions,
        region=entry.region,
        zones=entry.zones,
        adopted=member.adopted,
        says=member.says,
        cluster=member.cluster,
        via=member.via,
        placed=placed_on(picture, entry.registry, entry.host, entry.name),
        findings=member.findings,
    )


def _seen(item: MemberItem) -> Cell:
    """The member's state as seen from here; a missing context is not a failure of the member."""
    if item.cluster is None:
        return Cell("no context", Tone.DIM)
    return state_cell(item.state)


def detail(picture: Picture, item: MemberItem, key: str) -> Detail:
    """The detail of one member."""
    entry = next(m.entry for m in members_of(picture) if (m.entry.registry, m.entry.host, m.entry.name)
                 == (item.registry, item.host, item.name))  # fmt: skip
    conditions = [
        fact(c.type, " ".join(part for part in (c.status, c.reason, c.message) if part)) for c in item.conditions
    ]
    return Detail(
        kind="members",
        key=key,
        title=item.name,
        health=item.says,
        sections=(
            Section(
                "In its registry",
                (
                    *verdict(item.says),
                    *VIEW.facts(item, "registry", "host", "server", "region", "zones"),
                    *([fact("shown there as", entry.display_name)] if entry.display_name else []),
                    fact("keeps a credential", "yes" if entry.keeps_credentials else "no"),
                    *conditions,
                ),
            ),
            Section(
                "Seen from here",
                (
                    *VIEW.facts(item, "cluster"),
                    fact("state", Cell(STATE_SIGNS[item.state] + item.state, STATE_TONES[item.state])),
                    *VIEW.facts(item, "via"),
                    fact("adopted", "yes, with the registry's credentials" if item.adopted else "no"),
                ),
            ),
            findings_section(item.findings),
        ),
        related=(
            related(picture, "clusters", "Cluster", lambda i: i.name == item.cluster, "No context leads to it."),
            related(
                picture,
                "federated",
                "Should hold",
                lambda f: (f.registry, f.host) == (item.registry, item.host) and item.name in f.wants,
                "Its registry puts nothing there.",
            ),
        ),
        charts=(),
    )


c = Columns(MemberItem)

VIEW: View[MemberItem] = View(
    kind="members",
    singular="member",
    list_kind="MemberList",
    title="Members",
    item=MemberItem,
    columns=(
        c.text("registry", "REGISTRY", "What declares it: kubefed, karmada, ocm, kubesphere, clusterprofile, istio.",
               lambda i: i.registry or "none", priority=1, min_width=8, max_width=14),
        c.text("host", "HOST", "The cluster that holds the registry.", "host", priority=2, max_width=32),
        c.text("name", "MEMBER", "The member's name in the registry.", "name", aliases=("member",), priority=0,
               max_width=40),
        c.custom(name="says", title="REGISTRY SAYS", help_="The registry's own verdict.",
                 value=lambda i: i.says.status.value, cell=lambda i: health_cell(i.says),
                 order=lambda i: HEALTH_ORDER[i.says.status], aliases=("health",), priority=0, min_width=10,
                 max_width=13),
        c.custom(name="state", title="SEEN FROM HERE", help_="How the cluster that is read for it answers.",
                 value=lambda i: i.state.value, cell=_seen, order=lambda i: STATE_ORDER[i.state], priority=0,
                 min_width=10, max_width=14),
        c.text("cluster", "CLUSTER", "The cluster that is read for it.", "cluster", priority=3, max_width=32),
        c.text("via", "VIA", "The cluster whose API server proxies to it.", "via", priority=4, max_width=32),
        c.text("region", "REGION", "The region.", "region", priority=5),
        c.words("zones", "ZONES", "The zones.", "zones", aliases=("zone",), wide=True, priority=6),
        c.text("server", "SERVER", "The API server, as the registry knows it.", "server", priority=6, max_width=60),
        c.flag("adopted", "ADOPTED", "Whether it is read with credentials from the registry.", "adopted",
               wide=True, priority=6),
        c.words("reason", "WHY", "The registry's reasons.", lambda i: i.says.reasons, priority=4, max_width=80),
        c.count("placed", "PLACED", "Objects that its registry puts there (get federated).", "placed", wide=True,
                priority=6),
        c.words("finding", "FINDINGS", "Findings by code.", lambda i: tuple(f.code for f in i.findings),
                wide=True, priority=7, max_width=60),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.registry or "none", i.host, i.name),
    places=lambda i: tuple(Place(cluster=name) for name in (i.cluster, i.host) if name),
    default_sort="says,state,registry,name",
    empty="No cluster holds a registry of members.",
    needs=Needs(("Secret",)),
    related=("clusters", "federated"),
    namespaced=False,
)  # fmt: skip
