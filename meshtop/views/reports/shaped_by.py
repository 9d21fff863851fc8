"""The objects that shape a service, workload or route, as rows that open, and why each applies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.visibility.shaping import ConfigTarget, applicable_config
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.facts import Related
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Table
from meshtop.views.frame.unknowns import Needs, doubt, unknowns_of
from meshtop.views.picture import asks
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.object_report import WantedObject, object_behind

SHAPED_BY = "shaped-by"
"""Stands for the kind of such rows, which are objects of a cluster and no items of a view."""


_SHAPED = frozenset({"services", "canaries", "workloads", "mtls", "namespaces", "edges"})
UNREAD = "?"
"""The kind of a row that stands for what could not be read."""


class ReachedEnd(Struct, frozen=True):
    """The workload that a call reaches, by its place."""

    cluster: str
    namespace: str
    name: str


_SHAPING: Key[tuple[ShapingObject, ...]] = Key("objects that shape a thing")


class ShapingObject(Struct, frozen=True, rename="camel"):
    """An object of a cluster, and why it applies in words."""

    cluster: str
    kind: str
    namespace: str
    name: str
    why: str


def shaping_objects(picture: Picture, kind: str, item: Any) -> tuple[ShapingObject, ...]:
    """The objects that apply to an item in its cluster; the last row says which kinds could not be read, if any.

    To a call those apply that do to the workload it reaches. A finding is about one object, which is its own.
    """
    if kind == "findings":
        return (ShapingObject(item.cluster, item.kind, item.namespace, item.name, item.path or "what it is about"),)
    if kind == "edges":
        end = item.destination
        kind, item = "workloads", ReachedEnd(end.cluster, end.namespace, end.workload)
    cluster = getattr(item, "cluster", "")
    snapshot = picture.snapshot.cluster(cluster)
    if snapshot is None or snapshot.inventory is None:
        return ()
    facts = picture.facts.get(cluster)
    root = (facts.root_namespace if facts is not None else None) or ""
    found: dict[tuple[str, str, str], ShapingObject] = {}
    targets = list(_targets(picture, kind, item))
    if not targets:
        # That nothing applies would be a claim about something that was not found.
        return (ShapingObject(cluster, UNREAD, "", "", "Its workload is not known, so neither is what applies to it."),)
    for target in targets:
        for one in applicable_config(snapshot.inventory, target, root_namespace=root):
            made = ShapingObject(cluster, one.kind, one.namespace, one.name, one.why)
            found.setdefault((one.kind, one.namespace, one.name), made)
    unread = unknowns_of(picture.snapshot, Needs(asks.SHAPING_KINDS), Query(clusters=(cluster,)))
    rest = (ShapingObject(cluster, UNREAD, "", "", doubt(unread)),) if unread else ()
    return (*(found[key] for key in sorted(found)), *rest)


def _targets(picture: Picture, kind: str, item: Any) -> Iterator[ConfigTarget]:
    if kind == "namespaces":
        yield _target(item.name, CLUSTER_DOMAIN, "", (), [])
        return
    facts = picture.facts.get(item.cluster)
    domain = facts.domain if facts is not None else CLUSTER_DOMAIN
    workloads = picture.workloads_in(item.cluster, item.namespace)
    if kind == "services":
        behind = [dict(w.labels) for w in workloads if item.name in w.services]
        yield _target(item.namespace, domain, item.name, item.hosts, behind)
    elif kind == "canaries":
        hosts = sorted({item.host, *(d.host for d in item.destinations)} - {""})
        for host in hosts:
            name, _, rest = host.partition(".")
            namespace = rest.partition(".")[0] or item.namespace
            there = picture.workloads_in(item.cluster, namespace)
            behind = [dict(w.labels) for w in there if name in w.services]
            yield _target(namespace, domain, name, (host,), behind)
    elif kind in ("workloads", "mtls"):
        own = item.name if kind == "workloads" else item.workload
        for workload in (w for w in workloads if w.name == own):
            for name in workload.services or ("",):
                own_host = [f"{name}.{item.namespace}.svc.{domain}"] if name else []
                yield _target(item.namespace, domain, name, own_host, [dict(workload.labels)])


def _target(
    namespace: str, domain: str, service: str, hosts: Iterable[str], workloads: Iterable[Mapping[str, str]]
) -> ConfigTarget:
    return ConfigTarget(
        namespace=namespace,
        domain=domain,
        service=service,
        hosts=tuple(host.lower() for host in hosts),
        workloads=tuple(workloads),
    )


c = Columns(ShapingObject)
_COLUMNS = (
    c.text("kind", "KIND", "The object's kind.", "kind", priority=0, min_width=14, max_width=28),
    c.text("namespace", "NAMESPACE", "Its namespace.", "namespace", priority=1, max_width=32),
    c.text("name", "NAME", "Its name; enter shows it in every cluster.", "name", priority=0, min_width=8, max_width=48),
    c.text("why", "WHY", "Why it applies.", "why", priority=1, max_width=60),
)


def shaping_page(picture: Picture, kind: str, item: Any) -> Related | None:
    """The page of a detail with the objects that shape its item; None for items that nothing shapes."""
    about_object = kind == "findings" and item.on_configuration and bool(item.cluster)
    if kind not in _SHAPED and not about_object:
        return None
    # A fleet has tens of thousands of objects, and a page is drawn anew with each refresh of telemetry.
    place = (kind, view(kind).key(item))
    rows = picture.unless_changed(_SHAPING, lambda: shaping_objects(picture, kind, item), also=place)
    table = Table(_COLUMNS, rows, lambda one: f"{one.kind}/{one.namespace}/{one.name}")
    return Related(
        "Objects" if about_object else "Shaped by",
        SHAPED_BY,
        table,
        "No object of Istio or Gateway API applies: the mesh's defaults do.",
    )


def shaping_object(key: str) -> WantedObject | None:
    """The object of a row, by the row's key."""
    kind, _, rest = key.partition("/")
    namespace, _, name = rest.partition("/")
    return None if kind == UNREAD else object_behind(SHAPED_BY, ShapingObject("", kind, namespace, name, ""))
