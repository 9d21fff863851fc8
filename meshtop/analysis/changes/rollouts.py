"""Rollouts: new ReplicaSets held against the revision before, and new templates of what keeps no revisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtop.analysis.changes.marks import Mark
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.model.changes import Change, ChangeHow, FieldChange, KubeEvent
from meshtop.model.kube import Controller, Meta

REVISION = "deployment.kubernetes.io/revision"
ARGO_REVISION = "rollout.argoproj.io/revision"
ROLLOUT = "Rollout"
WRITTEN_BEFORE_SECONDS = 120.0
"""A Deployment's controller makes the ReplicaSet of a new template within so long."""
LASTS_SECONDS = 900.0
"""Scalings of ReplicaSets so long after a rollout began belong to it."""
TEMPLATE = "spec.template"
_HASH = "pod-template-hash"


def rollouts_of(
    cluster: str, controllers: Iterable[Controller], marks: Sequence[Mark], events: Sequence[KubeEvent], since: float
) -> tuple[list[Change], list[Mark]]:
    """The rollouts since a moment, and the marks that are not part of one."""
    sets: dict[tuple[str, str, str], list[Controller]] = {}
    owners: dict[tuple[str, str, str], Controller] = {}
    for controller in controllers:
        above = controller.meta.owner
        if controller.kind == "ReplicaSet" and above is not None:
            sets.setdefault((controller.meta.namespace, above.kind, above.name), []).append(controller)
            if above.kind == ROLLOUT:
                # Argo's objects are not read as controllers; their ReplicaSets say all that is needed.
                meta = Meta(name=above.name, namespace=controller.meta.namespace)
                owners[ROLLOUT, *meta.key] = Controller(kind=ROLLOUT, meta=meta)
        else:
            owners[controller.kind, *controller.meta.key] = controller
    by_owner: dict[tuple[str, str, str], list[Mark]] = {}
    for mark in marks:
        by_owner.setdefault((mark.trace.kind, mark.trace.namespace, mark.trace.name), []).append(mark)
    found: list[Change] = []
    told: set[int] = set()
    for (kind, namespace, name), owner in owners.items():
        mine = by_owner.get((kind, namespace, name), [])
        revisions = sorted(sets.get((namespace, kind, name), ()), key=_revision)
        for before, after in zip((None, *revisions), revisions, strict=False):
            if after.meta.created < since:
                continue
            writers = [m for m in mine if _wrote(m, after.meta.created)]
            told.update(map(id, writers))
            # A Deployment that is new has nothing before; its creation is told by its mark.
            new = owner.meta.created >= after.meta.created - WRITTEN_BEFORE_SECONDS
            found.append(_rollout(cluster, owner, after.meta.created, None if new else before, after, writers, new=new))
        newest = max((one.meta.created for one in revisions), default=0.0)
        for mark in mine:
            # A template without a ReplicaSet of its own goes back to an old one, or is of a kind that has none.
            if id(mark) in told or not mark.touches(TEMPLATE) or mark.created or mark.at <= newest:
                continue
            told.add(id(mark))
            found.append(_rollout(cluster, owner, mark.at, None, None, [mark], new=False))
        told.update(
            id(m) for m in mine if m.created and any(c.name == name and c.namespace == namespace for c in found)
        )
    return found, [mark for mark in marks if id(mark) not in told]


def _wrote(mark: Mark, at: float) -> bool:
    near = at - WRITTEN_BEFORE_SECONDS <= mark.at <= at + 5
    return near and (mark.created or mark.touches(TEMPLATE) or not mark.paths)


def _revision_text(replica_set: Controller) -> str:
    annotations = replica_set.meta.annotations
    return annotations.get(REVISION) or annotations.get(ARGO_REVISION) or ""


def _revision(replica_set: Controller) -> tuple[int, float]:
    said = _revision_text(replica_set)
    return (int(said) if said.isdigit() and len(said) < 10 else 0, replica_set.meta.created)


def _rollout(
    cluster: str,
    owner: Controller,
    at: float,
    before: Controller | None,
    after: Controller | None,
    writers: Sequence[Mark],
    *,
    new: bool,
) -> Change:
    fields = template_differences(before, after) if before is not None and after is not None else ()
    owned = [path for mark in writers for path in mark.paths if path.startswith(TEMPLATE)]
    what = tuple(one.words() for one in fields) or tuple(dict.fromkeys(_of_template(path) for path in owned))[:6]
    revision = _revision_text(after) if after is not None else ""
    name = owner.meta.name
    where = f" in {cluster}"
    shown = f": {what[0]}" if fields else ""
    began = min((mark.at for mark in writers), default=at)
    return Change(
        at=min(at, began),
        clusters=(cluster,),
        namespace=owner.meta.namespace,
        kind=owner.kind,
        name=name,
        how=ChangeHow.CREATE if new else ChangeHow.ROLLOUT,
        title=f"{name} created{where}" if new else f"{name} rollout{where}{shown}",
        who=next((mark.who for mark in writers if mark.who), ""),
        what=(*((f"revision {revision}",) if revision and not new else ()), *what),
        fields=fields,
        workloads=((owner.meta.namespace, name),),
        plane=is_istiod(owner.meta.labels) or is_istiod(owner.template_labels),
    )


def _of_template(path: str) -> str:
    return path.removeprefix(TEMPLATE).removeprefix(".spec").removeprefix(".metadata").lstrip(".") or TEMPLATE


def template_differences(before: Controller, after: Controller) -> tuple[FieldChange, ...]:
    """What differs between the templates of two revisions: images first, then containers, labels and annotations."""
    old = {one.name: one.image for one in before.containers}
    new = {one.name: one.image for one in after.containers}
    found = [
        FieldChange(f"image of {name}" if len(new) > 1 else "image", *_shortest(old[name], new[name]))
        for name in new
        if name in old and old[name] != new[name]
    ]
    found += [FieldChange(f"container {name}", None, new[name]) for name in new if name not in old]
    found += [FieldChange(f"container {name}", old[name], "removed") for name in old if name not in new]
    for word, one, other in (
        ("label", before.template_labels, after.template_labels),
        ("annotation", before.template_annotations, after.template_annotations),
    ):
        names = sorted({*one, *other} - {_HASH})
        found += [FieldChange(f"{word} {n}", one.get(n), other.get(n)) for n in names if one.get(n) != other.get(n)]
    return tuple(found)


def _shortest(old: str, new: str) -> tuple[str, str]:
    """Two images without the repository, where that is the same."""
    (here, _, tag), (there, _, other) = old.rpartition(":"), new.rpartition(":")
    return (tag, other) if here and here == there and "/" not in tag + other else (old, new)
