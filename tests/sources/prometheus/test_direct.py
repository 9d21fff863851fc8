"""An engine by its own URL: what the settings give is sent, and nothing of it is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from meshtop.demo.kube.tls import server_tls
from meshtop.model.state import State
from meshtop.settings.schema import BasicAuth, HttpEndpoint
from meshtop.sources.problem import SourceProblem
from meshtop.sources.prometheus.direct import DirectWire
from tests.sources.api import Api, served


def remembering(server: HTTPServer) -> list[Request]:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response("ok")

    server.expect_request("/prom/api").respond_with_handler(answer)
    return seen


def wire(endpoint: HttpEndpoint) -> DirectWire:
    return DirectWire(endpoint, name="east", timeout=5)


async def test_a_token_file_is_read_for_each_request(httpserver: HTTPServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    seen = remembering(httpserver)
    direct = wire(HttpEndpoint(url=httpserver.url_for("/prom/"), bearer_token_file=str(token)))
    await direct.request("GET", "/api")
    token.write_text("two")
    await direct.request("GET", "/api")
    assert [request.headers["Authorization"] for request in seen] == ["Bearer one", "Bearer two"]
    session = direct.requests_session()
    for written in ("three", "four"):
        token.write_text(written)
        await asyncio.to_thread(session.get, f"{direct.server}/api", timeout=10)
    assert [request.headers["Authorization"] for request in seen[2:]] == ["Bearer three", "Bearer four"]
    session.close()
    await direct.close()


async def test_a_login_in_the_url_is_sent_and_never_shown(httpserver: HTTPServer) -> None:
    seen = remembering(httpserver)
    url = httpserver.url_for("/prom").replace("http://", "http://me:p%40ss@")
    direct = wire(HttpEndpoint(url=url))
    await direct.request("GET", "/api")
    assert seen[0].authorization is not None
    assert (seen[0].authorization.username, seen[0].authorization.password) == ("me", "p@ss")
    assert direct.server == httpserver.url_for("/prom")
    await direct.close()


async def test_a_password_file(httpserver: HTTPServer, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hidden\n")
    seen = remembering(httpserver)
    endpoint = HttpEndpoint(
        url=httpserver.url_for("/prom"), basic_auth=BasicAuth(username="me", password_file=str(secret))
    )
    direct = wire(endpoint)
    await direct.request("GET", "/api")
    assert seen[0].authorization is not None
    assert seen[0].authorization.password == "hidden"
    await direct.close()


@pytest.mark.parametrize("field", ["bearerTokenFile", "passwordFile"])
async def test_a_file_that_is_missing_is_named(tmp_path: Path, field: str) -> None:
    missing = str(tmp_path / "nothing")
    endpoint = (
        HttpEndpoint(url="http://127.0.0.1:1", bearer_token_file=missing)
        if field == "bearerTokenFile"
        else HttpEndpoint(url="http://127.0.0.1:1", basic_auth=BasicAuth(username="me", password_file=missing))
    )
    with pytest.raises(SourceProblem) as problem:
        await wire(endpoint).request("GET", "/api")
    assert problem.value.state is State.DENIED
    assert field in problem.value.message
    assert missing in problem.value.message


async def test_a_ca_file_that_is_missing_is_said() -> None:
    with pytest.raises(SourceProblem, match="certificates for the Prometheus of east"):
        await wire(HttpEndpoint(url="https://127.0.0.1:1", ca_file="/does/not/exist")).request("GET", "/api")


async def test_a_header_that_cannot_be_sent_is_named_and_not_shown(httpserver: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr\nét")
    direct = wire(HttpEndpoint(url=httpserver.url_for("/prom"), bearer_token_file=str(tmp_path / "token")))
    with pytest.raises(SourceProblem, match="The header Authorization for the Prometheus of east") as problem:
        await direct.request("GET", "/api")
    assert "s3cr" not in problem.value.message
    await direct.close()


@pytest.mark.parametrize("trusting", ["nobody", "the file", "everybody"])
async def test_a_session_has_the_same_trust(tmp_path: Path, trusting: str) -> None:
    context, pem = server_tls()
    (tmp_path / "ca.pem").write_bytes(pem)
    with served(Api(), context) as api:
        ca_file = str(tmp_path / "ca.pem") if trusting == "the file" else None
        endpoint = HttpEndpoint(url=api.url, ca_file=ca_file, insecure_skip_verify=trusting == "everybody")
        direct = wire(endpoint)
        session = direct.requests_session()
        if trusting == "nobody":
            with pytest.raises(SourceProblem, match="cannot be reached"):
                await direct.request("GET", "/version")
            with pytest.raises(SourceProblem, match="cannot be reached"):
                await asyncio.to_thread(session.get, f"{api.url}/version")
            assert api.asked == []
        else:
            assert (await direct.request("GET", "/version")).status_code == 200
            assert (await asyncio.to_thread(session.get, f"{api.url}/version")).status_code == 200
        await direct.close()
