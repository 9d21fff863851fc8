"""What can be asked about a thing before it is changed: STRICT, a policy, a route that goes, a cluster that leaves.

Each question is one of `meshtop whatif`, and `answers.py` answers it in the same words. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.overlay import OverlaidObject, objects_in
from meshtop.analysis.security.mtls.whatif import MESH
from meshtop.model.asked import Asked
from meshtop.model.errors import MeshtopError
from meshtop.model.kube import ConfigObject, Inventory, Meta
from meshtop.model.traffic import Peer, Target
from meshtop.model.yaml_input import YamlRefused
from meshtop.sources.kubernetes.manifests import manifests
from meshtop.views.frame.registry import view
from meshtop.views.picture import asks
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.forecast import ForecastChange, applied_to

_SECURITY = "security.istio.io"
_OLDEST = -1.0
"""Of several policies of a level the oldest counts: what is asked about is taken for that."""
_ROUTES = frozenset({"VirtualService", "HTTPRoute", "GRPCRoute"})


class ForecastKind(StrEnum):
    """The commands of `meshtop whatif` that answer a question."""

    STRICT = "strict"
    EVACUATE = "evacuate"
    APPLY = "apply"


class WhatIfQuestion(Struct, frozen=True, kw_only=True):
    """A question: its title, and what it is about.

    `subject` is a namespace (or `mesh`) for STRICT, and a cluster to evacuate. For APPLY it is what the user calls the
    objects, and `change` has them.
    """

    kind: ForecastKind
    title: str
    subject: str
    change: ForecastChange | None = None

    @property
    def asked(self) -> Asked:
        """What is to be read of the clusters for it."""
        return {
            ForecastKind.STRICT: asks.STRICT,
            ForecastKind.EVACUATE: asks.EVACUATE,
            ForecastKind.APPLY: asks.APPLY,
        }[self.kind]


class ObjectsRefused(MeshtopError):
    """Text in which there are no objects to forecast: what is wrong with it, and in which line where that is known."""


def questions_about(picture: Picture, kind: str, item: Any) -> tuple[WhatIfQuestion, ...]:
    """What can be asked about an item of a kind, what is asked most first; none where nothing can be."""
    found: dict[str, WhatIfQuestion] = {}
    for question in _questions(picture, kind, item):
        found.setdefault(question.title, question)
    return tuple(found.values())


def _questions(picture: Picture, kind: str, item: Any) -> Iterator[WhatIfQuestion]:
    if kind == "clusters":
        yield evacuation(item.name)
        yield strict_in(MESH)
    elif kind == "findings":
        yield from _fixed(item)
        yield from _about_place(picture, kind, item)
    elif kind == "services":
        yield from _about_pods(item.cluster, item.namespace, item.name, _selector(picture, item))
        if not _selector(picture, item):
            yield strict_in(item.namespace)
    elif kind in ("workloads", "mtls"):
        name = item.name if kind == "workloads" else item.workload
        yield from _about_workload(picture, (item.cluster, item.namespace, name))
    elif kind == "canaries" and item.kind in _ROUTES:
        yield without_object(OverlaidObject(item.kind, item.namespace, item.name))
        yield strict_in(item.namespace)
    elif isinstance(end := getattr(item, "destination", None), Target | Peer) and end.namespace:
        yield from _about_workload(picture, (end.cluster, end.namespace, end.workload))
    else:
        yield from _about_place(picture, kind, item)


def _about_place(picture: Picture, kind: str, item: Any) -> Iterator[WhatIfQuestion]:
    """What can be asked about wherever an item is: its namespaces, else its clusters."""
    places = view(kind).places(item)
    namespaces = dict.fromkeys(place.namespace for place in places if place.namespace)
    if namespaces:
        yield from map(strict_in, namespaces)
        return
    known = [cluster.name for cluster in picture.snapshot.clusters]
    yield from (evacuation(cluster) for cluster in dict.fromkeys(p.cluster for p in places) if cluster in known)
    yield strict_in(MESH)


def _about_workload(picture: Picture, where: tuple[str, str, str]) -> Iterator[WhatIfQuestion]:
    cluster, namespace, name = where
    labels = next((w.labels for w in picture.workloads_in(cluster) if (w.namespace, w.name) == where[1:]), ())
    yield from _about_pods(cluster, namespace, name, dict(labels))
    if not labels:
        yield strict_in(namespace)


def _about_pods(cluster: str, namespace: str, name: str, labels: Mapping[str, str]) -> Iterator[WhatIfQuestion]:
    """STRICT in the namespace and for these pods alone, and nobody who may call them any more."""
    if not labels:
        return
    yield strict_in(namespace)
    yield strict_for(cluster, namespace, name, labels)
    yield nobody_calls(cluster, namespace, name, labels)
    yield strict_in(MESH)


def _selector(picture: Picture, item: Any) -> Mapping[str, str]:
    snapshot = picture.snapshot.cluster(item.cluster)
    inventory = None if snapshot is None else snapshot.inventory
    services = () if inventory is None or item.kind != "Service" else inventory.services
    return next((one.selector for one in services if one.meta.key == (item.namespace, item.name)), {})


def strict_in(namespace: str) -> WhatIfQuestion:
    """Mutual TLS required in a namespace of every cluster, or in the whole mesh (`mesh`)."""
    title = "STRICT in the whole mesh" if namespace == MESH else f"STRICT in {namespace}"
    return WhatIfQuestion(kind=ForecastKind.STRICT, title=title, subject=namespace)


def evacuation(cluster: str) -> WhatIfQuestion:
    """A cluster that takes no more traffic."""
    return WhatIfQuestion(kind=ForecastKind.EVACUATE, title=f"without {cluster}", subject=cluster)


def strict_for(cluster: str, namespace: str, name: str, labels: Mapping[str, str]) -> WhatIfQuestion:
    """Mutual TLS required by the pods with some labels alone."""
    spec = {"selector": {"matchLabels": dict(labels)}, "mtls": {"mode": "STRICT"}}
    return _applied(f"STRICT for {name} alone", cluster, "PeerAuthentication", namespace, f"strict-{name}", spec)


def nobody_calls(cluster: str, namespace: str, name: str, labels: Mapping[str, str]) -> WhatIfQuestion:
    """A policy by which nobody may call the pods with some labels: who does?"""
    spec = {"selector": {"matchLabels": dict(labels)}}
    return _applied(f"nobody may call {name}", cluster, "AuthorizationPolicy", namespace, f"nobody-{name}", spec)


def _applied(title: str, cluster: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> WhatIfQuestion:
    obj = ConfigObject(
        group=_SECURITY,
        version="v1",
        kind=kind,
        meta=Meta(name=name, namespace=namespace, created=_OLDEST),
        spec=spec,
    )
    change = applied_to(Inventory(config={kind: (obj,)}), (cluster,))
    return WhatIfQuestion(kind=ForecastKind.APPLY, title=title, subject=f"{kind} {namespace}/{name}", change=change)


def without_object(name: OverlaidObject) -> WhatIfQuestion:
    """An object that is deleted in every cluster that has it."""
    change = ForecastChange(removed=(("", name),))
    return WhatIfQuestion(kind=ForecastKind.APPLY, title=f"without {name.title}", subject=name.title, change=change)


def _fixed(item: Any) -> Iterator[WhatIfQuestion]:
    """What the fix of a finding would do, where the fix is an object."""
    text = yaml_of_fix(item.fix)
    if not text:
        return
    try:
        yield objects_applied(text, home=item.namespace or "default", clusters=(item.cluster,) if item.cluster else (),
                              title="this fix")  # fmt: skip
    except ObjectsRefused:
        # A fix with a gap for the user to fill may be no YAML; the finding shows it nevertheless.
        return


def yaml_of_fix(fix: str | None) -> str:
    """The objects in a fix, from its first `apiVersion:` on; "" where it is a sentence or a command."""
    lines = (fix or "").splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith("apiVersion:")), None)
    return "" if first is None else "\n".join(lines[first:])


def objects_applied(text: str, *, home: str, clusters: tuple[str, ...] = (), title: str = "") -> WhatIfQuestion:
    """Objects applied to some clusters (none: to all that have their namespaces), those without one in `home`.

    `text` is YAML or JSON, of one document or several. Raises ObjectsRefused.
    """
    try:
        read = manifests([text], namespace=home)
    except YamlRefused as error:
        line = f" (line {error.line})" if error.line else ""
        raise ObjectsRefused(f"What was pasted {error.why}{line}.", remedy=_PASTE) from error
    if read.misread:
        odd = read.misread[0]
        name = f"{odd.kind} {'/'.join(filter(None, (odd.namespace, odd.name)))}".strip()
        raise ObjectsRefused(f"{name} of what was pasted cannot be read: {odd.why.rstrip('.')}.", remedy=_PASTE)
    names = [name.title for name, _ in objects_in(read.inventory)]
    if not names and not read.passed_over:
        raise ObjectsRefused("There is no object in what was pasted.", remedy=_PASTE)
    subject = ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    change = applied_to(read.inventory, clusters)
    change = ForecastChange(applied=change.applied, passed_over=read.passed_over)
    return WhatIfQuestion(
        kind=ForecastKind.APPLY,
        title=title or (names[0] if len(names) == 1 else f"{len(names)} pasted objects"),
        subject=subject,
        change=change,
    )


_PASTE = "Paste whole objects, from apiVersion on, as kubectl apply takes them."
_MOST = 3
