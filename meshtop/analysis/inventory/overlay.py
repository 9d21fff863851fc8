"""A cluster's inventory as it would be with some objects applied and others removed. Nothing is written.

What is applied takes the place of an object of the same name and keeps its age, as the API server does; what is new is
the youngest of its kind, which decides where the oldest counts. Endpoints follow a Service whose selector changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.inventory.pod_counts import has_ended
from meshtop.model.kube import ConfigObject, Endpoint, EndpointSlice, Inventory, Meta, Service, ServicePort

PARTS = ("nodes", "namespaces", "services", "endpoint_slices", "pods", "controllers", "credentials", "webhooks")
"""The fields of an Inventory that hold objects, besides `config` and `config_maps`."""
CONFIG_MAP = "ConfigMap"


class OverlaidObject(Struct, frozen=True, order=True):
    """An object by kind, namespace ("" for one without) and name; kinds as `kind:` is written in manifests."""

    kind: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """Name for users: `Sidecar shop/default`."""
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


def objects_in(inventory: Inventory) -> Iterator[tuple[OverlaidObject, Any]]:
    """Every object of an inventory by its name; the data of a ConfigMap stands for it."""
    for part in PARTS:
        for obj in getattr(inventory, part):
            yield _name_of(obj), obj
    for objects in inventory.config.values():
        for obj in objects:
            yield OverlaidObject(obj.kind, *obj.meta.key), obj
    for place, data in inventory.config_maps.items():
        namespace, _, name = place.partition("/")
        yield OverlaidObject(CONFIG_MAP, namespace, name), data


def _name_of(obj: Any) -> OverlaidObject:
    if isinstance(obj, Meta):
        return OverlaidObject("MutatingWebhookConfiguration", *obj.key)
    kind = getattr(obj, "kind", "") or {"Credential": "Secret"}.get(type(obj).__name__, type(obj).__name__)
    return OverlaidObject(kind, *obj.meta.key)


def with_objects(
    inventory: Inventory, applied: Inventory, removed: Iterable[OverlaidObject] = (), *, now: float = 0.0
) -> Inventory:
    """An inventory with all objects of another one applied at `now` (Unix seconds), and some removed before."""
    gone = frozenset(removed)
    parts: dict[str, Any] = {}
    for part in PARTS:
        held, new = getattr(inventory, part), getattr(applied, part)
        if new or any(_name_of(obj) in gone for obj in held):
            parts[part] = _laid_over(held, new, gone, now)
    config = dict(inventory.config)
    for kind in {**inventory.config, **applied.config}:
        held, new = inventory.config.get(kind, ()), applied.config.get(kind, ())
        if new or any(_name_of(obj) in gone for obj in held):
            config[kind] = _laid_over(held, new, gone, now)
    maps = {
        place: data
        for place, data in inventory.config_maps.items()
        if OverlaidObject(CONFIG_MAP, *place.split("/", 1)) not in gone
    }
    maps.update(applied.config_maps)
    kinds = tuple(
        structs.replace(status, state="fresh")
        if status.state == "missing" and status.kind in applied.config
        else status
        for status in inventory.kinds
    )
    found = structs.replace(inventory, config=config, config_maps=maps, kinds=kinds, **parts)
    return _with_endpoints(inventory, found)


def _laid_over(held: Iterable[Any], new: Iterable[Any], gone: frozenset[OverlaidObject], now: float) -> tuple[Any, ...]:
    """Objects of one kind: the removed ones left out, the applied ones in the place of those of the same name."""
    kept = {_name_of(obj): obj for obj in held if _name_of(obj) not in gone}
    for obj in new:
        name = _name_of(obj)
        kept[name] = as_applied(obj, kept.get(name), now)
    return tuple(kept.values())


def as_applied(obj: Any, before: Any, now: float) -> Any:
    """An applied object with what the API server gives it: its age, identity and, for what it was before, its status.

    `before` is the object of its name, None where there is none. Labels and annotations that it has and the applied one
    does not name stay, as with kubectl. A changed spec is a new generation, of which no controller has said anything.
    """
    meta: Meta = obj if isinstance(obj, Meta) else obj.meta
    was: Meta | None = None if before is None else before if isinstance(before, Meta) else before.meta
    if was is None:
        dated = structs.replace(meta, created=meta.created or now)
    else:
        marks = {"labels": {**was.labels, **meta.labels}, "annotations": {**was.annotations, **meta.annotations}}
        dated = structs.replace(was, **marks)
    if isinstance(obj, Meta):
        return dated
    more: dict[str, Any] = {}
    if isinstance(obj, ConfigObject) and isinstance(before, ConfigObject):
        same = obj.spec == before.spec
        more = {"status": before.status, "managers": before.managers,
                "generation": before.generation if same else before.generation + 1}  # fmt: skip
    if isinstance(obj, Service) and isinstance(before, Service):
        more = {"cluster_ip": obj.cluster_ip or before.cluster_ip, "conditions": before.conditions}
    return structs.replace(obj, meta=dated, **more)


def _with_endpoints(before: Inventory, after: Inventory) -> Inventory:
    """The inventory with the EndpointSlices that Services with a new or changed selector, and removed ones, get."""
    if after.services is before.services:
        return after
    was = {service.meta.key: service.selector for service in before.services}
    now = {service.meta.key: service for service in after.services}
    moved = {key for key, service in now.items() if service.selector and service.selector != was.get(key)}
    moved |= set(was) - set(now)
    if not moved:
        return after
    written = {one.meta.key for one in after.endpoint_slices} - {one.meta.key for one in before.endpoint_slices}
    kept = [
        one
        for one in after.endpoint_slices
        if (one.meta.namespace, one.service) not in moved or one.meta.key in written
    ]
    ports = {(one.meta.namespace, one.service): one.ports for one in before.endpoint_slices}
    made = [_slice(now[key], ports.get(key, ()), after) for key in sorted(moved) if key in now]
    return structs.replace(after, endpoint_slices=(*kept, *made))


def _slice(service: Service, ports: tuple[ServicePort, ...], inventory: Inventory) -> EndpointSlice:
    """The slice that the endpoint controller makes of the pods that a Service selects now."""
    endpoints = tuple(
        Endpoint(
            addresses=(pod.ip,),
            ready=pod.ready,
            node=pod.node,
            target_kind="Pod",
            target_name=pod.meta.name,
            target_uid=pod.meta.uid,
        )
        for pod in inventory.pods
        if pod.ip
        and pod.meta.namespace == service.meta.namespace
        and not has_ended(pod)
        and _selected(service.selector, pod.meta.labels)
    )
    numbered = tuple(
        ServicePort(port=port.target if isinstance(port.target, int) else port.port, name=port.name)
        for port in service.ports
        if not isinstance(port.target, str)
    )
    return EndpointSlice(
        meta=Meta(name=f"{service.meta.name}-forecast", namespace=service.meta.namespace),
        service=service.meta.name,
        endpoints=endpoints,
        ports=ports or numbered,
    )


def _selected(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
