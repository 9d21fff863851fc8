"""`meshtop analyze`: files alone, clusters, files laid over clusters; exit codes, formats, what cannot be read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests import worlds
from tests.cli.conftest import Program

ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart}
spec: {hosts: [cart], http: [{route: [{destination: {host: gone}}]}]}
"""
FINE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec: {hosts: [cart], http: [{route: [{destination: {host: cart}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
"""
REMARK = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bare}\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "route.yaml").write_text(ROUTE)
    (tmp_path / "fine.yaml").write_text(FINE)
    (tmp_path / "remark.yml").write_text(REMARK)
    return tmp_path


def items(out: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(out)["items"]
    return found


def test_files_alone_ask_no_cluster(meshtop: Program, files: Path) -> None:
    outcome = meshtop("analyze", str(files / "route.yaml"), "-o", "json")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert (document["kind"], document["sources"], document["unknowns"]) == ("FindingList", [], [])
    (one,) = document["items"]
    said = ("code", "istCode", "severity", "cluster", "namespace", "kind", "name", "path")
    assert {key: one[key] for key in said} == {
        "code": "IST0101", "istCode": "IST0101", "severity": "error", "cluster": "", "namespace": "default",
        "kind": "VirtualService", "name": "cart", "path": "spec.http[0].route[0].destination.host",
    }  # fmt: skip
    assert one["message"].startswith("host gone")
    assert len(one["id"]) == 12
    assert one["requestsPerSecond"] is None


@pytest.mark.parametrize(
    ("name", "fail_on", "code"),
    [
        ("fine.yaml", (), 0),
        ("remark.yml", (), 0),
        ("remark.yml", ("--fail-on", "warning"), 0),
        ("remark.yml", ("--fail-on", "info"), 1),
        ("route.yaml", ("--fail-on", "warning"), 1),
    ],
)
def test_the_exit_code_says_from_which_severity(
    meshtop: Program, files: Path, name: str, fail_on: tuple[str, ...], code: int
) -> None:
    assert meshtop("analyze", str(files / name), *fail_on).code == code


def test_a_table_says_the_object_first_and_counts(meshtop: Program, files: Path) -> None:
    outcome = meshtop("analyze", str(files))
    assert "VirtualService default/cart" in outcome.out
    assert outcome.err == "meshtop: 1 error, 1 remark.\n"
    fine = meshtop("analyze", str(files / "fine.yaml"))
    assert (fine.out, fine.err) == ("", "meshtop: Nothing was found.\n")


def test_formats_filters_and_namespaces(meshtop: Program, files: Path) -> None:
    target = str(files)
    assert meshtop("analyze", target, "-o", "name", "-n", "shop").out == ""
    assert meshtop("analyze", target, "-o", "csv").out.splitlines()[0].startswith("id,code,istCode,severity,cluster")
    assert [
        one["code"] for one in items(meshtop("analyze", target, "-o", "json", "--filter", "severity:info").out)
    ] == ["IST0102"]
    home = items(meshtop("analyze", str(files / "route.yaml"), "-n", "shop", "-o", "json").out)
    assert [one["namespace"] for one in home] == ["shop"], "objects without a namespace are in the one that is given"
    assert meshtop("analyze", target, "--filter", "nonsense:1").code == 2


def test_files_alone_are_called_files(meshtop: Program, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n"
        "spec: {rules: [{from: [{source: {namespaces: [gone]}}]}]}\n"
    )
    said = [one["message"] for one in items(meshtop("analyze", str(policy), "-o", "json").out)]
    assert "namespace gone does not exist in these files." in said
    said = [one["message"] for one in items(meshtop("analyze", f"east={policy}", "-o", "json").out)]
    assert "namespace gone does not exist in the cluster." in said


def test_what_is_no_object_is_told_by_its_file(meshtop: Program, tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("hello\n")
    (tmp_path / "nameless.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: []\n")
    (tmp_path / "empty.yaml").write_text("---\n# nothing\n")
    outcome = meshtop("analyze", str(tmp_path), "-o", "json")
    assert outcome.code == 1
    said = [one["message"] for one in items(outcome.out)]
    assert [sum(f"{name}.yaml)" in one for one in said) for name in ("words", "nameless", "empty")] == [1, 1, 0]
    assert f"meshtop: {tmp_path / 'empty.yaml'} holds no object.\n" in outcome.err


def test_stdin_is_a_file(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(ROUTE.encode())

    monkeypatch.setattr("meshtop.cli.analyze.sys.stdin", Stdin())
    assert "host gone" in meshtop("analyze", "-").out


def test_findings_are_left_out_by_option_and_by_settings(meshtop: Program, files: Path) -> None:
    assert meshtop("analyze", str(files / "route.yaml"), "--suppress", "IST0101=VirtualService cart").code == 0
    settings = files / "meshtop.conf"
    settings.write_text("findings: {ignore: [IST0101]}\n")
    assert meshtop("analyze", str(files / "route.yaml"), "--config", str(settings)).code == 0
    refused = meshtop("analyze", str(files / "route.yaml"), "--suppress", "=Pod a")
    assert refused.code == 2
    assert "names no code" in refused.err
    settings.write_text("findings: {ignore: ['=Pod a']}\n")
    assert meshtop("analyze", str(files / "route.yaml"), "--config", str(settings)).code == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [("a: [", "is not YAML"), ("{{{", "is not YAML"), ("\x00", "is not YAML")],
)
def test_a_file_that_is_no_yaml_is_named(meshtop: Program, tmp_path: Path, written: str, said: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(written)
    outcome = meshtop("analyze", str(path))
    assert outcome.code == 2
    assert "broken.yaml" in outcome.err
    assert said in outcome.err
    missing = meshtop("analyze", str(tmp_path / "none.yaml"))
    assert missing.code == 2
    assert "none.yaml cannot be read" in missing.err


def test_a_mesh_config_of_a_file(meshtop: Program, files: Path) -> None:
    entry = files / "entry.yaml"
    entry.write_text(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: db, namespace: shop}\n"
        "spec: {hosts: [db.example.com], ports: [{number: 5432, protocol: TCP}], resolution: DNS}\n"
    )
    mesh = files / "mesh.conf"
    mesh.write_text(
        'defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true", ISTIO_META_DNS_AUTO_ALLOCATE: "true"}}\n'
    )
    without = items(meshtop("analyze", str(entry), "-o", "json").out)
    assert [one["code"] for one in without] == ["IST0134"]
    assert items(meshtop("analyze", str(entry), "--mesh-config", str(mesh), "-o", "json").out) == []
    assert meshtop("analyze", "--mesh-config", str(mesh)).code == 2
    for written, said in (
        ("hello\n", "mesh.conf is no MeshConfig: it has to hold keys and values."),
        ("a: [\n", "mesh.conf is not YAML"),
        ("apiVersion: v1\nkind: ConfigMap\n", "mesh.conf is an object (ConfigMap) and no MeshConfig; give"),
    ):
        mesh.write_text(written)
        refused = meshtop("analyze", str(entry), "--mesh-config", str(mesh))
        assert refused.code == 2
        assert said in refused.err, "what changes nothing is not passed over in silence"
    assert meshtop("analyze", "--over-clusters").code == 2


def test_files_for_two_clusters_are_one_mesh(meshtop: Program, files: Path) -> None:
    (files / "west.yaml").write_text(FINE.replace("name: http,", "name: grpc,"))
    found = items(meshtop("analyze", f"east={files / 'fine.yaml'}", f"west={files / 'west.yaml'}", "-o", "json").out)
    assert [(one["code"], one["cluster"], one["kind"], one["name"]) for one in found] == [
        ("IST0170", "east", "Service", "cart")
    ]


def test_clusters_are_judged_as_get_findings_does(meshtop: Program) -> None:
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west()),)
    listed = meshtop("get", "findings", "-o", "json")
    meshtop.snapshots = (worlds.world(worlds.east(), worlds.west()),)
    analyzed = meshtop("analyze", "-o", "json")
    assert items(listed.out) == items(analyzed.out)
    assert analyzed.code in (0, 1, 3)


def test_files_over_clusters_show_what_comes_with_them(meshtop: Program, files: Path) -> None:
    meshtop.snapshots = (worlds.world(worlds.east()),)
    outcome = meshtop("analyze", "--over-clusters", str(files / "route.yaml"), "-o", "json")
    found = items(outcome.out)
    assert outcome.code == 1
    assert {(one["cluster"], one["kind"], one["name"]) for one in found} == {("east", "VirtualService", "cart")}
    meshtop.snapshots = (worlds.world(worlds.east()),)
    refused = meshtop("analyze", "--over-clusters", f"nowhere={files / 'route.yaml'}")
    assert refused.code == 2
    assert "There is no cluster nowhere" in refused.err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("IST9999", "--suppress IST9999 is the code of no finding on the configuration"),
        ("ist0101", "--suppress ist0101 is the code of no finding on the configuration (IST0101 is)."),
        ("MTLS-*", "--suppress MTLS-* is the code of no finding on the configuration"),
    ],
)
def test_a_code_that_no_finding_has_cannot_be_suppressed(meshtop: Program, files: Path, code: str, said: str) -> None:
    refused = meshtop("analyze", str(files / "route.yaml"), "--suppress", code)
    assert refused.code == 2
    assert said in refused.err
    assert meshtop("analyze", str(files / "route.yaml"), "--suppress", "IST01*").code == 0


def test_files_of_named_and_unnamed_clusters_are_not_mixed(meshtop: Program, files: Path) -> None:
    route, fine = files / "route.yaml", files / "fine.yaml"
    mixed = meshtop("analyze", f"east={route}", str(fine))
    assert (mixed.code, mixed.out) == (2, "")
    assert mixed.err == (
        f"meshtop: {fine} is for no cluster, and east is named: write CLUSTER=FILE for every file, or for none.\n"
    )
    assert meshtop("analyze", f"east={route}", f"west={fine}").code in (0, 1)
