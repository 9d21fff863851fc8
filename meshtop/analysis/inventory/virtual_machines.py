"""Virtual machines: WorkloadEntries, with their group, their health and the services that select them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from meshtop.analysis.inventory.labels import SelectorIndex, canonical_name, canonical_version
from meshtop.analysis.inventory.untyped import condition_holds, conditions, mapping, text, texts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import VirtualMachine

_GROUP = "istio.io/autoRegistrationGroup"
_CONNECTED = "istio.io/connectedAt"
_DISCONNECTED = "istio.io/disconnectedAt"
_NAME = "service.istio.io/workload-name"


def virtual_machines(inventory: Inventory, cluster: str) -> tuple[VirtualMachine, ...]:
    """Every WorkloadEntry of a cluster, by namespace and name. What its spec does not say properly is None."""
    services = SelectorIndex((s.meta.namespace, s.meta.name, s.selector) for s in inventory.services)
    entries = SelectorIndex(
        (entry.meta.namespace, host, _labels(mapping(entry.spec.get("workloadSelector")).get("labels")))
        for entry in inventory.config.get("ServiceEntry", ())
        for host in texts(entry.spec.get("hosts"))
    )
    found = [_machine(entry, cluster, services, entries) for entry in inventory.config.get("WorkloadEntry", ())]
    return tuple(sorted(found, key=lambda machine: (machine.namespace, machine.name)))


def _machine(entry: ConfigObject, cluster: str, services: SelectorIndex, entries: SelectorIndex) -> VirtualMachine:
    meta, spec = entry.meta, entry.spec
    labels = {**meta.labels, **_labels(spec.get("labels"))}
    group = meta.annotations.get(_GROUP) or (
        meta.owner.name if meta.owner is not None and meta.owner.kind == "WorkloadGroup" else None
    )
    workload = labels.get(_NAME) or group or meta.name
    healthy, message = _health(entry.status)
    selecting = (*services.selecting(meta.namespace, labels), *entries.selecting(meta.namespace, labels))
    return VirtualMachine(
        cluster=cluster,
        namespace=meta.namespace,
        name=meta.name,
        meta=meta,
        workload_group=group,
        workload=workload,
        app=canonical_name(labels, workload),
        version=canonical_version(labels),
        address=text(spec.get("address")),
        network=text(spec.get("network")) or labels.get("topology.istio.io/network"),
        locality=text(spec.get("locality")),
        healthy=healthy,
        health_message=message,
        connected_at=_moment(meta.annotations.get(_CONNECTED)),
        disconnected_at=_moment(meta.annotations.get(_DISCONNECTED)),
        services=tuple(dict.fromkeys(selecting)),
    )


def _health(status: Mapping[str, Any]) -> tuple[bool | None, str | None]:
    """The Healthy condition; it is there only where a probe reports, so its absence says nothing."""
    found = [condition for condition in conditions(status) if condition.type == "Healthy"]
    if not found:
        return None, None
    return condition_holds(found, "Healthy"), found[0].message or found[0].reason or None


def _moment(written: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for anything else. A time without a zone is UTC."""
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _labels(value: object) -> dict[str, str]:
    return {key: label for key, label in mapping(value).items() if isinstance(label, str)}
