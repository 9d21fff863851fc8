"""The fleet read from simulated clusters by the whole program: registries, ways to members, drift, propagation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.e2e.serving import forked

SPHERE = pytest.mark.xdist_group("e2e-sphere")
CALM = ("--scenario", "calm")
DRIFTED = ("--scenario", "drifted-config")


class Run(NamedTuple):
    """What a run of the program did."""

    code: int
    out: str
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out)["items"]
        return found


class World:
    """Simulated clusters, and the program on them; only the first `contexts` are in the kubeconfig."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}

    def only(self, *names: str) -> str:
        """A kubeconfig with these contexts alone."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["contexts"] = [c for c in document["contexts"] if c["name"] in names]
        document["current-context"] = names[0]
        path = self.folder / f"only-{'-'.join(names)}"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def settings(self, text: str) -> str:
        path = self.folder / f"settings-{abs(hash(text))}.yaml"
        path.write_text(text)
        return str(path)

    def __call__(self, *arguments: str, kubeconfig: str = "", settings: str = "none") -> Run:
        # A machine under load answers late; what is tested is what is answered.
        common = ["--kubeconfig", kubeconfig or str(self.kubeconfig), "--config", settings, "--timeout", "30s"]
        done = forked([*common, *arguments], self.environment)
        return Run(done.returncode, done.stdout, done.stderr)


@contextmanager
def world(folder: Path, *options: str) -> Iterator[World]:
    process = subprocess.Popen(
        [sys.executable, "-m", "meshtop.demo", *options], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield World(Path(ready["kubeconfig"]), folder)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Drifted clusters that KubeSphere registers."""
    with world(tmp_path_factory.mktemp("sphere"), "--registry", "kubesphere", *DRIFTED) as found:
        yield found


@pytest.mark.parametrize("registry", ["kubefed", "karmada", "ocm", "clusterprofile"])
def test_each_registry_is_read_over_the_wire(registry: str, tmp_path: Path) -> None:
    with world(tmp_path, "--registry", registry, "--services", "3", *CALM) as clusters:
        run = clusters("get", "members", "-o", "json")
    assert run.code == 0, run.err
    found = {m["name"]: m for m in run.items if m["registry"] == registry}
    assert set(found) == {"us-east", "eu-west", "on-prem", "harbor"}
    assert {name: m["cluster"] for name, m in found.items()} == {
        "us-east": "us-east",
        "eu-west": "eu-west",
        "on-prem": "on-prem",
        "harbor": None,
    }
    assert found["on-prem"]["says"]["status"] == ("unknown" if registry == "ocm" else "failing")
    assert found["harbor"]["findings"][0]["code"] == "MEMBER-UNREACHED"
    assert found["eu-west"]["says"]["status"] == "healthy"


def names(run: Run) -> dict[str, str]:
    return {item["name"]: item["state"] for item in run.items}


@SPHERE
def test_credentials_of_a_registry_are_used_only_when_told(sphere: World) -> None:
    hub = sphere.only("us-east")
    alone = sphere("get", "clusters", "-o", "json", kubeconfig=hub)
    assert set(names(alone)) == {"us-east"}
    adopting = sphere.settings("discovery: {adoptCredentials: true}\n")
    run = sphere("get", "clusters", "-o", "json", kubeconfig=hub, settings=adopting)
    states = names(run)
    assert (states["eu-west"], states["on-prem"]) == ("fresh", "fresh")
    assert states["harbor"] == "unreachable"
    members = sphere("get", "members", "-o", "json", kubeconfig=hub, settings=adopting).items
    adopted = {m["name"]: m["adopted"] for m in members if m["registry"] == "kubesphere"}
    assert adopted == {"us-east": False, "eu-west": True, "on-prem": True, "harbor": True}
    refused = sphere(
        "propagate", "pa", "checkout/default", "--from", "us-east", "--to", "eu-west", "--yes",
        kubeconfig=hub, settings=adopting,
    )  # fmt: skip
    assert refused.code == 4, refused.err


@SPHERE
def test_a_member_is_read_through_its_host(sphere: World) -> None:
    text = "clusters:\n- {name: hub, context: us-east}\n- {name: far, via: {host: hub, prefix: /clusters/eu-west}}\n"
    run = sphere("get", "clusters", "-o", "json", kubeconfig=sphere.only("us-east"), settings=sphere.settings(text))
    far = next(item for item in run.items if item["name"] == "far")
    assert (far["state"], far["clusterId"]) == ("fresh", "eu-west")
    assert far["traffic"]["requestsPerSecond"] is not None


def drifted(run: Run) -> set[tuple[str, str]]:
    return {(item["kind"], f"{item['namespace']}/{item['name']}") for item in run.items}


EVERYTHING = {
    ("PeerAuthentication", "checkout/default"),
    ("AuthorizationPolicy", "checkout/payments-callers"),
    ("DestinationRule", "shop/catalog"),
    ("RoleBinding", "checkout/deployers"),
    ("VirtualService", "shop/reviews"),
    ("Workload", "checkout/payments-v4"),
}


@SPHERE
def test_drift_is_found_and_is_a_bad_answer(sphere: World) -> None:
    run = sphere("get", "drift", "-o", "json")
    assert run.code == 1
    assert drifted(run) == EVERYTHING
    policy = next(i for i in run.items if i["kind"] == "PeerAuthentication")
    assert policy["clusters"]["eu-west"] == "missing"
    assert "CheckClusters" in policy["reason"]


def test_calm_clusters_have_no_drift_and_every_host_is_reached(tmp_path: Path) -> None:
    with world(tmp_path, *CALM) as clusters:
        drift = clusters("get", "drift", "-o", "json")
        hosts = clusters("get", "discovery", "-o", "json")
        planes = clusters("get", "controlplanes", "-o", "json")
        evacuated = clusters("whatif", "evacuate", "us-east", "-o", "json")
    assert (drift.code, drift.items) == (0, [])
    inventory = next(i for i in hosts.items if i["host"].startswith("inventory.logistics"))
    assert inventory["clusters"] == {"us-east": "remote", "eu-west": "local"}
    assert not [i["host"] for i in hosts.items if "unreachable" in i["clusters"].values()]
    assert {p["revision"] for p in planes.items if p["cluster"] == "us-east"} == {"1-29", "1-30"}
    fates = {i["host"].partition(".")[0]: i["fate"] for i in evacuated.items}
    assert fates["ledger"] == "gone"
    assert fates["reviews"] == "doubles"


def propagate(run: Callable[..., Run], *more: str) -> Run:
    return run("propagate", "pa", "checkout/default", "--from", "us-east", "--to", "eu-west", *more)


@SPHERE
def test_what_drifted_is_propagated_and_taken_back(sphere: World) -> None:
    shown = propagate(sphere, "--dry-run")
    assert (shown.code, "+    mode: STRICT" in shown.out) == (0, True)
    done = propagate(sphere, "--yes", "--reason", "catch up")
    assert done.code == 0, done.err
    left = sphere("get", "drift", "-o", "json")
    # KubeFed's status still complains, but the object is there.
    policy = [i for i in left.items if i["kind"] == "PeerAuthentication"]
    assert all(i["clusters"]["eu-west"] == "same" for i in policy)
    (action,) = json.loads(sphere("journal", "-o", "json").out)["items"]
    assert (action["kind"], action["state"], action["reason"]) == ("propagate", "done", "catch up")
    back = sphere("rollback", action["id"], "--yes")
    assert back.code == 0, back.err
    assert drifted(sphere("get", "drift", "-o", "json")) == EVERYTHING
    identity = sphere(
        "propagate", "identity", "checkout", "--from", "us-east", "--to", "eu-west", "--dry-run", "--force"
    )
    assert (identity.code, "-  name: contractors" in identity.out) == (0, True), identity.err
    conflict = sphere("propagate", "vs", "shop/reviews", "--from", "us-east", "--to", "eu-west", "--yes")
    assert conflict.code == 5
    assert "kubectl-edit" in conflict.err
