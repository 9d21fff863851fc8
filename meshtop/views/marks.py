"""Which tenants the marks on a namespace name (reference: tenancy marks found on namespaces).

Several systems mark namespaces; where their marks differ, all are kept: which one is right is not ours to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshtop.model.kube import Namespace

WORKSPACE_MARK = "kubesphere.io/workspace"
TENANT_MARKS = (
    WORKSPACE_MARK,
    "capsule.clastix.io/tenant",
    "projectcapsule.dev/tenant",
    "field.cattle.io/projectId",
    "openshift.io/requester",
)
HNC_SUFFIX = ".tree.hnc.x-k8s.io/depth"


def tenants_of(namespace: Namespace, tenant_label: str | None = None) -> tuple[str, ...]:
    """The tenants that a namespace's labels and annotations name, each once; `tenant_label` (a setting) beats all."""
    meta = namespace.meta
    if tenant_label and (value := meta.labels.get(tenant_label) or meta.annotations.get(tenant_label)):
        return (value,)
    found = [
        value
        for mark in TENANT_MARKS
        for marks in (meta.labels, meta.annotations)
        if (value := _tenant(mark, marks.get(mark, "")))
    ]
    return tuple(dict.fromkeys([*found, *_hnc_root(meta.labels, meta.name)]))


def workspace_of(namespace: Namespace) -> str | None:
    """The workspace that KubeSphere put a namespace in."""
    return namespace.meta.labels.get(WORKSPACE_MARK) or None


def _tenant(mark: str, value: str) -> str:
    """Rancher writes `CLUSTER:PROJECT`; the project is the tenant."""
    return value.rpartition(":")[2] if mark == "field.cattle.io/projectId" else value


def _hnc_root(labels: Mapping[str, str], name: str) -> list[str]:
    """The topmost ancestor in the Hierarchical Namespace Controller's tree; a namespace alone is no tree."""
    depths = {
        label.removesuffix(HNC_SUFFIX): int(depth)
        for label, depth in labels.items()
        if label.endswith(HNC_SUFFIX) and depth.isdigit()
    }
    if not depths:
        return []
    root = max(depths, key=lambda ancestor: (depths[ancestor], ancestor))
    return [] if root == name and len(depths) == 1 else [root]
