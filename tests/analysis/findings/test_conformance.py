"""Every case of Istio's own analyzers whose inputs are there: the same codes, levels and objects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.judge import judge_config
from meshtop.analysis.findings.revisions import JudgedCluster
from meshtop.analysis.identity.trees import config_tree
from meshtop.model.mesh import MeshFacts
from meshtop.sources.kubernetes.manifests import Manifests, manifests
from tests.conftest import SHARED_DATA

CASES = SHARED_DATA / "analysis" / "expected-messages.json"
RULES = {
    "annotations.K8sAnalyzer": ("annotations",),
    "maturity.AlphaAnalyzer": ("alpha-annotations",),
    "deprecation.FieldAnalyzer": ("deprecated-fields", "definitions"),
    "externalcontrolplane.ExternalControlPlaneAnalyzer": ("external-addresses",),
    "gateway.IngressGatewayPortAnalyzer": ("gateway-ports",),
    "gateway.SecretAnalyzer": ("gateway-credentials",),
    "gateway.ConflictingGatewayAnalyzer": ("gateway-claims",),
    "gateway.CertificateAnalyzer": ("shared-certificates",),
    "injection.Analyzer": ("injection", "undecided-namespaces"),
    "injection.ImageAnalyzer": ("proxy-images",),
    "injection.ImageAutoAnalyzer": ("automatic-images",),
    "service.PortNameAnalyzer": ("port-names",),
    "sidecar.SelectorAnalyzer": ("sidecars",),
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer": ("same-hosts",),
    "virtualservice.DestinationHostAnalyzer": ("destination-hosts", "gateway-subsets"),
    "virtualservice.DestinationRuleAnalyzer": ("destination-subsets",),
    "virtualservice.GatewayAnalyzer": ("route-gateways",),
    "virtualservice.JWTClaimRouteAnalyzer": ("claim-routes",),
    "deployment.ServiceAssociationAnalyzer": ("shared-pods",),
    "deployment.ApplicationUIDAnalyzer": ("application-users",),
    "multicluster.MeshNetworksAnalyzer": ("networks",),
    "multicluster.ServiceAnalyzer": ("unlike-services",),
    "authn.BlockedCIDRsAnalyzer": ("token-keys",),
    "authz.AuthorizationPoliciesAnalyzer": ("authorization-policies",),
    "destinationrule.CaCertificateAnalyzer": ("unchecked-servers",),
    "destinationrule.PodNotSelectedAnalyzer": ("rule-hosts",),
    "schemaValidation.CollectionValidationAnalyzer(collections.VirtualService)": ("unreached",),
    "serviceentry.ProtocolAddressesAnalyzer": ("tcp-without-address",),
    "serviceentry.ConflictingServiceEntryProtocolAnalyzer": ("contradicting-protocols",),
    "webhook.Analyzer": ("injectors",),
    "envoyfilter.EnvoyPatchAnalyzer": ("envoy-patches",),
    "telemetry.ProviderAnalyzer": ("telemetry-providers",),
    "telemetry.LightstepAnalyzer": ("telemetry-providers",),
    "telemetry.SelectorAnalyzer": ("telemetries",),
    "telemetry.DefaultSelectorAnalyzer": ("telemetries",),
    "k8sgateway.SelectorAnalyzer": ("gateway-selectors",),
    "k8sgateway.CRDVersionAnalyzer": ("definitions",),
    "conditions.ConditionAnalyzer": ("conditions",),
}
"""Which rules are what each of Istio's analyzers is: a case of theirs runs one analyzer."""


def cases(part: str) -> list[Mapping[str, Any]]:
    return json.loads(CASES.read_text())[part] if CASES.is_file() else []


def read(root: Path, names: list[str], case: Mapping[str, Any] | None = None) -> Manifests:
    texts = [(root / name).read_bytes() for name in names]
    parts = {
        key: (root / case[field]).read_text()
        for key, field in (("mesh", "meshConfigFile"), ("meshNetworks", "meshNetworksFile"))
        if case is not None and case.get(field)
    }
    if parts:
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": "istio-system", "name": "istio"},
        }
        texts.append(json.dumps({**config_map, "data": parts}).encode())
    # The certificates of the cases are judged at a moment at which Istio's own were valid.
    return manifests(texts, now=1_760_000_000.0, default_gateway=True)


def told(found: ConfigFinding) -> tuple[str, str, str]:
    return found.code, found.severity.value, str(found.object)


def expected(case: Mapping[str, Any]) -> Counter[tuple[str, str, str]]:
    return Counter((one["code"], one["level"].lower(), one["origin"]) for one in case["expected"])


@pytest.mark.conformance
@pytest.mark.parametrize("case", cases("singleCluster"), ids=lambda case: case["name"])
def test_a_case_of_istio_gives_the_same_codes_levels_and_objects(case: Mapping[str, Any], shared_data: Path) -> None:
    root = shared_data / "analysis"
    needed = [*case["inputFiles"], *(case[f] for f in ("meshConfigFile", "meshNetworksFile") if case.get(f))]
    missing = [name for name in needed if not (root / name).is_file()]
    if missing:
        pytest.skip(f"its inputs are not all there: {', '.join(missing)}")
    files = read(root, case["inputFiles"], case)
    cluster = JudgedCluster(name="", inventory=files.inventory, misread=files.misread)
    found = judge_config([cluster], only=RULES[case["analyzer"]]).findings
    assert Counter(map(told, found)) == expected(case), [f"{f.code} {f.object}: {f.message}" for f in found]


@pytest.mark.conformance
@pytest.mark.parametrize("case", cases("multiCluster"), ids=lambda case: case["name"])
def test_a_case_with_two_clusters(case: Mapping[str, Any], shared_data: Path) -> None:
    root = shared_data / "analysis"
    clusters = [
        JudgedCluster(
            name=name, inventory=read(root, case[f"{name}InputFiles"]).inventory, facts=MeshFacts(group="one mesh")
        )
        for name in ("cluster1", "cluster2")
    ]
    found = judge_config(clusters, only=RULES[case["analyzer"]]).findings
    assert Counter(map(told, found)) == expected(case), [f"{f.code} {f.object}: {f.message}" for f in found]


def test_every_analyzer_of_the_cases_has_a_rule() -> None:
    from meshtop.analysis.findings.judge import FLEET_RULES
    from meshtop.analysis.findings.judge import RULES as ALL

    names = {rule.name for rule in ALL} | {name for name, _ in FLEET_RULES}
    assert {name for rules in RULES.values() for name in rules} <= names
    assert {case["analyzer"] for part in ("singleCluster", "multiCluster") for case in cases(part)} <= set(RULES)
    assert config_tree("a: 1") == {"a": 1}
