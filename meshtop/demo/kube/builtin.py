"""The kinds that are there before any CustomResourceDefinition is."""

from __future__ import annotations

from meshtop.demo.kube.columns import BUILTIN_COLUMNS
from meshtop.demo.kube.resource import Resource

NAMESPACE = ("", "Namespace")
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


def _kind(
    group: str,
    kind: str,
    plural: str,
    *short_names: str,
    namespaced: bool = True,
    status: bool = False,
    generation: bool = False,
    fields: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
) -> Resource:
    return Resource(
        group=group,
        versions=("v1",),
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        short_names=short_names,
        namespaced=namespaced,
        columns=BUILTIN_COLUMNS[kind],
        status_subresource=status,
        generation=generation,
        field_selectors=fields,
        categories=categories,
    )


def _review(group: str, kind: str, plural: str) -> Resource:
    return Resource(group, ("v1",), kind, plural, kind.lower(), namespaced=False, generation=False, verbs=("create",))


_ALL = ("all",)
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_REVIEWS = "authorization.k8s.io"

BUILTIN: tuple[Resource, ...] = (
    _kind("", "Namespace", "namespaces", "ns", namespaced=False, status=True, fields=("status.phase",)),
    _kind("", "Node", "nodes", "no", namespaced=False, status=True, fields=("spec.unschedulable",)),
    _kind(
        "",
        "Pod",
        "pods",
        "po",
        status=True,
        fields=("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
        categories=_ALL,
    ),
    _kind("", "Service", "services", "svc", status=True, fields=("spec.clusterIP", "spec.type"), categories=_ALL),
    _kind("", "Endpoints", "endpoints", "ep"),
    _kind("", "ConfigMap", "configmaps", "cm"),
    _kind("", "Secret", "secrets", fields=("type",)),
    _kind("", "ServiceAccount", "serviceaccounts", "sa"),
    _kind(
        "",
        "Event",
        "events",
        "ev",
        fields=(
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ),
    ),
    _kind("apps", "Deployment", "deployments", "deploy", status=True, generation=True, categories=_ALL),
    _kind("apps", "StatefulSet", "statefulsets", "sts", status=True, generation=True, categories=_ALL),
    _kind("apps", "DaemonSet", "daemonsets", "ds", status=True, generation=True, categories=_ALL),
    _kind(
        "apps",
        "ReplicaSet",
        "replicasets",
        "rs",
        status=True,
        generation=True,
        categories=_ALL,
    ),
    _kind("discovery.k8s.io", "EndpointSlice", "endpointslices", generation=True),
    _kind("coordination.k8s.io", "Lease", "leases"),
    _kind(_RBAC, "Role", "roles"),
    _kind(_RBAC, "RoleBinding", "rolebindings"),
    _kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False),
    _kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _kind(
        CRD[0],
        CRD[1],
        "customresourcedefinitions",
        "crd",
        "crds",
        namespaced=False,
        status=True,
        generation=True,
        categories=("api-extensions",),
    ),
    *(
        _kind(_ADMISSION, kind, plural, namespaced=False, generation=True, categories=("api-extensions",))
        for kind, plural in (
            ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
            ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        )
    ),
    _review(_REVIEWS, "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    _review(_REVIEWS, "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    _review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
)
"""In the order that discovery lists them."""
