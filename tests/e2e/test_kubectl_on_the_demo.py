"""The real kubectl on the served demo: reading, watching, and a weight whose change is seen in the telemetry."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.serving import LIMIT, Served, served, until

pytestmark = [pytest.mark.kubectl, pytest.mark.xdist_group("e2e-kubectl")]

REVIEWS = 'istio_requests_total{destination_service_name="reviews",reporter="source"}'
SHARE = f"sum by (destination_version) (rate({REVIEWS}[1m]))"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kubectl")) as here:
        yield here


def command(world: Served, *arguments: str) -> list[str]:
    home = world.kubeconfig.parent
    return ["kubectl", f"--kubeconfig={world.kubeconfig}", f"--cache-dir={home / 'cache'}", *arguments]


def kubectl(world: Served, *arguments: str) -> str:
    done = subprocess.run(
        command(world, *arguments), capture_output=True, text=True, timeout=LIMIT, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_reads_every_cluster(world: Served) -> None:
    contexts = {name + suffix for name in world.servers for suffix in ("", "-viewer")}
    assert set(kubectl(world, "config", "get-contexts", "-o", "name").split()) == contexts
    for context in world.servers:
        nodes = kubectl(world, "--context", context, "get", "nodes", "--no-headers").splitlines()
        assert len(nodes) >= 2
        assert {line.split()[1] for line in nodes} <= {"Ready", "NotReady"}
    table = kubectl(world, "get", "virtualservices", "-A")
    assert table.splitlines()[0].split() == ["NAMESPACE", "NAME", "GATEWAYS", "HOSTS", "AGE"]
    assert "reviews" in table
    assert "istio_requests_total" in kubectl(
        world, "get", "--raw",
        "/api/v1/namespaces/istio-system/services/prometheus:9090/proxy/api/v1/label/__name__/values",
    )  # fmt: skip


def share_of_v3(world: Served) -> float:
    found = {one["metric"]["destination_version"]: float(one["value"][1]) for one in world.query("us-east", SHARE)}
    return found.get("v3", 0.0) / sum(found.values())


def test_a_patched_weight_is_watched_and_moves_the_split(world: Served) -> None:
    route = json.loads(kubectl(world, "get", "vs", "reviews", "-n", "shop", "-o", "json"))["spec"]["http"][0]["route"]
    before = {one["destination"]["subset"]: one["weight"] for one in route}
    assert share_of_v3(world) == pytest.approx(before["v3"] / 100, abs=0.02)

    heard: list[str] = []
    watch = subprocess.Popen(
        command(
            world, "get", "vs", "reviews", "-n", "shop", "--watch", "--output-watch-events",
            "-o", "jsonpath={.type}:{.object.spec.http[0].route[*].weight}{'\\n'}",
        ),
        stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert watch.stdout is not None
        heard.append(watch.stdout.readline())
        assert heard[0].startswith("ADDED:")
        patch = [
            {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": 70 if subset == "v3" else 30}
            for index, subset in enumerate(one["destination"]["subset"] for one in route)
        ]
        kubectl(world, "patch", "vs", "reviews", "-n", "shop", "--type=json", "-p", json.dumps(patch))
        heard.append(watch.stdout.readline())
        assert heard[1].startswith("MODIFIED:")
        assert "70" in heard[1]
    finally:
        watch.kill()
        watch.communicate()
    world.clock.ahead += 120
    until(lambda: abs(share_of_v3(world) - 0.7) < 0.02, "the split to move")
