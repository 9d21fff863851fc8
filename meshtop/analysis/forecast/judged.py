"""The kinds that a forecast of calls judges, and those that it does not though they can matter to calls."""

from __future__ import annotations

from collections.abc import Mapping

from meshtop.model.constants import ISTIO_NAMESPACE

JUDGED = frozenset(
    {
        "AuthorizationPolicy",
        "RequestAuthentication",
        "PeerAuthentication",
        "DestinationRule",
        "VirtualService",
        "HTTPRoute",
        "GRPCRoute",
        "TCPRoute",
        "ReferenceGrant",
        "ServiceEntry",
        "WorkloadEntry",
        "Sidecar",
        "Service",
        "EndpointSlice",
    }
)
"""Kinds whose effect on calls is worked out."""
_PODS = "which pods it brings about, and whether they get ready, is not worked out"
_MATTER: Mapping[str, str] = {
    "EnvoyFilter": "what it patches in proxies is not worked out",
    "WasmPlugin": "what its module does with requests is not known",
    "ProxyConfig": "how proxies are set up is not worked out",
    "Gateway": "which hosts and ports a gateway opens is not worked out",
    "GatewayClass": "which controller obeys it is not worked out",
    "TLSRoute": "which names connections ask for is not told by telemetry",
    "BackendTLSPolicy": "TLS from a gateway to a backend is not worked out",
    "NetworkPolicy": "what the network lets through is not worked out",
    "WorkloadGroup": "which machines join by it is not worked out",
    "Secret": "which certificates proxies get is not worked out",
    "ServiceExport": "what a multi-cluster controller makes of it is not worked out",
    "ServiceImport": "what a multi-cluster controller makes of it is not worked out",
    "Namespace": "how its labels change new pods is not worked out",
    "MutatingWebhookConfiguration": "how it changes new pods is not worked out",
    **dict.fromkeys(
        ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Rollout"), _PODS
    ),
}


def unjudged_effect(kind: str, namespace: str = "", name: str = "") -> str | None:
    """Why calls may change by an object of a kind in a way that is not worked out, as a clause; None for no such kind.

    A ConfigMap is istiod's or no matter to calls.
    """
    if kind == "ConfigMap":
        of_istio = name == "istio" or name.startswith("istio-")
        return "how proxies take up a new MeshConfig is only worked out in part" if of_istio and (
            namespace.startswith("istio") or namespace == ISTIO_NAMESPACE
        ) else None  # fmt: skip
    if kind in JUDGED:
        return None
    if kind in _MATTER:
        return _MATTER[kind]
    return _MATTER["NetworkPolicy"] if kind.endswith("NetworkPolicy") else None
