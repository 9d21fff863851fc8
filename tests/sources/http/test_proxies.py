"""Clusters behind a proxy: the one of the kubeconfig, or of the environment, and what passes through it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from meshtop.demo.kube.tls import server_tls
from meshtop.sources.http import transport
from meshtop.sources.http.direct import DirectTransport, PoolLimits
from meshtop.sources.problem import SourceProblem
from tests.sources.api import PODS, Api, served
from tests.sources.http.test_connection import authority, connect

SERVER = "https://cluster.invalid:6443"


@contextlib.asynccontextmanager
async def tunnel(port: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy's URL, and what it was asked: every tunnel leads to that port of this machine."""
    asked: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).lower())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


@pytest.mark.parametrize("told", ["kubeconfig", "environment"])
async def test_tls_goes_through_a_tunnel_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """The proxy gets its own login and never the cluster's; the certificate is the cluster's."""
    context, pem = server_tls()
    with served(Api(), context) as api:
        async with tunnel(int(api.url.rpartition(":")[2])) as (proxy, asked):
            cluster = {**authority(pem), "tls-server-name": "localhost"}
            if told == "kubeconfig":
                cluster["proxy-url"] = proxy
            else:
                monkeypatch.setenv("HTTPS_PROXY", proxy)
            connection = connect(tmp_path, SERVER, {"token": "t0ken"}, cluster=cluster)
            for _ in range(2):
                assert (await connection.request("GET", PODS)).status_code == 200
            await connection.close()
    assert len(asked) == 1
    assert asked[0].startswith(b"connect cluster.invalid:6443 http/1.1\r\n")
    assert b"proxy-authorization: basic bwu6c2vjcmv0" in asked[0]
    assert b"t0ken" not in asked[0]
    assert [entry[3]["Authorization"] for entry in api.asked] == ["Bearer t0ken"] * 2
    assert not [entry for entry in api.asked if "Proxy-Authorization" in entry[3]]


async def test_no_proxy_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "cluster.invalid")
    connection = connect(tmp_path, SERVER, {"token": "t"})
    with pytest.raises(SourceProblem) as caught:
        await connection.request("GET", PODS)
    assert "connection refused" not in caught.value.message
    await connection.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Login needed\r\nContent-Length: 3\r\n\r\nno!", "the proxy answers 407 Login needed"),
        (b"HTTP/1.1 503\r\n\r\n", "the proxy answers 503"),
        (b"", "the proxy does not answer as one"),
        (b"SSH-2.0-x\r\n\r\n", "the proxy does not answer as one"),
    ],
)
async def test_a_proxy_that_leads_nowhere(tmp_path: Path, answer: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = f"http://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    connection = connect(tmp_path, SERVER, {"token": "t"}, cluster={"proxy-url": proxy})
    with pytest.raises(SourceProblem) as caught:
        await connection.request("GET", PODS)
    assert words in caught.value.message
    assert "secret" not in caught.value.message
    await connection.close()
    server.close()


async def test_plain_http_through_a_proxy_with_a_login(tmp_path: Path) -> None:
    """The proxy gets the whole address, and its login beside the cluster's."""
    with served(Api()) as proxy:
        url = proxy.url.replace("//", "//me:secret@")
        connection = connect(tmp_path, "http://cluster.invalid:8080/base", {"token": "t"}, cluster={"proxy-url": url})
        proxy.always("/base" + PODS, lambda: web.Response(text="{}"))
        for _ in range(2):
            assert (await connection.request("GET", PODS, params={"limit": 1})).status_code == 200
        await connection.close()
    for _, path, query, fields in proxy.asked:
        assert (path, query, fields["Host"]) == ("/base" + PODS, {"limit": "1"}, "cluster.invalid:8080")
        assert (fields["Proxy-Authorization"], fields["Authorization"]) == ("Basic bWU6c2VjcmV0", "Bearer t")


def test_other_proxies_are_httpxs_own() -> None:
    """TLS inside TLS is beyond the transport of ours, and is not lost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert isinstance(transport._pool(context, PoolLimits(1, 1), "https://proxy.invalid"), httpx.AsyncHTTPTransport)
    assert isinstance(transport._pool(context, PoolLimits(1, 1), "http://proxy.invalid"), DirectTransport)
    for wrong in ("ftp://proxy.invalid", "http://", "http://proxy.invalid:port"):
        with pytest.raises((ValueError, httpx.InvalidURL)):
            transport._pool(context, PoolLimits(1, 1), wrong)
