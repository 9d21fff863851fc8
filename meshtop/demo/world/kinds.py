# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""The custom resources of the simulated clusters, with the names that their projects gave them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_ISTIO = ("istio-io", "networking-istio-io")
_SECURITY = ("istio-io", "security-istio-io")
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _column(name: str, path: str, kind: str = "string") -> Json:
    return {"name": name, "type": kind, "jsonPath": path}


_HOST = (_column("Host", ".spec.host"), _AGE)
_MODE = (_column("Mode", ".spec.mtls.mode"), _AGE)
_HOSTS = (_column("Gateways", ".spec.gateways"), _column("Hosts", ".spec.hosts"), _AGE)
_ENTRY = (
    _column("Hosts", ".spec.hosts"),
    _column("Location", ".spec.location"),
    _column("Resolution", ".spec.resolution"),
    _AGE,
)
_ADDRESS = (_AGE, _column("Address", ".spec.address"))
_ACTION = (_column("Action", ".spec.action"), _AGE)
_NAMES = (_column("Hostnames", ".spec.hostnames"), _AGE)
_GTW = (_column("Class", ".spec.gatewayClassName"), _column("Address", ".status.addresses[*].value"),
        _column("Programmed", '.status.conditions[?(@.type=="Programmed")].status'), _AGE)  # fmt: skip
_CLASS = (_column("Controller", ".spec.controllerName"), _AGE)
_IMPORT = (_column("Type", ".spec.type"), _column("IP", ".spec.ips"), _AGE)

MESH_KINDS = (
    ("networking.istio.io", "VirtualService", "virtualservices", ("vs",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, _HOSTS),
    ("networking.istio.io", "DestinationRule", "destinationrules", ("dr",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, _HOST),
    ("networking.istio.io", "Gateway", "gateways", ("gw",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, (_AGE,)),
    ("networking.istio.io", "ServiceEntry", "serviceentries", ("se",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, _ENTRY),
    ("networking.istio.io", "Sidecar", "sidecars", (), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, (_AGE,)),
    ("networking.istio.io", "WorkloadEntry", "workloadentries", ("we",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, _ADDRESS),
    ("networking.istio.io", "WorkloadGroup", "workloadgroups", ("wg",), _ISTIO, ("v1", "v1beta1", "v1alpha3"), True, (_AGE,)),
    ("networking.istio.io", "EnvoyFilter", "envoyfilters", (), _ISTIO, ("v1alpha3",), True, (_AGE,)),
    ("networking.istio.io", "ProxyConfig", "proxyconfigs", (), _ISTIO, ("v1beta1",), True, (_AGE,)),
    ("security.istio.io", "PeerAuthentication", "peerauthentications", ("pa",), _SECURITY, ("v1", "v1beta1"), True, _MODE),
    ("security.istio.io", "AuthorizationPolicy", "authorizationpolicies", ("ap",), _SECURITY, ("v1", "v1beta1"), True, _ACTION),
    ("security.istio.io", "RequestAuthentication", "requestauthentications", ("ra",), _SECURITY, ("v1", "v1beta1"), True, (_AGE,)),
    ("telemetry.istio.io", "Telemetry", "telemetries", ("telemetry",), ("istio-io", "telemetry-istio-io"), ("v1", "v1alpha1"), True, (_AGE,)),
    ("extensions.istio.io", "WasmPlugin", "wasmplugins", (), ("istio-io", "extensions-istio-io"), ("v1alpha1",), True, (_AGE,)),
    ("gateway.networking.k8s.io", "GatewayClass", "gatewayclasses", ("gc",), ("gateway-api",), ("v1", "v1beta1"), False, _CLASS),
    ("gateway.networking.k8s.io", "Gateway", "gateways", ("gtw",), ("gateway-api",), ("v1", "v1beta1"), True, _GTW),
    ("gateway.networking.k8s.io", "HTTPRoute", "httproutes", (), ("gateway-api",), ("v1", "v1beta1"), True, _NAMES),
    ("gateway.networking.k8s.io", "GRPCRoute", "grpcroutes", (), ("gateway-api",), ("v1",), True, _NAMES),
    ("gateway.networking.k8s.io", "TLSRoute", "tlsroutes", (), ("gateway-api",), ("v1alpha3", "v1alpha2"), True, (_AGE,)),
    ("gateway.networking.k8s.io", "TCPRoute", "tcproutes", (), ("gateway-api",), ("v1alpha2",), True, (_AGE,)),
    ("gateway.networking.k8s.io", "ReferenceGrant", "referencegrants", ("refgrant",), ("gateway-api",), ("v1beta1",), True, (_AGE,)),
    ("multicluster.x-k8s.io", "ServiceExport", "serviceexports", ("svcex", "svcexport"), (), ("v1beta1", "v1alpha1"), True, (_AGE,)),
    ("multicluster.x-k8s.io", "ServiceImport", "serviceimports", ("svcim", "svcimport"), (), ("v1beta1", "v1alpha1"), True, _IMPORT),
)  # fmt: skip
"""Group, kind, plural, short names, categories, versions (storage version first), whether namespaced, printer columns."""

REGISTRY_KINDS = (
    ("core.kubefed.io", "KubeFedCluster", "kubefedclusters", (), (), ("v1beta1",), True, (_AGE,)),
    ("cluster.karmada.io", "Cluster", "clusters", (), (), ("v1alpha1",), False, (_AGE,)),
    ("cluster.open-cluster-management.io", "ManagedCluster", "managedclusters", ("mcl", "mcls"), (), ("v1",), False, (_AGE,)),
    ("cluster.kubesphere.io", "Cluster", "clusters", (), (), ("v1alpha1",), False, (_AGE,)),
    ("multicluster.x-k8s.io", "ClusterProfile", "clusterprofiles", (), (), ("v1alpha1",), True, (_AGE,)),
    ("types.kubefed.io", "FederatedPeerAuthentication", "federatedpeerauthentications", ("fpa",), (), ("v1beta1",), True, (_AGE,)),
    ("types.kubefed.io", "FederatedNamespace", "federatednamespaces", ("fns",), (), ("v1beta1",), True, (_AGE,)),
    ("work.karmada.io", "ClusterResourceBinding", "clusterresourcebindings", ("crb",), (), ("v1alpha2",), False, (_AGE,)),
    ("policy.karmada.io", "ClusterOverridePolicy", "clusteroverridepolicies", ("cop",), (), ("v1alpha1",), False, (_AGE,)),
    ("work.karmada.io", "ResourceBinding", "resourcebindings", ("rb",), (), ("v1alpha2",), True, (_AGE,)),
    ("policy.karmada.io", "OverridePolicy", "overridepolicies", ("op",), (), ("v1alpha1",), True, (_AGE,)),
    ("work.open-cluster-management.io", "ManifestWork", "manifestworks", (), (), ("v1",), True, (_AGE,)),
)  # fmt: skip
"""The kinds by which federations declare their members; they are installed on the first cluster."""


OWNER_KINDS = (
    ("argoproj.io", "Rollout", "rollouts", ("ro",), (), ("v1alpha1",), True, (_AGE,)),
    ("flagger.app", "Canary", "canaries", (), (), ("v1beta1",), True, (_column("Status", ".status.phase"), _column("Weight", ".status.canaryWeight"), _AGE)),
)  # fmt: skip
"""The kinds of controllers that shift weights by themselves."""


def definitions(registries: bool, owners: bool = False) -> list[Json]:
    """The CustomResourceDefinitions of a cluster."""
    kinds = MESH_KINDS + (REGISTRY_KINDS if registries else ()) + (OWNER_KINDS if owners else ())
    return [_definition(*kind) for kind in kinds]


def _definition(
    group: str, kind: str, plural: str, short: tuple[str, ...], categories: tuple[str, ...], versions: tuple[str, ...],
    namespaced: bool, columns: tuple[Json, ...],
) -> Json:  # fmt: skip
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": _OPEN, "status": _OPEN}}}
    names: Json = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    if short:
        names["shortNames"] = list(short)
    if categories:
        names["categories"] = list(categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": i == 0,
                    "schema": schema,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": list(columns),
                }
                for i, version in enumerate(versions)
            ],
        },
    }
