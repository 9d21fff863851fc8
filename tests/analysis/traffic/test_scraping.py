"""A Prometheus that holds each proxy more than once tells rates that are that many times too high."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.analysis.traffic.scraping import ScrapedCluster, scraped_twice
from meshtop.model.telemetry import Scalar, Telemetry
from tests import worlds
from tests.worlds import request

PROXIES = 6
"""Pods with a proxy in each of the worlds' clusters."""


def cluster(name: str, held: float, *, shared: str = "", other: str = "", denied: bool = False) -> ScrapedCluster:
    """A cluster whose Prometheus holds so many series of proxies, and maybe reports of another cluster's proxies."""
    inventory = worlds.inventory(cluster_id=name)
    if denied:
        kinds = tuple(structs.replace(k, state="denied") if k.kind == "Pod" else k for k in inventory.kinds)
        inventory = structs.replace(inventory, kinds=kinds, pods=())
    control = (
        Scalar("istio_build", {"component": "proxy", "tag": "1.30.1"}, held - 1),
        Scalar("istio_build", {"component": "proxy", "tag": "1.29.0"}, 1.0),
        Scalar("istio_build", {"component": "pilot", "tag": "1.30.1"}, 50.0),
    )
    samples = (request(f"{other or name}/web", f"{other or name}/v1", 1.0),)
    told = Telemetry(at=worlds.AT, window_seconds=300.0, identity=shared or name, requests=samples, control=control)
    return ScrapedCluster(name=name, cluster_id=name, inventory=inventory, telemetry=told)


@pytest.mark.parametrize(
    ("clusters", "wrong"),
    [
        pytest.param([cluster("east", PROXIES)], [], id="once"),
        pytest.param([cluster("east", PROXIES + 2)], [], id="some that just ended"),
        pytest.param([cluster("east", 2 * PROXIES)], ["east"], id="twice"),
        pytest.param([cluster("east", 3 * PROXIES), cluster("west", PROXIES)], ["east"], id="three times in one"),
        pytest.param([cluster(n, 2 * PROXIES, shared="p") for n in ("east", "west")], [], id="one for two clusters"),
        pytest.param([cluster(n, 4 * PROXIES, shared="p") for n in ("west", "east")], ["east", "west"], id="shared"),
        pytest.param([cluster("east", 2 * PROXIES, other="south")], [], id="it serves a cluster that is not read"),
        pytest.param([cluster("east", 2 * PROXIES, denied=True)], [], id="pods may not be read"),
    ],
)
def test_more_series_than_proxies(clusters: list[ScrapedCluster], wrong: list[str]) -> None:
    found = scraped_twice(clusters)
    assert [name for name, _ in found] == wrong
    assert all(finding.fix and name in finding.message for name, finding in found)


def test_without_telemetry_nothing_is_said() -> None:
    silent = ScrapedCluster(name="east", cluster_id=None, inventory=worlds.inventory(cluster_id="east"), telemetry=None)
    assert scraped_twice([silent]) == ()
