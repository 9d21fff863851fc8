from __future__ import annotations

import pytest

from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.security.mtls.hosts import Hosts
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Service
from meshtop.model.mesh import MeshFacts


@pytest.mark.parametrize("host", ["reviews", "reviews.shop.svc.corp.local", "*.corp.local"])
def test_rules_are_completed_in_the_domain_of_the_cluster(host: str) -> None:
    rule = ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="DestinationRule",
        meta=Meta(name="r", namespace="shop"),
        spec={"host": host},
    )
    config: dict[str, tuple[ConfigObject, ...]] = {"DestinationRule": (rule,)}
    member = MeshMember(name="c", inventory=Inventory(config=config), facts=MeshFacts(cluster_domain="corp.local"))
    service = Service(meta=Meta(name="reviews", namespace="shop"))
    (named,) = Hosts((service,), (), (), "corp.local").services.values()
    assert named.name == "reviews.shop.svc.corp.local"
    found = IstioConfig(member).rule(named.name, client_namespace="shop", client_labels={}, service_namespace="shop")
    assert found is not None


def test_a_rule_of_ones_own_depends_on_no_default_whatever_the_domain() -> None:
    """The mesh's default for `exportTo` was not read; a rule in the client's own namespace applies under any."""
    rule = ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="DestinationRule",
        meta=Meta(name="r", namespace="shop"),
        spec={"host": "reviews"},
    )
    inventory = Inventory(config={"DestinationRule": (rule,)}, kinds=(KindStatus(kind="ConfigMap", state="denied"),))
    config = IstioConfig(MeshMember(name="c", inventory=inventory, facts=MeshFacts(cluster_domain="corp.local")))
    assert not config.exports.known
    assert not config.is_assumed(
        "reviews.shop.svc.corp.local", client_namespace="shop", client_labels={}, service_namespace="shop"
    )
