"""Which tenants the marks on a namespace name (reference: tenancy marks found on namespaces).

Several systems mark namespaces; where their marks differ, all are kept: which one is right is not ours to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from meshtop.model.kube import Namespace

WORKSPACE_MARK = "kubesphere.io/workspace"
PROJECT_MARK = "field.cattle.io/projectId"
TENANT_MARKS = (
    WORKSPACE_MARK,
    "capsule.clastix.io/tenant",
    "projectcapsule.dev/tenant",
    PROJECT_MARK,
    "openshift.io/requester",
)
HNC_SUFFIX = ".tree.hnc.x-k8s.io/depth"


class Mark(Struct, frozen=True):
    """A mark and the tenant it names."""

    name: str
    tenant: str


def marks_of(namespace: Namespace, tenant_label: str | None = None) -> tuple[Mark, ...]:
    """Every mark on a namespace; `tenant_label`, the label of the user's own choice, beats all others."""
    meta = namespace.meta
    if tenant_label and (value := meta.labels.get(tenant_label) or meta.annotations.get(tenant_label)):
        return (Mark(tenant_label, value),)
    return (*_known_marks(meta.labels, meta.annotations), *_hnc_root(meta.labels, meta.name))


def tenants_of(namespace: Namespace, tenant_label: str | None = None) -> tuple[str, ...]:
    """The tenants that a namespace's marks name, each once."""
    return tuple(dict.fromkeys(mark.tenant for mark in marks_of(namespace, tenant_label)))


def workspace_of(namespace: Namespace) -> str | None:
    """The workspace that KubeSphere put a namespace in."""
    return namespace.meta.labels.get(WORKSPACE_MARK) or None


def _known_marks(*places: Mapping[str, str]) -> Iterator[Mark]:
    for name in TENANT_MARKS:
        for place in places:
            if value := place.get(name, ""):
                # Rancher writes CLUSTER:PROJECT; the project is the tenant.
                yield Mark(name, value.rpartition(":")[2] if name == PROJECT_MARK else value)


def _hnc_root(labels: Mapping[str, str], name: str) -> list[Mark]:
    """The topmost ancestor in the Hierarchical Namespace Controller's tree; a namespace alone is no tree."""
    depths = {
        label.removesuffix(HNC_SUFFIX): int(depth)
        for label, depth in labels.items()
        if label.endswith(HNC_SUFFIX) and depth.isdigit()
    }
    if not depths:
        return []
    root = max(depths, key=lambda ancestor: (depths[ancestor], ancestor))
    return [] if root == name and len(depths) == 1 else [Mark(f"{root}{HNC_SUFFIX}", root)]
