"""Conflicts between the TLS of clients and servers: on edges with traffic, and in configuration without traffic yet.

The conflicts are those of the table in reference/istio.md; each has a YAML that resolves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshtop.analysis.inventory.untyped import mapping, maps
from meshtop.analysis.security.findings import LocatedFinding, finding, several
from meshtop.analysis.security.mtls import fixes
from meshtop.analysis.security.mtls.client import AppliedRule, TlsMode
from meshtop.analysis.security.mtls.config import IstioConfig
from meshtop.analysis.security.mtls.hosts import Host
from meshtop.analysis.security.mtls.mesh import NO_TRUST, MeshTls, TlsVerdict
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.security.mtls.server import Mode
from meshtop.analysis.visibility.hosts import full_host, host_matches
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import Proxy
from meshtop.model.state import Severity
from meshtop.model.traffic import Edge

OUTSIDE = "MTLS-STRICT-OUTSIDE-CLIENT"
Fault = tuple[str, tuple[str, str, str], str]
"""Finding code, the server's place, and the object that decided for the client."""


def broken_edges(mesh: MeshTls, judged: Iterable[tuple[Edge, Sequence[TlsVerdict]]]) -> list[LocatedFinding]:
    """One error for each conflict and server, with all affected callers and their traffic."""
    faults: dict[Fault, list[tuple[Edge, TlsVerdict]]] = {}
    for edge, verdicts in judged:
        for verdict in verdicts:
            if verdict.code is None or _refuted(edge, verdict):
                continue
            place = verdict.server.id if verdict.server is not None else _place(edge)
            faults.setdefault((verdict.code, place, verdict.client_policy or ""), []).append((edge, verdict))
    return [_broken(mesh, fault, cases) for fault, cases in faults.items()]


def _refuted(edge: Edge, verdict: TlsVerdict) -> bool:
    """Whether traffic refutes the conflict: plaintext that arrives at a STRICT server has a finding of its own."""
    return verdict.code == OUTSIDE and edge.sums.judged is not None


def _place(edge: Edge) -> tuple[str, str, str]:
    end = edge.destination
    return (end.cluster or edge.source.cluster, end.namespace, end.workload)


def _broken(mesh: MeshTls, fault: Fault, cases: Sequence[tuple[Edge, TlsVerdict]]) -> LocatedFinding:
    code, (cluster, namespace, workload), _ = fault
    verdict = cases[0][1]
    rates: dict[str, float] = {}
    for edge, _case in cases:
        who = _caller(edge)
        rates[who] = rates.get(who, 0.0) + (edge.sums.requests or edge.sums.connections or 0.0)
    callers = sorted(rates, key=lambda who: (-rates[who], who))
    name = f"{namespace}/{workload}" if workload else cases[0][0].destination.service
    return finding(
        code,
        Severity.ERROR,
        f"{several(callers)} cannot reach {name} in {cluster}: {verdict.why}",
        fix_of(mesh, verdict),
        cluster=cluster,
        namespace=namespace,
        workload=workload,
        weight=sum(rates.values()),
        clients=tuple(sorted({(e.source.cluster, e.source.namespace, e.source.workload) for e, _ in cases})),
    )


def _caller(edge: Edge) -> str:
    source = edge.source
    return f"{source.namespace}/{source.workload}" if source.workload else "an unknown caller"


def unused_conflicts(mesh: MeshTls, known: Iterable[LocatedFinding]) -> list[LocatedFinding]:
    """Conflicts without traffic in this window, for sidecars of the service's or the rule's namespace."""
    if mesh.possible_conflicts is None:
        mesh.possible_conflicts = tuple(_possible(mesh))
    reported = {(f.finding.code, f.where) for f in known}
    found: dict[tuple[str, tuple[str, str, str]], LocatedFinding] = {}
    for client, server, verdict in mesh.possible_conflicts:
        key = (verdict.code or "", server.id)
        if key not in reported and key not in found:
            found[key] = _unused(mesh, client, server, verdict)
    return list(found.values())


def _possible(mesh: MeshTls) -> Iterator[tuple[Party, Party, TlsVerdict]]:
    """Calls of sidecars that would break, whether somebody makes them or not."""
    for cluster in mesh.members:
        home = mesh.config_of(cluster)
        hosts = mesh.hosts_of(cluster)
        if isinstance(home, str) or hosts is None or home.no_rules or home.no_policies:
            continue
        speaking = [rule for rule in home.rules if _sets_tls(rule)]
        for host in hosts.services.values():
            servers = mesh.parties.behind((cluster,), host.namespace, host.service)
            for namespace in _namespaces(host, speaking, home.domain) if servers else ():
                client = Party(cluster=cluster, namespace=namespace, name="", labels={}, proxy=Proxy.SIDECAR, tls=True)
                for server in servers:
                    if server.unknown is None and not server.gateway:
                        verdicts = mesh.calls(client, server, host, "")
                        yield from ((client, server, one) for one in verdicts if one.outcome is TlsOutcome.BROKEN)


def _namespaces(host: Host, speaking: Sequence[ConfigObject], domain: str) -> list[str]:
    """Namespaces whose sidecars are checked: the service's, and those with a rule of their own for it."""
    foreign = (
        rule.meta.namespace
        for rule in speaking
        if rule.meta.namespace != host.namespace
        and host_matches(full_host(str(rule.spec.get("host", "")), rule.meta.namespace, domain), host.name)
    )
    return list(dict.fromkeys((host.namespace, *foreign)))


def _unused(mesh: MeshTls, client: Party, server: Party, verdict: TlsVerdict) -> LocatedFinding:
    return finding(
        verdict.code or "",
        Severity.WARNING,
        f"Sidecars of {client.namespace} cannot reach {server.namespace}/{server.name} in {server.cluster}"
        f"{f' on port {verdict.port}' if verdict.port else ''}: {verdict.why} No such call in this window.",
        fix_of(mesh, verdict),
        cluster=server.cluster,
        namespace=server.namespace,
        workload=server.name,
    )


def _sets_tls(rule: ConfigObject) -> bool:
    """Whether a rule sets TLS at any level."""
    holders = (rule.spec, *maps(rule.spec.get("subsets")))
    policies = [mapping(holder.get("trafficPolicy")) for holder in holders]
    return any("tls" in place for policy in policies for place in (policy, *maps(policy.get("portLevelSettings"))))


def fix_of(mesh: MeshTls, verdict: TlsVerdict) -> str | None:
    """The YAML that resolves a conflict, or an instruction where no single object does."""
    client = mesh.config_of(verdict.client.cluster) if verdict.client is not None else ""
    server = mesh.config_of(verdict.server.cluster) if verdict.server is not None else ""
    match verdict.code:
        case "MTLS-STRICT-CLIENT-DISABLE" | "MTLS-STRICT-CLIENT-SIMPLE":
            return _client_fix(client, verdict.rule, verdict, TlsMode.ISTIO_MUTUAL)
        case "MTLS-MUTUAL-NO-SIDECAR":
            return _client_fix(client, verdict.rule, verdict, None)
        case "MTLS-STRICT-AUTO-PLAINTEXT":
            host = verdict.host
            if host is None:
                return None
            name = host.service.replace(".", "-").replace("*", "any")
            return fixes.destination_rule_yaml(host.namespace, name, host.name, TlsMode.ISTIO_MUTUAL)
        case "MTLS-AUTO-TO-DISABLE" | "MTLS-MUTUAL-TO-DISABLE":
            policy = _object(server, verdict.policy.policy_on(verdict.target) if verdict.policy else None)
            return None if policy is None else fixes.with_server_mode(policy, Mode.PERMISSIVE, verdict.target)
        case "MTLS-STRICT-OUTSIDE-CLIENT":
            if verdict.client is not None and verdict.client.host_network:
                return (
                    "The caller uses its node's network, where it gets no sidecar: take hostNetwork away, or accept"
                    " plaintext on this one port (portLevelMtls: PERMISSIVE)."
                )
            if verdict.client is not None and verdict.client.namespace:
                return fixes.injected(verdict.client.namespace)
            return "Give the caller a sidecar, or accept plaintext on this one port (portLevelMtls: PERMISSIVE)."
        case code if code == NO_TRUST:
            return "Give both clusters intermediate certificates of one root, or make their trust domains aliases."
    return None


def _client_fix(
    home: IstioConfig | str, rule: AppliedRule | None, verdict: TlsVerdict, mode: TlsMode | None
) -> str | None:
    if rule is None or isinstance(home, str):
        return None
    objects = [obj for name in rule.names if (obj := home.by_title.get(name)) is not None]
    chosen = next((obj for obj in objects if _sets_tls(obj)), objects[0] if objects else None)
    return fixes.with_client_tls(chosen, port=verdict.port, subset=verdict.subset, mode=mode) if chosen else None


def _object(home: IstioConfig | str, name: str | None) -> ConfigObject | None:
    return None if isinstance(home, str) or name is None else home.by_title.get(name)
