"""Findings about ineffective PeerAuthentications: ignored, shadowed, or for ports or workloads that do not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.security.findings import LocatedFinding, finding, several
from meshtop.analysis.security.mtls import fixes
from meshtop.analysis.security.mtls.client import TlsMode
from meshtop.analysis.security.mtls.config import IstioConfig
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.security.mtls.server import Mode, PolicyLevel, ServerPolicy
from meshtop.analysis.visibility.selection import match_labels, oldest_first, selects, title
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import Proxy
from meshtop.model.state import Severity


def policy_findings(mesh: MeshTls) -> list[LocatedFinding]:
    """Findings about policies themselves, independent of traffic."""
    found: list[LocatedFinding] = []
    served: dict[str, list[str]] = {}
    homes: dict[str, IstioConfig] = {}
    for cluster, home in mesh.homes.items():
        if isinstance(home, IstioConfig):
            homes[home.cluster] = home
            served.setdefault(home.cluster, []).append(cluster)
    parties: dict[str, list[Party]] = {}
    for party in mesh.parties:
        parties.setdefault(party.cluster, []).append(party)
    for name, home in homes.items():
        if home.no_policies is None:
            mine = [party for cluster in served[name] for party in parties.get(cluster, ())]
            sure = all(mesh.parties.silent.get(cluster) is None for cluster in served[name])
            found += _in_root(home)
            found += _shadowed(home)
            found += _selecting(mesh, home, mine, sure)
        if home.auto_mtls is False:
            found.append(_auto_off(home))
    for party in mesh.parties:
        policy = mesh.policy(party)
        if party.unknown is None and not isinstance(policy, str):
            found += _not_enforced(party, policy)
    return found


def _in_root(home: IstioConfig) -> Iterable[LocatedFinding]:
    for policy in home.policies:
        if policy.meta.namespace == home.root_namespace and match_labels(policy.spec):
            yield finding(
                "MTLS-ROOT-SELECTOR-IGNORED",
                Severity.WARNING,
                f"{title(policy)} in {home.cluster} is ignored: a selector has no effect in the root namespace.",
                "Move the policy into the namespace of the workloads that it selects.",
                cluster=home.cluster,
                namespace=policy.meta.namespace,
            )


def _shadowed(home: IstioConfig) -> Iterable[LocatedFinding]:
    levels: dict[str, list[ConfigObject]] = {}
    for policy in oldest_first(home.policies):
        if not match_labels(policy.spec):
            levels.setdefault(policy.meta.namespace, []).append(policy)
            if policy.spec.get("portLevelMtls"):
                yield finding(
                    "MTLS-PORTS-WITHOUT-SELECTOR",
                    Severity.WARNING,
                    f"{title(policy)} in {home.cluster} sets portLevelMtls without a selector: the ports are ignored.",
                    "Give the policy a selector; ports count for selected workloads only.",
                    cluster=home.cluster,
                    namespace=policy.meta.namespace,
                )
    for namespace, policies in levels.items():
        for later in policies[1:]:
            yield _shadow(home, later, policies[0], namespace, "")


def _shadow(
    home: IstioConfig, later: ConfigObject, older: ConfigObject, namespace: str, workload: str
) -> LocatedFinding:
    place = f" for {namespace}/{workload}" if workload else ""
    return finding(
        "MTLS-POLICY-SHADOWED",
        Severity.WARNING,
        f"{title(later)} in {home.cluster} is ignored{place}: {title(older)} stands on the same level and is older.",
        f"kubectl delete peerauthentication -n {later.meta.namespace} {later.meta.name}",
        cluster=home.cluster,
        namespace=namespace,
        workload=workload,
    )


def _selecting(mesh: MeshTls, home: IstioConfig, parties: Sequence[Party], sure: bool) -> Iterable[LocatedFinding]:
    """Findings about policies with a selector: no workload selected, shadowed by an older one, or unused ports."""
    by_namespace: dict[str, list[Party]] = {}
    for party in parties:
        by_namespace.setdefault(party.namespace, []).append(party)
    chosen = [p for p in oldest_first(home.policies) if match_labels(p.spec)]
    winners: dict[tuple[str, str, str], ConfigObject] = {}
    for policy in chosen:
        if policy.meta.namespace == home.root_namespace:
            continue
        wanted = match_labels(policy.spec)
        selected = [p for p in by_namespace.get(policy.meta.namespace, ()) if selects(wanted, p.labels)]
        lost = [p for p in selected if winners.setdefault(p.id, policy) is not policy]
        for party in lost[:1]:
            yield _shadow(home, policy, winners[party.id], party.namespace, party.name)
        if not selected and sure:
            yield finding(
                "MTLS-POLICY-SELECTS-NOTHING",
                Severity.INFO,
                f"{title(policy)} in {home.cluster} selects no workload.",
                f"kubectl delete peerauthentication -n {policy.meta.namespace} {policy.meta.name}",
                cluster=home.cluster,
                namespace=policy.meta.namespace,
            )
        won = [p for p in selected if winners[p.id] is policy]
        if won:
            yield from _ports(mesh, home, policy, won)


def _ports(
    mesh: MeshTls, home: IstioConfig, policy: ConfigObject, parties: Sequence[Party]
) -> Iterable[LocatedFinding]:
    """Findings about ports: they must be workload ports (not Service ports) that some Service leads to."""
    given = policy.spec.get("portLevelMtls")
    wanted = {int(p) for p in given if str(p).isdigit()} if isinstance(given, dict) else set()
    listening: set[int] = set()
    service_ports: set[int] = set()
    for party in parties:
        hosts = mesh.hosts_of(party.cluster)
        for service in party.services:
            host = hosts.find(service, party.namespace) if hosts is not None else None
            if host is None or any(port.target is None for port in host.ports):
                return
            listening.update(port.target for port in host.ports if port.target is not None)
            service_ports.update(port.number for port in host.ports)
    unused = wanted - listening
    if unused:
        named = several(list(map(str, sorted(unused))))
        swapped = sorted(unused & service_ports)
        hint = f" {several(list(map(str, swapped)))} is a Service's port, not a workload's." if swapped else ""
        yield finding(
            "MTLS-PORT-UNUSED",
            Severity.WARNING,
            f"{title(policy)} in {home.cluster}: no Service leads to port {named}, which it sets.{hint}",
            fixes.without_ports(policy, unused),
            cluster=parties[0].cluster,
            namespace=policy.meta.namespace,
            workload=parties[0].name if len(parties) == 1 else "",
        )


def _auto_off(home: IstioConfig) -> LocatedFinding:
    return finding(
        "MTLS-AUTO-OFF",
        Severity.WARNING,
        f"enableAutoMtls is false in {home.cluster}: where no DestinationRule sets TLS, sidecars send plaintext.",
        "Set meshConfig.enableAutoMtls to true, or a DestinationRule with tls.mode ISTIO_MUTUAL for *.local in the"
        f" root namespace:\n{_everywhere(home)}",
        cluster=home.cluster,
    )


def _everywhere(home: IstioConfig) -> str:
    return fixes.destination_rule_yaml(home.root_namespace, "default-mtls", "*.local", TlsMode.ISTIO_MUTUAL)


def _not_enforced(party: Party, policy: ServerPolicy) -> Iterable[LocatedFinding]:
    """Findings about STRICT on pods without a proxy: a warning, or info where the STRICT is only mesh-wide."""
    strict = policy.mode is Mode.STRICT or Mode.STRICT in policy.ports.values()
    # istiod never has a proxy: it secures its own ports.
    if not strict or party.proxy is not Proxy.NONE or is_istiod(party.labels):
        return
    meant = policy.level in (PolicyLevel.NAMESPACE, PolicyLevel.WORKLOAD) or bool(policy.ports)
    why = "uses its node's network and has no proxy" if party.host_network else "has no proxy"
    yield finding(
        "MTLS-STRICT-NO-PROXY",
        Severity.WARNING if meant else Severity.INFO,
        f"{party.namespace}/{party.name} in {party.cluster} {why}: STRICT of {policy.decided_by()} is not"
        " enforced, and any client can reach it in plaintext.",
        fixes.UNPROXIED if party.host_network else fixes.injected(party.namespace) + "# then restart its workloads\n",
        cluster=party.cluster,
        namespace=party.namespace,
        workload=party.name,
    )
