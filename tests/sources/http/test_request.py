"""A request that is put together without httpx's parser is the one that httpx would make, byte for byte."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshtop.sources.http.client import _HEADERS, ServerClient
from meshtop.sources.http.exchange import request_bytes
from meshtop.sources.http.gate import ReadOnlyError, ReadOnlyTransport
from meshtop.sources.http.origin import WrongServerError
from meshtop.sources.http.request import (
    ServerAddress,
    ServerRequest,
    names_of_fields,
    requested_path,
    requested_server,
    requested_target,
)

SERVERS = ("https://127.0.0.1:6443", "https://[::1]:6443", "https://east.example/k8s/clusters/c-1", "http://east:80",
           "https://east:443", "https://Mixed.example", "https://me:secret@east", "https://bücher.example")  # fmt: skip
SILENCE = httpx.Timeout(5)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
PATHS = st.lists(
    st.one_of(TEXT, st.sampled_from(("api", "v1", "..", ".", "", "http:prom:9090", "a.b", "%2e%2e", "x y"))), max_size=5
)


class Sink(httpx.AsyncBaseTransport):
    """Takes every request and answers nothing."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200)


def by_httpx(method: str, url: str, params: dict[str, str | int] | None, content: bytes | None) -> httpx.Request:
    asked = f"{url}?{httpx.QueryParams(params)}" if params and "?" not in url else url
    return httpx.Request(
        method,
        asked,
        params=params if params and "?" in url else None,
        headers=[*_HEADERS, ("Authorization", "Bearer x")],
        content=content,
    )


@given(
    st.sampled_from(SERVERS),
    PATHS,
    st.none() | st.dictionaries(TEXT, TEXT | st.integers(), max_size=3),
    st.sampled_from((("GET", None), ("HEAD", None), ("POST", b"query=up"), ("POST", None), ("GET", b""))),
)
@example(SERVERS[0], ["api", "v1", "pods"], {"limit": 500, "continue": "a+b/c=="}, ("GET", None))
@example(SERVERS[0], ["api", "..", "v1"], None, ("GET", None))
@example(SERVERS[2], ["api", "v1"], {"query": 'sum(rate(x{a="ü"}[5m]))'}, ("POST", b"x"))
def test_it_is_what_httpx_would_send(
    server: str, segments: list[str], params: dict[str, str | int] | None, sending: tuple[str, bytes | None]
) -> None:
    method, content = sending
    url = server + "".join(f"/{segment}" for segment in segments)
    client = ServerClient(server, Sink())
    try:
        theirs = by_httpx(method, url, params, content)
    except httpx.InvalidURL:
        with pytest.raises(httpx.InvalidURL):
            client.question(method, url, silence=SILENCE, params=params, content=content)
        return
    ours = client.question(
        method, url, silence=SILENCE, params=params, headers=[("Authorization", "Bearer x")], content=content
    )
    for whole in (False, True):
        sent = [request_bytes(one, one.content, whole_address=whole) for one in (ours, theirs)]
        assert sent[0] == sent[1]
    assert ours.url == theirs.url
    assert requested_path(ours) == theirs.url.path
    assert requested_target(ours) == theirs.url.raw_path
    there, expected = requested_server(ours), theirs.url
    assert (there.scheme, there.raw_host, there.port) == (expected.scheme, expected.raw_host, expected.port)


def test_what_is_asked_most_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ServerClient(SERVERS[0], Sink())
    made = [
        client.question("GET", SERVERS[0] + path, silence=SILENCE, params={"limit": 500})
        for path in ("/apis/networking.istio.io/v1/virtualservices", "/api/v1/namespaces/a/services/http:p:9090/proxy")
    ]
    monkeypatch.setattr(httpx.URL, "__init__", None)
    assert [requested_target(one) for one in made] == [
        b"/apis/networking.istio.io/v1/virtualservices?limit=500",
        b"/api/v1/namespaces/a/services/http:p:9090/proxy?limit=500",
    ]
    assert all(requested_path(one) and requested_server(one) is not None for one in made)


async def test_the_gate_and_the_origin_look_at_what_is_sent() -> None:
    sink = Sink()
    gate = ReadOnlyTransport(sink, cluster="east")
    client = ServerClient(SERVERS[0], gate)
    exec_ = client.question("GET", f"{SERVERS[0]}/api/v1/namespaces/a/pods/b/exec", silence=SILENCE)
    assert isinstance(exec_, ServerRequest)
    with pytest.raises(ReadOnlyError):
        await client.open(exec_, sent=lambda: None, again=False)
    address = ServerAddress.of("https://west:6443")
    assert address is not None
    other = ServerRequest("GET", address, "/version", headers=(), content=None, extensions={})
    with pytest.raises(WrongServerError):
        await client.open(other, sent=lambda: None, again=False)
    assert not sink.sent


def test_another_address_takes_the_place_of_the_first() -> None:
    address = ServerAddress.of(SERVERS[0])
    assert address is not None
    request = ServerRequest("GET", address, "/version", headers=(), content=None, extensions={})
    assert str(request.url) == f"{SERVERS[0]}/version"
    request.url = httpx.URL("https://west/api")
    assert (requested_path(request), requested_target(request), requested_server(request).host) == (
        "/api",
        b"/api",
        "west",
    )


def test_fields_that_are_given_take_the_place_of_ours() -> None:
    client = ServerClient(SERVERS[0], Sink())

    def fields(*given: tuple[str, str]) -> list[tuple[bytes, bytes]]:
        return client.question("GET", SERVERS[0] + "/version", silence=SILENCE, headers=list(given)).headers.raw

    ours = [(name.encode(), value.encode()) for name, value in _HEADERS]
    for number in range(20):
        login = ("Authorization", f"Bearer {number}")
        assert fields(login) == [(b"Host", b"127.0.0.1:6443"), *ours, (b"Authorization", login[1].encode())]
    assert fields(("ACCEPT", "text/plain"))[1:] == [*ours[1:], (b"ACCEPT", b"text/plain")]
    with pytest.raises(UnicodeEncodeError):
        fields(("Authorization", "Bearer ü"))


def test_fields_can_be_changed_and_are_not_shown() -> None:
    address = ServerAddress.of(SERVERS[0])
    assert address is not None
    request = ServerRequest("POST", address, "/", headers=[("Authorization", "secret")], content=b"12", extensions={})
    assert "secret" not in repr(request._fields)
    assert (request.content, request.read(), list(request.names)) == (b"12", b"12", ["authorization"])
    request.headers["Upgrade"] = "websocket"
    assert request.fields[-1] == (b"Upgrade", b"websocket")
    assert "upgrade" in names_of_fields(request)


@pytest.mark.parametrize("name", ["upgrade", "X-HTTP-Method-Override"])
async def test_a_field_that_makes_a_write_of_it_does_not_pass_the_gate(name: str) -> None:
    sink = Sink()
    client = ServerClient(SERVERS[0], ReadOnlyTransport(sink, cluster="east"))
    asked = client.question("GET", SERVERS[0] + "/version", silence=SILENCE, headers={name: "DELETE"})
    with pytest.raises(ReadOnlyError):
        await client.open(asked, sent=lambda: None, again=False)
    changed = client.question("GET", SERVERS[0] + "/version", silence=SILENCE)
    changed.headers[name] = "DELETE"
    with pytest.raises(ReadOnlyError):
        await client.open(changed, sent=lambda: None, again=False)
    assert not sink.sent
