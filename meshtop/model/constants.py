"""Names and limits that several packages share: defaults of Istio and Kubernetes, and meshtop's own thresholds."""

from __future__ import annotations

ISTIO_NAMESPACE = "istio-system"
"""Default namespace of an Istio installation, and default root namespace."""
CLUSTER_DOMAIN = "cluster.local"
"""Default DNS domain of a cluster, and default trust domain of a mesh."""
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
"""The label by which pods and Services that Gateway API's controller deploys name their Gateway."""
DEFAULT_WINDOW_SECONDS = 300.0
"""Default window of rates, in seconds."""

CONTRADICTED_FROM = 0.05
"""At this relative difference and above, the reports of an edge's two ends contradict each other."""
MUTUAL_TLS_FROM = 0.995
"""At this share and above, traffic counts as entirely mutual TLS (shown as 100 %)."""

APDEX_TARGET_MS = 500.0
"""Default Apdex target in milliseconds: up to it a request satisfies, up to four times as long it is tolerated."""

AS_REPORTED = "auto"
"""Value of `access.user` that takes the user reported by Kubernetes, cluster by cluster."""

DEFAULT_ALPHA = 0.05
"""Default false-alarm rate (alpha) of canary verdicts; it holds however often they are computed."""
DEFAULT_MINIMUM_REQUESTS = 200
"""With fewer requests a canary's split is not judged, unless the settings say otherwise."""
DEFAULT_SPLIT_MARGIN = 0.02
"""A share of requests that is off by less than this is not said to be off."""
DEFAULT_MARGIN = 0.005
"""A canary whose share of errors, or of slow answers, is above its baseline's by less than this is not worse."""
DEFAULT_RELATIVE_MARGIN = 0.25
"""... nor one that is above it by less than this part of the baseline's share."""

DEFAULT_STEP_SECONDS = 120.0
"""Default duration of one step of a weight shift."""
DEFAULT_GUARD = "errors,latency"
"""Default guard of a weight shift: the signals that roll it back when the canary is worse in them."""
USUAL_WINDOW_SECONDS = 30 * 86_400.0
"""The window of an objective where none is given."""

FEDERATED_KINDS = tuple(
    f"Federated{kind}"
    for kind in (
        *("Namespace", "Service", "Deployment", "VirtualService", "DestinationRule", "Gateway"),
        *("PeerAuthentication", "AuthorizationPolicy", "Telemetry", "HTTPRoute"),
        *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    )
)
"""The kinds of KubeFed and KubeSphere that are read: each propagates the kind that it is named after."""
