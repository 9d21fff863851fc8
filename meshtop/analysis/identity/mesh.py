"""Mesh facts from one cluster's inventory (reference: Istio, "What to read in a cluster").

ConfigMaps may contain anything: values that cannot be parsed are unknown, never an error, and values that were not
read are unknown, never a default.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from meshtop.analysis.identity.control_planes import (
    CONTROLLED_BY,
    ROOT_CERTIFICATE,
    control_planes,
    homes,
    istiods,
    labels_of,
)
from meshtop.analysis.identity.external import reads_another_cluster
from meshtop.analysis.identity.networks import network_of
from meshtop.analysis.identity.settings import PlaneSettings, plane_settings, settings_among
from meshtop.analysis.identity.trees import Tree, at, text_at, texts_at
from meshtop.analysis.inventory.labels import image_version, proxy_container
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import Controller, Inventory
from meshtop.model.mesh import ControlPlane, MeshFacts

DEFAULT_CLUSTER_ID = "Kubernetes"

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")


def mesh_facts(inventory: Inventory) -> MeshFacts:
    """Facts about a cluster's mesh, control planes and trust; fields are None where unknown.

    Where revisions have different settings, those of the first control plane in `istiods` apply.
    """
    found = istiods(inventory.controllers, inventory.pods, inventory.webhooks)
    planes = control_planes(found, inventory.webhooks)
    settings = settings_among(inventory, found)
    config, values = settings.mesh, settings.values
    here = homes(found, inventory.namespaces, inventory.webhooks)
    abroad = [reads_another_cluster(istiod, inventory, found) for istiod in found]
    external = [istiod for istiod, elsewhere in zip(found, abroad, strict=True) if elsewhere]
    outside = bool(found) and (None if None in abroad and False not in abroad else all(abroad))
    # What an external control plane goes by, its id and its network, is another cluster's.
    own = [istiod for istiod, elsewhere in zip(found, abroad, strict=True) if elsewhere is False]
    cluster_id = _cluster_id(own, values) if outside is False else None
    return MeshFacts(
        cluster_id=cluster_id,
        mesh_id=text_at(config, "defaultConfig", "meshId") or text_at(values, "global", "meshID"),
        network=network_of(inventory, here, settings if outside is False else PlaneSettings(), cluster_id),
        trust_domain=text_at(config, "trustDomain") or (CLUSTER_DOMAIN if settings.complete else None),
        trust_domain_aliases=texts_at(config, "trustDomainAliases"),
        root_namespace=text_at(config, "rootNamespace") or (here[0] if settings.complete else None),
        auto_mtls=_auto_mtls(settings),
        cluster_domain=_cluster_domain(found, settings),
        region=_region(inventory),
        control_planes=planes,
        istio_versions=_versions(planes, inventory),
        roots=_roots(inventory, here),
        roles=_roles(inventory, found, values),
        served_by=_served_by(inventory),
        config_of=tuple(dict.fromkeys(told for i in external if (told := i.environment.get("CLUSTER_ID")))),
        outside=outside,
        config_cluster=not found and at(values, "global", "configCluster") is True,
        ambient=_ambient(inventory),
    )


def mesh_config(inventory: Inventory) -> Tree:
    """The MeshConfig in force in a cluster; empty where it is not known."""
    return plane_settings(inventory).mesh or {}


def mesh_networks(inventory: Inventory) -> Tree:
    """The MeshNetworks of a cluster: which gateways lead into which network; empty where it is not known."""
    return plane_settings(inventory).networks or {}


@lru_cache(maxsize=256)
def fingerprints(pem: str) -> tuple[str, ...]:
    """SHA-256 of each certificate in a PEM bundle, lower-case hex, in order and without repetition."""
    found = []
    for block in _PEM.findall(pem):
        try:
            found.append(hashlib.sha256(base64.b64decode(block)).hexdigest())
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def _roots(inventory: Inventory, here: Sequence[str]) -> tuple[str, ...]:
    """Fingerprints of the roots that the control plane distributes, from the first of its namespaces that has some."""
    for home in here:
        found = fingerprints(_bundle(inventory, home))
        if found:
            return found
    return ()


def root_bundle(inventory: Inventory) -> str:
    """The PEM bundle of the roots that the control plane distributes; empty where none is known."""
    found = istiods(inventory.controllers, inventory.pods, inventory.webhooks)
    bundles = (_bundle(inventory, home) for home in homes(found, inventory.namespaces, inventory.webhooks))
    return next((bundle for bundle in bundles if fingerprints(bundle)), "")


def _bundle(inventory: Inventory, home: str) -> str:
    return inventory.config_maps.get(f"{home}/{ROOT_CERTIFICATE}", {}).get("root-cert.pem", "")


def _versions(planes: Sequence[ControlPlane], inventory: Inventory) -> tuple[str, ...]:
    """Versions of the control planes; of the proxies where the control plane is elsewhere."""
    versions = {plane.version for plane in planes if plane.version}
    if not versions:
        for controller in inventory.controllers:
            proxy = proxy_container(controller.containers)
            image = proxy.image if proxy is not None else ""
            if (version := image_version(image)) and version[:1].isdigit():
                versions.add(version)
    return tuple(sorted(versions, key=_natural))


def _natural(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.\-+]", version)]


def _cluster_id(found: Sequence[Controller], values: Tree | None) -> str | None:
    for istiod in found:
        if istiod.environment.get("CLUSTER_ID"):
            return istiod.environment["CLUSTER_ID"]
    named = text_at(values, "global", "multiCluster", "clusterName")
    # Of istiod's pods alone the environment is not known.
    known = any(istiod.kind == "Deployment" for istiod in found)
    return named or (DEFAULT_CLUSTER_ID if known else None)


def _cluster_domain(found: Sequence[Controller], settings: PlaneSettings) -> str | None:
    """The DNS domain of the cluster: istiod's `--domain`, else its chart's values, else Kubernetes' default.

    The default is used only if everything that could override it was read.
    """
    told = next((istiod.domain for istiod in found if istiod.domain), None)
    written = told or text_at(settings.values, "global", "proxy", "clusterDomain")
    if written:
        return written.strip(".") or None
    return CLUSTER_DOMAIN if settings.values_known else None


def _region(inventory: Inventory) -> str | None:
    """The region of most nodes, the first by name among equals."""
    regions = Counter(node.region for node in inventory.nodes if node.region)
    return min(regions, key=lambda region: (-regions[region], region)) if regions else None


def _auto_mtls(settings: PlaneSettings) -> bool | None:
    value = at(settings.mesh, "enableAutoMtls")
    if isinstance(value, bool):
        return value
    return True if settings.complete else None


def _served_by(inventory: Inventory) -> tuple[str, ...]:
    """The ids of the clusters whose control planes may serve this one, from its own annotation."""
    told = [n.meta.annotations.get(CONTROLLED_BY, "") for n in inventory.namespaces]
    return tuple(dict.fromkeys(part.strip() for text in told for part in text.split(",") if part.strip()))


def _roles(inventory: Inventory, found: Sequence[Controller], values: Tree | None) -> tuple[str, ...]:
    """`primary` has a control plane; `remote` is served by another cluster's; `external` by one outside the mesh.

    That a cluster has no control plane of its own is known only where Deployments were read.
    """
    if found:
        return ("primary",)
    annotated = any(CONTROLLED_BY in n.meta.annotations for n in inventory.namespaces)
    installed = bool(inventory.config_maps) and inventory.evidence("Deployment").known
    if not annotated and not installed:
        return ()
    marks = (at(values, "global", "externalIstiod"), at(values, "global", "configCluster"))
    if text_at(values, "istiodRemote", "injectionURL") or True in marks:
        return ("external",)
    return ("remote",)


def _ambient(inventory: Inventory) -> bool:
    if any(c.kind == "DaemonSet" and labels_of(c).get("app") == "ztunnel" for c in inventory.controllers):
        return True
    return any(n.meta.labels.get("istio.io/dataplane-mode") == "ambient" for n in inventory.namespaces)
