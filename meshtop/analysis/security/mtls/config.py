"""The mutual TLS configuration of one istiod: policies and rules of one cluster, indexed by namespace and host.

istiod reads Istio's objects from its own config cluster only (reference: "Where config lives"): a remote cluster of a
primary-remote mesh is configured by its primary's objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from meshtop.analysis.identity.mesh import mesh_config
from meshtop.analysis.identity.obedience import why_not_read
from meshtop.analysis.inventory.untyped import maps, text
from meshtop.analysis.security.mtls.client import AppliedRule, destination_rule
from meshtop.analysis.security.mtls.server import ServerPolicy, compose
from meshtop.analysis.visibility.clients import Client, Visibility
from meshtop.analysis.visibility.exports import ExportDefaults, export_defaults
from meshtop.analysis.visibility.hosts import NOBODYS_DOMAIN, full_host, host_matches, in_domain, written_domains
from meshtop.analysis.visibility.selection import match_labels, selects, title
from meshtop.analysis.visibility.sidecars import Sidecars
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import MeshFacts, VirtualMachine, Workload

LabelKey = frozenset[tuple[str, str]]


class MeshMember(Struct, frozen=True, kw_only=True):
    """The data of one cluster that mutual TLS depends on; None where it is unknown."""

    name: str
    inventory: Inventory | None = None
    facts: MeshFacts | None = None
    workloads: tuple[Workload, ...] = ()
    machines: tuple[VirtualMachine, ...] = ()


def unreadable(cluster: str, inventory: Inventory | None, *kinds: str, namespace: str | None = None) -> str | None:
    """Why objects of these kinds are not known, in a sentence; None when all were read (or are not installed).

    With `namespace` it is asked of that namespace alone: an account may have rights in some and not in others. Where it
    is asked of the whole cluster, the sentence names the few namespaces that were read.
    """
    if inventory is None:
        return f"The inventory of {cluster} is not known."
    for kind in kinds:
        why = inventory.evidence(kind, namespace).why
        if why is None:
            continue
        read = next((status.namespaces for status in inventory.kinds if status.kind == kind), ())
        if namespace is not None:
            return why_not_read(f"{kind} in {namespace}" if read else kind, cluster, why)
        if read:
            return f"{kind} of {cluster} was read in {_some(read)} only; elsewhere it cannot be read ({why})."
        return why_not_read(kind, cluster, why)
    return None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


_MOST_NAMES = 3
"""Namespaces that a reason names."""


def _rootless(cluster: str, policies: Sequence[ConfigObject]) -> str | None:
    """Why the effect of policies is unknown without the root namespace; None where it makes no difference.

    A policy without a selector applies to its namespace, or in the root namespace to the whole mesh.
    """
    if all(match_labels(policy.spec) for policy in policies):
        return None
    return f"The root namespace of {cluster} is not known: its control plane's mesh config was not read."


class IstioConfig:
    """One config cluster's PeerAuthentications and DestinationRules; answers are cached."""

    def __init__(self, member: MeshMember) -> None:
        self.cluster = member.name
        facts = member.facts or MeshFacts()
        self.root_namespace = facts.root_namespace or ""
        self.auto_mtls = facts.auto_mtls
        self.domain = facts.domain
        self.domain_known = facts.cluster_domain is not None
        config = member.inventory.config if member.inventory is not None else {}
        self.no_policies = unreadable(member.name, member.inventory, "PeerAuthentication")
        self.no_rules = unreadable(member.name, member.inventory, "DestinationRule")
        self.no_routes = unreadable(member.name, member.inventory, "VirtualService")
        self.no_sidecars = unreadable(member.name, member.inventory, "Sidecar")
        self.policies: tuple[ConfigObject, ...] = config.get("PeerAuthentication", ())
        if self.no_policies is None and facts.root_namespace is None:
            self.no_policies = _rootless(member.name, self.policies)
        self.rules: tuple[ConfigObject, ...] = config.get("DestinationRule", ())
        self.entries: tuple[ConfigObject, ...] = config.get("ServiceEntry", ())
        self.exports = exports_of(member)
        self._sidecars = Sidecars(config.get("Sidecar", ()), facts.root_namespace or "")
        self.visibility = Visibility(
            exports=self.exports,
            sidecars=self._sidecars,
            services=member.inventory.services if member.inventory is not None else (),
            entries=self.entries,
            domain=self.domain,
            domain_known=self.domain_known,
            unread=self.no_sidecars,
        )
        self.routes: tuple[ConfigObject, ...] = config.get("VirtualService", ())
        self._routing = _routing(self.routes, self.domain)
        self.by_title = {title(obj): obj for obj in (*self.policies, *self.rules)}
        self._policies = _by_namespace(self.policies)
        self._selected_by = {
            namespace: frozenset(key for p in policies for key in match_labels(p.spec))
            for namespace, policies in self._policies.items()
        }
        self._exact: dict[str, list[ConfigObject]] = {}
        self._wild: dict[str, list[ConfigObject]] = {}
        self._choosy = {r.meta.namespace for r in self.rules if match_labels(r.spec, "workloadSelector")}
        for rule in self.rules:
            host = full_host(text(rule.spec.get("host")) or "", rule.meta.namespace, self.domain)
            (self._wild if host.startswith("*") else self._exact).setdefault(host, []).append(rule)
        self._servers: dict[tuple[str, LabelKey], ServerPolicy] = {}
        self._candidates: dict[str, list[ConfigObject]] = {}
        self._applied: dict[tuple[str, str, str, LabelKey], AppliedRule | None] = {}
        self._domain_matters: dict[tuple[str, str, str, LabelKey], bool] = {}
        self.subsets = routed_subsets(config.get("VirtualService", ()), self.domain)

    def server(self, namespace: str, labels: Mapping[str, str]) -> ServerPolicy:
        """The PeerAuthentication policy in force for a workload with these labels."""
        keys = self._selected_by.get(namespace, frozenset()) | self._selected_by.get(self.root_namespace, frozenset())
        key = (namespace, frozenset((k, labels[k]) for k in keys if k in labels))
        found = self._servers.get(key)
        if found is None:
            matching = [
                policy
                for home in dict.fromkeys((namespace, self.root_namespace))
                for policy in self._policies.get(home, ())
                if selects(match_labels(policy.spec), labels)
            ]
            found = self._servers[key] = compose(matching, self.root_namespace)
        return found

    def policies_of(self, namespace: str) -> list[ConfigObject]:
        """The policies that may apply in a namespace: its own and the root namespace's."""
        return [p for home in dict.fromkeys((namespace, self.root_namespace)) for p in self._policies.get(home, ())]

    def rule(
        self, host: str, *, client_namespace: str, client_labels: Mapping[str, str], service_namespace: str
    ) -> AppliedRule | None:
        """The DestinationRule that a client uses for a host (a full name)."""
        labels: LabelKey = frozenset(client_labels.items()) if client_namespace in self._choosy else frozenset()
        key = (client_namespace, host, service_namespace, labels)
        if key not in self._applied:
            self._applied[key] = self._rule_under(
                self.exports,
                host,
                client_namespace=client_namespace,
                client_labels=client_labels,
                service_namespace=service_namespace,
            )
        return self._applied[key]

    def _rule_under(
        self,
        exports: ExportDefaults,
        host: str,
        *,
        client_namespace: str,
        client_labels: Mapping[str, str],
        service_namespace: str,
        domain: str | None = None,
    ) -> AppliedRule | None:
        """The rule of a client for a host, under these defaults for `exportTo`, in the cluster's domain or another."""
        return destination_rule(
            self._rules_for(host) if domain is None else self._rules_named(host),
            host=host,
            client_namespace=client_namespace,
            client_labels=client_labels,
            service_namespace=service_namespace,
            root_namespace=self.root_namespace,
            domain=domain or self.domain,
            exports=exports,
        )

    def assumption(
        self, host: str, *, client_namespace: str, client_labels: Mapping[str, str], service_namespace: str
    ) -> str | None:
        """What the rule for a host depends on and was not read, in a clause; None where it depends on nothing such.

        That is the mesh's default for `exportTo`, or the DNS domain of the cluster: a rule for a full host applies in
        one domain only, while short names are completed in any.
        """
        places: dict[str, Any] = {
            "client_namespace": client_namespace, "client_labels": client_labels, "service_namespace": service_namespace
        }  # fmt: skip
        applied = self.rule(host, **places)
        if not self.exports.known:
            hidden = ExportDefaults(destination_rules=(".",))
            if self._rule_under(hidden, host, **places) != applied:
                return f"defaultDestinationRuleExportTo of {self.cluster} was not read"
        if self.hangs_on_domain(host, client_namespace, service_namespace, client_labels):
            return f"the DNS domain of {self.cluster} is not known"
        return None

    def hangs_on_domain(
        self, host: str, client_namespace: str, service_namespace: str, client_labels: Mapping[str, str] = {}
    ) -> bool:
        """Whether another rule, or none, would apply to a host if the cluster had another DNS domain, as it may."""
        if self.domain_known:
            return False
        places: dict[str, Any] = {
            "client_namespace": client_namespace, "client_labels": client_labels, "service_namespace": service_namespace
        }  # fmt: skip
        key = (client_namespace, host, service_namespace, frozenset(client_labels.items()))
        if key not in self._domain_matters:
            applied = self.rule(host, **places)
            self._domain_matters[key] = any(
                self._rule_under(self.exports, other, domain=domain, **places) != applied
                for other, domain in self._in_other_domains(host)
            )
        return self._domain_matters[key]

    def _in_other_domains(self, host: str) -> Iterator[tuple[str, str]]:
        """The host of a Service as it would be called in other domains, with each of these."""
        short, _, domain = host.partition(".svc.")
        if domain == self.domain:
            yield from ((f"{short}.svc.{other}", other) for other in self._other_domains)
        elif domain:
            yield host, domain

    @cached_property
    def _other_domains(self) -> tuple[str, ...]:
        """Domains that the cluster may have instead: those that hosts of rules are written in, and one of none."""
        hosts = (text(rule.spec.get("host")) or "" for rule in self.rules)
        return (*sorted(written_domains((*hosts, *self._sidecars.hosts())) - {self.domain}), NOBODYS_DOMAIN)

    def named_clients(self, host: str) -> tuple[str, ...]:
        """The namespaces to which rules for a host are exported by name, sorted."""
        seen = (self.exports.of(rule) for rule in self._rules_for(host))
        return tuple(sorted({namespace for one in seen for namespace in one.namespaces}))

    def passed_through(self, host: str, namespace: str, service: str, client: Client) -> str | None:
        """Why a client's sidecar does not know a host and passes its calls through unchanged; None where it does.

        Hosts that a visible route sends to are known to the sidecar too.
        """
        if self._knows_host(host, namespace, service, client, self.domain):
            return None
        sidecar = self._sidecars.of(client.namespace, client.labels or {})
        hidden = self.visibility.is_hidden(namespace, service, client)
        if hidden or sidecar is None:
            return f"{host} is not exported to {client.namespace}: calls to it pass through in plaintext"
        return f"{title(sidecar)} does not import {host}: calls to it pass through in plaintext"

    def _knows_host(self, host: str, namespace: str, service: str, client: Client, domain: str) -> bool:
        """Whether a client's sidecar knows a host in a domain of the cluster."""
        seen = self.visibility if domain == self.domain else self.visibility.in_domain(domain)
        if seen.sees_host(host, namespace, service, client):
            return True
        routing = self._routing if domain == self.domain else _routing(self.routes, domain)
        return any(seen.sees_route(route, client) for route in routing.get(host, ()))

    def import_doubt(self, host: str, namespace: str, service: str, client: Client) -> str | None:
        """Why it is not known whether a client's sidecar knows a host, in a sentence; None where it is known."""
        if client.is_gateway or not client.has_sidecar:
            return None
        if self.no_sidecars is not None:
            return self.no_sidecars
        if self.domain_known or not self._sidecars:
            return None
        knows = self._knows_host(host, namespace, service, client, self.domain)
        others = (
            self._knows_host(in_domain(host, self.domain, other), namespace, service, client, other)
            for other in self._other_domains
        )
        if all(other is knows for other in others):
            return None
        return (
            f"Whether the caller's sidecar knows {host} hangs on the DNS domain of {self.cluster}, which is not known."
        )

    def _rules_named(self, host: str) -> list[ConfigObject]:
        """The rules that apply to a host in some domain: those for its first label, and wildcards."""
        return [*self._by_label.get(host.partition(".")[0], ()), *self._by_label.get("*", ())]

    @cached_property
    def _by_label(self) -> dict[str, list[ConfigObject]]:
        found: dict[str, list[ConfigObject]] = {}
        for rule in self.rules:
            host = text(rule.spec.get("host")) or ""
            found.setdefault("*" if host.startswith("*") else host.partition(".")[0], []).append(rule)
        return found

    def _rules_for(self, host: str) -> list[ConfigObject]:
        found = self._candidates.get(host)
        if found is None:
            wild = [rule for pattern, rules in self._wild.items() if host_matches(pattern, host) for rule in rules]
            found = self._candidates[host] = [*self._exact.get(host, ()), *wild]
        return found


def _by_namespace(objects: Sequence[ConfigObject]) -> dict[str, list[ConfigObject]]:
    places: dict[str, list[ConfigObject]] = {}
    for obj in objects:
        places.setdefault(obj.meta.namespace, []).append(obj)
    return places


def exports_of(member: MeshMember) -> ExportDefaults:
    """The defaults for objects without `exportTo`, from the MeshConfig of a cluster."""
    read = member.facts is not None and member.facts.auto_mtls is not None
    return export_defaults(mesh_config(member.inventory) if member.inventory is not None else {}, known=read)


def _routing(services: Sequence[ConfigObject], domain: str) -> dict[str, list[ConfigObject]]:
    """For each host the VirtualServices that send traffic to it."""
    found: dict[str, list[ConfigObject]] = {}
    for service in services:
        for host in routed_subsets((service,), domain):
            found.setdefault(host, []).append(service)
    return found


def routed_subsets(services: Sequence[ConfigObject], domain: str) -> dict[str, frozenset[str]]:
    """For each host, the subsets that VirtualServices send traffic to; "" where a route names no subset."""
    found: dict[str, set[str]] = {}
    for service in services:
        for protocol in ("http", "tls", "tcp"):
            for rule in maps(service.spec.get(protocol)):
                for route in maps(rule.get("route")):
                    target = route.get("destination")
                    if isinstance(target, Mapping):
                        host = full_host(text(target.get("host")) or "", service.meta.namespace, domain)
                        found.setdefault(host, set()).add(str(target.get("subset") or ""))
    return {host: frozenset(subsets) for host, subsets in found.items()}


def config_homes(members: Sequence[MeshMember]) -> dict[str, IstioConfig | str]:
    """The configuration in force in each cluster: its own or its primary's; a sentence where that is unknown."""
    configs = {member.name: IstioConfig(member) for member in members}
    return {member.name: _home(member, configs) for member in members}


def _home(member: MeshMember, configs: Mapping[str, IstioConfig]) -> IstioConfig | str:
    obeyed = member.facts.obeys if member.facts is not None else None
    if obeyed is None:
        return configs[member.name]
    if obeyed.cluster is None:
        return obeyed.why
    return configs.get(obeyed.cluster, f"{member.name} obeys {obeyed.cluster}, which is not among those that are read.")
