from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.sources.http.connection import Connection
from meshtop.sources.http.gate import ReadOnlyError, is_read
from tests.sources.api import Api
from tests.sources.conftest import ref_to, write_kubeconfig

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/pods", True),
        ("get", "/api/v1/pods", True),
        ("HEAD", "/version", True),
        ("POST", REVIEW, True),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", True),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", True),
        ("POST", "/apis/authentication.k8s.io/v1beta1/selfsubjectreviews", True),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", False),
        ("POST", REVIEW + "/x", False),
        ("POST", "/x" + REVIEW, False),
        ("POST", "/api/v1/namespaces/a/services/b/proxy" + REVIEW, False),
        ("POST", "/api/v1/namespaces/a/services/b/proxy/api/v1/query", False),
        ("PATCH", "/apis/networking.istio.io/v1/namespaces/a/virtualservices/b", False),
        ("PUT", REVIEW, False),
        ("DELETE", "/api/v1/pods", False),
        ("OPTIONS", "/", False),
        ("GET", "/api/v1/namespaces/a/pods/b/exec", False),
        ("GET", "/api/v1/namespaces/a/pods/b/attach", False),
        ("GET", "/api/v1/namespaces/a/pods/b/portforward/", False),
        ("GET", "/api/v1/namespaces/a/pods/exec", True),
    ],
)
def test_what_is_a_read(method: str, path: str, allowed: bool) -> None:
    assert is_read(method, path) is allowed


@pytest.mark.parametrize("header", ["Upgrade", "X-HTTP-Method-Override", "x-http-method"])
def test_headers_cannot_smuggle_a_write(header: str) -> None:
    assert not is_read("GET", "/api/v1/pods", {header: "DELETE"})


@given(
    st.text("/abcdefghijklmnopqrstuvwxyz0123456789.%", max_size=80), st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", max_size=8)
)
@settings(max_examples=200)
def test_no_path_lets_another_method_through(path: str, method: str) -> None:
    allowed = is_read(method, path)
    if method not in ("GET", "HEAD"):
        assert allowed == (method == "POST" and re.fullmatch(r"/apis/auth\S+/selfsubject\w+", path) is not None)


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/api/v1/pods"), ("POST", "/api/v1/pods"), ("DELETE", "/x")])
async def test_not_a_byte_of_a_write_leaves(api: Api, connection: Connection, method: str, path: str) -> None:
    with pytest.raises(ReadOnlyError, match=f"cannot send {method} {path}"):
        await connection.request(method, path, content=b"{}")
    session = connection.requests_session()
    with pytest.raises(ReadOnlyError):
        await asyncio.to_thread(session.request, method, api.url + path, data=b"{}", timeout=10)
    assert api.asked == []


async def test_reviews_pass_the_gate(api: Api, connection: Connection) -> None:
    response = await connection.request("POST", REVIEW, content=b"{}")
    assert response.status_code == 404
    assert [entry[:2] for entry in api.asked] == [("POST", REVIEW)]


async def test_the_gate_knows_the_path_that_a_server_lives_under(api: Api, tmp_path: Path) -> None:
    connection = Connection(ref_to(write_kubeconfig(tmp_path / "c", api.url + "/k8s/clusters/c1")))
    await connection.request("POST", REVIEW, content=b"{}")
    assert api.asked[0][1] == "/k8s/clusters/c1" + REVIEW
    with pytest.raises(ReadOnlyError):
        await connection.request("POST", "/k8s/clusters/c1/api", content=b"{}")
    await connection.close()


async def test_a_writing_connection_is_asked_for_by_name(api: Api, tmp_path: Path) -> None:
    connection = Connection(ref_to(write_kubeconfig(tmp_path / "config", api.url)), writes=True)
    await connection.request("PATCH", "/api/v1/pods", content=b"{}")
    assert [entry[:2] for entry in api.asked] == [("PATCH", "/api/v1/pods")]
    await connection.close()
