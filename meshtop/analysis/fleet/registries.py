"""Registries of member clusters: each project's objects parsed into one common type (reference: Federation)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from meshtop.analysis.identity.remotes import hinted_id, remote_ids
from meshtop.analysis.inventory.untyped import Condition, condition_holds, conditions, items, mapping, text, texts
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.telemetry import Telemetry

KUBEFED, KARMADA, OCM, KUBESPHERE, PROFILES, ISTIO = (
    "kubefed",
    "karmada",
    "ocm",
    "kubesphere",
    "clusterprofile",
    "istio",
)
SYNC_METRIC = "istiod_remote_cluster_sync_status"
_CLUSTER_PROPERTIES = ("cluster.clusterset.k8s.io", "id.k8s.io")
"""Properties that hold a cluster's id (KEP-2149), the older name last."""
_OCM_NAME = "open-cluster-management.io/cluster-name"
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KUBESPHERE_HOST = "cluster-role.kubesphere.io/host"


class RegistryEntry(Struct, frozen=True, kw_only=True):
    """A member as a registry declares it.

    `host` is the cluster that holds the registry. `ready` is the registry's own verdict, None where it gives none.
    `ids` are UIDs of the member's kube-system namespace, which identify a cluster for certain. `aliases` are other
    names that identify it, ids that do not look like a UID among them. `display_name` is for people: it is not unique.
    `prefix` is the path below the host's API server under which it forwards to the member, None where it does not.
    `itself` is set where the registry declares that this member is the host.
    """

    registry: str
    host: str
    name: str
    server: str = ""
    ready: bool | None = None
    conditions: tuple[Condition, ...] = ()
    region: str | None = None
    zones: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    display_name: str = ""
    prefix: str | None = None
    itself: bool = False
    keeps_credentials: bool = False


def registered(host: str, inventory: Inventory, telemetry: Telemetry | None = None) -> tuple[RegistryEntry, ...]:
    """The members that the registries of one cluster declare, by registry and name."""
    found = [
        read(host, obj)
        for kind, read in _READERS.items()
        for obj in sorted(inventory.config.get(kind, ()), key=lambda o: o.meta.key)
    ]
    synced = sync_states(telemetry)
    return (*_told_apart(inventory, found), *_remotes(host, inventory, synced))


def _told_apart(inventory: Inventory, found: list[RegistryEntry]) -> list[RegistryEntry]:
    """The entries; ClusterProfiles with the same name in several namespaces get the namespace as a prefix."""
    profiles = iter(sorted(inventory.config.get("ClusterProfile", ()), key=lambda o: o.meta.key))
    named = Counter(entry.name for entry in found if entry.registry == PROFILES)
    apart = []
    for entry in found:
        if entry.registry == PROFILES:
            namespace = next(profiles).meta.namespace
            if named[entry.name] > 1:
                aliases = (entry.name, *entry.aliases)
                entry = structs.replace(entry, name=f"{namespace}/{entry.name}", aliases=aliases)
        apart.append(entry)
    return apart


def sync_states(telemetry: Telemetry | None) -> dict[str, str]:
    """istiod's sync state of each remote cluster, by cluster id: synced, syncing, timeout or closed."""
    states: dict[str, str] = {}
    for sample in telemetry.control if telemetry is not None else ():
        if sample.metric == SYNC_METRIC and sample.value > 0 and sample.labels.get("cluster"):
            cluster, status = sample.labels["cluster"], sample.labels.get("status", "")
            # Replicas of istiod may differ for a moment: what is not synced is what matters.
            if states.get(cluster, "synced") == "synced":
                states[cluster] = status
    return states


def _kubefed(host: str, obj: ConfigObject) -> RegistryEntry:
    found = conditions(obj.status)
    ready, offline = condition_holds(found, "Ready"), condition_holds(found, "Offline")
    return RegistryEntry(
        registry=KUBEFED,
        host=host,
        name=obj.meta.name,
        server=text(obj.spec.get("apiEndpoint")) or "",
        ready=False if offline else ready,
        conditions=found,
        region=text(obj.status.get("region")),
        zones=texts(obj.status.get("zones")),
        keeps_credentials=bool(mapping(obj.spec.get("secretRef"))),
    )


def _karmada(host: str, obj: ConfigObject) -> RegistryEntry:
    found = conditions(obj.status)
    zone = text(obj.spec.get("zone"))
    return RegistryEntry(
        registry=KARMADA,
        host=host,
        name=obj.meta.name,
        server=text(obj.spec.get("apiEndpoint")) or "",
        ready=condition_holds(found, "Ready"),
        conditions=found,
        region=text(obj.spec.get("region")),
        zones=texts(obj.spec.get("zones")) or ((zone,) if zone else ()),
        ids=_ids(obj.spec.get("id")),
        prefix=f"/apis/cluster.karmada.io/v1alpha1/clusters/{obj.meta.name}/proxy",
        keeps_credentials=bool(mapping(obj.spec.get("secretRef"))),
    )


def _ocm(host: str, obj: ConfigObject) -> RegistryEntry:
    found = conditions(obj.status)
    claims = _named(obj.status.get("clusterClaims"))
    ids, aliases = _identifiers(claims)
    urls = [text(mapping(config).get("url")) for config in items(obj.spec.get("managedClusterClientConfigs"))]
    told = [
        condition_holds(found, kind)
        for kind in ("HubAcceptedManagedCluster", "ManagedClusterJoined", "ManagedClusterConditionAvailable")
    ]
    return RegistryEntry(
        registry=OCM,
        host=host,
        name=obj.meta.name,
        server=next((url for url in urls if url), ""),
        # A cluster that was never accepted or never joined has no Available condition: it is not ready either.
        ready=False if False in told else True if all(told) else None,
        conditions=found,
        region=claims.get("region.open-cluster-management.io") or obj.meta.labels.get("region"),
        ids=ids,
        aliases=aliases,
        itself=obj.meta.labels.get("local-cluster") == "true",
    )


def _kubesphere(host: str, obj: ConfigObject) -> RegistryEntry:
    found = conditions(obj.status)
    itself = _KUBESPHERE_HOST in obj.meta.labels
    connection = mapping(obj.spec.get("connection"))
    return RegistryEntry(
        registry=KUBESPHERE,
        host=host,
        name=obj.meta.name,
        server=text(connection.get("kubernetesAPIEndpoint")) or "",
        ready=condition_holds(found, "Ready"),
        conditions=found,
        region=text(obj.status.get("region")),
        zones=texts(obj.status.get("zones")),
        ids=_ids(obj.status.get("uid")),
        prefix=None if itself else f"/clusters/{obj.meta.name}",
        itself=itself,
        keeps_credentials=not itself,
    )


def _profile(host: str, obj: ConfigObject) -> RegistryEntry:
    found = conditions(obj.status)
    properties = _named(obj.status.get("properties"))
    # `credentialProviders` is what v1alpha1 called them at first.
    providers = items(obj.status.get("accessProviders")) or items(obj.status.get("credentialProviders"))
    servers = [text(mapping(mapping(provider).get("cluster")).get("server")) for provider in providers]
    ids, aliases = _identifiers(properties)
    owner = obj.meta.labels.get(_OCM_NAME)
    location = properties.get("location.topology.k8s.io") or properties.get("location")
    return RegistryEntry(
        registry=PROFILES,
        host=host,
        name=obj.meta.name,
        server=next((server for server in servers if server), ""),
        ready=condition_holds(found, "ControlPlaneHealthy"),
        conditions=found,
        region=location,
        ids=ids,
        aliases=(*aliases, *((owner,) if owner else ())),
        display_name=text(obj.spec.get("displayName")) or "",
    )


_READERS: Mapping[str, Callable[[str, ConfigObject], RegistryEntry]] = {
    "KubeFedCluster": _kubefed,
    "Cluster.cluster.karmada.io": _karmada,
    "ManagedCluster": _ocm,
    "Cluster.cluster.kubesphere.io": _kubesphere,
    "ClusterProfile": _profile,
}


def _remotes(host: str, inventory: Inventory, synced: Mapping[str, str]) -> list[RegistryEntry]:
    """The remote clusters of istiod, by id: those in its metrics, and those that remote secrets hint at.

    A secret whose metadata hints at none is listed by its own name, unless the metrics name more than the hints do.
    """
    names = remote_ids(inventory, synced)
    hints = {hinted_id(secret) for secret in inventory.remote_secrets}
    silent = [secret.meta.name for secret in inventory.remote_secrets if hinted_id(secret) is None]
    found = []
    for name in sorted(names | frozenset(silent if len(names - hints) < len(silent) else ())):
        state = synced.get(name)
        told = Condition(type="Synced", status=str(state == "synced"), reason=state) if state else None
        found.append(
            RegistryEntry(
                registry=ISTIO,
                host=host,
                name=name,
                ready=None if state is None else state == "synced",
                conditions=(told,) if told else (),
                keeps_credentials=True,
            )
        )
    return found


def _named(value: object) -> dict[str, str]:
    """`[{name, value}]` as a mapping."""
    pairs = ((text(mapping(entry).get("name")), text(mapping(entry).get("value"))) for entry in items(value))
    return {name: told for name, told in pairs if name and told}


def _identifiers(properties: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All ids in a cluster's properties, and those of them that are not UIDs (no format is prescribed)."""
    told = [properties[name] for name in _CLUSTER_PROPERTIES if name in properties]
    return tuple(told), tuple(one for one in told if not _UID.fullmatch(one))


def _ids(value: object) -> tuple[str, ...]:
    found = text(value)
    return (found,) if found else ()
