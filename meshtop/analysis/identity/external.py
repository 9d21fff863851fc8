"""Whether an istiod is an external control plane: whose configuration it reads, its own cluster's or another one's.

An external control plane (istio.io: Install Istio with an External Control Plane) runs beside the mesh. The kubeconfig
in the Secret istio-kubeconfig leads it to the cluster whose objects it reads, and its CLUSTER_ID is that cluster's. A
primary that serves remote clusters has EXTERNAL_ISTIOD as well, so that alone tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.analysis.identity.control_planes import is_injector, revision_of, settings_of
from meshtop.analysis.identity.settings import settings_among
from meshtop.analysis.identity.trees import text_at
from meshtop.model.kube import Controller, Inventory

CONFIG_SECRET = "istio-kubeconfig"
"""The Secret that `istioctl create-remote-secret --type=config` writes, and that every istiod mounts if it is there."""
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
_REVISION = "istio.io/rev"


def reads_another_cluster(istiod: Controller, inventory: Inventory, found: Sequence[Controller]) -> bool | None:
    """Whether an istiod reads the configuration of another cluster; None where what was read does not tell.

    `found` are all istiods of the cluster. What is not read never turns one answer into the other.
    """
    if istiod.kind != "Deployment":
        return None
    if not _is_set(istiod, "EXTERNAL_ISTIOD"):
        return False
    # Only an external one has to look for remote secrets where it runs, and not where its configuration is.
    if _is_set(istiod, "LOCAL_CLUSTER_SECRET_WATCHER"):
        return True
    if not inventory.evidence("MutatingWebhookConfiguration").known or not _knows_settings(istiod, inventory):
        return None
    if _injects_here(istiod, inventory, found) and _is_asked_here(istiod, inventory):
        return False
    secrets = {secret.meta.key for secret in inventory.remote_secrets}
    return True if (istiod.meta.namespace, CONFIG_SECRET) in secrets else None


def _is_set(istiod: Controller, variable: str) -> bool:
    return istiod.environment.get(variable, "").lower() == "true"


def _knows_settings(istiod: Controller, inventory: Inventory) -> bool:
    (namespace, name), *_ = settings_of(istiod)
    return inventory.evidence("ConfigMap").known or f"{namespace}/{name}" in inventory.config_maps


def _injects_here(istiod: Controller, inventory: Inventory, found: Sequence[Controller]) -> bool:
    """Whether an injector of this cluster is of this istiod: of its revision and, as far as it is told, namespace."""
    revision, home = revision_of(istiod), istiod.meta.namespace
    twins = any(revision_of(other) == revision and other.meta.namespace != home for other in found)
    for webhook in inventory.webhooks:
        if is_injector(webhook) and (webhook.labels.get(_REVISION) or revision) == revision:
            told = webhook.annotations.get(_RELEASE_NAMESPACE)
            if told == home or (told is None and not twins):
                return True
    return False


def _is_asked_here(istiod: Controller, inventory: Inventory) -> bool:
    """Whether proxies are told to ask the istiod by its Service in this cluster, as Istio's default is."""
    (namespace, name), *_ = settings_of(istiod)
    if f"{namespace}/{name}" not in inventory.config_maps:
        return True
    mesh = settings_among(inventory, (istiod,)).mesh
    if mesh is None:
        return False
    address = text_at(mesh, "defaultConfig", "discoveryAddress")
    if address is None:
        return True
    host = address.rpartition(":")[0] or address
    return host.split(".")[1:3] == [istiod.meta.namespace, "svc"]
