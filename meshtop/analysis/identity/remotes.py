"""The remote clusters that an istiod has, by their ids, and how well they are known.

The id of a remote cluster is a key inside its remote secret, which nobody reads. istioctl repeats it in an annotation
and in the secret's name; a secret made by hand may do neither. What istiod's own metrics name is certain.
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
    """The ids of the remote clusters that are known: those that istiod names, and those that metadata hints at."""
    hints = (hinted_id(secret) for secret in inventory.remote_secrets)
    return frozenset(hint for hint in hints if hint) | frozenset(synced)


def remotes_complete(inventory: Inventory, synced: Iterable[str], known: Iterable[str]) -> bool:
    """Whether a cluster id that is not among the remote ones is certainly none of them.

    So it is where istiod's metrics name its remote clusters, and where there is no remote secret at all, or none but
    those whose metadata hints at a cluster of the ids in `known`.
    """
    if frozenset(synced):
        return True
    if not inventory.evidence("Secret").known:
        return False
    ids = frozenset(known)
    return all(hinted_id(secret) in ids for secret in inventory.remote_secrets)
