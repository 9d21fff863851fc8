"""Istio's annotations: on which kinds each has a meaning, its phase, and how its value is checked.

Source: istio/api, annotation/annotations.yaml (names, phases and resource types).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

from msgspec import Struct

ANY = "Any"


class KnownAnnotation(Struct, frozen=True, kw_only=True):
    """An annotation that Istio knows; `instead` says what replaces a deprecated one."""

    kinds: tuple[str, ...] = ("Pod",)
    alpha: bool = True
    deprecated: bool = False
    instead: str = ""
    problem: Callable[[str], str | None] | None = None


def _whole(value: str) -> str | None:
    return None if re.fullmatch(r"\d{1,10}", value) else f"{value!r} is no whole number"


def _port(value: str) -> str | None:
    return None if value.isdigit() and int(value) < 65536 else f"{value!r} is no port"


def _flag(value: str) -> str | None:
    known = ("1", "t", "true", "0", "f", "false")
    return None if value.lower() in known else f"{value!r} is neither true nor false"


def _mode(value: str) -> str | None:
    return None if value in ("REDIRECT", "TPROXY", "NONE") else f"{value!r} is not REDIRECT, TPROXY or NONE"


def _ports(value: str) -> str | None:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    return next((problem for part in parts if (problem := _port(part))), None)


def _ports_or_all(value: str) -> str | None:
    return None if value.strip() == "*" else _ports(value)


def _ranges(value: str) -> str | None:
    for part in (part.strip() for part in value.split(",") if part.strip()):
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            return f"{part!r} is no range of IP addresses"
        if "/" not in part:
            return f"{part!r} has no prefix length"
    return None


def _ranges_or_all(value: str) -> str | None:
    return None if value.strip() == "*" else _ranges(value)


def _known(**fields: object) -> KnownAnnotation:
    return KnownAnnotation(**fields)  # type: ignore[arg-type]


_POD = _known()
_COUNT = _known(problem=_whole)
_OLD_STATS = _known(deprecated=True, instead="proxyStatsMatcher in proxy.istio.io/config")
_ANYWHERE = _known(kinds=(ANY,))
_SETTLED = _known(kinds=(ANY,), alpha=False)
_GATEWAY = _known(kinds=("Gateway",))
_ENTRY = _known(kinds=("WorkloadEntry",))
_ACCOUNTS = _known(kinds=("Service",), deprecated=True)

KNOWN: Mapping[str, KnownAnnotation] = {
    "alpha.istio.io/canonical-serviceaccounts": _ACCOUNTS,
    "alpha.istio.io/identity": _known(deprecated=True),
    "alpha.istio.io/kubernetes-serviceaccounts": _ACCOUNTS,
    "ambient.istio.io/bypass-inbound-capture": _POD,
    "ambient.istio.io/dns-capture": _POD,
    "ambient.istio.io/redirection": _known(alpha=False),
    "ambient.istio.io/waypoint-inbound-binding": _known(kinds=("GatewayClass",)),
    "galley.istio.io/analyze-suppress": _known(kinds=(ANY,), alpha=False),
    "gateway.istio.io/controller-version": _SETTLED,
    "gateway.istio.io/name-override": _GATEWAY,
    "gateway.istio.io/service-account": _GATEWAY,
    "gateway.istio.io/tls-terminate-mode": _GATEWAY,
    "inject.istio.io/templates": _POD,
    "install.operator.istio.io/chart-owner": _ANYWHERE,
    "install.operator.istio.io/owner-generation": _ANYWHERE,
    "install.operator.istio.io/version": _ANYWHERE,
    "istio.io/autoRegistrationGroup": _ENTRY,
    "istio.io/connectedAt": _ENTRY,
    "istio.io/disconnectedAt": _ENTRY,
    "istio.io/workloadController": _ENTRY,
    "istio.io/dry-run": _known(kinds=("AuthorizationPolicy",)),
    "istio.io/reroute-virtual-interfaces": _POD,
    "istio.io/rev": _SETTLED,
    "kubernetes.io/ingress.class": _known(kinds=("Ingress",), alpha=False),
    "networking.istio.io/address-type": _GATEWAY,
    "networking.istio.io/exportTo": _known(kinds=("Service",)),
    "networking.istio.io/service-type": _GATEWAY,
    "networking.istio.io/traffic-distribution": _known(kinds=("Service", "ServiceEntry", "Namespace")),
    "prometheus.istio.io/merge-metrics": _known(problem=_flag),
    "proxy.istio.io/config": _known(alpha=False),
    "proxy.istio.io/overrides": _POD,
    "readiness.status.sidecar.istio.io/applicationPorts": _known(problem=_ports),
    "readiness.status.sidecar.istio.io/failureThreshold": _COUNT,
    "readiness.status.sidecar.istio.io/initialDelaySeconds": _COUNT,
    "readiness.status.sidecar.istio.io/periodSeconds": _COUNT,
    "sidecar.istio.io/agentLogLevel": _POD,
    "sidecar.istio.io/bootstrapOverride": _POD,
    "sidecar.istio.io/componentLogLevel": _POD,
    "sidecar.istio.io/controlPlaneAuthPolicy": _known(deprecated=True),
    "sidecar.istio.io/discoveryAddress": _known(deprecated=True, instead="discoveryAddress in proxy.istio.io/config"),
    "sidecar.istio.io/enableCoreDump": _known(problem=_flag),
    "sidecar.istio.io/extraStatTags": _POD,
    "sidecar.istio.io/inject": _known(alpha=False, deprecated=True, instead="the label sidecar.istio.io/inject"),
    "sidecar.istio.io/interceptionMode": _known(problem=_mode),
    "sidecar.istio.io/logLevel": _POD,
    "sidecar.istio.io/nativeSidecar": _known(problem=_flag),
    "sidecar.istio.io/proxyCPU": _POD,
    "sidecar.istio.io/proxyCPULimit": _POD,
    "sidecar.istio.io/proxyImage": _POD,
    "sidecar.istio.io/proxyImageType": _POD,
    "sidecar.istio.io/proxyMemory": _POD,
    "sidecar.istio.io/proxyMemoryLimit": _POD,
    "sidecar.istio.io/rewriteAppHTTPProbers": _known(problem=_flag),
    "sidecar.istio.io/statsCompression": _POD,
    "sidecar.istio.io/statsEvictionInterval": _POD,
    "sidecar.istio.io/statsFlushInterval": _POD,
    "sidecar.istio.io/statsHistogramBuckets": _POD,
    "sidecar.istio.io/statsInclusionPrefixes": _OLD_STATS,
    "sidecar.istio.io/statsInclusionRegexps": _OLD_STATS,
    "sidecar.istio.io/statsInclusionSuffixes": _OLD_STATS,
    "sidecar.istio.io/status": _known(alpha=False),
    "sidecar.istio.io/userVolume": _POD,
    "sidecar.istio.io/userVolumeMount": _POD,
    "status.sidecar.istio.io/port": _known(problem=_port),
    "topology.istio.io/controlPlaneClusters": _known(kinds=("Namespace",)),
    "traffic.istio.io/nodeSelector": _known(kinds=("Service",)),
    "traffic.sidecar.istio.io/excludeInboundPorts": _known(problem=_ports),
    "traffic.sidecar.istio.io/excludeInterfaces": _POD,
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": _known(problem=_ranges),
    "traffic.sidecar.istio.io/excludeOutboundPorts": _known(problem=_ports),
    "traffic.sidecar.istio.io/includeInboundPorts": _known(problem=_ports_or_all),
    "traffic.sidecar.istio.io/includeOutboundIPRanges": _known(problem=_ranges_or_all),
    "traffic.sidecar.istio.io/includeOutboundPorts": _known(problem=_ports_or_all),
    "traffic.sidecar.istio.io/kubevirtInterfaces": _known(
        deprecated=True, instead="istio.io/reroute-virtual-interfaces"
    ),
}
SET_BY_INJECTION = frozenset(
    {
        "sidecar.istio.io/interceptionMode",
        "traffic.sidecar.istio.io/includeInboundPorts",
        "traffic.sidecar.istio.io/excludeInboundPorts",
        "traffic.sidecar.istio.io/includeOutboundIPRanges",
    }
)
"""What injection writes on every pod where Istio's CNI plugin is installed; nobody chose it."""
