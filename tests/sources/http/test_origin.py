"""Credentials go to exactly their own scheme, host and port, and who sends them in the open is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from meshtop.settings.schema import HttpEndpoint
from meshtop.sources.http.client import ServerClient
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.origin import Origin, WrongServerError, plain_http_note
from meshtop.sources.prometheus.direct import DirectWire
from tests.sources.api import PODS, Api
from tests.sources.conftest import ref_to, write_kubeconfig


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a", "https://A:443/x?y", True),
        ("http://a", "http://a:80", True),
        ("https://a", "http://a", False),
        ("https://a", "https://a:6443", False),
        ("https://a", "https://a.evil", False),
        ("https://a:6443", "https://a:6443@evil", False),
        ("https://a:64", "https://a:6443", False),
        ("https://[::1]:1", "https://[::1]:1/x", True),
    ],
)
async def test_a_client_reaches_its_own_server_only(one: str, other: str, same: bool) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200)

    assert (Origin.of(one) == Origin.of(other)) is same
    client = ServerClient(one, httpx.MockTransport(answer))
    question = client.question("GET", other, silence=httpx.Timeout(5))
    if same:
        await client.open(question, sent=lambda: None, again=True)
    else:
        with pytest.raises(WrongServerError):
            await client.open(question, sent=lambda: None, again=True)
    assert len(seen) == same
    await client.close()


@pytest.mark.parametrize(
    "elsewhere", ["http://127.0.0.1:1", "http://127.0.0.1.evil", "http://localhost", "http://evil/"]
)
async def test_a_session_reaches_its_own_server_only(api: Api, connection: Connection, elsewhere: str) -> None:
    session = connection.requests_session()
    with pytest.raises((WrongServerError, OSError)):
        await asyncio.to_thread(session.get, elsewhere + PODS)
    with pytest.raises((WrongServerError, OSError)):
        await asyncio.to_thread(session.get, f"{api.url}@{elsewhere.removeprefix('http://')}{PODS}")
    with pytest.raises((WrongServerError, OSError)):
        await asyncio.to_thread(session.get, f"{api.url}0{PODS}")
    assert api.asked == []


async def test_nothing_is_taken_from_the_environment(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` sends what stands in .netrc, and cookies, to whoever is asked."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    path = write_kubeconfig(tmp_path / "config", api.url, {"username": "", "password": ""})
    connection = Connection(ref_to(path))
    session = connection.requests_session()
    await connection.request("GET", PODS)
    await asyncio.to_thread(session.get, api.url + PODS)
    direct = DirectWire(HttpEndpoint(url=api.url), name="east", timeout=5)
    await direct.request("GET", PODS)
    assert len(api.asked) == 3
    assert not [entry for entry in api.asked if "hidden" in str(entry[3]) or "bWU6aGlkZGVu" in str(entry[3])]
    await direct.close()
    await connection.close()


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("http://10.0.0.1:8080", True),
        ("http://cluster.example", True),
        ("https://cluster.example", False),
        ("http://127.0.0.1:6443", False),
        ("http://127.8.8.8", False),
        ("http://[::1]:1", False),
        ("http://localhost:1", False),
    ],
)
def test_a_login_in_the_open_is_told_unless_it_stays_on_this_machine(server: str, told: bool) -> None:
    note = plain_http_note(server, "east", credentials=True)
    assert (note is not None) is told
    assert plain_http_note(server, "east", credentials=False) is None
    if note is not None:
        assert "login of east is sent by plain http" in note


def test_an_engines_login_in_the_open_is_told() -> None:
    def note(**given: object) -> str | None:
        return DirectWire(HttpEndpoint.model_validate(given, by_name=True), name="east", timeout=5).note

    assert note(url="http://prom.example", bearer_token_file="t") is not None
    assert note(url="http://me:pw@prom.example") is not None
    assert note(url="http://prom.example") is None
    assert note(url="https://prom.example", bearer_token_file="t") is None


async def test_what_another_source_asks_is_counted_apart(api: Api, connection: Connection) -> None:
    """`-v` once counted what Prometheus was asked through the API server twice."""
    await connection.request("GET", PODS)
    before = (connection.requests, connection.bytes)
    apart = connection.apart()
    await apart.request("GET", PODS)
    await asyncio.to_thread(apart.requests_session().get, api.url + PODS)
    assert (connection.requests, connection.bytes) == before
    assert len(api.asked) == 3
