"""The kind `federated`: what federations propagate, to whom, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtop.analysis.fleet.holdings import FederatedObject, HoldingState, MemberHolding
from meshtop.model.state import Health, HealthStatus
from meshtop.model.text import clean
from meshtop.views.frame.columns import HEALTH_ORDER, Columns, health_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import federated_of, federated_unknowns, stands_in
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

SIGNS = {
    HoldingState.THERE: "●",
    HoldingState.MISSING: "✗",
    HoldingState.FAILED: "✗",
    HoldingState.LEFT: "+",
    HoldingState.UNKNOWN: "?",
}
TONES = {
    HoldingState.THERE: Tone.PLAIN,
    HoldingState.MISSING: Tone.FAILING,
    HoldingState.FAILED: Tone.FAILING,
    HoldingState.LEFT: Tone.DEGRADED,
    HoldingState.UNKNOWN: Tone.UNKNOWN,
}
_ORDER = (
    HoldingState.MISSING,
    HoldingState.FAILED,
    HoldingState.LEFT,
    HoldingState.UNKNOWN,
    HoldingState.THERE,
)


class FederatedItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An object that a registry propagates; `host` is the cluster that holds the registry.

    `wants` are the members that should have it, `has` those that are known to; `members` has the state of each
    (there, missing, failed, left, unknown). `sources` are the objects that declare it, `chosenBy` how members were
    chosen, `overrides` the JSON pointers that are set for some member (`MEMBER:POINTER`; the pointer alone for all).
    """

    registry: str
    host: str
    kind: str
    namespace: str
    name: str
    wants: tuple[str, ...]
    has: tuple[str, ...]
    members: tuple[MemberHolding, ...]
    sources: tuple[str, ...]
    chosen_by: tuple[str, ...]
    overrides: tuple[str, ...]
    health: Health
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[FederatedItem]:
    """A row for each object of each registry."""
    return picture.rows("federated", federated_of(picture), lambda found: _item(picture, found))


def _item(picture: Picture, found: FederatedObject) -> FederatedItem:
    namespace = stands_in(found.kind, found.namespace, found.name)
    clusters = dict.fromkeys((found.host, *(one.cluster for one in found.members if one.cluster)))
    return FederatedItem(
        registry=found.registry,
        host=found.host,
        kind=found.kind,
        namespace=found.namespace,
        name=found.name,
        wants=found.wants,
        has=tuple(one.member for one in found.members if one.state is HoldingState.THERE),
        members=found.members,
        sources=found.sources,
        chosen_by=found.chosen_by,
        overrides=tuple(_overrides(found.members)),
        health=_health(found),
        tenants=tuple(dict.fromkeys(t for name in clusters for t in picture.tenants(name, namespace))),
    )


def _overrides(members: Iterable[MemberHolding]) -> Iterable[str]:
    """Pointers that are set for every member once, those of some with the member's name."""
    members = [one for one in members if one.state is not HoldingState.LEFT]
    pointers = dict.fromkeys(path for one in members for path in one.overrides)
    for path in pointers:
        having = [one.member for one in members if path in one.overrides]
        if len(having) == len(members):
            yield path
        else:
            yield from (f"{name}:{path}" for name in having)


def _health(found: FederatedObject) -> Health:
    """Failing where a member lacks it, degraded where the registry complains, unknown where a member is."""
    bad = [one for one in found.members if one.state in (HoldingState.MISSING, HoldingState.FAILED)]
    left = [one for one in found.members if one.state is HoldingState.LEFT]
    unknown = [one for one in found.members if one.state is HoldingState.UNKNOWN]
    reasons = tuple(f"{one.member}: {one.why}" for one in (*bad, *left, *unknown) if one.why)
    if bad:
        return Health(HealthStatus.FAILING, (*reasons, *found.problems))
    if found.problems or left:
        return Health(HealthStatus.DEGRADED, (*found.problems, *reasons))
    if unknown:
        return Health(HealthStatus.UNKNOWN, reasons)
    if not found.wants:
        return Health(HealthStatus.IDLE, ("no member was chosen",))
    return Health(HealthStatus.HEALTHY)


def _object(item: FederatedItem) -> str:
    return f"{item.kind} {item.namespace}/{item.name}" if item.namespace else f"{item.kind} {item.name}"


def _marks(item: FederatedItem) -> Cell:
    if not item.members:
        return Cell("-", Tone.DIM)
    worst = min((one.state for one in item.members), key=_ORDER.index)
    return Cell(" ".join(f"{SIGNS[one.state]}{clean(one.member)}" for one in item.members), TONES[worst])


def _worst(item: FederatedItem) -> int:
    return min((_ORDER.index(one.state) for one in item.members), default=len(_ORDER))


def _said(one: MemberHolding, registry: str) -> Cell:
    parts = [one.state.value]
    if one.says and one.says != one.why:
        parts.append(f"{registry} says {one.says}")
    if one.why:
        parts.append(one.why)
    if one.overrides:
        parts.append(f"sets {', '.join(one.overrides)}")
    return Cell(clean(f"{SIGNS[one.state]} {'; '.join(parts)}"), TONES[one.state])


def detail(picture: Picture, item: FederatedItem, key: str) -> Detail:
    """The detail of one object: each member with its state, and how its members were chosen."""
    return Detail(
        kind="federated",
        key=key,
        title=_object(item),
        health=item.health,
        sections=(
            Section(
                "Declared",
                (
                    *verdict(item.health),
                    *VIEW.facts(item, "registry", "host"),
                    fact("declared by", item.sources),
                    fact("members chosen by", item.chosen_by),
                    *VIEW.facts(item, "overrides"),
                ),
            ),
            Section("Its members", tuple(fact(one.member, _said(one, item.registry)) for one in item.members)),
        ),
        related=(
            related(
                picture,
                "members",
                "Members",
                lambda m: (m.registry, m.host) == (item.registry, item.host) and m.name in item.wants,
                "No member was chosen.",
            ),
        ),
        charts=(),
    )


c = Columns(FederatedItem)

VIEW: View[FederatedItem] = View(
    kind="federated",
    singular="federatedobject",
    list_kind="FederatedObjectList",
    title="Federated objects",
    item=FederatedItem,
    columns=(
        c.text("object", "OBJECT", "The object that is propagated.", _object, priority=0, min_width=20, max_width=56),
        c.custom(name="health", title="HEALTH", help_="failing where a member lacks it, degraded where its registry "
                 "complains, unknown where a member is not read.", value=lambda i: i.health.status.value,
                 cell=lambda i: health_cell(i.health), order=lambda i: HEALTH_ORDER[i.health.status], priority=1,
                 min_width=9, max_width=11),
        c.custom(name="members", title="MEMBERS",
                 help_="● has it, ✗ lacks it or failed, + still has it, ? not known.",
                 value=lambda i: tuple(f"{one.member}:{one.state}" for one in i.members), cell=_marks, order=_worst,
                 priority=0, min_width=12, max_width=80, aliases=("member", "mark")),
        c.words("wants", "WANTS", "The members that should have it.", "wants", wide=True, priority=4),
        c.words("has", "HAS", "The members that are known to have it.", "has", wide=True, priority=5),
        c.words("overrides", "OVERRIDES", "JSON pointers that the federation sets, for a member or for all.",
                "overrides", priority=3, max_width=48),
        c.words("why", "WHY", "Why it is not healthy.", lambda i: i.health.reasons, priority=2, max_width=80),
        c.text("registry", "REGISTRY", "What propagates it: kubefed, karmada, ocm, kubesphere.", "registry",
               priority=2, max_width=14),
        c.text("host", "HOST", "The cluster that holds the registry.", "host", priority=3, max_width=32),
        c.words("chosenBy", "CHOSEN BY", "How its members were chosen.", "chosen_by", wide=True, priority=6,
                max_width=48),
        c.words("sources", "DECLARED BY", "The objects that declare it.", "sources", wide=True, priority=7,
                max_width=60),
        c.text("kind", "KIND", "The kind of the object.", "kind", hidden=True),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), hidden=True),
        c.text("name", "NAME", "The object's name.", "name", hidden=True),
        c.words("tenant", "TENANT", "The namespace's tenants.", "tenants", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.registry, i.host, i.kind, i.namespace, i.name),
    places=lambda i: tuple(
        Place(cluster=name, namespace=stands_in(i.kind, i.namespace, i.name), tenants=i.tenants)
        for name in dict.fromkeys((i.host, *(one.cluster for one in i.members if one.cluster)))
    ),
    default_sort="health,members,object",
    empty="No federation propagates anything here.",
    needs=Needs(),
    unknowns=federated_unknowns,
    related=("members",),
)  # fmt: skip
