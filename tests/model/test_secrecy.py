"""A secret of every kind is taken out by all that write or show objects: they have one set of rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshtop.analysis.changes.seen import seen_between
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta
from meshtop.model.secrecy import HIDDEN, leads_to_secret, names_secret, text_without_secrets
from meshtop.sources.kubernetes.any_object import without_secrets
from meshtop.sources.recording.secrecy import told_without_secrets

WORD = "hUnter2word"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{WORD}\n-----END RSA PRIVATE KEY-----"
TOKEN = f"eyJhbGciOiJSUzI1NiJ9.{WORD}.c2lnbmF0dXJl"
KINDS: dict[str, Any] = {
    "password": {"password": WORD},
    "password of something": {"a": {"redisPassword": WORD}},
    "client secret": {"clientSecret": WORD},
    "token": {"authToken": WORD},
    "token between words": {"x-session-token-id": WORD},
    "tokens in a list": {"auth_token": ["a", WORD]},
    "API key": {"set": {"x-api-key": WORD}},
    "private key": {"private_key": {"inline_string": WORD}},
    "session": {"sessionId": WORD},
    "kubeconfig": {"connection": {"kubeconfig": WORD}},
    "keys of a JWT": {"jwtRules": [{"issuer": "a", "jwks": WORD}]},
    "header": {"set": {"authorization": f"Bearer {WORD}"}},
    "header that a route asks for": {"match": [{"headers": {"authorization": {"exact": WORD}}}]},
    "cookie": {"set": {"cookie": f"a=b; id={WORD}"}},
    "variable": {"env": [{"name": "REGION", "value": WORD}]},
    "private key in a text": {"text": KEY},
    "JWT in a text": {"text": f"it said {TOKEN}"},
    "bearer in a text": {"text": f"sent Bearer {WORD}"},
    "header in a text": {"text": f"Authorization: Digest a b {WORD}\nHost: a"},
    "login in a URL": {"url": f"https://maria:{WORD}@example.test/"},
    "login in a URL with odd signs": {"url": f"https://maria:a/b@{WORD}@example.test/"},
    "login without a scheme": {"text": f"dial maria:{WORD}@example.test"},
    "assignment in a text": {"text": f"redis:\n  password: {WORD}\n"},
    "flag in a text": {"text": f"proxy --oidc-client-secret {WORD} --port 1"},
    "flag with a sign": {"text": f"proxy --token={WORD}"},
    "flag among arguments": {"args": ["proxy", "--password", WORD]},
}


def inventory(spec: dict[str, Any], kind: str = "VirtualService") -> Inventory:
    one = ConfigObject(group="g", version="v1", kind=kind, meta=Meta(name="a", namespace="b", uid="c"), spec=spec)
    return Inventory(config={kind: (one,)}, kinds=(KindStatus(kind=kind, state="fresh"),))


def everywhere(spec: dict[str, Any], kind: str = "VirtualService") -> list[str]:
    """What is shown, recorded, and noted down of a spec that comes, changes in one field, and goes."""
    shown = without_secrets({"kind": kind, "metadata": {"name": "a"}, "spec": spec})
    recorded = told_without_secrets(inventory(spec, kind).config[kind][0])
    looks = [(inventory({}, kind), inventory(spec, kind)), (inventory(_other(spec), kind), inventory(spec, kind))]
    noted = [seen_between(*look, at=1.0, scope="uid") for look in looks]
    assert all(noted)
    return [msgspec.json.encode(one).decode() for one in (shown, recorded, noted)]


def _other(value: Any) -> Any:
    """The same shape with other words."""
    if isinstance(value, dict):
        return {name: _other(one) for name, one in value.items()}
    return [_other(one) for one in value] if isinstance(value, list) else value.replace(WORD, "other")


@pytest.mark.parametrize("spec", KINDS.values(), ids=KINDS.keys())
def test_a_secret_of_each_kind_is_taken_out_by_all_three(spec: dict[str, Any]) -> None:
    for said in everywhere(spec):
        assert WORD not in said
        assert HIDDEN in said


@pytest.mark.parametrize("part", ["data", "stringData"])
def test_what_a_secret_holds_is_taken_out_by_all_three(part: str) -> None:
    for said in everywhere({part: {"word": WORD}}, "Secret"):
        assert WORD not in said
    assert without_secrets({"kind": "Secret", part: {"word": WORD}})[part] == {"word": HIDDEN}


def test_copies_of_applied_objects_are_taken_out() -> None:
    for name in ("kubectl.kubernetes.io/last-applied-configuration", "kapp.k14s.io/original"):
        obj = {"kind": "A", "metadata": {"name": "a", "annotations": {name: WORD}}}
        assert without_secrets(obj)["metadata"] == {"name": "a"}
        assert WORD not in repr(told_without_secrets(obj))
        assert leads_to_secret("A", f"metadata.annotations.{name}")


@pytest.mark.parametrize(
    "name", ["credentialName", "secretName", "tokenFile", "secretRef", "fromCookies", "AuthorizationPolicy", "host"]
)
def test_what_only_names_a_secret_stays(name: str) -> None:
    assert not names_secret(name)
    for said in everywhere({"tls": {name: WORD}}):
        assert WORD in said


@pytest.mark.parametrize(
    "text",
    [
        "nginx:1.25@sha256:0123456789abcdef",
        "then kubectl --kubeconfig /home/a/config --context east get --raw /readyz",
        "kubectl --kubeconfig=/home/a/config get pods --token-file /a",
        "reviews v2 in us-east: 3 of 4 ready",
        "http://127.0.0.1:15000/config_dump",
        '{"cookie":{"regex":"^a$"}}',
        "sds:\n  token:\n    aud: istio-ca",
    ],
)
def test_what_holds_none_stays(text: str) -> None:
    assert text_without_secrets(text) == text


def test_a_tree_as_deep_as_an_attacker_likes_costs_nothing() -> None:
    tree: dict[str, Any] = {"word": WORD}
    for _ in range(900):
        tree = {"a": tree}
    assert WORD not in repr(without_secrets(tree))
