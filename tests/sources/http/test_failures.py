"""Slips in a kubeconfig, and certificates that a server turns away: one sentence that names the key, and no secret."""

from __future__ import annotations

import base64
import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshtop.demo.kube.tls import server_tls
from meshtop.model.state import State
from tests.sources.api import Api, refusal, served
from tests.sources.http.test_connection import authority, connect, problem

SERVER = "https://10.0.0.1:6443"


def expired(context: ssl.SSLContext | None = None) -> dict[str, str]:
    """A user whose client certificate ran out in 2020; a server's context is made to ask for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2020, 2, 3, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if context is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=shown.decode())
    return {
        "client-certificate-data": base64.b64encode(shown).decode(),
        "client-key-data": base64.b64encode(secret).decode(),
    }


async def test_an_expired_client_certificate_at_the_door(tmp_path: Path) -> None:
    context, pem = server_tls()
    user = expired(context)
    with served(Api(), context) as api:
        found = await problem(connect(tmp_path, api.url, user, cluster=authority(pem)))
    assert found.state is State.DENIED
    assert "expired on 2020-02-03" in found.message
    assert "Renew the login of user me" in (found.remedy or "")


async def test_an_expired_client_certificate_that_the_api_server_turns_away(tmp_path: Path) -> None:
    """As kube-apiserver does it: any certificate is taken at the door, and the request is answered with 401."""
    context, pem = server_tls()
    with served(Api(), context) as api:

        def no(request: web.Request) -> web.StreamResponse:
            return refusal(401)

        api.faults.append(no)
        found = await problem(connect(tmp_path, api.url, expired(), cluster=authority(pem)))
    assert "does not accept the login of user me: its certificate expired on 2020-02-03." in found.message


async def test_tls_where_there_is_none(tmp_path: Path) -> None:
    with served(Api()) as api:
        found = await problem(connect(tmp_path, api.url.replace("http://", "https://")))
    assert "does not speak TLS" in found.message
    assert "server URL" in (found.remedy or "")


async def test_a_socks_proxy_says_what_it_needs(tmp_path: Path) -> None:
    found = await problem(connect(tmp_path, SERVER, cluster={"proxy-url": "socks5://me:secret@127.0.0.1:1"}))
    assert "secret" not in found.message
    assert "SOCKS" in found.message or "cannot be reached" in found.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: web.Response(text="<html>Log in</html>", content_type="text/html"), "answers with a web page"),
        (
            lambda: web.Response(status=302, headers={"Location": "https://login"}),
            "redirects requests to https://login",
        ),
        (lambda: web.Response(status=503, text="<h1>bad</h1>"), "answers with a web page"),
    ],
)
async def test_a_login_page_in_the_api_servers_place(tmp_path: Path, answer: Any, said: str) -> None:
    from meshtop.sources.kubernetes.lists import fetch
    from meshtop.sources.problem import SourceProblem

    with served(Api()) as api:
        api.faults.append(lambda request: answer())
        connection = connect(tmp_path, api.url)
        with pytest.raises(SourceProblem) as caught:
            await fetch(connection, "/api/v1/pods", what="pods")
        await connection.close()
    assert f"east {said} when asked " in caught.value.message
    assert "pods: its server URL in the kubeconfig leads to something else" in caught.value.message
