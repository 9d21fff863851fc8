"""Hosts as Istio's objects write them: their full names, and what a wildcard covers."""

from __future__ import annotations

from meshtop.model.constants import CLUSTER_DOMAIN


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
