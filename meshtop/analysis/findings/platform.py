"""Around the mesh: versions, deprecations, providers of telemetry, networks, keys for tokens, and status conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from meshtop.analysis.findings.finding import ConfigFinding, ObjectKey
from meshtop.analysis.findings.revisions import AnyObject, RevisionConfig
from meshtop.analysis.identity.remotes import hinted_id
from meshtop.analysis.identity.settings import plane_settings
from meshtop.analysis.identity.trees import at
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.inventory.untyped import Condition, conditions, mapping, maps, text, texts
from meshtop.model.kube import ConfigObject, Service

Version = tuple[int, int, int]
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_CRD = "CustomResourceDefinition"
_BUNDLE = "gateway.networking.k8s.io/bundle-version"
_GATEWAYS = "gateways.gateway.networking.k8s.io"
_OLDEST_BUNDLE, _SOON_OLDEST_BUNDLE = (0, 8, 0), (1, 0, 0)
_OLDEST_OF_KIND: Mapping[str, Version] = {
    "grpcroutes.gateway.networking.k8s.io": (1, 1, 0),
    "backendtlspolicies.gateway.networking.k8s.io": (1, 4, 0),
    "tlsroutes.gateway.networking.k8s.io": (1, 5, 0),
}
"""The bundle of Gateway API from which on istiod reads a kind (istio, pkg/config/schema/gatewayapi)."""
_OLDEST_KUBERNETES: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
    ((1, 28), (1, 30)),
    ((1, 25), (1, 29)),
    ((1, 24), (1, 28)),
    ((1, 22), (1, 27)),
    ((1, 21), (1, 26)),
    ((1, 19), (1, 25)),
    ((1, 18), (1, 24)),
)
"""From which Istio on which Kubernetes is needed, the newest first (istio.io, supported releases)."""
_REMOVED = frozenset({"ClusterRbacConfig", "RbacConfig", "ServiceRole", "ServiceRoleBinding"})
_REGISTRIES = frozenset({"Kubernetes", "External", "Mock"})
_NEGATIVE: Mapping[str, frozenset[str]] = {
    "Service": frozenset({"istio.io/WaypointBound"}),
    "ServiceEntry": frozenset({"istio.io/WaypointBound"}),
    "AuthorizationPolicy": frozenset({"ZtunnelAccepted", "WaypointAccepted"}),
    "Gateway.gateway.networking.k8s.io": frozenset({"Accepted", "Programmed", "ResolvedRefs"}),
    "HTTPRoute": frozenset({"Accepted", "Programmed", "ResolvedRefs"}),
    "GRPCRoute": frozenset({"Accepted", "Programmed", "ResolvedRefs"}),
    "TCPRoute": frozenset({"Accepted", "Programmed", "ResolvedRefs"}),
    "TLSRoute": frozenset({"Accepted", "Programmed", "ResolvedRefs"}),
}


def version(text_: str) -> Version | None:
    """The numbers of a version; None where there are none."""
    found = _VERSION.match(text_)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _said(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def cluster_version(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """A Kubernetes that is older than the newest control plane of the cluster supports."""
    kubernetes = version(config.inventory.version or "")
    planes = [found for plane in config.cluster.facts.control_planes if (found := version(plane.version or ""))]
    if kubernetes is None or not planes:
        return
    newest = max(planes)
    oldest = next((needed for since, needed in _OLDEST_KUBERNETES if newest[:2] >= since), None)
    if oldest is not None and kubernetes[:2] < oldest:
        yield ConfigFinding(
            code="IST0142",
            object=ObjectKey(config.cluster.name, "Cluster", "", config.cluster.name),
            message=f"Kubernetes {_said(kubernetes)} is older than Istio {_said(newest)} supports, which is "
            f"{_said(oldest)} and newer.",
        )


def definitions(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Definitions of removed kinds, and of Gateway API in versions that are too old."""
    for crd in config.inventory.config.get(_CRD, ()):
        group, kind = text(crd.spec.get("group")), text(mapping(crd.spec.get("names")).get("kind"))
        if crd.meta.name.endswith(".rbac.istio.io") or (group == "rbac.istio.io" and kind in _REMOVED):
            yield config.finding("IST0002", crd, f"{kind or crd.meta.name} was removed from Istio; nothing reads it.")
        written = crd.meta.annotations.get(_BUNDLE, "")
        bundle = version(written)
        if bundle is None:
            continue
        if crd.meta.name == _GATEWAYS and bundle < _SOON_OLDEST_BUNDLE:
            error = bundle < _OLDEST_BUNDLE
            needed = _OLDEST_BUNDLE if error else _SOON_OLDEST_BUNDLE
            yield config.finding(
                "IST0156" if error else "IST0172", crd, f"Gateway API {written} is older than {_said(needed)}, the "
                f"oldest that Istio {'supports' if error else 'will support'}.", _upgrade(needed),
            )  # fmt: skip
        oldest = _OLDEST_OF_KIND.get(crd.meta.name)
        if oldest is not None and bundle < oldest:
            yield config.finding(
                "IST0176", crd, f"{crd.meta.name} is of Gateway API {written}, and istiod reads it from "
                f"{_said(oldest)} on only; its objects do nothing.", _upgrade(oldest),
            )  # fmt: skip


def _upgrade(needed: Version) -> str:
    return (
        "kubectl apply -f https://github.com/kubernetes-sigs/gateway-api/releases/download/"
        f"v{_said(needed)}/standard-install.yaml"
    )


def deprecated_fields(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Fields that Istio is about to forget."""
    for service in config.objects("VirtualService"):
        for number, rule in enumerate(maps(service.spec.get("http"))):
            delay = mapping(mapping(rule.get("fault")).get("delay"))
            percent = delay.get("percent")
            if isinstance(percent, int | float) and percent > 0:
                yield config.finding(
                    "IST0002", service, "fault.delay.percent is deprecated; percentage replaces it.",
                    f"delay:\n  percentage:\n    value: {percent}", path=f"spec.http[{number}].fault.delay.percent",
                )  # fmt: skip
    for sidecar in config.objects("Sidecar"):
        if mapping(sidecar.spec.get("outboundTrafficPolicy")).get("egressProxy") is not None:
            yield config.finding(
                "IST0002", sidecar, "outboundTrafficPolicy.egressProxy is ignored.",
                path="spec.outboundTrafficPolicy.egressProxy",
            )  # fmt: skip


def telemetry_providers(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Access logging without a provider, and tracing by a provider that is gone."""
    default = texts(at(config.mesh_config, "defaultProviders", "accessLogging"))
    providers = maps(config.mesh_config.get("extensionProviders"))
    gone = {text(provider.get("name")) for provider in providers if "lightstep" in provider}
    for telemetry in config.objects("Telemetry"):
        for number, logging in enumerate(maps(telemetry.spec.get("accessLogging"))):
            if not default and not maps(logging.get("providers")) and logging.get("disabled") is not True:
                yield config.finding(
                    "IST0157", telemetry, "accessLogging names no provider and the mesh has no default one; nothing is "
                    "logged.", "accessLogging:\n- providers:\n  - name: envoy", path=f"spec.accessLogging[{number}]",
                )  # fmt: skip
        for number, tracing in enumerate(maps(telemetry.spec.get("tracing"))):
            for provider in maps(tracing.get("providers")):
                if provider.get("name") in gone:
                    yield config.finding(
                        "IST0002", telemetry, f"provider {provider.get('name')} is Lightstep, which is deprecated; use "
                        "an opentelemetry provider.", path=f"spec.tracing[{number}].providers",
                    )  # fmt: skip


def token_keys(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Control planes that fetch JWT keys from any address, where tokens are validated at all."""
    policies = config.objects("RequestAuthentication")
    if not policies:
        return
    names = ", ".join(f"{p.meta.namespace}/{p.meta.name}" for p in policies[:3])
    which = (
        f"RequestAuthentication {names}"
        if len(policies) == 1
        else f"one of {len(policies)} RequestAuthentications ({names}{', ...' if len(policies) > 3 else ''})"
    )
    for deployment in config.inventory.controllers:
        if deployment.kind != "Deployment" or not is_istiod(deployment.meta.labels):
            continue
        if not deployment.environment.get("BLOCKED_CIDRS_IN_JWKS_URIS"):
            yield config.finding(
                "IST0175", deployment, f"BLOCKED_CIDRS_IN_JWKS_URIS is not set, so whoever may write {which} can "
                "make istiod call any address.",
                "env:\n- name: BLOCKED_CIDRS_IN_JWKS_URIS\n  value: 10.0.0.0/8,169.254.0.0/16",
            )  # fmt: skip


def _networks(config: RevisionConfig) -> Mapping[str, object]:
    return mapping((plane_settings(config.inventory).networks or {}).get("networks"))


def has_networks(config: RevisionConfig) -> bool:
    """Whether the mesh has MeshNetworks, as far as that is known."""
    return bool(_networks(config)) or not config.inventory.evidence("ConfigMap").known


def networks(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """MeshNetworks with endpoints from a registry that no control plane has."""
    found = _networks(config)
    known = {*_REGISTRIES, *(member.facts.cluster_id for member in config.members if member.facts.cluster_id)}
    known.update(filter(None, (hinted_id(secret) for secret in config.inventory.remote_secrets)))
    for secret in config.inventory.credentials:
        if secret.meta.labels.get("istio/multiCluster") == "true":
            known.update(secret.keys or ())
    for name, network in found.items():
        for endpoint in maps(mapping(network).get("endpoints")):
            registry = text(endpoint.get("fromRegistry"))
            if registry is not None and registry not in known:
                yield ConfigFinding(
                    code="IST0126",
                    object=ObjectKey(config.cluster.name, "MeshNetworks", config.root_namespace, "meshnetworks"),
                    message=f"network {name} takes endpoints from {registry}, a registry that no control plane has.",
                    path=f"networks.{name}.endpoints",
                )


def reported_conditions(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """What controllers themselves say does not work."""
    for service in config.inventory.services:
        told = conditions({"conditions": list(service.conditions)})
        yield from _negative(config, "Service", service, told)
    for kind in _NEGATIVE:
        for obj in config.inventory.config.get(kind, ()):
            yield from _negative(config, kind, obj, _conditions_of(obj))


def _conditions_of(obj: ConfigObject) -> tuple[Condition, ...]:
    of_parents = (one for parent in maps(obj.status.get("parents")) for one in conditions(parent))
    return (*conditions(obj.status), *of_parents)


def _negative(
    config: RevisionConfig, kind: str, obj: AnyObject, found: tuple[Condition, ...]
) -> Iterator[ConfigFinding]:
    for condition in found:
        partly = condition.type == "WaypointAccepted" and condition.reason == "PartiallyInvalid"
        if condition.type in _NEGATIVE[kind] and (condition.status == "False" or (partly and kind != "Service")):
            touches = (obj.meta.key,) if isinstance(obj, Service) else ()
            yield config.finding(
                "IST0171", obj, f"{condition.type} is {'partly ' if partly else ''}false "
                f"({condition.reason or 'no reason'}): {condition.message or 'no message'}",
                path="status.conditions", touches=touches,
            )  # fmt: skip


_CHECKS_SERVERS = (1, 20, 0)
_ALIASES = (1, 21, 0)


def changed_defaults(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Objects that a changed default concerns, where control planes of both sides of the change run."""
    found = sorted(v for plane in config.cluster.facts.control_planes if (v := version(plane.version or "")))
    if len(found) < 2:
        return
    oldest, newest = found[0], found[-1]
    if oldest < _CHECKS_SERVERS <= newest:
        for rule in config.objects("DestinationRule"):
            tls = mapping(mapping(rule.spec.get("trafficPolicy")).get("tls"))
            if tls.get("mode") in ("SIMPLE", "MUTUAL") and not text(tls.get("caCertificates")):
                yield config.finding(
                    "IST0169", rule, "VERIFY_CERTIFICATE_AT_CLIENT is true from 1.20 on: the server's certificate is "
                    "checked against the system's CAs, and not at all before.",
                    "Set caCertificates, or insecureSkipVerify where it is meant.",
                )  # fmt: skip
    if oldest < _ALIASES <= newest:
        for service in config.inventory.services:
            if service.type == "ExternalName":
                yield config.finding(
                    "IST0168", service, "ENABLE_EXTERNAL_NAME_ALIAS is true from 1.21 on: the Service is an alias of "
                    f"{service.external_name}, with its routes and policies; whether that differs cannot be told.",
                )  # fmt: skip
