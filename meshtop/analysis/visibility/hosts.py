"""Hosts as Istio's objects write them: their full names, and what a wildcard covers."""

from __future__ import annotations

from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject


def full_host(host: str, namespace: str, domain: str = CLUSTER_DOMAIN) -> str:
    """A host as istiod resolves it: a name without a dot belongs to the rule's namespace; wildcards stay."""
    if host.startswith("*") or "." in host:
        return host
    return f"{host}.{namespace}.svc.{domain}" if host else ""


def names_full_hosts(obj: ConfigObject) -> bool:
    """Whether a DestinationRule or VirtualService names a Service by its full host, which holds in one domain only."""
    routes = (r for protocol in ("http", "tls", "tcp") for r in maps(obj.spec.get(protocol)))
    sent = (mapping(d.get("destination")).get("host") for route in routes for d in maps(route.get("route")))
    hosts = (obj.spec.get("host"), *texts(obj.spec.get("hosts")), *sent)
    return any(".svc." in (text(host) or "") for host in hosts)


def host_matches(pattern: str, host: str) -> bool:
    """Whether a rule's host covers a service's host: exactly, or by a leading `*`."""
    if pattern.startswith("*"):
        suffix = pattern[1:]
        return host.endswith(suffix) and (len(host) > len(suffix) or not suffix)
    return pattern == host
