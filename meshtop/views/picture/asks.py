"""What each view is worked out from, and so what must be asked of the clusters for it.

It stands here and not with the views, because a command asks the clusters before it imports a view. A test has every
view work out several worlds, and finds whatever it looks at without having it here.
"""

from __future__ import annotations

from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.constants import FEDERATED_KINDS

_MESH = (
    *("Namespace", "Node", "Service", "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
    *("ConfigMap", "Secret", "MutatingWebhookConfiguration", "Gateway", "Gateway.gateway.networking.k8s.io"),
)
"""The kinds behind the facts of a mesh and its workloads: control planes, networks, pods and whose they are."""
_MACHINES = ("ServiceEntry", "WorkloadEntry")
"""The kinds behind virtual machines, and hosts outside of the mesh."""
_CALLS = ("requests", "tcp_opened", "tcp_sent", "tcp_received")
"""The queries by which any call is known, which also tell a silent Prometheus (`Telemetry.calls`)."""
_REMOTES = ("control_seen",)
"""The queries behind which clusters are one mesh: istiod's own list of its remote clusters."""

_REGISTRIES = (
    "KubeFedCluster",
    "ManagedCluster",
    "ClusterProfile",
    "Cluster.cluster.karmada.io",
    "Cluster.cluster.kubesphere.io",
)
"""The kinds in which federations declare their members."""
_PROPAGATED = (
    *FEDERATED_KINDS,
    *("ResourceBinding", "ClusterResourceBinding", "OverridePolicy", "ClusterOverridePolicy", "ManifestWork"),
)
"""The kinds in which federations declare what they propagate, and to whom."""
_MUTUAL_TLS = (
    "EndpointSlice",
    "PeerAuthentication",
    "DestinationRule",
    "VirtualService",
    "Sidecar",
    "ClusterSPIFFEID",
)
"""The kinds behind declared mutual TLS, besides those of every answer."""
_POLICIES = ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication")
"""The kinds behind who may call whom."""

_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "ReferenceGrant")
"""The kinds of routes of Gateway API, and what lets them lead into other namespaces."""


def _asking(*kinds: str, control: tuple[str, ...] = (), traffic: bool = True) -> Asked:
    """What is to be asked for a view: the mesh, its workloads and calls, and these kinds and control-plane queries.

    Without `traffic` only those queries are asked that tell who calls whom, without latencies and sizes.
    """
    calls = (metric.field for metric in TRAFFIC) if traffic else _CALLS
    return Asked(frozenset((*_MESH, *_MACHINES, *kinds)), frozenset((*calls, *_REMOTES, *control)))


_MTLS = _asking(*_MUTUAL_TLS)
_ACCESS = _asking(*_MUTUAL_TLS, *_POLICIES)
_HOSTS = ("EndpointSlice", "DestinationRule", "ServiceExport", "ServiceImport", "ServiceDNSRecord")
_CONFIGURED = (
    *("EnvoyFilter", "ProxyConfig", "WasmPlugin", "Telemetry", "WorkloadGroup", "TLSRoute", "GatewayClass"),
    *("ValidatingWebhookConfiguration", "Canary", "Rollout"),
)
"""What else makes up the configuration of a mesh."""
_FINDINGS = Asked(
    frozenset(
        (
            *(*_MESH, *_MACHINES, *_HOSTS, *_REGISTRIES, *_PROPAGATED, *_MUTUAL_TLS, *_POLICIES),
            *(*_ROUTES, *_CONFIGURED),
        )
    ),
    frozenset(
        (*_CALLS, *("request_messages", "response_messages"), *_REMOTES, *(group.query for group in CONTROL)),
    ),
    findings=True,
)
"""What any object may break, and so all kinds but those of RBAC, which no rule looks at.

Of calls it is who calls whom, how often, and by mutual TLS: messages tell of gRPC streams that have not ended yet, and
latencies and sizes tell nothing.
"""
_CANARIES = Asked(None, frozenset((*(metric.field for metric in TRAFFIC), *_REMOTES, "control_rates")))
"""Any kind may own a route or hold one; `control_rates` tell when changed weights have reached the proxies."""
_BY_VIEW = {
    "clusters": _asking(*_REGISTRIES),
    "namespaces": _asking(),
    "services": _asking("EndpointSlice", "ServiceExport"),
    "workloads": _asking(),
    "virtualmachines": _asking("WorkloadGroup"),
    "edges": _ACCESS,
    "mtls": _MTLS,
    "mtlsedges": _MTLS,
    "mtlsmatrix": _MTLS,
    "trust": _asking("ClusterSPIFFEID", traffic=False),
    "certificates": _asking(control=("control_certificates", "control_agents", "control_gateways"), traffic=False),
    "tenants": _asking(),
    "tenantmatrix": _asking(),
    "tenanttree": _asking(),
    "members": _asking(*_REGISTRIES, *_PROPAGATED, traffic=False),
    "federated": Asked(None, frozenset((*_CALLS, *_REMOTES))),
    "controlplanes": _asking(control=("control_added", "control_rates"), traffic=False),
    "discovery": _asking(*_HOSTS, traffic=False),
    "alerts": _asking(traffic=False),
    "slos": _asking(traffic=False),
    "localities": _asking("EndpointSlice"),
    "canaries": _CANARIES,
    "findings": _FINDINGS,
}
"""Kinds of views that look at everything are left out: drift, changes, attention."""
GRAPH = _ACCESS
"""What the service graph is worked out from: edges as `edges` shows them."""
STRICT = _MTLS
EVACUATE = _asking(*_HOSTS, *_MUTUAL_TLS, *_POLICIES, *_ROUTES)
"""Where endpoints are and who reaches them, and all that a forecast of calls looks at."""
SUGGEST = REACH = _ACCESS
"""Who may call whom and how they were seen to: the least policies, and who may call a workload or be called by it."""
SHAPING_KINDS = (
    *("VirtualService", "DestinationRule", "ServiceEntry", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"),
    *_POLICIES,
)
SHAPING = Asked(frozenset(SHAPING_KINDS), frozenset())
"""Which objects apply to a service or workload: what a page of one tells besides its rows."""
OWNERS = Asked(frozenset({"Namespace"}), frozenset())
"""Which namespaces there are and whose: access policies, and what they hide."""
FIRST_SETTINGS = Asked(frozenset({"Namespace", "Service"}), frozenset({"requests"}))
"""Whose namespaces are, which clusters answer, and behind which Service a Prometheus does."""
APPLY = Asked(None, frozenset((*_CALLS, *_REMOTES)), findings=True)
"""All kinds, since findings come and go with them, and who calls whom: over a whole day, latencies would cost most."""
ANALYZE = _FINDINGS
"""Findings as `findings` shows them, of the clusters or of what they would be with manifests applied."""
DIFF = Asked(None, _CANARIES.queries, findings=True)
"""All kinds, since every object is compared, and weights and calls with their figures."""
DOCTOR = EVERYTHING_ASKED
"""All kinds and queries: whether each can be asked, and how much it answers, is what doctor says."""


def asked_for(kind: str) -> Asked:
    """What is to be asked of the clusters for the items of a kind (by its own name)."""
    return _BY_VIEW.get(kind, EVERYTHING_ASKED)
