"""Virtual machines: WorkloadEntries, with their group, their health and the services that select them."""

from __future__ import annotations

from datetime import UTC, datetime

from meshtop.analysis.inventory.labels import SelectorIndex, canonical_name, canonical_version
from meshtop.analysis.inventory.untyped import condition_holds, conditions, mapping, maps, text, texts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import VirtualMachine

_GROUP = "istio.io/autoRegistrationGroup"
_CONNECTED = "istio.io/connectedAt"
_DISCONNECTED = "istio.io/disconnectedAt"
_NAME = "service.istio.io/workload-name"
_CHECKED = "proxy.istio.io/health-checks-enabled"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""Values that istiod reads as true in an annotation."""
_LOCALITY = "istio-locality"
NOT_REPORTED = "its health check has not reported yet"
"""Reason why a machine that has not been probed yet is not healthy."""


def entry_labels(entry: ConfigObject) -> dict[str, str]:
    """The labels of a WorkloadEntry that selectors and subsets see: the spec's, overlaid by the metadata's.

    istiod merges them in this way (ConvertWorkloadEntry), so a label that a deployment tool adds hides none.
    """
    return {**_labels(entry.spec.get("labels")), **entry.meta.labels}


def split_locality(locality: str | None) -> tuple[str | None, str | None, str | None]:
    """Region, zone and subzone of a locality as Istio writes it (`region/zone/subzone`); None for missing parts."""
    parts = [part.strip() or None for part in (locality or "").split("/")]
    region, zone, subzone = (*parts, None, None)[:3]
    return region, zone, subzone


def virtual_machines(inventory: Inventory, cluster: str) -> tuple[VirtualMachine, ...]:
    """Every WorkloadEntry of a cluster, by namespace and name. Missing or invalid fields are None."""
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
    labels = entry_labels(entry)
    group = meta.annotations.get(_GROUP) or (
        meta.owner.name if meta.owner is not None and meta.owner.kind == "WorkloadGroup" else None
    )
    workload = labels.get(_NAME) or group or meta.name
    healthy, message = _health(entry)
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
        locality=text(spec.get("locality")) or _locality(labels.get(_LOCALITY)),
        healthy=healthy,
        health_message=message,
        health_since=_health_since(entry),
        connected_at=_moment(meta.annotations.get(_CONNECTED)),
        disconnected_at=_moment(meta.annotations.get(_DISCONNECTED)),
        services=tuple(dict.fromkeys(selecting)),
        labels=tuple(sorted(labels.items())),
    )


def _health(entry: ConfigObject) -> tuple[bool | None, str | None]:
    """The Healthy condition, by istiod's rule (IsWorkloadEntryHealthy).

    Where health checks are on, only True is healthy: an entry that has not been probed yet gets no traffic. Where they
    are not, a missing condition says nothing, and the entry gets traffic.
    """
    found = next((condition for condition in conditions(entry.status) if condition.type == "Healthy"), None)
    checked = entry.meta.annotations.get(_CHECKED) in _TRUE
    said = None if found is None else (found.message or found.reason or None)
    holds = condition_holds((found,), "Healthy") if found is not None else None
    if holds is None and checked:
        return False, said or NOT_REPORTED
    return holds, said


def _health_since(entry: ConfigObject) -> float | None:
    """When the Healthy condition became what it is."""
    found = next((c for c in maps(entry.status.get("conditions")) if c.get("type") == "Healthy"), None)
    return None if found is None else _moment(text(found.get("lastTransitionTime")))


def _locality(label: str | None) -> str | None:
    """The locality in a label; labels cannot contain slashes, so Istio uses dots instead."""
    return (label if "/" in label else label.replace(".", "/")) if label else None


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
    return {key: label for key, label in mapping(value).items() if isinstance(key, str) and isinstance(label, str)}
