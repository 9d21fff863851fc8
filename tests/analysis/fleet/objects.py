"""Objects of registries and of configuration, and clusters that hold them."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from meshtop.model.kube import ConfigObject, Inventory, Meta, Namespace, RemoteSecret
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import SourceStatus, State
from tests import worlds


def obj(
    kind: str,
    name: str,
    namespace: str = "",
    *,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    group: str = "",
    labels: dict[str, str] | None = None,
) -> ConfigObject:
    """An object of any kind."""
    return ConfigObject(
        group=group,
        version="v1",
        kind=kind,
        meta=Meta(name=name, namespace=namespace, uid=f"{namespace}/{name}", labels=labels or {}),
        spec=spec or {},
        status=status or {},
    )


def condition(kind: str, status: str, reason: str = "") -> dict[str, str]:
    """A condition as controllers write it."""
    return {"type": kind, "status": status, "reason": reason}


def secret(cluster_id: str) -> RemoteSecret:
    """The metadata of a remote secret."""
    return RemoteSecret(
        meta=Meta(name=f"istio-remote-secret-{cluster_id}", namespace="istio-system"), cluster_id=cluster_id
    )


def with_config(cluster: ClusterSnapshot, **more: Any) -> ClusterSnapshot:
    """The cluster with other parts of its inventory; `config` adds to what is there."""
    inventory = cluster.inventory or Inventory()
    if "config" in more:
        more["config"] = {**inventory.config, **more["config"]}
    return structs.replace(cluster, inventory=structs.replace(inventory, **more))


def system(uid: str) -> tuple[Namespace, ...]:
    """A kube-system namespace of that UID."""
    return (Namespace(meta=Meta(name="kube-system", uid=uid)),)


def lost(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The same cluster, whose API server no longer answers."""
    status = SourceStatus(state=State.UNREACHABLE, answered_at=worlds.AT - 60, error=f"{cluster.name} is gone.")
    return structs.replace(cluster, kubernetes=status)
