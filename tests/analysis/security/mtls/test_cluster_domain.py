from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.canary.backends import subset_of
from meshtop.analysis.canary.routes import RouteDestination
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.security.mtls.hosts import Hosts
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Service
from meshtop.model.mesh import MeshFacts
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds


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
    assert (
        config.assumption(
            "reviews.shop.svc.corp.local", client_namespace="shop", client_labels={}, service_namespace="shop"
        )
        is None
    )


def rule_for(host: str, name: str = "r", **spec: Any) -> ConfigObject:
    return ConfigObject(
        group="networking.istio.io", version="v1", kind="DestinationRule",
        meta=Meta(name=name, namespace="shop"), spec={"host": host, **spec},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "hosts", "depends"),
    [
        (None, ["reviews"], False),
        (None, ["*"], False),
        (None, ["reviews.shop.svc.cluster.local"], True),
        (None, ["reviews.shop.svc.corp.local"], True),
        (None, ["*.shop.svc.cluster.local"], True),
        (None, ["*.corp.local"], True),
        (None, ["reviews", "reviews.shop.svc.corp.local"], True),
        (None, ["ratings.shop.svc.corp.local"], False),
        (None, ["api.example.org"], False),
        (None, [], False),
        ("cluster.local", ["reviews.shop.svc.corp.local", "*.corp.local"], False),
        ("corp.local", ["reviews.shop.svc.corp.local"], False),
    ],
)
def test_where_the_domain_is_not_known_a_rule_for_a_full_host_may_or_may_not_apply(
    domain: str | None, hosts: list[str], depends: bool
) -> None:
    rules = tuple(rule_for(host, f"r{number}") for number, host in enumerate(hosts))
    facts = MeshFacts(cluster_domain=domain, auto_mtls=True, root_namespace="istio-system")
    config = IstioConfig(MeshMember(name="c", inventory=Inventory(config={"DestinationRule": rules}), facts=facts))
    service = Service(meta=Meta(name="reviews", namespace="shop"))
    (named,) = Hosts((service,), (), (), facts.domain).services.values()
    said = config.assumption(named.name, client_namespace="team", client_labels={}, service_namespace="shop")
    assert said == ("the DNS domain of c is not known" if depends else None)


@pytest.mark.parametrize(
    ("domain", "host", "wanted", "exists"),
    [
        ("cluster.local", "reviews", "reviews.shop.svc.cluster.local", True),
        ("cluster.local", "reviews.shop.svc.corp.local", "reviews.shop.svc.cluster.local", False),
        (None, "reviews.shop.svc.corp.local", "reviews.shop.svc.cluster.local", None),
        (None, "reviews", "reviews.shop.svc.corp.local", None),
        (None, "ratings", "reviews.shop.svc.corp.local", False),
    ],
)
def test_a_subset_is_missing_only_where_its_rule_does_not_hang_on_the_domain(
    domain: str | None, host: str, wanted: str, exists: bool | None
) -> None:
    rules = (rule_for(host, subsets=[{"name": "v1", "labels": {"version": "v1"}}]),)
    facts = MeshFacts(cluster_domain=domain, auto_mtls=True, root_namespace="istio-system")
    config = IstioConfig(MeshMember(name="c", inventory=Inventory(config={"DestinationRule": rules}), facts=facts))
    destination = RouteDestination(name="v1", host=wanted, subset="v1", weight=100, share=1.0)
    assert subset_of(config, destination, "shop").exists is exists


def test_the_domain_is_what_clients_proxies_call_services_by_where_nothing_says_it() -> None:
    """An external control plane: no istiod and no values are read, and telemetry has the full hosts."""

    def told(*hosts: str, reporter: str = "source") -> str | None:
        made = worlds.request("east/web", "east/v1", 1.0, reporter=reporter)
        samples = tuple(
            structs.replace(made, labels=structs.replace(made.labels, destination_service=h)) for h in hosts
        )
        base = worlds.cluster("east", samples)
        assert base.inventory is not None
        bare = structs.replace(base, inventory=structs.replace(base.inventory, config_maps={}))
        return Picture(worlds.world(bare)).facts["east"].cluster_domain

    assert told("reviews.shop.svc.corp.local", "api.example.org") == "corp.local"
    assert told("reviews.shop.svc.corp.local", "web.shop.svc.cluster.local") is None
    assert told("reviews.shop.svc.corp.local", reporter="destination") is None
    assert told("api.example.org") is None


@pytest.mark.parametrize(
    ("host", "seen", "known"),
    [
        ("reviews.shop.svc.cluster.local", "api.example.org", False),
        ("reviews.shop.svc.cluster.local", "reviews.shop.svc.cluster.local", True),
        ("reviews", "api.example.org", True),
    ],
)
@pytest.mark.parametrize("kind", ["mtls --edges", "mtls", "canaries"])
def test_a_domain_that_is_not_known_is_in_the_unknowns(host: str, seen: str, known: bool, kind: str) -> None:
    made = worlds.request("east/web", "east/v1", 1.0, reporter="source")
    base = worlds.cluster(
        "east", [structs.replace(made, labels=structs.replace(made.labels, destination_service=seen))]
    )
    assert base.inventory is not None
    bare = structs.replace(base.inventory, config_maps={}, config={"DestinationRule": (rule_for(host),)})
    picture = Picture(worlds.world(structs.replace(base, inventory=bare)))
    shown = view("mtlsedges" if kind == "mtls --edges" else kind)
    unknown = Unknown("the DNS domain", "east", WhyUnknown.NOT_READ)
    assert (unknown in shown.unknowns(picture, Query())) is not known
