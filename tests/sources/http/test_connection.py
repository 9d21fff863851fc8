from __future__ import annotations

import asyncio
import base64
import gc
import socket
import ssl
import weakref
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from meshtop.demo.kube.tls import server_tls
from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import response_problem
from meshtop.sources.problem import SourceProblem
from tests.sources.api import PODS, SERVICES, Api, refusal, served
from tests.sources.auth.test_credentials import credential, plugin
from tests.sources.conftest import ref_to, write_kubeconfig


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def connect(folder: Path, server: str, user: dict[str, Any] | None = None, **options: Any) -> Connection:
    cluster = options.pop("cluster", {})
    path = write_kubeconfig(folder / "config", server, user, **cluster)
    return Connection(ref_to(path), timeout_seconds=10, connect_seconds=10, **options)


def tokens(api: Api) -> list[str]:
    return [entry[3].get("Authorization", "").removeprefix("Bearer ") for entry in api.asked]


async def problem(connection: Connection, path: str = PODS) -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        await connection.request("GET", path)
    assert connection.name in caught.value.message
    await connection.close()
    return caught.value


async def test_a_request_is_counted(api: Api, connection: Connection) -> None:
    response = await connection.request("GET", PODS, params={"limit": 5}, headers={"Accept": "x/y"})
    assert response.status_code == 200
    assert (connection.requests, connection.bytes) == (1, len(response.content))
    method, path, query, headers = api.asked[0]
    assert (method, path, query) == ("GET", PODS, {"limit": "5"})
    assert headers["Accept"] == "x/y"
    assert "gzip" in headers["Accept-Encoding"]


async def test_every_impersonation_header_is_sent(api: Api, tmp_path: Path) -> None:
    groups: list[list[str]] = []
    api.faults.append(lambda request: groups.append(request.headers.getall("Impersonate-Group", [])))
    connection = connect(tmp_path, api.url, {"token": "t", "as": "jane", "as-groups": ["a", "b"]})
    await connection.request("GET", PODS)
    await asyncio.to_thread(connection.requests_session().get, api.url + PODS, timeout=10)
    assert groups == [["a", "b"], ["a", "b"]]
    await connection.close()


async def test_an_answer_does_not_wait_for_the_garbage_collector(connection: Connection) -> None:
    response = await connection.request("GET", PODS)
    seen = weakref.ref(response)
    gc.disable()
    try:
        del response
        assert seen() is None
    finally:
        gc.enable()


def counting_plugin(folder: Path, expiry: str = "") -> dict[str, Any]:
    """Gives out t1, t2, t3 …"""
    (folder / "count").write_text("0")
    status = credential(token="tN", **({"expirationTimestamp": expiry} if expiry else {})).replace("tN", "t'$n'")
    script = f"n=$(($(cat '{folder}/count') + 1)); echo $n > '{folder}/count'; echo '{status}'"
    return plugin(folder, script)


async def test_a_refused_login_is_renewed_once(api: Api, tmp_path: Path) -> None:
    api.tokens = {"t1"}
    connection = connect(tmp_path, api.url, counting_plugin(tmp_path))
    await connection.request("GET", PODS)
    api.tokens = {"t2"}
    responses = await asyncio.gather(*(connection.request("GET", PODS) for _ in range(8)))
    assert {response.status_code for response in responses} == {200}
    assert (tmp_path / "count").read_text().strip() == "2"
    assert set(tokens(api)) == {"t1", "t2"}
    await connection.close()


async def test_who_could_not_log_in_has_not_asked_the_server(api: Api, tmp_path: Path) -> None:
    """A plugin that fails, or a certificate that is none, is no answer of the server; a 401 is one."""
    api.tokens = {"other"}
    broken = {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}
    cases = [
        (api.url, plugin(tmp_path, "exit 1"), True),
        (api.url.replace("http:", "https:"), broken, True),
        (api.url, {"token": "t"}, False),
    ]
    for url, user, unasked in cases:
        connection = connect(tmp_path, url, user)
        for _ in range(2):
            with pytest.raises(SourceProblem) as caught:
                await connection.request("GET", PODS)
            assert (caught.value.state, caught.value.unasked) == (State.DENIED, unasked), user
        await connection.close()


async def test_a_login_that_stays_refused_is_tried_again_later(api: Api, tmp_path: Path) -> None:
    api.tokens = {"t4"}
    clock = Clock()
    connection = connect(tmp_path, api.url, counting_plugin(tmp_path), clock=clock)
    for _ in range(5):
        with pytest.raises(SourceProblem, match="does not accept the login of user me") as caught:
            await connection.request("GET", PODS)
        assert caught.value.state is State.DENIED
        assert caught.value.remedy == f"Log in again: {tmp_path / 'plugin'}"
    assert (tmp_path / "count").read_text().strip() == "1"
    for later, runs in ((6, "2"), (6, "2"), (6, "3")):
        clock.now += later
        with pytest.raises(SourceProblem):
            await connection.request("GET", PODS)
        assert (tmp_path / "count").read_text().strip() == runs
    clock.now += 60
    assert (await connection.request("GET", PODS)).status_code == 200
    await connection.close()


async def test_a_login_is_renewed_before_it_ends(api: Api, tmp_path: Path) -> None:
    clock = Clock()
    connection = connect(tmp_path, api.url, counting_plugin(tmp_path, "1970-01-12T14:06:40Z"), clock=clock)
    ends = clock.now + 1200
    clock.now = ends - 1200
    for seconds_before, token in ((1200, "t1"), (61, "t1"), (59, "t2")):
        clock.now = ends - seconds_before
        await connection.request("GET", PODS)
        assert tokens(api)[-1] == token
    await connection.close()


async def test_a_login_that_cannot_be_renewed_is_used_to_its_end(api: Api, tmp_path: Path) -> None:
    clock = Clock()
    connection = connect(tmp_path, api.url, counting_plugin(tmp_path, "1970-01-12T14:06:40Z"), clock=clock)
    await connection.request("GET", PODS)
    (tmp_path / "plugin").write_text("#!/bin/sh\nexit 1\n")
    clock.now += 1190
    await connection.request("GET", PODS)
    clock.now += 11
    assert "exit code 1" in (await problem(connection)).message


async def test_a_login_written_into_the_kubeconfig_is_found(api: Api, tmp_path: Path) -> None:
    api.tokens = {"new"}
    connection = connect(tmp_path, api.url, {"token": "old"}, clock=(clock := Clock()))
    with pytest.raises(SourceProblem) as caught:
        await connection.request("GET", PODS)
    assert str(tmp_path / "config") in (caught.value.remedy or "")
    document = yaml.safe_load((tmp_path / "config").read_text())
    document["users"][0]["user"]["token"] = "new"
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    clock.now += 6
    assert (await connection.request("GET", PODS)).status_code == 200
    await connection.close()


async def test_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await problem(connect(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert found.state is State.UNREACHABLE
    assert "connection refused" in found.message
    assert "--context east" in (found.remedy or "")


async def test_no_such_host(tmp_path: Path) -> None:
    found = await problem(connect(tmp_path, "https://no-such-host.invalid:6443"))
    assert found.state is State.UNREACHABLE
    assert "cannot be reached" in found.message


async def test_a_half_answer(api: Api, tmp_path: Path) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    api.faults.append(half)
    found = await problem(connect(tmp_path, api.url))
    assert found.state is State.UNREACHABLE
    assert "broke the connection" in found.message


async def test_garbage_instead_of_gzip(api: Api, tmp_path: Path) -> None:
    api.always(PODS, lambda: web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"}))
    assert "cannot be decompressed" in (await problem(connect(tmp_path, api.url))).message


async def test_a_read_is_repeated_when_an_idle_connection_was_closed(api: Api, tmp_path: Path) -> None:
    def close(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    connection = connect(tmp_path, api.url)
    api.fail(PODS, close)
    assert (await connection.request("GET", PODS)).status_code == 200
    assert connection.requests == 2
    await connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_never_sent_twice(api: Api, tmp_path: Path, method: str) -> None:
    """The server may have carried it out before the connection broke: a second one would be another action."""

    def carry_out_and_break(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    connection = connect(tmp_path, api.url, writes=True)
    await connection.request("GET", SERVICES)
    api.fail(PODS, carry_out_and_break)
    with pytest.raises(SourceProblem, match="broke the connection"):
        await connection.request(method, PODS, content=b"{}")
    assert [entry[:2] for entry in api.asked] == [("GET", SERVICES), (method, PODS)]
    await connection.close()


async def test_a_write_that_was_refused_with_the_old_login_is_sent_with_the_new_one(api: Api, tmp_path: Path) -> None:
    """What the server answers with 401 it has not carried out."""
    api.tokens = {"t1"}
    connection = connect(tmp_path, api.url, counting_plugin(tmp_path), writes=True)
    await connection.request("GET", SERVICES)
    api.tokens = {"t2"}
    await connection.request("PATCH", PODS, content=b"{}")
    assert [entry[0] for entry in api.asked] == ["GET", "PATCH", "PATCH"]
    assert tokens(api) == ["t1", "t1", "t2"]
    await connection.close()


async def test_a_certificate_that_is_shown_is_kept_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, pem, client = client_authenticating()
    monkeypatch.setattr("tempfile.tempdir", str(folder := tmp_path / "temporary"))
    folder.mkdir()
    with served(Api(), context) as api:
        connection = connect(tmp_path, api.url, client, cluster=authority(pem))
        assert (await connection.request("GET", PODS)).status_code == 200
        assert list(folder.iterdir()) == []
        await connection.close()


async def test_a_fault_of_the_kubeconfig_is_said(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://x:1")
    document = yaml.safe_load(path.read_text())
    document["contexts"][0]["context"]["cluster"] = "gone"
    path.write_text(yaml.safe_dump(document))
    found = await problem(Connection(ref_to(path)), "/x") if ref_to(path).name == "east" else None
    assert found is not None
    assert (found.state, "names cluster gone" in found.message) == (State.UNREACHABLE, True)


async def test_a_closed_connection_sends_nothing(api: Api, connection: Connection) -> None:
    await connection.close()
    with pytest.raises(SourceProblem, match="closed"):
        await connection.request("GET", PODS)
    assert api.asked == []


def authority(pem: bytes) -> dict[str, str]:
    return {"certificate-authority-data": base64.b64encode(pem).decode()}


async def test_tls_with_the_clusters_own_authority(tmp_path: Path) -> None:
    context, pem = server_tls()
    with served(Api(), context) as api:
        connection = connect(tmp_path, api.url, cluster=authority(pem))
        assert (await connection.request("GET", PODS)).status_code == 200
        session = connection.requests_session()
        assert (await asyncio.to_thread(session.get, api.url + PODS, timeout=10)).status_code == 200
        await connection.close()


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    context, _ = server_tls()
    _, other = server_tls()
    with served(Api(), context) as api:
        connection = connect(tmp_path, api.url, cluster=authority(other))
        session = connection.requests_session()
        with pytest.raises(SourceProblem, match="is not trusted"):
            await asyncio.to_thread(session.get, api.url + PODS, timeout=10)
        found = await problem(connection)
        assert "is not trusted" in found.message
        assert "certificate-authority-data" in (found.remedy or "")
        assert api.asked == []


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("elsewhere", False)])
async def test_the_name_in_the_certificate_can_be_told(tmp_path: Path, name: str, trusted: bool) -> None:
    context, pem = server_tls()
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, sni, _context: asked.append(sni)
    with served(Api(), context) as api:
        connection = connect(tmp_path, api.url, cluster={**authority(pem), "tls-server-name": name})
        session = connection.requests_session()
        if trusted:
            assert (await connection.request("GET", PODS)).status_code == 200
            assert (await asyncio.to_thread(session.get, api.url + PODS, timeout=10)).status_code == 200
        else:
            with pytest.raises(SourceProblem):
                await asyncio.to_thread(session.get, api.url + PODS, timeout=10)
            assert "is not trusted" in (await problem(connection)).message
        assert set(asked) == {name}
        await connection.close()


async def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    context, _ = server_tls()
    with served(Api(), context) as api:
        connection = connect(tmp_path, api.url, cluster={"insecure-skip-tls-verify": True})
        assert (await connection.request("GET", PODS)).status_code == 200
        session = connection.requests_session()
        assert (await asyncio.to_thread(session.get, api.url + PODS, timeout=10)).status_code == 200
        await connection.close()


async def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    cluster = {"certificate-authority-data": base64.b64encode(b"no certificate").decode()}
    found = await problem(connect(tmp_path, "https://127.0.0.1:1", cluster=cluster))
    assert found.state is State.UNREACHABLE
    assert "is not a valid PEM certificate" in found.message


async def test_client_certificates_are_shown(tmp_path: Path) -> None:
    """A server that demands a certificate: without one the handshake fails, with one it succeeds."""
    context, pem, client = client_authenticating()
    with served(Api(), context) as api:
        without = await problem(connect(tmp_path, api.url, {"token": "t"}, cluster=authority(pem)))
        assert without.state is State.UNREACHABLE
        connection = connect(tmp_path, api.url, client, cluster=authority(pem))
        assert (await connection.request("GET", PODS)).status_code == 200
        session = connection.requests_session()
        assert (await asyncio.to_thread(session.get, api.url + PODS, timeout=10)).status_code == 200
        await connection.close()


def client_authenticating() -> tuple[ssl.SSLContext, bytes, dict[str, str]]:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    context, pem = server_tls()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    shown = certificate.public_bytes(encoding)
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=shown.decode())
    user = {
        "client-certificate-data": base64.b64encode(shown).decode(),
        "client-key-data": base64.b64encode(secret).decode(),
    }
    return context, pem, user


async def test_a_session_reaches_its_own_server_and_no_other(api: Api, connection: Connection) -> None:
    session = connection.requests_session()
    response = await asyncio.to_thread(session.get, api.url + PODS, timeout=10)
    assert response.status_code == 200
    assert tokens(api) == ["good"]
    assert connection.bytes == len(response.content)
    with pytest.raises(Exception, match="No connection adapters"):
        session.get("http://127.0.0.1:1/", timeout=10)


@pytest.mark.parametrize(
    ("code", "headers", "state", "words"),
    [
        (403, {}, State.DENIED, "does not let you list pods"),
        (500, {}, State.STALE, "answered 500 when asked to list pods: boom."),
        (429, {"Retry_After": "7"}, State.STALE, "429"),
    ],
)
async def test_answers_that_are_errors(
    api: Api, connection: Connection, code: int, headers: dict[str, str], state: State, words: str
) -> None:
    api.always(PODS, lambda: refusal(code, "boom", **headers))
    found = response_problem(await connection.request("GET", PODS), cluster="east", what="pods")
    assert (found.state, found.code) == (state, code)
    assert words in found.message
    assert found.retry_after == (7.0 if headers else None)


async def test_the_proxy_of_the_kubeconfig_is_used(tmp_path: Path) -> None:
    with served(Api()) as proxy:
        connection = connect(tmp_path, "http://cluster.invalid:8080", cluster={"proxy-url": proxy.url})
        assert (await connection.request("GET", PODS)).status_code == 200
        session = connection.requests_session()
        response = await asyncio.to_thread(session.get, "http://cluster.invalid:8080" + PODS, timeout=10)
        assert response.status_code == 200
        assert [entry[3]["Host"] for entry in proxy.asked] == ["cluster.invalid:8080"] * 2
        await connection.close()
