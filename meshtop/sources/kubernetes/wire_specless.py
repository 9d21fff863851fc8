"""Kubernetes objects whose fields are beside their metadata, or hold what must not be decoded, over the wire."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from meshtop.sources.kubernetes.wire import CustomResourceMeta


class WebhookConfiguration(Struct):
    """A MutatingWebhookConfiguration or ValidatingWebhookConfiguration: its webhooks are beside the metadata."""

    metadata: CustomResourceMeta
    webhooks: list[dict[str, Any]] | None = None


class RbacObject(Struct, rename="camel"):
    """A Role, ClusterRole or a binding: its fields are beside the metadata, not in a spec."""

    metadata: CustomResourceMeta
    rules: list[dict[str, Any]] | None = None
    aggregation_rule: dict[str, Any] | None = None
    role_ref: dict[str, Any] | None = None
    subjects: list[dict[str, Any]] | None = None


class KubeSphereConnection(Struct, rename="camel"):
    """KubeSphere's connection to a member, without the neighbouring fields kubeconfig and token."""

    type: str = ""
    kubernetes_api_endpoint: str = field(default="", name="kubernetesAPIEndpoint")


class KubeSphereSpec(Struct, rename="camel"):
    """Spec of a KubeSphere Cluster, without credentials."""

    provider: str = ""
    enable: bool | None = None
    join_federation: bool | None = None
    connection: KubeSphereConnection = field(default_factory=KubeSphereConnection)


class KubeSphereCluster(Struct):
    """A KubeSphere Cluster: there is no field that its inline kubeconfig could get into."""

    metadata: CustomResourceMeta
    spec: KubeSphereSpec = field(default_factory=KubeSphereSpec)
    status: dict[str, Any] | None = None
