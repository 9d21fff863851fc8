"""No secret is in a recording, wherever somebody put one; what only names a secret stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from meshtop.model.kube import ConfigObject
from meshtop.model.secrecy import HIDDEN, text_without_secrets
from meshtop.sources.recording.secrecy import told_without_secrets
from tests import worlds
from tests.sources.recording.moments import read, story, written
from tests.sources.recording.unpacked import everything_in

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7sWordThatIsSecret\n-----END RSA PRIVATE KEY-----"
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"


def _object(spec: dict[str, Any], **annotations: str) -> ConfigObject:
    meta = structs.replace(worlds.meta("odd", "shop"), annotations=annotations)
    return ConfigObject(group="extensions.istio.io", version="v1", kind="WasmPlugin", meta=meta, spec=spec)


@pytest.mark.parametrize(
    ("spec", "secret"),
    [
        ({"pluginConfig": {"password": "hunter-two"}}, "hunter-two"),
        ({"pluginConfig": {"client_secret": "s3cr3t-word"}}, "s3cr3t-word"),
        ({"vmConfig": {"env": [{"name": "REGION", "value": "plain-looking"}]}}, "plain-looking"),
        ({"a": [{"b": KEY}]}, "ThatIsSecret"),
        ({"header": f"Bearer {TOKEN}"}, "c2lnbmF0dXJl"),
        ({"url": "https://maria:hunter-two@example.com/x"}, "hunter-two"),
        ({"private_key": {"inline_string": "abcdefgh"}}, "abcdefgh"),
        ({"text": "redis:\n  password: hunter-two\n"}, "hunter-two"),
        ({"kubeconfig": "YXBpVmVyc2lvbjogdjEK"}, "YXBpVmVyc2lvbjogdjEK"),
        ({"auth_token": ["one-word", "two-words"]}, "two-words"),
    ],
)
def test_secrets_in_specs_are_not_written(tmp_path: Path, spec: dict[str, Any], secret: str) -> None:
    east = worlds.east()
    assert east.inventory is not None
    east.inventory.config["WasmPlugin"] = (_object(spec),)
    path = written(tmp_path / "x.rec", [worlds.world(east)])
    assert secret.encode() not in everything_in(path)
    assert HIDDEN.encode() in everything_in(path)
    inventory = read(path)[0].clusters[0].inventory
    assert inventory is not None
    assert inventory.config["WasmPlugin"][0].meta.name == "odd"


def test_copies_of_applied_objects_are_not_written() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kapp.k14s.io/original": "{}", "team": "a"}
    told = told_without_secrets(_object({}, **annotations))
    assert told["meta"]["annotations"] == {"team": "a"}


@pytest.mark.parametrize(
    "spec",
    [
        {"tls": {"mode": "SIMPLE", "credentialName": "shop-tls"}},
        {"jwtRules": [{"issuer": "x", "forwardOriginalToken": True, "fromHeaders": [{"name": "x-token"}]}]},
        {"secretRef": {"name": "member", "namespace": "karmada"}},
        {"match": [{"headers": {"cookie": {"regex": "^(.*;)?user=jason"}}}]},
        {"mesh": "jwtPolicy: third-party-jwt\nsds:\n  token:\n    aud: istio-ca\n"},
        {"values": '{"global":{"sds":{"token":{"aud":"istio-ca"}},"imagePullSecrets":[],"sts":{"servicePort":0}}}'},
        {"host": "secret-santa.shop.svc.cluster.local", "subset": "token"},
    ],
)
def test_what_only_names_a_secret_stays(spec: dict[str, Any]) -> None:
    thing = _object(spec)
    told = told_without_secrets(thing)
    assert (told if isinstance(told, dict) else {"spec": told.spec})["spec"] == spec


def test_errors_of_servers_are_searched_too(tmp_path: Path) -> None:
    north = worlds.north()
    said = "GET https://admin:hunter-two@north.example/ failed: Authorization: Bearer abcdef123456"
    north = structs.replace(north, kubernetes=structs.replace(north.kubernetes, error=said))
    body = everything_in(written(tmp_path / "x.rec", [worlds.world(north)]))
    assert b"hunter-two" not in body
    assert b"abcdef123456" not in body


def test_without_secrets_nothing_changes(tmp_path: Path) -> None:
    told = story(3)
    assert read(written(tmp_path / "x.rec", told)) == told
    assert text_without_secrets("reviews v2 in us-east: 3 of 4 ready") == "reviews v2 in us-east: 3 of 4 ready"
