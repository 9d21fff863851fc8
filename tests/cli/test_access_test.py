"""`meshtop access test`: cases and manifests in, verdicts and exit codes out, and one sentence for each fault."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program

CASES = """\
mesh: {trustDomain: prod.example}
workloads:
  - {namespace: shop, name: web, serviceAccount: web}
  - {namespace: shop, name: api, labels: {app: api}, ports: [{port: 8080, servicePort: 80}]}
cases:
  - name: web reads
    call: {from: {namespace: shop, workload: web}, to: {namespace: shop, workload: api}, method: GET, path: /v1/x}
    expected: allow
  - name: strangers do not
    call: {from: {principal: null}, to: {namespace: shop, workload: api}, method: GET}
    expected: deny
"""
HANGS = """\
  - name: hangs on the path
    call: {from: {namespace: shop, workload: web}, to: {namespace: shop, workload: api}, method: GET}
    expected: allow
"""
POLICY = """\
apiVersion: v1
kind: Service
metadata: {name: left-out}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules:
    - from: [{source: {serviceAccounts: [web]}}]
      to: [{operation: {methods: [GET], paths: ["/v1*"]}}]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    return write(tmp_path, "cases.yaml", CASES), write(tmp_path, "policy.yaml", POLICY)


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_all_as_expected(meshtop: Program, files: tuple[str, str]) -> None:
    outcome = meshtop("access", "test", *files)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "2 cases: all as expected.\n")
    told = meshtop("access", "test", *reversed(files), "--all").out.splitlines()
    assert told[0] == "ok    web reads: allow. AuthorizationPolicy shop/api, rule 1, allows it."
    assert meshtop.sessions == []


def test_a_verdict_that_differs_ends_with_1_and_says_why(meshtop: Program, tmp_path: Path) -> None:
    files = write(tmp_path, "c.yaml", CASES + HANGS), write(tmp_path, "p.yaml", POLICY)
    outcome = meshtop("access", "test", *files)
    assert outcome.code == 1
    assert outcome.out == (
        "FAIL  hangs on the path: expected allow, got depends."
        " AuthorizationPolicy shop/api, rule 1, may allow it: it depends on the path.\n"
    )
    assert outcome.err == "3 cases: 1 not as expected.\n"
    document = json.loads(meshtop("access", "test", *files, "-o", "json").out)
    assert (document["kind"], document["passed"], document["failed"]) == ("AccessTestList", 2, 1)
    assert [list(item) for item in document["items"]] == [["name", "expected", "got", "why"]] * 3
    assert [item["got"] for item in document["items"]] == ["allow", "deny", "depends"]


def test_json_files_and_lists_are_read_too(meshtop: Program, tmp_path: Path) -> None:
    import yaml

    policy = list(yaml.safe_load_all(POLICY))[1]
    cases = write(tmp_path, "cases.json", json.dumps(yaml.safe_load(CASES)))
    whole = write(tmp_path, "list.json", json.dumps({"kind": "List", "items": [policy, {"kind": "Secret"}]}))
    assert meshtop("access", "test", cases, whole).code == 0
    assert meshtop("access", "test", cases).code == 1


def test_a_token_is_judged_at_the_given_moment(meshtop: Program, tmp_path: Path) -> None:
    text = CASES.replace("method: GET, path: /v1/x", "jwt: {iss: idp, exp: 1700000000}").partition(
        "  - name: strangers"
    )[0]
    rule = {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "jwt", "namespace": "shop"}, "spec": {"jwtRules": [{"issuer": "idp"}]}}  # fmt: skip
    files = write(tmp_path, "c.yaml", text), write(tmp_path, "jwt.json", json.dumps(rule))
    assert meshtop("access", "test", *files, "--at", "2023-01-01T00:00:00Z").code == 0
    late = meshtop("access", "test", *files, "--at", "2024-01-01T00:00:00Z")
    assert late.code == 1
    assert "it has expired" in late.out


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("path:", "pth:", "line 7: cases[0].call.pth: there is no such key (did you mean path?)"),
        ("expected: allow", "expected: yes-please", "cases[0].expected: write 'allow', 'deny', 'custom' or 'depends'"),
        ("workload: web}, to", "workload: wub}, to", "cases[0].call.from.workload: shop/wub is not among"),
        ("workload: api}, method: GET, p", "workload: a}, method: GET, p", "cases[0].call.to.workload: shop/a is not"),
        ("{from: {namespace: shop, w", "{from: {w", "cases[0].call.from.namespace: write the namespace of web"),
        ("port: 8080", 'port: "8080"', "workloads[1].ports[0].port: write a whole number"),
        ("serviceAccount: web}", "waypoint: {namespace: x, name: y}}", "the waypoint x/y of shop/web is not"),
        ("strangers do not", "web reads", "cases[1].name: web reads is the name of cases[0] too; use another"),
        ("cases:", "cases: []\nservices:", "cases: must not be empty"),
        ("mesh: {", "policies: [{kind: Pod}]\nmesh: {", "policies[0].kind: write one of AuthorizationPolicy, Request"),
        ("mesh: {", "policies: [{kind: AuthorizationPolicy}]\nmesh: {", "policies[0].metadata: must be a mapping"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_with_file_and_field(
    meshtop: Program, tmp_path: Path, wrong: str, right: str, said: str
) -> None:
    assert wrong in CASES
    outcome = meshtop("access", "test", write(tmp_path, "c.yaml", CASES.replace(wrong, right, 1)))
    assert outcome.code == 2
    assert outcome.out == ""
    assert "c.yaml" in outcome.err
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_faults_of_manifests_name_their_document(meshtop: Program, tmp_path: Path, files: tuple[str, str]) -> None:
    cases, policies = files
    odd = write(tmp_path, "odd.yaml", POLICY.replace("namespace: shop", "namespace: 3"))
    assert "odd.yaml, document at line 4: metadata.namespace: write text." in meshtop("access", "test", cases, odd).err
    marked = POLICY.replace("shop}", "shop, annotations: {istio.io/dry-run: true}}")
    assert "put true in quotes" in meshtop("access", "test", cases, write(tmp_path, "m.yaml", marked)).err
    broken = write(tmp_path, "b.yaml", POLICY.replace("selector: {", "selector: ["))
    assert "b.yaml, line 9: this is not YAML" in meshtop("access", "test", cases, broken).err
    assert "There are no cases in" in meshtop("access", "test", policies).err
    words = write(tmp_path, "words.yaml", "hello\n")
    assert "words.yaml, line 1: the file must hold keys and values, such as `cases: []`." in (
        meshtop("access", "test", words).err
    ), "the example is of such a file, and not of the settings"
    assert "cannot be read: no such file" in meshtop("access", "test", str(tmp_path / "none.yaml")).err
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in meshtop("access", "test", str(binary)).err


def test_an_odd_spec_costs_its_policy_and_not_the_run(meshtop: Program, tmp_path: Path, files: tuple[str, str]) -> None:
    odd = POLICY.replace("methods: [GET]", "methods: GET")
    outcome = meshtop("access", "test", files[0], write(tmp_path, "odd.yaml", odd))
    assert outcome.code == 1
    assert "cannot be judged: spec.rules[0].to[0].operation.methods is no list" in outcome.out


def test_folders_and_stdin_are_read_too(
    meshtop: Program, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert meshtop("access", "test", str(tmp_path)).code == 0
    cases, policies = files
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(policies).read_bytes())))
    assert meshtop("access", "test", cases, "-").code == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CASES.replace("path:", "pth:", 1).encode())))
    wrong = meshtop("access", "test", "-", policies)
    assert wrong.code == 2
    assert "stdin, line 7: cases[0].call.pth" in wrong.err
    twice = meshtop("access", "test", "-", "-")
    assert (twice.code, "- is stdin, which can be read once." in twice.err) == (2, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty holds no file that ends with .yaml" in meshtop("access", "test", str(empty)).err
