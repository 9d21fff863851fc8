"""The kinds that are read, their API paths, and the types they are decoded into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, field

from meshtop.sources.kubernetes import convert, wire, wire_specless
from meshtop.sources.problem import NOT_UNDERSTOOD, ODD_SHAPE, error_text

GATEWAY_API = "gateway.networking.k8s.io"
NETWORKING = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
SPIRE = "spire.spiffe.io"
MCS = "multicluster.x-k8s.io"
RBAC = "rbac.authorization.k8s.io"
KUBEFED = "core.kubefed.io"
KUBEFED_TYPES = "types.kubefed.io"
KARMADA = "cluster.karmada.io"
KUBESPHERE = "cluster.kubesphere.io"
OCM = "cluster.open-cluster-management.io"
EXTENSIONS = "extensions.istio.io"
ADMISSION = "admissionregistration.k8s.io"
_SHARED_NAMES = frozenset({("Gateway", GATEWAY_API), ("Cluster", KARMADA), ("Cluster", KUBESPHERE)})
_SHARED_CLUSTERS = frozenset({("Cluster", KARMADA), ("Cluster", KUBESPHERE)})
_OF_THE_CLUSTER = frozenset(
    {
        "Namespace",
        "Node",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "GatewayClass",
        "ClusterSPIFFEID",
        "ClusterRole",
        "ClusterRoleBinding",
        "ManagedCluster",
        "FederatedClusterRole",
        "FederatedClusterRoleBinding",
        "ClusterOverridePolicy",
        "ClusterResourceBinding",
    }
)
"""Cluster-scoped kinds."""


class ApiKind(Struct, frozen=True, kw_only=True):
    """One kind: `versions` in order of preference; `namespaced` unless its objects belong to the whole cluster."""

    name: str
    plural: str
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    builtin: bool = False
    namespaced: bool = True

    @property
    def key(self) -> str:
        """The name in `Inventory.config`; of kinds that share a name, all but Istio's carry their group."""
        return f"{self.name}.{self.group}" if (self.name, self.group) in _SHARED_NAMES else self.name

    @property
    def resource(self) -> str:
        """The resource's name in RBAC."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, version: str, namespace: str = "") -> str:
        """The path of the list over all namespaces, or of one."""
        api = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        return f"{api}/namespaces/{namespace}/{self.plural}" if namespace else f"{api}/{self.plural}"


def _builtin(name: str, plural: str, group: str = "") -> ApiKind:
    return ApiKind(name=name, plural=plural, group=group, builtin=True, namespaced=name not in _OF_THE_CLUSTER)


def _config(group: str, versions: tuple[str, ...], **plurals: str) -> tuple[ApiKind, ...]:
    return tuple(
        ApiKind(
            name=name,
            plural=plural,
            group=group,
            versions=versions,
            namespaced=name not in _OF_THE_CLUSTER and (name, group) not in _SHARED_CLUSTERS,
        )
        for name, plural in plurals.items()
    )


BUILTIN: tuple[ApiKind, ...] = (
    _builtin("Service", "services"),
    _builtin("Namespace", "namespaces"),
    _builtin("Node", "nodes"),
    _builtin("Deployment", "deployments", "apps"),
    _builtin("Pod", "pods"),
    _builtin("StatefulSet", "statefulsets", "apps"),
    _builtin("DaemonSet", "daemonsets", "apps"),
    # No API server takes a field selector for ReplicaSets without pods: `status.replicas` is not a selectable field.
    _builtin("ReplicaSet", "replicasets", "apps"),
    _builtin("EndpointSlice", "endpointslices", "discovery.k8s.io"),
)
"""Kinds that every cluster has, in the order in which screens need them."""

CONFIG: tuple[ApiKind, ...] = (
    *_config(
        NETWORKING,
        ("v1", "v1beta1", "v1alpha3"),
        VirtualService="virtualservices",
        DestinationRule="destinationrules",
        Gateway="gateways",
        ServiceEntry="serviceentries",
        WorkloadEntry="workloadentries",
        WorkloadGroup="workloadgroups",
        Sidecar="sidecars",
    ),
    *_config(
        SECURITY,
        ("v1", "v1beta1"),
        PeerAuthentication="peerauthentications",
        AuthorizationPolicy="authorizationpolicies",
        RequestAuthentication="requestauthentications",
    ),
    *_config(TELEMETRY, ("v1", "v1alpha1"), Telemetry="telemetries"),
    *_config(
        GATEWAY_API,
        ("v1", "v1beta1", "v1alpha3", "v1alpha2"),
        GatewayClass="gatewayclasses",
        Gateway="gateways",
        HTTPRoute="httproutes",
        GRPCRoute="grpcroutes",
        TCPRoute="tcproutes",
        TLSRoute="tlsroutes",
        ReferenceGrant="referencegrants",
    ),
    # Whose canaries these are: read so that their status can be held against the weights.
    *_config("flagger.app", ("v1beta1",), Canary="canaries"),
    *_config("argoproj.io", ("v1alpha1",), Rollout="rollouts"),
    # Whom SPIRE gives certificates: the roots of these are not istiod's.
    *_config(SPIRE, ("v1alpha1",), ClusterSPIFFEID="clusterspiffeids"),
    *_config(MCS, ("v1", "v1beta1", "v1alpha1"), ServiceExport="serviceexports", ServiceImport="serviceimports"),
)
"""Kinds that exist only where a project is installed."""

IDENTITY: tuple[ApiKind, ...] = _config(
    RBAC,
    ("v1",),
    Role="roles",
    RoleBinding="rolebindings",
    ClusterRole="clusterroles",
    ClusterRoleBinding="clusterrolebindings",
)
"""RBAC kinds for the comparison of clusters; few users may read them, so their absence is only a note."""

JUDGED: tuple[ApiKind, ...] = (
    *_config(NETWORKING, ("v1", "v1beta1", "v1alpha3"), EnvoyFilter="envoyfilters", ProxyConfig="proxyconfigs"),
    *_config(EXTENSIONS, ("v1", "v1alpha1"), WasmPlugin="wasmplugins"),
    *_config(
        ADMISSION,
        ("v1",),
        MutatingWebhookConfiguration="mutatingwebhookconfigurations",
        ValidatingWebhookConfiguration="validatingwebhookconfigurations",
    ),
)
"""Kinds that only findings on the configuration need; read where those are asked for."""

REGISTRIES: tuple[ApiKind, ...] = (
    *_config(KUBEFED, ("v1beta1",), KubeFedCluster="kubefedclusters"),
    *_config(KARMADA, ("v1alpha1",), Cluster="clusters"),
    *_config(OCM, ("v1",), ManagedCluster="managedclusters"),
    *_config(KUBESPHERE, ("v1alpha1",), Cluster="clusters"),
    *_config(MCS, ("v1alpha1",), ClusterProfile="clusterprofiles"),
    *_config(
        KUBEFED_TYPES,
        ("v1beta1",),
        **{
            f"Federated{kind}": f"federated{plural}"
            for kind, plural in (
                ("Namespace", "namespaces"),
                ("Service", "services"),
                ("Deployment", "deployments"),
                ("VirtualService", "virtualservices"),
                ("DestinationRule", "destinationrules"),
                ("Gateway", "gateways"),
                ("PeerAuthentication", "peerauthentications"),
                ("AuthorizationPolicy", "authorizationpolicies"),
                ("Telemetry", "telemetries"),
                ("HTTPRoute", "httproutes"),
                ("Role", "roles"),
                ("RoleBinding", "rolebindings"),
                ("ClusterRole", "clusterroles"),
                ("ClusterRoleBinding", "clusterrolebindings"),
            )
        },
    ),
    *_config("multiclusterdns.kubefed.io", ("v1alpha1",), ServiceDNSRecord="servicednsrecords"),
    *_config(
        "policy.karmada.io",
        ("v1alpha1",),
        OverridePolicy="overridepolicies",
        ClusterOverridePolicy="clusteroverridepolicies",
    ),
    *_config(
        "work.karmada.io",
        ("v1alpha2",),
        ResourceBinding="resourcebindings",
        ClusterResourceBinding="clusterresourcebindings",
    ),
    *_config("work.open-cluster-management.io", ("v1",), ManifestWork="manifestworks"),
)
"""Kinds of federations: members, and propagated objects with placements (reference: Federation)."""

CHANGING_RARELY = frozenset(
    {
        *(kind.key for kind in (*IDENTITY, *JUDGED, *REGISTRIES)),
        *("GatewayClass", "ReferenceGrant", "Telemetry", "WorkloadGroup", "ClusterSPIFFEID"),
        *("ServiceExport", "ServiceImport"),
    }
)
"""Kinds that need no watch while nobody looks at them: rights, registries, classes, grants. By their keys."""
GROUPS = frozenset(kind.group for kind in (*CONFIG, *IDENTITY, *JUDGED, *REGISTRIES))


class Page(Struct):
    """One page of a list: its objects, where the list stands, and what of it could not be understood."""

    objects: list[Any]
    meta: wire.ListMeta
    odd: dict[wire.Key, str] = field(default_factory=dict)


class Codec(Struct, frozen=True):
    """Decodes objects of one kind and version into model objects.

    An object that cannot be understood costs itself and no other.
    """

    items: msgspec.json.Decoder[Any]
    one: msgspec.json.Decoder[Any]
    convert: Callable[[Any], Any]

    def page(self, body: bytes) -> Page:
        """The objects of one page of a list. Raises one of `NOT_UNDERSTOOD` for what is no list at all."""
        try:
            page = self.items.decode(body)
            return Page([self.convert(item) for item in page.items or ()], page.metadata)
        except ODD_SHAPE:
            return self._row_by_row(body)

    def single(self, body: msgspec.Raw) -> Any:
        """One object of a watch event. Raises ObjectNotUnderstood."""
        try:
            return self.convert(self.one.decode(body))
        except ODD_SHAPE as error:
            raise ObjectNotUnderstood(_key_of(body), error_text(error)) from None

    def _row_by_row(self, body: bytes) -> Page:
        raw = _RAW_LIST.decode(body)
        page = Page([], raw.metadata)
        for number, item in enumerate(raw.items or ()):
            try:
                page.objects.append(self.single(item))
            except ObjectNotUnderstood as odd:
                page.odd[odd.key or ("", f"number {number + 1} of a page")] = odd.why
        return page


class ObjectNotUnderstood(ValueError):
    """An object is not of its kind's shape; `key` is its namespace and name, None where they cannot be read either."""

    def __init__(self, key: wire.Key | None, why: str) -> None:
        super().__init__(why)
        self.key = key
        self.why = why


_RAW_LIST = msgspec.json.Decoder(wire.ObjectList[msgspec.Raw])
_NAMED = msgspec.json.Decoder(wire.NamedObject)


def _key_of(body: msgspec.Raw) -> wire.Key | None:
    try:
        meta = _NAMED.decode(body).metadata
    except NOT_UNDERSTOOD:
        return None
    return meta.namespace, meta.name


_BUILTIN_CODECS: Mapping[str, tuple[type, Callable[[Any], Any]]] = {
    "Namespace": (wire.NamespaceObject, convert.namespace),
    "Node": (wire.NodeObject, convert.node),
    "Service": (wire.ServiceObject, convert.service),
    "EndpointSlice": (wire.EndpointSliceObject, convert.endpoint_slice),
    "Pod": (wire.PodObject, convert.pod),
    **{
        name: (wire.ControllerObject, convert.controller_of(name))
        for name in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
}


@cache
def codec(kind: ApiKind, version: str) -> Codec:
    """The codec of a kind in a version; made once for all clusters."""
    if kind.builtin:
        shape, converter = _BUILTIN_CODECS[kind.name]
    elif kind.group == ADMISSION:
        shape, converter = wire_specless.WebhookConfiguration, convert.webhooks_of(version, kind.name)
    elif kind.group == RBAC:
        shape, converter = wire_specless.RbacObject, convert.rbac_of(version, kind.name)
    elif kind.group == KUBESPHERE:
        shape, converter = wire_specless.KubeSphereCluster, convert.kubesphere_cluster(version)
    else:
        shape, converter = wire.CustomResource, convert.config_of(kind.group, version, kind.name)
    return _codec(shape, converter)


def _codec(shape: Any, converter: Callable[[Any], Any]) -> Codec:
    return Codec(msgspec.json.Decoder(wire.ObjectList[shape]), msgspec.json.Decoder(shape), converter)


REMOTE_SECRETS = _codec(wire.SecretMetadata, convert.remote_secret)
WEBHOOKS = _codec(wire.PartialObjectMetadata, convert.metadata)
