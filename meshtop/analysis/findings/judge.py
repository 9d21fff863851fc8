"""All rules over all clusters: what each needs to have been read, and the findings in the order of their importance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from meshtop.analysis.findings import (
    annotation_use,
    between_clusters,
    destination_rules,
    envoy_filters,
    gateways,
    injection,
    leftovers,
    platform,
    resilience,
    route_matches,
    selectors,
    service_entries,
    services,
    validation,
    virtual_services,
    webhooks,
)
from meshtop.analysis.findings.calls import Calls
from meshtop.analysis.findings.finding import (
    ConfigFinding,
    ObjectKey,
    most_important_first,
    standing_for,
    without_repetition,
)
from meshtop.analysis.findings.revisions import JudgedCluster, RevisionConfig, obeyed_by, revisions_of, well_formed
from meshtop.analysis.findings.suppression import Suppression, not_suppressed
from meshtop.analysis.findings.virtual_services import GATEWAY_API
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import GATEWAY_SECRETS, INJECTORS

HIDDEN_OBJECTS = "what the access policy hides"
_BUILT_IN = frozenset({"Namespace", "Service", "Pod", "Deployment", "ConfigMap"})
_VS, _DR, _SE, _GW = "VirtualService", "DestinationRule", "ServiceEntry", "Gateway"


class FindingRule(Struct, frozen=True, kw_only=True):
    """A rule and what it needs: `own` kinds of the cluster itself, `mesh` kinds of every cluster of its mesh.

    Without them the rule is silent, and the answer says what was not read; unless there is nothing that it could be
    about: no object of the kinds `about` (the first of `own` where left out), or as `concerns` tells. `of_istio` is
    whether it is about objects that only an istiod reads. `by_absence` is whether it finds that something is not
    there, as all rules do that look through the whole mesh.
    """

    name: str
    run: Callable[[RevisionConfig], Iterator[ConfigFinding]]
    own: tuple[str, ...] = ()
    mesh: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    of_istio: bool = True
    concerns: Callable[[RevisionConfig], bool] | None = None
    by_absence: bool = False

    def unread(self, config: RevisionConfig) -> tuple[Unknown, ...]:
        """What the rule needs and was not read, or is hidden by an access policy."""
        found = config.unread(self.own, self.mesh)
        if self.mesh or self.by_absence:
            hidden = (member.name for member in config.members if member.hides)
            found += tuple(Unknown(HIDDEN_OBJECTS, name, WhyUnknown.DENIED) for name in hidden)
        return found

    def is_moot(self, config: RevisionConfig) -> bool:
        """Whether the cluster is known to have nothing that the rule is about."""
        if self.concerns is not None:
            return not self.concerns(config)
        about = self.about or self.own[:1]
        if not self.of_istio or not about or not _BUILT_IN.isdisjoint(about):
            return False
        return all(config.inventory.evidence(kind).known and not config.objects(kind) for kind in about)


RULES: tuple[FindingRule, ...] = (
    FindingRule(name="forms", run=validation.forms, of_istio=False),
    FindingRule(
        name="values",
        run=validation.values,
        own=(_VS, _DR, _GW, _SE),
        about=(_VS, _DR, _GW, _SE, "PeerAuthentication", "AuthorizationPolicy"),
    ),
    FindingRule(name="destination-hosts", run=virtual_services.destination_hosts, own=(_VS, _SE), mesh=("Service",)),
    FindingRule(name="destination-subsets", run=virtual_services.destination_subsets, own=(_VS, _DR), by_absence=True),
    FindingRule(name="route-gateways", run=virtual_services.gateways, own=(_VS, _GW, GATEWAY_API), by_absence=True),
    FindingRule(name="same-hosts", run=virtual_services.same_hosts, own=(_VS,)),
    FindingRule(name="gateway-subsets", run=virtual_services.gateway_subsets, own=(_VS,)),
    FindingRule(
        name="claim-routes", run=virtual_services.claim_routes, own=(_VS, _GW, "RequestAuthentication"), mesh=("Pod",)
    ),
    FindingRule(name="unreached", run=route_matches.unreached, own=(_VS,)),
    FindingRule(
        name="rule-hosts",
        run=destination_rules.hosts_and_subsets,
        own=(_DR, _SE, "WorkloadEntry"),
        mesh=("Service", "Pod"),
    ),
    FindingRule(name="unchecked-servers", run=destination_rules.unchecked_servers, own=(_DR,)),
    FindingRule(name="gateway-ports", run=gateways.pods_and_ports, own=(_GW,), mesh=("Pod", "Service")),
    FindingRule(
        name="gateway-credentials",
        run=gateways.credentials,
        own=(_GW, GATEWAY_SECRETS),
        mesh=("Pod",),
        concerns=gateways.names_credentials,
    ),
    FindingRule(
        name="credential-keys",
        run=gateways.keys_of_others,
        own=(_GW, GATEWAY_SECRETS),
        by_absence=True,
        concerns=gateways.names_credentials,
    ),
    FindingRule(name="gateway-claims", run=gateways.claims, own=(_GW,)),
    FindingRule(name="shared-certificates", run=gateways.shared_certificates, own=(_GW,)),
    FindingRule(name="tcp-without-address", run=service_entries.tcp_without_address, own=(_SE, "ConfigMap")),
    FindingRule(name="contradicting-protocols", run=service_entries.contradicting_protocols, own=(_SE,)),
    FindingRule(name="sidecars", run=selectors.sidecars, own=("Sidecar", "Namespace"), mesh=("Pod",)),
    FindingRule(name="telemetries", run=selectors.telemetries, own=("Telemetry",), mesh=("Pod",)),
    FindingRule(
        name="gateway-selectors",
        run=selectors.gateway_selectors,
        own=("AuthorizationPolicy", "RequestAuthentication", "Telemetry", "WasmPlugin"),
        mesh=("Pod",),
        about=("AuthorizationPolicy", "RequestAuthentication", "Telemetry", "WasmPlugin"),
    ),
    FindingRule(
        name="authorization-policies",
        run=selectors.authorization_policies,
        own=("AuthorizationPolicy",),
        mesh=("Pod", "Namespace"),
    ),
    FindingRule(name="injection", run=injection.namespaces, own=("Namespace", "Pod"), of_istio=False),
    FindingRule(name="undecided-namespaces", run=injection.undecided, own=("Namespace", INJECTORS), of_istio=False),
    FindingRule(
        name="proxy-images",
        run=injection.proxy_images,
        own=("Namespace", "Pod", INJECTORS, "ProxyConfig"),
        of_istio=False,
    ),
    FindingRule(
        name="automatic-images",
        run=injection.automatic_images,
        own=("Namespace", "Pod", "Deployment", webhooks.VALIDATING, webhooks.MUTATING),
        of_istio=False,
        by_absence=True,
    ),
    FindingRule(name="application-users", run=injection.application_users, own=("Pod", "Deployment"), of_istio=False),
    FindingRule(
        name="annotations",
        run=annotation_use.misused,
        own=("Namespace", "Service", "Pod", "Deployment"),
        of_istio=False,
    ),
    FindingRule(
        name="alpha-annotations",
        run=annotation_use.alpha,
        own=("Namespace", "Service", "Pod", "Deployment"),
        of_istio=False,
    ),
    FindingRule(name="port-names", run=services.port_names, own=("Service",), of_istio=False),
    FindingRule(
        name="shared-pods", run=services.shared_pods, own=("Service", "Deployment", "Namespace"), of_istio=False
    ),
    FindingRule(
        name="localhost-listeners",
        run=services.localhost_listeners,
        own=("Sidecar", _SE, "WorkloadEntry", "Service"),
        mesh=("Pod",),
        about=("Sidecar", _SE, "WorkloadEntry"),
    ),
    FindingRule(
        name="injectors",
        run=webhooks.injectors,
        own=(webhooks.VALIDATING, webhooks.MUTATING, "Service"),
        of_istio=False,
        by_absence=True,
    ),
    FindingRule(
        name="external-addresses",
        run=webhooks.external_addresses,
        own=(webhooks.MUTATING, webhooks.VALIDATING),
        of_istio=False,
    ),
    FindingRule(name="envoy-patches", run=envoy_filters.patches, own=("EnvoyFilter",)),
    FindingRule(name="cluster-version", run=platform.cluster_version, own=("Deployment",), of_istio=False),
    FindingRule(name="definitions", run=platform.definitions, own=("CustomResourceDefinition",), of_istio=False),
    FindingRule(name="deprecated-fields", run=platform.deprecated_fields, own=(_VS, "Sidecar"), about=(_VS, "Sidecar")),
    FindingRule(name="telemetry-providers", run=platform.telemetry_providers, own=("Telemetry", "ConfigMap")),
    FindingRule(name="token-keys", run=platform.token_keys, own=("RequestAuthentication", "Deployment")),
    FindingRule(name="networks", run=platform.networks, own=("ConfigMap", "Secret"), concerns=platform.has_networks),
    FindingRule(name="conditions", run=platform.reported_conditions, own=("Service",), of_istio=False),
    FindingRule(name="changed-defaults", run=platform.changed_defaults, own=(_DR, "Service"), about=("Service",)),
    FindingRule(name="faults-and-mirrors", run=leftovers.faults_and_mirrors, own=(_VS,)),
    FindingRule(name="unseen-rules", run=leftovers.unseen_rules, own=(_DR, "ConfigMap"), mesh=("Pod", "Namespace")),
    FindingRule(name="deny-all", run=leftovers.deny_all, own=("AuthorizationPolicy",), mesh=("Pod", "Namespace")),
    FindingRule(name="blind-failover", run=resilience.blind_failover, own=(_DR,)),
    FindingRule(
        name="missing-waypoints", run=resilience.missing_waypoints, own=("Namespace", "Service"), mesh=(GATEWAY_API,)
    ),
    FindingRule(
        name="unenforced-policies",
        run=resilience.unenforced_policies,
        own=("Namespace", "Service", "AuthorizationPolicy", "RequestAuthentication"),
        by_absence=True,
    ),
)
"""The rules on one control plane's view of the mesh."""
IDLE_ROUTES = FindingRule(
    name="idle-routes",
    run=lambda _: iter(()),
    own=(_VS, _SE),
    mesh=("Service",),
    concerns=lambda config: any(config.objects(kind) for kind in (_VS, "HTTPRoute", "GRPCRoute")),
)
"""The needs of the one rule that needs telemetry, and so is asked by itself at every refresh (`idle_routes`)."""
FLEET_RULES: tuple[tuple[str, Callable[[Sequence[JudgedCluster]], Iterator[ConfigFinding]]], ...] = (
    ("unlike-services", between_clusters.unlike_services),
    ("unlike-hosts", between_clusters.unlike_hosts),
    ("not-obeyed", between_clusters.not_obeyed),
)
"""The rules over all clusters at once."""


class JudgedConfiguration(Struct, frozen=True):
    """All findings, the most important first, and what they could not take into account."""

    findings: tuple[ConfigFinding, ...] = ()
    unknowns: tuple[Unknown, ...] = ()


def judge_config(
    clusters: Sequence[JudgedCluster],
    *,
    ignored: Iterable[Suppression] = (),
    only: Iterable[str] = (),
    configs: Sequence[RevisionConfig] | None = None,
) -> JudgedConfiguration:
    """Judge the configuration of all clusters. `only` limits it to the rules of these names.

    `configs` are the views of their control planes (`revisions_of`), where somebody keeps them.
    """
    clusters = [well_formed(cluster) for cluster in clusters]
    names = frozenset(only)
    found: list[ConfigFinding] = []
    unknowns: dict[Unknown, None] = {}
    for config in revisions_of(clusters) if configs is None else configs:
        for rule in RULES:
            if not names or rule.name in names:
                found += _by_rule(config, rule, unknowns, rule.run)
    for name, run in FLEET_RULES:
        if not names or name in names:
            found += _ruled(name, "", lambda run=run: run(clusters))  # type: ignore[misc]
    kept = not_suppressed(_folded(without_repetition(found), clusters), clusters, ignored)
    return JudgedConfiguration(most_important_first(kept), tuple(unknowns))


def routes_left_idle(
    clusters: Sequence[JudgedCluster],
    calls: Calls,
    *,
    ignored: Iterable[Suppression] = (),
    configs: Sequence[RevisionConfig] | None = None,
) -> tuple[ConfigFinding, ...]:
    """Routes that nobody calls; none where the telemetry of some cluster is not known."""
    if not calls.complete:
        return ()
    clusters = [well_formed(cluster) for cluster in clusters]
    found: list[ConfigFinding] = []
    for config in revisions_of(clusters) if configs is None else configs:
        found += _by_rule(config, IDLE_ROUTES, {}, lambda config: leftovers.idle_routes(config, calls))
    return tuple(not_suppressed(without_repetition(found), clusters, ignored))


def together(standing: JudgedConfiguration, more: Iterable[ConfigFinding], calls: Calls) -> JudgedConfiguration:
    """A judgement with further findings, all of them weighed by the calls that they touch."""
    weighed = (
        structs.replace(one, requests_per_second=calls.touching(one.touches)) for one in (*standing.findings, *more)
    )
    return JudgedConfiguration(most_important_first(weighed), standing.unknowns)


def _by_rule(
    config: RevisionConfig,
    rule: FindingRule,
    unknowns: dict[Unknown, None],
    run: Callable[[RevisionConfig], Iterator[ConfigFinding]],
) -> list[ConfigFinding]:
    """The findings of a rule on one view; none, and what was not read, where it cannot be asked."""
    obeyed = obeyed_by(config.cluster) in (None, config.cluster.name)
    if (rule.of_istio and not obeyed) or rule.is_moot(config):
        return []
    unread = rule.unread(config)
    unknowns.update(dict.fromkeys(unread))
    return [] if unread else _ruled(rule.name, config.cluster.name, lambda: run(config))


def _ruled(name: str, cluster: str, run: Callable[[], Iterator[ConfigFinding]]) -> list[ConfigFinding]:
    """The findings of one rule; a rule that fails costs itself, and a finding says so."""
    found: list[ConfigFinding] = []
    try:
        for one in run():
            found.append(structs.replace(one, rule=name))
    except Exception as error:  # noqa: BLE001 - told as a finding
        found.append(
            ConfigFinding(
                code="IST0001",
                object=ObjectKey(cluster, "Cluster", "", cluster),
                message=f"rule {name} failed ({type(error).__name__}: {error}); its findings are not complete.",
                rule=name,
            )
        )
    return found


def _folded(found: list[ConfigFinding], clusters: Sequence[JudgedCluster]) -> list[ConfigFinding]:
    """Findings of pods, one for all alike pods of one owner."""
    owners = {
        (cluster.name, pod.meta.namespace, pod.meta.name): pod.meta.owner.name
        for cluster in clusters
        for pod in cluster.inventory.pods
        if pod.meta.owner is not None
    }
    kept: list[ConfigFinding] = []
    groups: dict[tuple[str, ...], list[ConfigFinding]] = {}
    for one in found:
        key = one.object
        owner = owners.get((key.cluster, key.namespace, key.name)) if key.kind == "Pod" else None
        if owner is None:
            kept.append(one)
        else:
            groups.setdefault((one.code, key.cluster, key.namespace, owner, one.path), []).append(one)
    for alike in groups.values():
        first = min(alike, key=lambda one: one.object.name)
        kept.append(standing_for(first, len({one.object.name for one in alike}) - 1))
    return kept
