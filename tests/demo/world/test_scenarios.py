from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography import x509

from meshtop.demo.world.scenarios import SCENARIOS, scenario_named
from meshtop.demo.world.world import World
from tests.demo.world.worlds import NOON, make, rates


def _errors(world: World, cluster: str, service: str, version: str) -> float:
    found = rates(
        world, cluster, "istio_requests_total", ("response_code",),
        where=lambda labels: labels["reporter"] == "source" and labels["destination_service_name"] == service
        and labels["destination_version"] == version,
    )  # fmt: skip
    total = sum(found.values())
    return sum(rate for (code,), rate in found.items() if code.startswith("5") or code == "0") / total if total else 0.0


def _mean_ms(world: World, cluster: str, service: str, version: str) -> float:
    def mine(labels: dict[str, str]) -> bool:
        return labels["reporter"] == "destination" and (
            labels["destination_service_name"],
            labels["destination_version"],
        ) == (service, version)

    name = "istio_request_duration_milliseconds"
    return (
        rates(world, cluster, f"{name}_sum", (), where=mine)[()]
        / rates(world, cluster, f"{name}_count", (), where=mine)[()]
    )


def _gauge(world: World, where: str, name: str, **labels: str) -> float:
    end = int(world.clock() * 1000)
    for series in world.clusters[where].metrics.select(name):
        if all(series.labels.get(k) == v for k, v in labels.items()):
            return series.samples(end - 30_000, end)[1][-1]
    raise AssertionError(f"{name}{labels} is not there")


def _root(world: World, cluster: str) -> x509.Certificate:
    found = next(
        o for o in world.clusters[cluster].inventory.objects() if o["metadata"]["name"] == "istio-ca-root-cert"
    )
    return x509.load_pem_x509_certificate(found["data"]["root-cert.pem"].encode())


def _plaintext(world: World, service: str) -> float:
    found = rates(world, "us-east", "istio_requests_total", ("destination_service_name", "connection_security_policy"))
    return found.get((service, "none"), 0.0)


def everyday(world: World) -> None:
    assert _errors(world, "us-east", "reviews", "v3") > 10 * _errors(world, "us-east", "reviews", "v2")
    assert _errors(world, "eu-west", "reviews", "v3") < 0.01
    assert 5 < (_root(world, "on-prem").not_valid_after_utc.timestamp() - NOON) / 86_400 < 8


def calm(world: World) -> None:
    assert _errors(world, "us-east", "reviews", "v3") < 0.01


def bad_canary(world: World) -> None:
    for cluster in ("us-east", "eu-west"):
        assert _errors(world, cluster, "reviews", "v3") > 0.1
        assert _errors(world, cluster, "reviews", "v2") < 0.01
        assert _mean_ms(world, cluster, "reviews", "v3") > 4 * _mean_ms(world, cluster, "reviews", "v2")


def dead_cluster(world: World) -> None:
    found = rates(
        world, "us-east", "istio_requests_total", ("response_flags",),
        where=lambda labels: labels["destination_service_name"] == "inventory",
    )  # fmt: skip
    assert set(found) >= {("UF",)}
    assert found[("UF",)] > 0
    assert world.dying == "eu-west"
    assert _gauge(world, "us-east", "istiod_remote_cluster_sync_status", cluster="eu-west", status="timeout") == 1


def plaintext_intruder(world: World) -> None:
    assert _plaintext(world, "storefront") > 3


def lagging_control_plane(world: World) -> None:
    name = "pilot_proxy_convergence_time"
    mean = rates(world, "us-east", f"{name}_sum", ())[()] / rates(world, "us-east", f"{name}_count", ())[()]
    healthy = rates(world, "eu-west", f"{name}_sum", ())[()] / rates(world, "eu-west", f"{name}_count", ())[()]
    assert mean > 5 > 1 > healthy
    assert rates(world, "us-east", "pilot_total_xds_rejects", ())[()] > 0


def expiring_certificate(world: World) -> None:
    left = _root(world, "on-prem").not_valid_after_utc.timestamp() - NOON
    assert 0 < left < 86_400
    told = _gauge(world, "on-prem", "citadel_server_root_cert_expiry_timestamp")
    assert told == _root(world, "on-prem").not_valid_after_utc.timestamp()


def noisy_tenant(world: World) -> None:
    found = rates(world, "us-east", "istio_requests_total", ("reporter", "source_workload", "destination_workload"))
    assert found[("source", "reporting-v1", "catalog-v1")] > found[("source", "storefront-v5", "catalog-v1")]
    assert _mean_ms(world, "us-east", "catalog", "v1") > 5 * _mean_ms(world, "eu-west", "catalog", "v1")


def drifted_config(world: World) -> None:
    specs = {}
    for name in ("us-east", "eu-west"):
        specs[name] = {
            (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"]
            for o in world.clusters[name].inventory.config()
            if o["kind"] in ("VirtualService", "DestinationRule", "PeerAuthentication", "AuthorizationPolicy")
        }
    differing = {key for key in specs["us-east"] if specs["eu-west"].get(key) != specs["us-east"][key]}
    assert {kind for kind, _, _ in differing} == {
        "VirtualService",
        "DestinationRule",
        "PeerAuthentication",
        "AuthorizationPolicy",
    }

    images = {
        name: {c["image"] for o in world.clusters[name].inventory.objects() if o["kind"] == "Pod"
               for c in o["spec"]["containers"] if "/payments:" in c["image"]}
        for name in ("us-east", "eu-west")
    }  # fmt: skip
    assert images["us-east"].isdisjoint(images["eu-west"])


def broken_destinationrule(world: World) -> None:
    found = rates(
        world, "us-east", "istio_requests_total", ("response_flags",),
        where=lambda labels: labels["destination_service_name"] == "payments",
    )  # fmt: skip
    assert set(found) == {("UF",)}


def disjoint_roots(world: World) -> None:
    assert _root(world, "us-east") != _root(world, "eu-west")
    found = rates(
        world, "us-east", "istio_requests_total", ("response_flags",),
        where=lambda labels: labels["destination_service_name"] == "inventory",
    )  # fmt: skip
    assert found[("UF",)] > 0


@pytest.mark.parametrize(
    "told",
    [everyday, calm, bad_canary, dead_cluster, plaintext_intruder, lagging_control_plane, expiring_certificate,
     noisy_tenant, drifted_config, broken_destinationrule, disjoint_roots],
    ids=lambda told: told.__name__,
)  # fmt: skip
def test_a_scenario_does_what_it_says(told: Callable[[World], None]) -> None:
    world, clock = make(told.__name__.replace("_", "-"))
    world.clusters["us-east"].metrics.select("up")
    if world.scenario.offset > 0:
        clock.now = NOON + world.scenario.offset + 600
    told(world)


def test_every_scenario_is_tested_and_has_its_line() -> None:
    assert set(SCENARIOS) == {
        "everyday", "calm", "bad-canary", "dead-cluster", "plaintext-intruder", "lagging-control-plane",
        "expiring-certificate", "noisy-tenant", "drifted-config", "broken-destinationrule", "disjoint-roots",
    }  # fmt: skip
    assert all(scenario.line for scenario in SCENARIOS.values())


def test_history_shows_the_time_before() -> None:
    world, _ = make("disjoint-roots")
    before = rates(
        world, "us-east", "istio_requests_total", ("response_flags",), at=NOON - 3600,
        where=lambda labels: labels["destination_service_name"] == "inventory",
    )  # fmt: skip
    assert set(before) == {("-",)}


def test_a_story_sets_in_when_it_is_told_to() -> None:
    world, _ = make("bad-canary", begins=-900)
    bad_canary(world)


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="bad-canary"):
        scenario_named("apocalypse")


def test_prod_shares_a_root_that_legacy_does_not() -> None:
    world, _ = make("everyday")
    assert _root(world, "us-east") == _root(world, "eu-west")
    assert _root(world, "us-east") != _root(world, "on-prem")


def test_remote_secrets_hold_no_credential() -> None:
    world, _ = make("everyday")
    secrets = [o for o in world.clusters["us-east"].inventory.objects() if o["kind"] == "Secret"]
    remote = [s for s in secrets if "istio/multiCluster" in s["metadata"].get("labels", {})]
    assert [s["metadata"]["annotations"]["networking.istio.io/cluster"] for s in remote] == ["eu-west"]
    assert {base64.b64decode(value) for s in secrets for value in s["data"].values()} == {b"demo\n"}
