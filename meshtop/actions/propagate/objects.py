"""Kinds that can be propagated, and which parts of an object are copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.model.kube import Inventory
from meshtop.sources.kubernetes.kinds import CONFIG, IDENTITY, ApiKind

MESH_CONFIG = (
    "VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "PeerAuthentication",
    "AuthorizationPolicy", "RequestAuthentication", "Telemetry", "Gateway.gateway.networking.k8s.io", "HTTPRoute",
    "GRPCRoute", "TCPRoute", "TLSRoute",
)  # fmt: skip
"""Kinds that make up a tenant's configuration. Exports, WorkloadEntries and Secrets belong to each cluster."""
ROLES = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
_CORE = (
    ApiKind(name="Namespace", plural="namespaces", builtin=True),
    ApiKind(name="Service", plural="services", builtin=True),
)
_KINDS = {
    kind.key: kind
    for kind in (*_CORE, *CONFIG, *IDENTITY)
    if kind.key in {"Namespace", "Service", *MESH_CONFIG, *ROLES}
}
_SHORT = {"vs": "VirtualService", "dr": "DestinationRule", "gw": "Gateway", "se": "ServiceEntry", "ns": "Namespace",
          "svc": "Service", "pa": "PeerAuthentication", "ap": "AuthorizationPolicy",
          "ra": "RequestAuthentication"}  # fmt: skip
_CLUSTER_WIDE = frozenset({"Namespace", "ClusterRole", "ClusterRoleBinding"})
_ORDER = ("Namespace", *ROLES, "Service", *MESH_CONFIG)
"""Order of application by dependency: namespaces first, roles before their bindings."""
_KEPT = ("spec", "rules", "aggregationRule", "roleRef", "subjects")
_OF_THE_SERVICE = (
    "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort", "loadBalancerIP", "externalIPs",
    "internalTrafficPolicy", "sessionAffinity",
)  # fmt: skip
_FOREIGN_LABELS = ("kubernetes.io/metadata.name", "topology.istio.io/", "topology.kubernetes.io/")
_FOREIGN_ANNOTATIONS = (
    "kubectl.kubernetes.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/", "topology.istio.io/", "cattle.io/", "field.cattle.io/", "flagger.", "deployment.kubernetes.io/",
)  # fmt: skip
"""Fields that each cluster, or a deployment tool there, sets by itself."""


class ObjectRef(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object to copy: its kind (as in the inventory), its API path, and its name."""

    kind: str
    group: str
    version: str
    plural: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """The object's path in any cluster."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{base}{inside}/{self.plural}/{self.name}"

    @property
    def title(self) -> str:
        """Name in the journal and for users."""
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.partition('.')[0]} {where}"

    @property
    def resource(self) -> str:
        """The resource's name in RBAC."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def find_copyable(word: str) -> str:
    """The kind by name, plural or short name, ignoring case. Raises ActionError."""
    found = _aliases().get(word.lower())
    if found is not None:
        return found
    known = ", ".join(sorted(key.lower() for key in _KINDS))
    raise ActionError(ErrorKind.USAGE, f"{word} cannot be copied; kinds that can are {known}.")


def _aliases() -> dict[str, str]:
    """All names of kinds; plain "Gateway" is Istio's, Gateway API's needs its group."""
    aliases = dict(_SHORT)
    for key, kind in _KINDS.items():
        plural = kind.plural if key == kind.name else f"{kind.plural}.{kind.group}"
        aliases |= {key.lower(): key, plural: key}
    return aliases


def objects_of(inventory: Inventory, kinds: Iterable[str], namespaces: Iterable[str] | None) -> list[ObjectRef]:
    """The objects of these kinds, in these namespaces (None: all, and cluster-scoped ones).

    Objects owned by others, and the cluster's built-in ones, are left out.
    """
    wanted = None if namespaces is None else frozenset(namespaces)
    found = []
    for key in kinds:
        for obj in inventory.config.get(key, ()):
            meta = obj.meta
            own = meta.owner is None and "kubernetes.io/bootstrapping" not in meta.labels
            inside = wanted is None or meta.namespace in wanted
            if own and inside and not meta.name.startswith("system:") and not meta.namespace.startswith("kube-"):
                found.append(_ref(key, obj.version, meta.namespace, meta.name))
    return in_order(found)


def find_object(inventory: Inventory, key: str, namespace: str, name: str, cluster: str) -> ObjectRef:
    """One object. Raises ActionError when the cluster has none of that name."""
    if key in _CLUSTER_WIDE and namespace:
        raise ActionError(ErrorKind.USAGE, f"A {key} has no namespace; write only its name.")
    if key not in _CLUSTER_WIDE and not namespace:
        raise ActionError(ErrorKind.USAGE, f"Write NAMESPACE/NAME: a {key.partition('.')[0]} is in a namespace.")
    if key == "Namespace":
        there = any(n.meta.name == name for n in inventory.namespaces)
    elif key == "Service":
        there = any(s.meta.key == (namespace, name) for s in inventory.services)
    else:
        there = any(o.meta.key == (namespace, name) for o in inventory.config.get(key, ()))
    version = next((o.version for o in inventory.config.get(key, ())), "v1")
    ref = _ref(key, version, namespace, name)
    if not there:
        raise ActionError(ErrorKind.USAGE, f"{cluster} has no {ref.title}.")
    return ref


def in_order(refs: Iterable[ObjectRef]) -> list[ObjectRef]:
    """The objects in order of application, dependencies first."""
    return sorted(refs, key=lambda t: (_ORDER.index(t.kind), t.namespace, t.name))


def _ref(key: str, version: str, namespace: str, name: str) -> ObjectRef:
    kind = _KINDS[key]
    return ObjectRef(kind=key, group=kind.group, version=version, plural=kind.plural, namespace=namespace, name=name)


def manifest(ref: ObjectRef, live: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object that is copied: without fields set by servers and by each cluster's tools."""
    metadata = live.get("metadata") or {}
    meta: dict[str, Any] = {"name": ref.name}
    if ref.namespace:
        meta["namespace"] = ref.namespace
    for field, foreign in (("labels", _FOREIGN_LABELS), ("annotations", _FOREIGN_ANNOTATIONS)):
        kept = {k: v for k, v in (metadata.get(field) or {}).items() if not any(mark in k for mark in foreign)}
        if kept:
            meta[field] = kept
    found: dict[str, Any] = {
        "apiVersion": f"{ref.group}/{ref.version}" if ref.group else ref.version,
        "kind": ref.kind.partition(".")[0],
        "metadata": meta,
    }
    found.update({part: live[part] for part in _KEPT if live.get(part) is not None})
    if ref.kind == "Namespace":
        found.pop("spec", None)
    if ref.kind == "Service":
        found["spec"] = _service(found.get("spec") or {})
    return found


def _service(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A Service's spec without fields assigned by its cluster; "headless" is kept."""
    kept = {name: value for name, value in spec.items() if name not in _OF_THE_SERVICE}
    if spec.get("clusterIP") == "None":
        kept["clusterIP"] = "None"
    kept["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports") or ()]
    return kept
