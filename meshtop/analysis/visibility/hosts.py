"""Hosts as Istio's objects write them: their full names, what a wildcard covers, and to whom a rule is exported."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject


def full_host(host: str, namespace: str, domain: str = CLUSTER_DOMAIN) -> str:
    """A host as istiod resolves it: a name without a dot belongs to the rule's namespace; wildcards stay."""
    if host.startswith("*") or "." in host:
        return host
    return f"{host}.{namespace}.svc.{domain}" if host else ""


def host_matches(pattern: str, host: str) -> bool:
    """Whether a rule's host covers a service's host: exactly, or by a leading `*`."""
    if pattern.startswith("*"):
        suffix = pattern[1:]
        return host.endswith(suffix) and (len(host) > len(suffix) or not suffix)
    return pattern == host


def is_exported_to(rule: ConfigObject, client_namespace: str) -> bool:
    """Whether a rule is exported to a namespace; no `exportTo` is everywhere."""
    export_to = rule.spec.get("exportTo")
    if not isinstance(export_to, Sequence) or not export_to:
        return True
    own = rule.meta.namespace == client_namespace
    return "*" in export_to or client_namespace in export_to or ("." in export_to and own)
