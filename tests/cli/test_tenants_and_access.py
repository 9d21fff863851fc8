from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.analysis.tenancy.fleets import TENANCY, fleet, write
from tests.cli.conftest import Program

NIST = """\
policyClasses: [pc1]
userAttributes: {ua1: [pc1]}
objectAttributes: {oa3: [pc1], oa4: [pc1], oa2: [oa3], oa1: [oa4]}
users: {u1: [ua1]}
objects: {o1: [oa1, oa2]}
associations: [{userAttribute: ua1, rights: [read, write, execute], target: oa3}]
prohibitions:
  - {subject: ua1, rights: [read], include: [oa1, oa2]}
  - {subject: u1, rights: [write], include: [oa3]}
"""


@pytest.fixture
def settled(meshtop: Program, tmp_path: Path) -> Program:
    """The program on several tenants, with a tenancy file and no user named."""
    write(tmp_path, "tenancy.yaml", TENANCY.partition("bindings:")[0])
    write(tmp_path, "meshtop.yaml", "tenancy: tenancy.yaml\n")
    meshtop.snapshots = (fleet(),)
    return meshtop


def config(tmp_path: Path) -> str:
    return str(tmp_path / "meshtop.yaml")


def test_tenants_have_the_promised_fields(settled: Program, tmp_path: Path) -> None:
    told = json.loads(settled("get", "tenants", "-o", "json", "--config", config(tmp_path)).out)
    assert told["kind"] == "TenantList"
    promised = "organization tenant workspace namespaces marks inbound outbound internal crossTenant mtlsRatio findings"
    rows = {(row["tenant"], row["workspace"]): row for row in told["items"]}
    for row in rows.values():
        assert list(row)[:11] == promised.split()
    web = rows["storefront", "web"]
    assert (web["organization"], web["namespaces"], web["marks"]) == ("acme", ["east/shop", "west/shop"], ["tenancy"])
    assert web["internal"]["requestsPerSecond"] == pytest.approx(50.0)
    assert web["crossTenant"]["requestsPerSecond"] == pytest.approx(15.0)
    assert [f["code"] for f in web["findings"]] == ["TENANT-OUTSIDE"]
    cards = rows["payments", "cards"]
    assert [f["code"] for f in cards["findings"]] == ["TENANT-PLAINTEXT"]
    assert cards["mtlsRatio"] == pytest.approx(50.0 / 51.5)
    assert rows["(none)", None]["internal"]["requestsPerSecond"] == pytest.approx(5.0)
    assert rows["payments|storefront", None]["namespaces"] == ["east/mixed"]
    whole = sum((r[side]["requestsPerSecond"] or 0.0) for r in rows.values() for side in ("inbound", "internal"))
    assert whole == pytest.approx(111.5)


def test_the_matrix_as_pairs_and_as_a_heat_map(settled: Program, tmp_path: Path) -> None:
    outcome = settled("get", "tenants", "--matrix", "-o", "json", "--config", config(tmp_path))
    told = json.loads(outcome.out)
    pairs = {(row["from"], row["to"]): row for row in told["items"]}
    assert list(next(iter(pairs.values())))[:4] == ["from", "to", "traffic", "mtlsRatio"]
    assert pairs["storefront", "payments"]["traffic"]["requestsPerSecond"] == pytest.approx(10.0)
    assert pairs["(none)", "payments"]["findings"][0]["code"] == "TENANT-PLAINTEXT"
    assert sum(row["traffic"]["requestsPerSecond"] for row in pairs.values()) == pytest.approx(111.5)
    lines = settled("get", "tenants", "--matrix", "--config", config(tmp_path)).out.splitlines()
    assert lines[0].split() == ["FROM", "\\", "TO", "payments", "storefront", "(none)", "TOTAL"]
    assert [line.split()[0] for line in lines[1:]] == ["payments", "storefront", "(none)"]
    assert "✗ 1.50" in lines[3]
    assert lines[1].split()[-1] == "45"


@pytest.mark.parametrize(
    ("tenant", "count"), [("storefront", 2), ("storefront/web", 2), ("storefront/web/all", 2), ("storefront/x", 0)]
)
@pytest.mark.parametrize("kind", ["workloads", "services"])
def test_tenant_narrows_every_kind(settled: Program, tmp_path: Path, tenant: str, count: int, kind: str) -> None:
    outcome = settled("get", kind, "--tenant", tenant, "-o", "name", "--config", config(tmp_path))
    assert len(outcome.out.splitlines()) == count


def test_matrix_belongs_to_tenants(meshtop: Program) -> None:
    outcome = meshtop("get", "edges", "--matrix")
    assert outcome.code == 2
    assert "--matrix belongs to tenants" in outcome.err


def test_a_policy_hides_and_the_answer_says_so(meshtop: Program, tmp_path: Path) -> None:
    write(tmp_path, "tenancy.yaml", TENANCY)
    write(tmp_path, "meshtop.yaml", "tenancy: tenancy.yaml\naccess: {user: maria}\n")
    meshtop.snapshots = (fleet(),)
    outcome = meshtop("get", "tenants", "-o", "json", "--config", config(tmp_path))
    assert outcome.code == 0
    told = json.loads(outcome.out)
    assert "maria may not read" in told["hidden"]
    assert "maria may not read" in outcome.err
    assert "payments" not in outcome.out + outcome.err
    named = meshtop("get", "namespaces", "-o", "name", "--config", config(tmp_path)).out.split()
    assert set(named) == {f"namespace/{c}/{n}" for c in ("east", "west") for n in ("shop", "istio-system")}
    watched = meshtop("get", "edges", "--watch", "-o", "json", "--config", config(tmp_path))
    assert "pay" not in watched.out


def test_check_prints_rights(meshtop: Program, tmp_path: Path) -> None:
    policy = write(tmp_path, "access.yaml", NIST)
    outcome = meshtop("access", "check", "u1", "o1", "--policy", policy)
    assert (outcome.code, outcome.out) == (0, "execute\n")
    told = json.loads(meshtop("access", "check", "u1", "o1", "--policy", policy, "-o", "json").out)
    assert told["rights"] == ["execute"]
    assert told["granted"] == ["execute", "read", "write"]
    assert told["prohibitedBy"] == ["u1", "ua1"]
    assert not meshtop.sessions


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ("execute", ["u1 may execute o1", "u1 → ua1  ─[execute, read, write]→  o1 → oa2 → oa3"]),
        ("read", ["u1 may not read o1", "a prohibition takes read from ua1 on what is under oa1 and under oa2"]),
        ("shift", ["nothing grants shift under pc1", "✗ pc1: nothing grants it."]),
    ],
)
def test_explain_names_paths_and_what_takes_away(meshtop: Program, tmp_path: Path, right: str, said: list[str]) -> None:
    policy = write(tmp_path, "access.yaml", NIST)
    outcome = meshtop("access", "explain", "u1", right, "o1", "--policy", policy)
    assert outcome.code == 0
    for words in said:
        assert words in outcome.out
    told = json.loads(meshtop("access", "explain", "u1", right, "o1", "--policy", policy, "-o", "json").out)
    assert told["allowed"] is (right == "execute")


@pytest.mark.parametrize(
    ("user", "object_", "rights"),
    [
        ("maria", "namespace:east/shop", ["read"]),
        ("user:maria", "tenant:storefront", ["read"]),
        ("maria", "namespace:east/pay", []),
        ("root", "namespace:west/tools", ["propagate", "read", "shift", "write"]),
        ("root", "cluster:east", ["propagate", "read", "shift", "write"]),
        ("maria", "workspace:storefront/web", ["read"]),
        ("maria", "group:storefront/web/all", ["read"]),
    ],
)
def test_objects_of_the_fleet(meshtop: Program, tmp_path: Path, user: str, object_: str, rights: list[str]) -> None:
    write(tmp_path, "tenancy.yaml", TENANCY)
    write(tmp_path, "meshtop.yaml", "tenancy: tenancy.yaml\n")
    meshtop.snapshots = (fleet(),)
    outcome = meshtop("access", "check", user, object_, "-o", "json", "--config", config(tmp_path))
    assert json.loads(outcome.out)["rights"] == rights


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "u1", "o1"], "There is no access policy"),
        (["check", "u9", "o1", "--policy", "{policy}"], "u9 is no user of the policy; there are u1."),
        (["check", "u1", "o9", "--policy", "{policy}"], "o9 is no object of the policy; there are o1, oa1"),
        (["check", "u1", "o1", "--policy", "{policy}x"], "cannot be read"),
        (["explain", "u1", "o1"], "Missing argument"),
    ],
)
def test_mistakes_are_said(meshtop: Program, tmp_path: Path, arguments: list[str], said: str) -> None:
    policy = write(tmp_path, "access.yaml", NIST)
    outcome = meshtop("access", *(part.format(policy=policy) for part in arguments))
    assert outcome.code == 2
    assert said in outcome.err


def test_a_circle_is_named_with_its_line(meshtop: Program, tmp_path: Path) -> None:
    policy = write(tmp_path, "access.yaml", NIST.replace("oa4: [pc1]", "oa4: [oa1]"))
    outcome = meshtop("access", "check", "u1", "o1", "--policy", policy)
    assert outcome.code == 2
    assert f"{policy}, line 3: assignments form a cycle: oa4 → oa1 → oa4." in outcome.err


def test_init_writes_what_was_found_and_never_over_it(meshtop: Program, tmp_path: Path) -> None:
    meshtop.snapshots = (fleet(),)
    write(tmp_path, "meshtop.yaml", "")
    outcome = meshtop("config", "init", "--tenancy", "--config", config(tmp_path))
    assert outcome.code == 0
    path = tmp_path / "tenancy.yaml"
    assert outcome.out.strip() == str(path)
    assert '- "*/shop"' in path.read_text()
    again = meshtop("config", "init", "--tenancy", "--config", config(tmp_path))
    assert again.code == 2
    assert "already exists and was not changed" in again.err


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: east, cluster: {server: "https://east.example"}}]
contexts: [{name: east, context: {cluster: east, user: me}}]
users: [{name: me, user: {token: t}}]
"""


@pytest.mark.parametrize(
    ("tenancy", "policy", "code", "said"),
    [
        (TENANCY, NIST, 0, ""),
        (TENANCY.replace("*/pay", "north/pay"), NIST, 2,
         "tenancy.yaml, line 12: tenants[1].workspaces[0].namespaces[0]: north/pay names a cluster that is not one of"),
        (TENANCY.replace("REQUIRED", "STRICT"), NIST, 2, "tenancy.yaml, line 13"),
        (TENANCY, NIST.replace("oa4: [pc1]", "oa4: [oa1]"), 2, "access.yaml, line 3: assignments form a cycle"),
    ],
)  # fmt: skip
def test_validate_looks_into_both_files(
    meshtop: Program, tmp_path: Path, tenancy: str, policy: str, code: int, said: str
) -> None:
    write(tmp_path, "tenancy.yaml", tenancy)
    write(tmp_path, "access.yaml", policy)
    write(tmp_path, "meshtop.yaml", "tenancy: tenancy.yaml\naccess: {policy: access.yaml}\n")
    kubeconfig = write(tmp_path, "kubeconfig", KUBECONFIG)
    outcome = meshtop("config", "validate", "--config", config(tmp_path), "--kubeconfig", kubeconfig)
    assert outcome.code == code
    assert said in outcome.err
