"""The ready manifests of docs/rbac grant what meshtop asks for, and not a byte of a Secret."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.actions.kube import RouteObject
from meshtop.actions.lease import GROUP as LEASES
from meshtop.demo.kube.access import Account, Attributes, PolicyRule, admin
from meshtop.demo.world.plan import Options
from meshtop.model.kube import FIELD_WRITES
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, IDENTITY, REGISTRIES
from tests.e2e.serving import Served, printed, served
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.xdist_group("e2e-rbac")

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "rbac"
READER, SHIFTER = "meshtop:readers", "meshtop:shifters"
SHIFTED = (
    ("networking.istio.io", "VirtualService"),
    *(("gateway.networking.k8s.io", f"{kind}Route") for kind in ("HTTP", "GRPC", "TCP", "TLS")),
)


@cache
def documents(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")) if one]


def rules(name: str, group: str) -> tuple[PolicyRule, ...]:
    """The rules that a manifest's bindings give to a group."""
    roles = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in documents(name)}
    found: list[PolicyRule] = []
    for binding in documents(name):
        if binding["kind"] not in ("ClusterRoleBinding", "RoleBinding"):
            continue
        assert [subject["name"] for subject in binding["subjects"]] == [group]
        namespace = binding["metadata"].get("namespace")
        ref = binding["roleRef"]
        role = roles[ref["kind"], namespace if ref["kind"] == "Role" else None, ref["name"]]
        for rule in role["rules"]:
            found.append(
                PolicyRule(
                    tuple(rule["verbs"]), tuple(rule.get("apiGroups", ())), tuple(rule.get("resources", ())),
                    tuple(rule.get("resourceNames", ())), tuple(rule.get("nonResourceURLs", ())),
                    None if namespace is None else frozenset((namespace,)),
                )
            )  # fmt: skip
    return tuple(found)


def reader() -> Account:
    return Account("maria", "demo-viewer", rules("read-only.yaml", READER))


def shifter() -> Account:
    both = (*rules("read-only.yaml", READER), *rules("shift.yaml", SHIFTER))
    return Account("oncall", "demo-viewer", both)


@pytest.mark.parametrize("kind", [*BUILTIN, *CONFIG, *IDENTITY, *REGISTRIES], ids=lambda kind: kind.resource)
def test_every_kind_may_be_read(kind: Any) -> None:
    for verb in ("list", "watch"):
        assert reader().may(Attributes(verb, kind.group, kind.plural)), f"{verb} {kind.resource}"


def test_what_is_read_beside_the_kinds() -> None:
    who = reader()
    assert who.may(Attributes("get", "", "configmaps", namespace="istio-system", name="istio"))
    assert who.may(Attributes("list", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"))
    proxy = Attributes("get", "", "services", "proxy", "istio-system", "prometheus:9090")
    assert who.may(proxy)
    assert who.may(Attributes("get", url="/apis/networking.istio.io/v1"))


def test_nothing_is_granted_beyond_reading() -> None:
    for rule in rules("read-only.yaml", READER):
        assert set(rule.verbs) <= {"get", "list", "watch"} or rule.resources[0].startswith("selfsubject")
        assert "*" not in (*rule.verbs, *rule.groups, *rule.resources), "no wildcard: a new kind is granted by name"
    for who in (reader(), shifter()):
        for verb in ("get", "list", "watch"):
            assert not who.may(Attributes(verb, "", "secrets", namespace="istio-system", name="cacerts"))
        assert not who.may(Attributes("get", "", "configmaps", namespace="shop", name="settings"))
        assert not who.may(Attributes("create", "", "services", "proxy", "istio-system", "prometheus:9090"))
        assert not who.may(Attributes("get", "", "services", "proxy", "shop", "reviews:9080"))
        assert not who.may(Attributes("create", "", "pods", "exec", "shop", "reviews-v1"))


@pytest.mark.parametrize(("group", "kind"), SHIFTED)
def test_a_shifter_may_shift_where_it_is_bound(group: str, kind: str) -> None:
    route = RouteObject(cluster="east", group=group, version="v1", kind=kind, namespace="shop", name="web", index=0)
    wanted = Attributes("patch", group, route.plural, namespace="shop", name="web")
    assert shifter().may(wanted)
    assert not reader().may(wanted)
    assert not shifter().may(Attributes("patch", group, route.plural, namespace="payments", name="web"))
    assert not shifter().may(Attributes("delete", group, route.plural, namespace="shop", name="web"))


@pytest.mark.parametrize("verb", ["get", "create", "update", "delete"])
def test_a_shifter_holds_leases(verb: str) -> None:
    assert shifter().may(Attributes(verb, LEASES, "leases", namespace="shop", name="meshtop-shift-web"))
    assert not reader().may(Attributes(verb, LEASES, "leases", namespace="shop", name="meshtop-shift-web"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = Options(clusters=2, services=10, registry="karmada")
    with served(tmp_path_factory.mktemp("rbac"), options=options, accounts=[admin(), reader()]) as here:
        yield here


async def test_a_reader_reads_the_demo_completely(world: Served) -> None:
    read = {}
    for suffix in ("", "-viewer"):
        ref = find_clusters(kubeconfig=str(world.kubeconfig), contexts=(f"us-east{suffix}",), clusters=())[0]
        connection = Connection(ref, timeout_seconds=30)
        source = KubernetesSource(connection, registries=True, traced=True)
        try:
            await source.list_all()
            read[suffix] = source.inventory()
        finally:
            await connection.close()
    whole, seen = read[""], read["-viewer"]
    assert whole is not None
    assert seen is not None
    states = {status.kind: status.state for status in seen.kinds}
    assert {kind for kind, state in states.items() if state not in ("fresh", "missing")} == {"Secret"}
    # The marks on Secrets go with the Secrets.
    apart = ("Secret", FIELD_WRITES)
    assert {status.kind: status.count for status in seen.kinds if status.kind not in apart} == {
        status.kind: status.count for status in whole.kinds if status.kind not in apart
    }
    assert seen.config_maps == whole.config_maps
    assert seen.remote_secrets == ()


def test_a_reader_gets_every_figure(world: Served) -> None:
    document = printed(
        "get", "edges", "--kubeconfig", str(world.kubeconfig), "--context", "us-east-viewer",
        "--context", "eu-west-viewer", "--timeout", "30s",
    )  # fmt: skip
    assert {one["prometheus"]["state"] for one in document["sources"]} == {"fresh"}
    assert len(document["items"]) > 10
    assert any(item["traffic"]["requestsPerSecond"] for item in document["items"])


@pytest.mark.kubectl
@pytest.mark.parametrize("name", ["read-only.yaml", "shift.yaml"])
def test_kubectl_takes_the_manifests(world: Served, name: str) -> None:
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={world.kubeconfig}", "--context=eu-west", "apply", "-f", str(FOLDER / name)],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(documents(name))
