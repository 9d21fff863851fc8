from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials, load_credentials, load_now
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.http.provider import ask_provider
from meshtop.sources.problem import SourceProblem
from tests.patience import PATIENCE_SECONDS
from tests.sources.conftest import ref_to, until, write_kubeconfig

BETA = "client.authentication.k8s.io/v1beta1"
CA = "-----BEGIN CERTIFICATE-----\nY2E=\n-----END CERTIFICATE-----\n"


def credential(**status: Any) -> str:
    return json.dumps({"apiVersion": BETA, "kind": "ExecCredential", "status": status})


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    """A user whose credentials come from a shell script."""
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": BETA, "command": str(path), "interactiveMode": "IfAvailable", **more}}


def credentials_of(
    folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None, *, limit: float = 20.0
) -> Credentials:
    path = write_kubeconfig(folder / "config", "https://10.0.0.1:6443", user, **(cluster or {}))
    return load_now(ref_to(path), limit_seconds=limit, ask=ask_provider)


def refused(folder: Path, user: dict[str, Any], limit: float = 20.0) -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        credentials_of(folder, user, limit=limit)
    assert caught.value.state is State.DENIED
    assert "\n" not in caught.value.message
    return caught.value


def data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_token(tmp_path: Path) -> None:
    found = credentials_of(tmp_path, {"token": "abc"}, {"certificate-authority-data": data(CA)})
    assert found.headers == (("Authorization", "Bearer abc"),)
    assert (found.server, found.ca, found.verify, found.expires_at) == ("https://10.0.0.1:6443", CA, True, None)
    assert "abc" not in repr(found)


def test_a_token_in_a_file_is_read_again_before_long(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file")
    found = credentials_of(tmp_path, {"tokenFile": "token"})
    assert found.headers == (("Authorization", "Bearer from-file"),)
    assert found.expires_at is not None
    assert found.expires_at - time.time() <= 60


@pytest.mark.parametrize("text", ["s3cret\n", "s3cret\r\n", "  s3cret \n\n", "\ts3cret"])
def test_white_space_around_a_token_is_not_sent(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_bytes(text.encode())
    answer = credential(token=text).replace("\\", "\\\\")
    for user in ({"tokenFile": "token"}, {"token": text}, plugin(tmp_path, f"echo '{answer}'")):
        assert credentials_of(tmp_path, user).headers == (("Authorization", "Bearer s3cret"),)


def test_a_token_file_beats_a_token_beside_it_and_is_read_again(tmp_path: Path) -> None:
    user = {"tokenFile": "token", "token": "old"}
    assert credentials_of(tmp_path, user).headers == (("Authorization", "Bearer old"),)
    for written in ("one", "two\n"):
        (tmp_path / "token").write_text(written)
        found = credentials_of(tmp_path, user)
        assert found.headers == (("Authorization", f"Bearer {written.strip()}"),)
        assert found.expires_at is not None
    (tmp_path / "token").write_text(" \n")
    assert credentials_of(tmp_path, user).headers == (("Authorization", "Bearer old"),)
    assert "which is empty" in refused(tmp_path, {"tokenFile": "token"}).message


@pytest.mark.parametrize("text", ["s3cret\nX-More: 1", "s3cret\x00", "s3crét"])
def test_a_token_that_cannot_be_sent_is_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    for user in ({"tokenFile": "token"}, {"token": text}):
        problem = refused(tmp_path, user)
        assert "cannot be sent" in problem.message
        assert "s3cr" not in problem.message + problem.remedy


def test_what_a_plugin_printed_is_not_shown(tmp_path: Path) -> None:
    problem = refused(tmp_path, plugin(tmp_path, "echo s3cret"))
    assert "s3cret" not in problem.message


@pytest.mark.parametrize(("user", "password"), [("u", "p\n"), ("ü", "пароль")])
def test_any_password_is_sent_as_it_is(tmp_path: Path, user: str, password: str) -> None:
    found = credentials_of(tmp_path, {"username": user, "password": password})
    assert found.headers == (("Authorization", "Basic " + data(f"{user}:{password}")),)


def test_user_and_password(tmp_path: Path) -> None:
    found = credentials_of(tmp_path, {"username": "u", "password": "p"})
    assert found.headers == (("Authorization", "Basic " + data("u:p")),)


def test_impersonation(tmp_path: Path) -> None:
    user = {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"x": ["1", "2"]}}
    assert credentials_of(tmp_path, user).headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-x", "1"),
        ("Impersonate-Extra-x", "2"),
        ("Authorization", "Bearer t"),
    )


def test_client_certificate_tls_name_and_proxy(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("KEY")
    cluster = {"insecure-skip-tls-verify": True, "tls-server-name": "inner", "proxy-url": "http://bastion:3128"}
    user = {"client-certificate-data": data("CERT"), "client-key": "key.pem"}
    found = credentials_of(tmp_path, user, cluster)
    assert (found.certificate, found.key) == ("CERT", "KEY")
    assert (found.verify, found.server_name, found.proxy) == (False, "inner", "http://bastion:3128")
    assert found.headers == ()


def test_a_missing_certificate_is_one_sentence(tmp_path: Path) -> None:
    problem = refused(tmp_path, {"client-certificate": "gone.pem", "client-key": "gone.pem"})
    assert "gone.pem" in problem.message
    assert "east" in problem.message


def test_a_plugin_gives_a_token_and_its_end(tmp_path: Path) -> None:
    answer = credential(token="tok", expirationTimestamp="2030-01-01T00:00:00Z")
    found = credentials_of(tmp_path, plugin(tmp_path, f"echo noise >&2; echo '{answer}'"))
    assert found.headers == (("Authorization", "Bearer tok"),)
    assert found.expires_at == 1893456000.0


def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    answer = credential(clientCertificateData="CERT\n", clientKeyData="KEY\n").replace("\\n", "\\\\n")
    found = credentials_of(tmp_path, plugin(tmp_path, f"echo '{answer}'"))
    assert (found.certificate, found.key) == ("CERT\n", "KEY\n")


def test_no_renewal_leaves_a_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a plugin prints nor what stands inline in the kubeconfig: keys belong in no folder of anybody."""
    monkeypatch.setattr("tempfile.tempdir", str(folder := tmp_path / "temporary"))
    folder.mkdir()
    script = f"""n=$(wc -c < '{tmp_path}/runs'); echo x >> '{tmp_path}/runs'
echo '{credential(clientCertificateData="CERT-N", clientKeyData="KEY-N")}' | sed "s/-N/-$n/g\""""
    (tmp_path / "runs").write_text("")
    issuing = plugin(tmp_path, script)
    found = [credentials_of(tmp_path, issuing) for _ in range(3)]
    assert [(one.certificate, one.key) for one in found] == [(f"CERT-{n}", f"KEY-{n}") for n in (0, 2, 4)]
    inline = {"client-certificate-data": data("CERT"), "client-key-data": data("KEY")}
    assert credentials_of(tmp_path, inline, {"certificate-authority-data": data(CA)}).key == "KEY"
    assert list(folder.iterdir()) == []


def test_a_plugin_gets_its_arguments_and_is_told_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA)
    script = f"""echo "$KUBERNETES_EXEC_INFO" > '{tmp_path}/info'; echo "$1 $REGION" > '{tmp_path}/given'
echo '{credential(token="t")}'"""
    user = plugin(tmp_path, script, args=["north"], env=[{"name": "REGION", "value": "eu"}], provideClusterInfo=True)
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    credentials_of(tmp_path, user, {"certificate-authority": "ca.pem", "extensions": [extension]})
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"]["interactive"] is False
    assert info["spec"]["cluster"]["server"] == "https://10.0.0.1:6443"
    assert info["spec"]["cluster"]["certificate-authority-data"] == data(CA)
    assert info["spec"]["cluster"]["config"] == {"audience": "x"}
    assert (tmp_path / "given").read_text().strip() == "north eu"


def test_an_expired_login_says_which_command_renews_it(tmp_path: Path) -> None:
    script = "printf 'Error loading SSO Token:\\n \\033[31mToken for prod has expired\\033[0m\\n' >&2; exit 255"
    user = plugin(tmp_path, script, args=["--profile", "prod"])
    (tmp_path / "plugin").rename(tmp_path / "aws")
    user["exec"]["command"] = "./aws"
    problem = refused(tmp_path, user)
    assert "exit code 255" in problem.message
    assert "Token for prod has expired" in problem.message
    assert "\033" not in problem.message
    assert problem.remedy == "Log in again: aws sso login --profile prod"


def test_a_plugin_that_asks_gets_no_answer(tmp_path: Path) -> None:
    script = "printf 'Password: ' >&2; read answer || { echo 'no input' >&2; exit 3; }"
    problem = refused(tmp_path, plugin(tmp_path, script))
    assert "no input" in problem.message
    assert problem.remedy == f"Log in again: {tmp_path / 'plugin'}"


def test_a_plugin_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > '{tmp_path}/child'; wait"
    problem = refused(tmp_path, plugin(tmp_path, script), limit=3.0)
    assert "no answer within 3 s" in problem.message
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(child):
        assert time.monotonic() < deadline, "what the plugin started runs on"
        time.sleep(0.01)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_a_plugin_is_ended_when_nobody_waits_any_more(tmp_path: Path) -> None:
    user = plugin(tmp_path, f"echo $$ > '{tmp_path}/me.new'; mv '{tmp_path}/me.new' '{tmp_path}/me'; exec sleep 600")
    ref = ref_to(write_kubeconfig(tmp_path / "config", "https://10.0.0.1:6443", user))
    task = asyncio.create_task(load_credentials(ref, limit_seconds=600))
    await until((tmp_path / "me").exists)
    process = int((tmp_path / "me").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not is_running(process))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo not json", "printed no credential"),
        ("echo '[]'", "printed no credential"),
        ("printf '[%.0s' $(seq 9999)", "printed no credential"),
        (f"echo '{credential()}'", "neither a token nor a certificate"),
        (f"echo '{credential(token='x').replace('v1beta1', 'v1')}'", "answered with client.authentication.k8s.io/v1"),
        ("true", "printed no credential"),
    ],
)
def test_a_plugin_that_prints_something_else(tmp_path: Path, script: str, words: str) -> None:
    assert words in refused(tmp_path, plugin(tmp_path, script)).message


def test_a_plugin_that_must_ask_is_not_started(tmp_path: Path) -> None:
    problem = refused(tmp_path, plugin(tmp_path, f"touch '{tmp_path}/started'", interactiveMode="Always"))
    assert "asks for input" in problem.message
    assert not (tmp_path / "started").exists()


def test_a_plugin_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    entry = {"apiVersion": BETA, "command": "meshtop-no-such-plugin", "installHint": "Get it at\n  https://x.example"}
    problem = refused(tmp_path, {"exec": entry})
    assert "is not installed" in problem.message
    assert problem.remedy == "Get it at https://x.example"
    del entry["installHint"]
    assert "Install meshtop-no-such-plugin" in (refused(tmp_path, {"exec": entry}).remedy or "")


def test_nothing_reaches_the_terminal(tmp_path: Path) -> None:
    """In a real terminal, with a plugin that writes to its error output and to the terminal and reads from it."""
    script = """echo GARBAGE >&2; echo GARBAGE > /dev/tty; read x < /dev/tty; read y; exit 1"""
    path = write_kubeconfig(tmp_path / "config", "https://10.0.0.1:6443", plugin(tmp_path, script))
    code = f"""
from meshtop.sources.auth.credentials import load_now
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.auth.kubeconfig import find_clusters
from meshtop.sources.problem import SourceProblem
try:
    load_now(find_clusters(kubeconfig={str(path)!r}, contexts=(), clusters=())[0], limit_seconds=20)
except SourceProblem as problem:
    print("STATE", problem.state.value)
"""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    shown = b""
    while select.select([controller], [], [], 60)[0]:
        try:
            shown += os.read(controller, 4096)
        except OSError:
            break
    os.close(controller)
    assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert shown.decode().strip() == "STATE denied"


def test_the_old_google_provider_is_denied_once_its_token_has_expired(tmp_path: Path) -> None:
    def user(expiry: str) -> dict[str, Any]:
        settings = {"access-token": "old", "expiry": expiry, "cmd-path": "gcloud"}
        return {"auth-provider": {"name": "gcp", "config": settings}}

    found = credentials_of(tmp_path, user("2035-01-01T00:00:00Z"))
    assert found.headers == (("Authorization", "Bearer old"),)
    problem = refused(tmp_path, user("2020-01-01T00:00:00Z"))
    assert "gke-gcloud-auth-plugin" in (problem.remedy or "")


def test_an_open_id_provider_that_does_not_answer_is_denied(tmp_path: Path) -> None:
    settings = {"id-token": id_token(1), "refresh-token": "r", "client-id": "c", "client-secret": "s"}
    settings["idp-issuer-url"] = "file:///nowhere"
    problem = refused(tmp_path, {"auth-provider": {"name": "oidc", "config": settings}})
    assert "identity provider of file:///nowhere" in (problem.remedy or "")


def test_a_login_that_was_renewed_outside_is_picked_up(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://10.0.0.1:6443", {"token": "old"})
    ref = ref_to(path)
    document = yaml.safe_load(path.read_text())
    document["users"][0]["user"]["token"] = "new"
    path.write_text(yaml.safe_dump(document))
    assert load_now(ref, limit_seconds=5).headers == (("Authorization", "Bearer new"),)


async def test_credentials_are_loaded_beside_the_loop(tmp_path: Path) -> None:
    user = plugin(tmp_path, f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.02; done; echo '{credential(token='t')}'")
    task = asyncio.create_task(
        load_credentials(ref_to(write_kubeconfig(tmp_path / "config", "https://x:1", user)), limit_seconds=60)
    )
    await until(lambda: any(thread.name.startswith("credentials of") for thread in threading.enumerate()))
    (tmp_path / "go").touch()
    assert (await task).headers == (("Authorization", "Bearer t"),)


def test_in_a_pod_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official = importlib.import_module("kubernetes.config.incluster_config")
    for constant, content in (("SERVICE_TOKEN_FILENAME", "sa-token\n"), ("SERVICE_CERT_FILENAME", CA)):
        (tmp_path / constant).write_text(content)
        monkeypatch.setattr(official, constant, str(tmp_path / constant))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    ref = find_clusters(kubeconfig=None, contexts=(), clusters=(), environ={**os.environ, "HOME": str(tmp_path)})[0]
    found = load_now(ref, limit_seconds=5)
    assert (found.server, found.ca) == ("https://10.96.0.1:443", CA)
    assert found.headers == (("Authorization", "Bearer sa-token"),)
    assert found.expires_at is not None
    (tmp_path / "SERVICE_TOKEN_FILENAME").unlink()
    with pytest.raises(SourceProblem, match="Service token file does not exist") as caught:
        load_now(ref, limit_seconds=5)
    assert caught.value.state is State.DENIED


def id_token(expires: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def test_a_renewed_open_id_login_is_written_back(tmp_path: Path, httpserver: HTTPServer) -> None:
    """The provider may accept a refresh token once only: kubectl must find the new one."""
    fresh = id_token(time.time() + 3600)
    issuer = httpserver.url_for("").rstrip("/")
    discovery = {"token_endpoint": f"{issuer}/token"}
    httpserver.expect_request("/.well-known/openid-configuration").respond_with_json(discovery)
    answer = {"access_token": "a", "token_type": "Bearer", "id_token": fresh, "refresh_token": "second"}
    httpserver.expect_request("/token", method="POST").respond_with_json(answer)
    settings = {"client-id": "c", "client-secret": "s", "id-token": id_token(1), "refresh-token": "first"}
    provider = {"name": "oidc", "config": {**settings, "idp-issuer-url": issuer}}
    found = credentials_of(tmp_path, {"auth-provider": provider})
    assert found.headers == (("Authorization", f"Bearer {fresh}"),)
    kept = yaml.safe_load((tmp_path / "config").read_text())["users"][0]["user"]["auth-provider"]["config"]
    assert (kept["id-token"], kept["refresh-token"]) == (fresh, "second")
