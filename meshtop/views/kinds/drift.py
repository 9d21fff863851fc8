"""The kind `drift`: objects that are not the same in every cluster that should have them."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.fleet.drift.compare import Drift, DriftStatus
from meshtop.model.text import clean
from meshtop.model.yaml_text import diff_yaml
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import drift_of, drift_unknowns, stands_in
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

SIGNS = {
    DriftStatus.SAME: "=",
    DriftStatus.DIFFERS: "≠",
    DriftStatus.MISSING: "✗",
    DriftStatus.EXTRA: "+",
    DriftStatus.ABSENT: "·",
    DriftStatus.UNKNOWN: "?",
}
TONES = {
    DriftStatus.SAME: Tone.PLAIN,
    DriftStatus.DIFFERS: Tone.DEGRADED,
    DriftStatus.MISSING: Tone.FAILING,
    DriftStatus.EXTRA: Tone.DEGRADED,
    DriftStatus.ABSENT: Tone.DIM,
    DriftStatus.UNKNOWN: Tone.UNKNOWN,
}
TONES = {
    DriftStatus.SAME: Tone.PLAIN,
    DriftStatus.DIFFERS: Tone.DEGRADED,
    DriftStatus.MISSING: Tone.FAILING,
    DriftStatus.EXTRA: Tone.DEGRADED,
    DriftStatus.ABSENT: Tone.DIM,
    DriftStatus.UNKNOWN: Tone.UNKNOWN,
}
_ORDER = (
    DriftStatus.MISSING,
    DriftStatus.DIFFERS,
    DriftStatus.EXTRA,
    DriftStatus.UNKNOWN,
    DriftStatus.SAME,
    DriftStatus.ABSENT,
)


class DriftItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An object (INTERFACE.md, kind drift); `clusters` maps each cluster to: same, differs, missing, extra (has it and
    should not), absent (need not have it), unknown (cannot be read). `diff` compares the first that differs with
    `reference`, a cluster with the most common version.
    """

    kind: str
    namespace: str
    name: str
    clusters: dict[str, DriftStatus]
    differs: tuple[str, ...]
    reason: str
    reference: str = ""
    diff: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[DriftItem]:
    """A row for each object that drifted."""
    return picture.rows("drift", drift_of(picture), lambda found: _item(picture, found))


def _item(picture: Picture, found: Drift) -> DriftItem:
    other = next((name for name, mark in found.clusters.items() if mark is DriftStatus.DIFFERS), "")
    tenants = [t for name in found.clusters for t in picture.tenants(name, found.namespace or found.name)]
    return DriftItem(
        kind=found.kind,
        namespace=found.namespace,
        name=found.name,
        clusters=found.clusters,
        differs=found.differs,
        reason=found.reason,
        reference=found.reference,
        diff=diff_of(found, found.reference, other) if other else (),
        tenants=tuple(dict.fromkeys(tenants)),
    )


def diff_of(found: Drift, left: str, right: str) -> tuple[str, ...]:
    """The difference between two clusters' objects, as a unified diff of YAML."""
    return diff_yaml(found.meanings.get(left), found.meanings.get(right), left, right, allow_unicode=True, width=1000)


def _marks(item: DriftItem) -> Cell:
    worst = min(item.clusters.values(), key=_ORDER.index)
    return Cell(" ".join(f"{SIGNS[mark]}{name}" for name, mark in item.clusters.items()), TONES[worst])


MOST_LINES = 200
_LINES = {"+": Tone.GOOD, "-": Tone.FAILING, "@": Tone.DIM}


def detail(picture: Picture, item: DriftItem, key: str) -> Detail:
    """The detail of one object, with a diff for each cluster that differs."""
    found = next(
        d for d in drift_of(picture) if (d.kind, d.namespace, d.name) == (item.kind, item.namespace, item.name)
    )
    diffs = [
        Section(
            f"{item.reference} → {name}",
            tuple(
                fact("", Cell(clean(line), _LINES.get(line[:1], Tone.PLAIN)))
                for line in diff_of(found, item.reference, name)[:MOST_LINES]
            ),
        )
        for name, mark in item.clusters.items()
        if mark is DriftStatus.DIFFERS
    ]
    return Detail(
        kind="drift",
        key=key,
        title=f"{item.kind} {item.namespace}/{item.name}" if item.namespace else f"{item.kind} {item.name}",
        health=None,
        sections=(
            Section("Drift", (fact("", item.reason), *(fact("differs in", path) for path in item.differs))),
            Section(
                "By cluster",
                tuple(fact(name, Cell(f"{SIGNS[mark]} {mark}", TONES[mark])) for name, mark in item.clusters.items()),
            ),
            *diffs,
        ),
        related=(),
        charts=(),
    )


c = Columns(DriftItem)

VIEW: View[DriftItem] = View(
    kind="drift",
    singular="drift",
    list_kind="DriftList",
    title="Drift between clusters",
    item=DriftItem,
    columns=(
        c.text("kind", "KIND", "The kind of object; Workload means the images of a workload.", "kind", priority=0,
               max_width=34),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=1),
        c.text("name", "NAME", "The object.", "name", priority=0, min_width=6, max_width=48),
        c.custom(name="clusters", title="CLUSTERS",
                 help_="= the same, ≠ differs, ✗ missing, + should not be there, · need not be there, ? unknown.",
                 value=lambda i: tuple(f"{name}:{mark}" for name, mark in i.clusters.items()), cell=_marks,
                 order=lambda i: min(_ORDER.index(mark) for mark in i.clusters.values()), priority=1, min_width=12,
                 max_width=80, aliases=("cluster", "mark")),
        c.words("differs", "DIFFERS IN", "The fields that differ in meaning.", "differs", priority=3, max_width=60),
        c.text("reason", "WHY", "The reason, in a sentence.", "reason", priority=2, max_width=120),
        c.text("reference", "AGAINST", "The cluster that the others are compared with.", "reference", wide=True,
               priority=5),
        c.words("tenant", "TENANT", "The namespace's tenants.", "tenants", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.kind, i.namespace, i.name),
    places=lambda i: tuple(Place(cluster=name, namespace=stands_in(i.kind, i.namespace, i.name),
                                 tenants=i.tenants) for name in i.clusters),
    default_sort="clusters,kind,namespace,name",
    empty="No object differs between clusters that should be alike.",
    needs=Needs(("Namespace", "Service", "Deployment", "PeerAuthentication", "DestinationRule", "VirtualService",
                 "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "Gateway", "AuthorizationPolicy", "Telemetry",
                 "ConfigMap")),
    all_is_well=True,
    unknowns=drift_unknowns,
    related=("clusters", "namespaces"),
    bad_when_found=True,
)  # fmt: skip
