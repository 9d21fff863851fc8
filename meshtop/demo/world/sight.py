"""What a client's sidecar knows of the mesh: what is exported to its namespace, and what its Sidecar imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
EXPORTED = "networking.istio.io/exportTo"


def exported(written: Sequence[str], home: str, client: str) -> bool:
    """Whether an object of the namespace `home` with this `exportTo` is for a client's namespace; empty is for all."""
    return not written or any(one in ("*", client) or (one == "." and home == client) for one in written)


def exported_by(obj: Json, client: str) -> bool:
    """Whether an object is exported to a namespace: by its `exportTo`, a Service by its annotation."""
    meta = obj.get("metadata") or {}
    written = (obj.get("spec") or {}).get("exportTo") or []
    if obj.get("kind") == "Service":
        said = (meta.get("annotations") or {}).get(EXPORTED, "")
        written = [part.strip() for part in said.split(",") if part.strip()]
    return exported(written, meta.get("namespace", ""), client)


def sidecar_of(
    sidecars: Iterable[tuple[str, Json]], namespace: str, labels: Mapping[str, str], root: str
) -> Json | None:
    """The spec of a workload's Sidecar: one that selects it, its namespace's, the root namespace's; oldest first."""
    listed = list(sidecars)
    for selected in (True, False):
        for home, spec in listed:
            wanted = ((spec.get("workloadSelector") or {}).get("labels")) or {}
            if home == namespace and bool(wanted) is selected and wanted.items() <= labels.items():
                return spec
    return next((spec for home, spec in listed if home == root and not spec.get("workloadSelector")), None)


def imports(sidecar: Json | None, client: str, home: str, host: str) -> bool:
    """Whether a Sidecar (None: none) lets clients of a namespace know a host of the namespace `home`."""
    egress = (sidecar or {}).get("egress") or []
    if not egress:
        return True
    for listener in egress:
        for one in listener.get("hosts") or []:
            namespace, _, pattern = one.partition("/")
            if (client if namespace == "." else namespace) in ("*", home) and (
                pattern in ("*", host) or (pattern.startswith("*") and host.endswith(pattern[1:]))
            ):
                return True
    return False


def registry_only(sidecar: Json | None, mesh: bool) -> bool:
    """Whether calls to unknown hosts are stopped; `mesh` is what the MeshConfig says."""
    mode = ((sidecar or {}).get("outboundTrafficPolicy") or {}).get("mode")
    return mesh if mode is None else mode == "REGISTRY_ONLY"
