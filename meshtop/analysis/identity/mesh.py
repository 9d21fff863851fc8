"""What one cluster's inventory says of its mesh (reference: Istio, "What to read in a cluster").

What people put into ConfigMaps may be anything: what cannot be understood is unknown, never an error.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from meshtop.analysis.inventory.labels import image_version, is_istiod, proxy_container
from meshtop.model.constants import CLUSTER_DOMAIN, ISTIO_NAMESPACE
from meshtop.model.kube import Controller, Inventory, Meta
from meshtop.model.mesh import ControlPlane, MeshFacts, Ready

DEFAULT_REVISION = "default"
DEFAULT_CLUSTER_ID = "Kubernetes"

_NETWORK = "topology.istio.io/network"
_CONTROLLED_BY = "topology.istio.io/controlPlaneClusters"
_REVISION = "istio.io/rev"
_TAG = "istio.io/tag"
_VERSION_LABELS = ("operator.istio.io/version", "app.kubernetes.io/version")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")

Tree = Mapping[str, Any]


def mesh_facts(inventory: Inventory) -> MeshFacts:
    """The mesh that a cluster belongs to, its control planes and its trust; None where nothing says it.

    Several revisions may have settings of their own: those of the default revision count, else the first.
    """
    istiods = [c for c in inventory.controllers if c.kind == "Deployment" and is_istiod(_labels(c))]
    planes = _control_planes(istiods, inventory.webhooks)
    config = _mesh_config(inventory.config_maps)
    values = _values(inventory.config_maps)
    return MeshFacts(
        cluster_id=_cluster_id(istiods, values),
        mesh_id=_text(config, "defaultConfig", "meshId") or _text(values, "global", "meshID"),
        network=_network(inventory) or _text(values, "global", "network"),
        trust_domain=_text(config, "trustDomain") or (CLUSTER_DOMAIN if config is not None else None),
        trust_domain_aliases=_texts(config, "trustDomainAliases"),
        root_namespace=_text(config, "rootNamespace") or ISTIO_NAMESPACE,
        auto_mtls=_auto_mtls(config),
        region=_region(inventory),
        control_planes=planes,
        istio_versions=_versions(planes, inventory),
        roots=fingerprints(inventory.config_maps.get("istio-ca-root-cert", {}).get("root-cert.pem", "")),
        roles=_roles(inventory, istiods, values),
        ambient=_ambient(inventory),
    )


def mesh_config(inventory: Inventory) -> Tree:
    """The MeshConfig that counts in a cluster; empty where it is not known."""
    return _mesh_config(inventory.config_maps) or {}


def mesh_networks(inventory: Inventory) -> Tree:
    """The MeshNetworks of a cluster: which gateways lead into which network; empty where it is not known."""
    return _first(inventory.config_maps, "istio", "meshNetworks") or {}


@lru_cache(maxsize=256)
def fingerprints(pem: str) -> tuple[str, ...]:
    """SHA-256 of each certificate in a PEM bundle, lower-case hex, in order and without repetition."""
    found = []
    for block in _PEM.findall(pem):
        try:
            found.append(hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest())
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def _control_planes(istiods: Iterable[Controller], webhooks: Iterable[Meta]) -> tuple[ControlPlane, ...]:
    tags: dict[str, set[str]] = {}
    for webhook in webhooks:
        if webhook.labels.get(_TAG):
            tags.setdefault(webhook.labels.get(_REVISION, DEFAULT_REVISION), set()).add(webhook.labels[_TAG])
    planes: dict[str, ControlPlane] = {}
    for istiod in sorted(istiods, key=lambda c: (c.meta.namespace != ISTIO_NAMESPACE, c.meta.key)):
        revision = _revision(istiod)
        before = planes.get(revision)
        pods = before.pods if before is not None else Ready()
        planes[revision] = ControlPlane(
            revision=revision,
            version=before.version if before is not None and before.version else _version(istiod),
            pods=Ready(ready=pods.ready + istiod.ready, total=pods.total + istiod.desired),
            tags=tuple(sorted(tags.get(revision, ()))),
        )
    return tuple(planes[revision] for revision in sorted(planes))


def _labels(controller: Controller) -> dict[str, str]:
    return {**controller.template_labels, **controller.meta.labels}


def _revision(istiod: Controller) -> str:
    return _labels(istiod).get(_REVISION) or istiod.environment.get("REVISION") or DEFAULT_REVISION


def _version(istiod: Controller) -> str | None:
    containers = sorted(istiod.containers, key=lambda container: container.name != "discovery")
    tag = image_version(containers[0].image) if containers else None
    if tag and tag[:1].isdigit():
        return tag
    labels = _labels(istiod)
    return next((labels[label] for label in _VERSION_LABELS if labels.get(label)), tag)


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


def _cluster_id(istiods: Sequence[Controller], values: Tree | None) -> str | None:
    for istiod in istiods:
        if istiod.environment.get("CLUSTER_ID"):
            return istiod.environment["CLUSTER_ID"]
    named = _text(values, "global", "multiCluster", "clusterName")
    return named or (DEFAULT_CLUSTER_ID if istiods else None)


def _network(inventory: Inventory) -> str | None:
    for namespace in inventory.namespaces:
        if namespace.meta.name == ISTIO_NAMESPACE:
            return namespace.meta.labels.get(_NETWORK) or None
    return None


def _region(inventory: Inventory) -> str | None:
    """The region of most nodes, the first by name among equals."""
    regions = Counter(node.region for node in inventory.nodes if node.region)
    return min(regions, key=lambda region: (-regions[region], region)) if regions else None


def _auto_mtls(config: Tree | None) -> bool | None:
    if config is None:
        return None
    value = config.get("enableAutoMtls")
    return value if isinstance(value, bool) else True


def _roles(inventory: Inventory, istiods: Sequence[Controller], values: Tree | None) -> tuple[str, ...]:
    """`primary` has a control plane; `remote` is served by another cluster's; `external` by one outside the mesh."""
    if istiods:
        return ("primary",)
    system = next((n.meta for n in inventory.namespaces if n.meta.name == ISTIO_NAMESPACE), None)
    annotated = system is not None and _CONTROLLED_BY in system.annotations
    if not annotated and not inventory.config_maps:
        return ()
    if _text(values, "istiodRemote", "injectionURL") or _at(values, "global", "externalIstiod") is True:
        return ("external",)
    return ("remote",)


def _ambient(inventory: Inventory) -> bool:
    if any(c.kind == "DaemonSet" and _labels(c).get("app") == "ztunnel" for c in inventory.controllers):
        return True
    return any(n.meta.labels.get("istio.io/dataplane-mode") == "ambient" for n in inventory.namespaces)


def _mesh_config(config_maps: Mapping[str, Mapping[str, str]]) -> Tree | None:
    return _first(config_maps, "istio", "mesh")


def _values(config_maps: Mapping[str, Mapping[str, str]]) -> Tree | None:
    return _first(config_maps, "values", "merged-values") or _first(config_maps, "values", "values")


def _first(config_maps: Mapping[str, Mapping[str, str]], name: str, key: str) -> Tree | None:
    """The default revision's settings, else those of the first revision that has some that can be understood."""
    names = [known for known in sorted(config_maps) if known == name or known.startswith(f"{name}-")]
    for known in names:
        if known == "istio-ca-root-cert":
            continue
        tree = _tree(config_maps[known].get(key, ""))
        if tree is not None:
            return tree
    return None


@lru_cache(maxsize=256)
def _tree(text: str) -> Tree | None:
    """A mapping written as YAML or JSON; None for anything else."""
    if not text.strip():
        return None
    try:
        if text.lstrip().startswith("{"):
            tree = json.loads(text)
        else:
            tree = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError):
        return None
    return tree if isinstance(tree, dict) else None


def _at(tree: Tree | None, *path: str) -> Any:
    value: Any = tree
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _text(tree: Tree | None, *path: str) -> str | None:
    value = _at(tree, *path)
    return value if isinstance(value, str) and value else None


def _texts(tree: Tree | None, *path: str) -> tuple[str, ...]:
    value = _at(tree, *path)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
