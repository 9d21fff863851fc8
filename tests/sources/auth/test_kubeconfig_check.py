"""Slips in a kubeconfig, and certificates that a server turns away: one sentence that names the key, and no secret."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from meshtop.model.state import State
from meshtop.sources.auth.kubeconfig import KubeconfigError, find_clusters
from tests.sources.auth.test_credentials import plugin, refused
from tests.sources.conftest import ref_to, write_kubeconfig

SERVER = "https://10.0.0.1:6443"
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}


@pytest.mark.parametrize(
    ("server", "cluster", "user", "said"),
    [
        ("", {}, {}, "has no server URL that starts with https://"),
        ("ftp://x", {}, {}, "has no server URL that starts with https://"),
        ("http://127.0.0.1:99999", {}, {}, "'http://127.0.0.1:99999', is not one"),
        ("http://[::1", {}, {}, "'http://[::1', is not one"),
        ("https://", {}, {}, "'https://', is not one"),
        ("http://a b", {}, {}, "'http://a b', is not one"),
        (SERVER, {"proxy-url": "foo://x"}, {}, "proxy-url of cluster c, 'foo://x', is not one"),
        (SERVER, {"proxy-url": "foo://me:secret@x"}, {}, "proxy-url of cluster c, 'foo://(hidden)@x', is not one"),
        (SERVER, {"proxy-url": 5}, {}, "proxy-url of cluster c must be text"),
        (SERVER, {"certificate-authority-data": 5}, {}, "certificate-authority-data of cluster c must be text"),
        (SERVER, {}, {"token": 5}, "token of user me must be text; put it in quotes"),
        (SERVER, {}, {"password": ["x"]}, "password of user me must be text"),
        (SERVER, {}, {"as-groups": 5}, "as-groups of user me must be a list of names"),
        (SERVER, {}, {"auth-provider": 5}, "auth-provider of user me must be a mapping"),
        (SERVER, {}, {"exec": 5}, "exec of user me must be a mapping"),
        (SERVER, {}, {"exec": {}}, "exec.apiVersion of user me is missing"),
        (SERVER, {}, {"exec": {**EXEC, "command": ""}}, "exec.command of user me is missing"),
        (SERVER, {}, {"exec": {**EXEC, "args": "get-token"}}, "exec.args of user me must be a list of texts"),
        (SERVER, {}, {"exec": {**EXEC, "env": "A=b"}}, "exec.env of user me must be a list of entries"),
        (SERVER, {}, {"exec": {**EXEC, "env": [{"name": "A"}]}}, "exec.env of user me must be a list of entries"),
    ],
)
async def test_a_slip_is_named_by_its_key(
    tmp_path: Path, server: str, cluster: dict[str, Any], user: dict[str, Any], said: str
) -> None:
    path = write_kubeconfig(tmp_path / "config", server, user, **cluster)
    fault = ref_to(path).fault or ""
    assert said.replace("cluster c", f"cluster {cluster_name(path)}") in fault
    assert (str(path) in fault, fault.endswith("."), "\n" in fault) == (True, True, False)
    found = await problem_of_load(path)
    assert (found.state, found.message) == (State.UNREACHABLE, fault)


def cluster_name(path: Path) -> str:
    name: str = ref_to(path).document["clusters"][0]["name"]
    return name


async def problem_of_load(path: Path) -> Any:
    from meshtop.sources.auth.credentials import load_credentials
    from meshtop.sources.problem import SourceProblem

    with pytest.raises(SourceProblem) as caught:
        await load_credentials(ref_to(path), limit_seconds=5)
    return caught.value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"caf\xe9: 1", "line 1, is not UTF-8 text"),
        (b"a\x00b: 1", "is not YAML"),
        (b"contexts: [{name: 401}]", "put 401 in quotes"),
        (b"a: 2026-99-99", "has no contexts"),
    ],
)
def test_what_is_no_kubeconfig(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(KubeconfigError) as caught:
        find_clusters(kubeconfig=str(path), contexts=(), clusters=(), environ={})
    assert said in str(caught.value)
    assert (str(path) in str(caught.value), "\n" in str(caught.value)) == (True, False)


def test_a_folder_and_an_empty_variable(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="it is a directory; give another with --kubeconfig"):
        find_clusters(kubeconfig=str(tmp_path), contexts=(), clusters=(), environ={})
    with pytest.raises(KubeconfigError, match="KUBECONFIG names none"):
        find_clusters(kubeconfig="", contexts=(), clusters=(), environ={"KUBECONFIG": ":"})


@pytest.mark.parametrize("token", ["se\ncret", "s\u00e9cret", "secret\x7f"])
def test_a_token_that_cannot_be_sent_is_not_shown(tmp_path: Path, token: str) -> None:
    found = refused(tmp_path, {"token": token})
    assert "characters that cannot be sent" in found.message
    assert "cret" not in f"{found.message} {found.remedy}"


@pytest.mark.parametrize("key", ["client-certificate", "client-key", "tokenFile"])
def test_a_file_that_cannot_be_read_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    found = refused(tmp_path, {key: "gone"})
    assert found.message.startswith(f"{key} of user me")
    assert f"{tmp_path / 'gone'}, which cannot be read: no such file or directory." in found.message
    assert (found.remedy or "").startswith(f"Correct {key} in ")


def test_a_key_that_is_none(tmp_path: Path) -> None:
    nothing = base64.b64encode(b"nothing").decode()
    user = {"client-certificate-data": nothing, "client-key-data": nothing}
    from meshtop.sources.auth.credentials import load_now
    from meshtop.sources.http.transport import tls_context
    from meshtop.sources.problem import SourceProblem

    path = write_kubeconfig(tmp_path / "config", SERVER, user)
    with pytest.raises(SourceProblem) as caught:
        tls_context(load_now(ref_to(path), limit_seconds=5), "east")
    assert "client certificate and key for east in the kubeconfig must be a PEM certificate" in caught.value.message
    assert "_ssl" not in caught.value.message


def test_a_plugins_colours_are_taken_out(tmp_path: Path) -> None:
    script = "printf '\\033[31mexpired\\033[0m \\033]0;title\\007today' >&2; exit 1"
    assert refused(tmp_path, plugin(tmp_path, script)).message.endswith("(exit code 1): expired today")
