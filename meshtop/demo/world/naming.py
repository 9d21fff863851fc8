"""Names, addresses and times that look drawn at random and are the same for the same seed."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

from meshtop.demo.world.plan import Cluster, Workload

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
BLOCK = 8
"""Addresses kept for each workload's pods."""


def digest(*parts: object) -> int:
    """A number from 0 to 2⁶⁴ that follows from the parts alone."""
    return int.from_bytes(blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def letters(length: int, *parts: object) -> str:
    """A suffix as Kubernetes draws them."""
    number = digest(*parts)
    found = ""
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        found += _ALPHABET[index]
    return found


def unit(*parts: object) -> float:
    """A number from 0 up to 1 that follows from the parts alone."""
    return digest(*parts) / 2**64


def replica_set_name(seed: int, workload: Workload) -> str:
    """The name of the ReplicaSet of a Deployment, or of a Rollout's track."""
    if workload.rollout:
        return workload.name
    return f"{workload.name}-{letters(9, seed, *workload.key, workload.serving.release)}"


def pod_name(seed: int, workload: Workload, ordinal: int) -> str:
    """The name of a workload's pod."""
    if workload.kind == "StatefulSet":
        return f"{workload.name}-{ordinal}"
    if workload.kind == "DaemonSet":
        return f"{workload.name}-{letters(5, seed, *workload.key, ordinal)}"
    return f"{replica_set_name(seed, workload)}-{letters(5, seed, *workload.key, ordinal)}"


def pod_address(cluster: Cluster, place: int, ordinal: int) -> str:
    """The address of the pod of the `place`-th workload of a cluster."""
    if ordinal >= BLOCK:
        number = digest(cluster.name, place, ordinal) % 2**22
        return f"100.{64 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"
    number = 256 + place * BLOCK + ordinal
    return f"10.{16 + cluster.index % 200}.{number >> 8 & 255}.{number & 255}"


def service_address(cluster: Cluster, place: int) -> str:
    """The cluster IP of the `place`-th service of a cluster."""
    number = 256 + place
    return (
        f"172.20.{number >> 8 & 255}.{number & 255}"
        if cluster.index % 2
        else f"10.240.{number >> 8 & 255}.{number & 255}"
    )


def node_name(cluster: Cluster, ordinal: int) -> str:
    """The name of a node."""
    if cluster.mesh.template == "legacy":
        return f"rack{ordinal // 2 + 1}-node{ordinal % 2 + 1}.{cluster.name}.halyard.example"
    return f"ip-10-{16 + cluster.index}-{ordinal}-{40 + ordinal * 7 % 200}.{cluster.region}.compute.internal"


def zone(cluster: Cluster, ordinal: int) -> str:
    """The zone of a node."""
    return (
        f"{cluster.region}{'abc'[ordinal % 3]}"
        if cluster.mesh.template != "legacy"
        else f"{cluster.region}-hall{ordinal % 2 + 1}"
    )


def timestamp(seconds: float) -> str:
    """Unix seconds as Kubernetes writes them (RFC 3339, UTC)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
