"""The client's side of mTLS: which DestinationRule applies to a call, and the TLS mode it sets.

The rules are those of istiod's push context (destination rule lookup and merging, MergeTrafficPolicy) and
buildAutoMtlsSettings (istio/istio pilot/pkg/model, pilot/pkg/networking/core).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.analysis.security.mtls.server import Mode
from meshtop.analysis.visibility.exports import ExportDefaults, audience
from meshtop.analysis.visibility.hosts import full_host, host_matches
from meshtop.analysis.visibility.selection import match_labels, oldest_first, selects, title
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject


class TlsMode(StrEnum):
    """TLS mode of a client."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    AUTO = "AUTO"
    """Auto mTLS: mutual TLS to endpoints with a sidecar, plaintext to the others."""


class ClientTls(Struct, frozen=True):
    """The TLS of a call and why: `policy` names the object that decided, None where none did."""

    mode: TlsMode
    why: str
    policy: str | None = None


class AppliedRule(Struct, frozen=True):
    """A DestinationRule as it applies, with those of the same host and namespace merged into it."""

    names: tuple[str, ...]
    host: str
    traffic_policy: Mapping[str, Any] | None
    subsets: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, str]

    @property
    def title(self) -> str:
        """Name of the rule for users."""
        return " + ".join(self.names)

    def subset(self, name: str | None) -> Mapping[str, Any] | None:
        """The first subset of that name."""
        return next((s for s in self.subsets if name and s.get("name") == name), None)


def _merged(rules: Sequence[ConfigObject]) -> list[AppliedRule]:
    """Rules of one namespace and host: one for each workload selector, subsets concatenated, the first policy stays."""
    found: dict[tuple[tuple[str, str], ...], AppliedRule] = {}
    for rule in rules:
        labels = match_labels(rule.spec, "workloadSelector")
        policy = _policy(rule.spec)
        subsets = tuple(maps(rule.spec.get("subsets")))
        before = found.get(tuple(sorted(labels.items())))
        if before is None:
            merged = AppliedRule((title(rule),), text(rule.spec.get("host")) or "", policy, subsets, labels)
        else:
            known = {s.get("name") for s in before.subsets}
            merged = AppliedRule(
                (*before.names, title(rule)),
                before.host,
                before.traffic_policy if before.traffic_policy is not None else policy,
                (*before.subsets, *(s for s in subsets if s.get("name") not in known)),
                labels,
            )
        found[tuple(sorted(labels.items()))] = merged
    return list(found.values())


def _in_namespace(
    rules: Sequence[ConfigObject], namespace: str, host: str, client_labels: Mapping[str, str], domain: str
) -> AppliedRule | None:
    """The rule of one namespace for a host: an exact host beats a wildcard, the longest wildcard first."""
    hosts: dict[str, list[ConfigObject]] = {}
    for rule in oldest_first(r for r in rules if r.meta.namespace == namespace):
        pattern = full_host(text(rule.spec.get("host")) or "", namespace, domain)
        if host_matches(pattern, host):
            hosts.setdefault(pattern, []).append(rule)
    for pattern in sorted(hosts, key=lambda p: (p.startswith("*"), -len(p))):
        candidates = _merged(hosts[pattern])
        for candidate in candidates:
            if candidate.labels and selects(candidate.labels, client_labels):
                return candidate
        for candidate in candidates:
            if not candidate.labels:
                return candidate
    return None


def destination_rule(
    rules: Sequence[ConfigObject],
    *,
    host: str,
    client_namespace: str,
    client_labels: Mapping[str, str],
    service_namespace: str,
    root_namespace: str,
    domain: str = CLUSTER_DOMAIN,
    exports: ExportDefaults = ExportDefaults(),  # noqa: B008 - frozen
) -> AppliedRule | None:
    """The DestinationRule that a client uses for a host (a full name), None when there is none.

    Looked for in the client's namespace, then the service's, then the root namespace; the first namespace with
    a match wins outright, even when its rule says nothing of TLS. Rules of other namespaces count only if
    exported to the client's (`exports` has the default of `exportTo`), and `workloadSelector` only in the client's
    own. A rule that is exported only to other namespaces does not apply in its own.
    """
    own = _in_namespace([r for r in rules if _counts_at_home(r)], client_namespace, host, client_labels, domain)
    if own is not None:
        return own
    exported = [
        r for r in rules if exports.of(r).includes(client_namespace) and not match_labels(r.spec, "workloadSelector")
    ]
    for namespace in dict.fromkeys((service_namespace, root_namespace)):
        if namespace and namespace != client_namespace:
            found = _in_namespace(exported, namespace, host, {}, domain)
            if found is not None:
                return found
    return None


def _counts_at_home(rule: ConfigObject) -> bool:
    """Whether a rule applies to clients in its own namespace; every possible mesh default includes them."""
    written = texts(rule.spec.get("exportTo"))
    return not written or audience(written, rule.meta.namespace).includes(rule.meta.namespace)


def _policy(holder: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The traffic policy of a rule or a subset; None where there is none."""
    policy = holder.get("trafficPolicy")
    return policy if isinstance(policy, Mapping) else None


def _tls_of(policy: Mapping[str, Any] | None, port: int | None) -> tuple[Mapping[str, Any] | None, bool, str]:
    """A traffic policy's TLS for a port: (settings, whether a port-level entry replaced everything, where)."""
    if policy is None:
        return None, False, ""
    for entry in maps(policy.get("portLevelSettings")):
        if port is not None and mapping(entry.get("port")).get("number") == port:
            tls = entry.get("tls")
            return (tls if isinstance(tls, Mapping) else None), True, f", port {port}"
    tls = policy.get("tls")
    return (tls if isinstance(tls, Mapping) else None), False, ""


def rule_tls(rule: AppliedRule | None, *, port: int | None, subset: str | None) -> tuple[TlsMode | None, str]:
    """The TLS mode a rule sets for a Service port and subset, and where in it; None when it sets none.

    A subset's policy overrides the top level's; a matching port-level entry replaces the whole policy around it.
    """
    if rule is None:
        return None, ""
    tls, _, where = _tls_of(rule.traffic_policy, port)
    chosen = rule.subset(subset)
    if chosen is not None:
        own, replaced, own_where = _tls_of(_policy(chosen), port)
        if own is not None or replaced:
            tls, where = own, f", subset {subset}{own_where}"
    if tls is None:
        return None, where
    mode = str(tls.get("mode", TlsMode.DISABLE))
    return (TlsMode(mode) if mode in TlsMode.__members__ and mode != TlsMode.AUTO else TlsMode.DISABLE), where


def client_tls(
    rule: AppliedRule | None,
    *,
    port: int | None,
    subset: str | None,
    auto_mtls: bool,
    mesh_external: bool,
    service_mode: Mode,
) -> ClientTls:
    """The TLS that a client's sidecar uses for a service, before the single endpoint is considered.

    `service_mode` is the mode that auto mTLS assumes for the service (`server.service_mode`).
    """
    mode, where = rule_tls(rule, port=port, subset=subset)
    if mode is not None and rule is not None:
        return ClientTls(mode, f"{rule.title}{where} sets {mode}", rule.title + where)
    silent = f"{rule.title} sets no TLS, and " if rule is not None else ""
    if mesh_external:
        return ClientTls(TlsMode.DISABLE, f"{silent}the service is outside of the mesh")
    if not auto_mtls:
        return ClientTls(TlsMode.DISABLE, f"{silent}auto mTLS is switched off in the mesh")
    if service_mode in (Mode.DISABLE, Mode.UNKNOWN):
        reason = "is taken for DISABLE" if service_mode is Mode.DISABLE else "is not known"
        return ClientTls(TlsMode.DISABLE, f"{silent}to auto mTLS the service {reason}")
    return ClientTls(TlsMode.AUTO, f"{silent}auto mTLS decides for each endpoint")
