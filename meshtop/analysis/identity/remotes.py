"""The remote clusters of an istiod by id, and whether the list is complete.

The id of a remote cluster is a key inside its remote secret, which meshtop never reads. istioctl repeats it in an
annotation and in the secret's name; a handmade secret may have neither. Ids in istiod's own metrics are certain.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.model.kube import Inventory, RemoteSecret

_ISTIOCTL = "istio-remote-secret-"


def hinted_id(secret: RemoteSecret) -> str | None:
    """The cluster id that a remote secret's metadata hints at, as istioctl writes it; None where it hints at none."""
    if secret.cluster_id:
        return secret.cluster_id
    name = secret.meta.name
    return name.removeprefix(_ISTIOCTL) or None if name.startswith(_ISTIOCTL) else None


def remote_ids(inventory: Inventory, synced: Iterable[str] = ()) -> frozenset[str]:
    """The known ids of remote clusters: those in istiod's metrics, and those that secrets' metadata hints at."""
    hints = (hinted_id(secret) for secret in inventory.remote_secrets)
    return frozenset(hint for hint in hints if hint) | frozenset(synced)


def remotes_complete(inventory: Inventory, synced: Iterable[str], known: Iterable[str]) -> bool:
    """Whether a cluster id missing from the remote ones is certainly not a remote cluster.

    True if istiod's metrics name its remote clusters, or if there is no remote secret, or only ones whose metadata
    hints at a cluster id in `known`.
    """
    if frozenset(synced):
        return True
    if not inventory.evidence("Secret").known:
        return False
    ids = frozenset(known)
    return all(hinted_id(secret) in ids for secret in inventory.remote_secrets)
