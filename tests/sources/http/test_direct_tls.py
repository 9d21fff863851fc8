"""TLS of the transport under every question, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import tracemalloc
from pathlib import Path
from typing import cast

import httpx
import pytest

from meshtop.demo.kube.tls import server_tls
from meshtop.model.state import State
from meshtop.sources.http.direct import DirectTransport, PoolLimits, _place_of
from meshtop.sources.http.tls_layer import TlsLayer
from meshtop.sources.problem import SourceProblem
from tests.patience import PATIENCE_SECONDS
from tests.sources.http.scripted_server import OK, Peer, Server, ask, question, transport
from tests.sources.http.test_connection import authority, client_authenticating, connect


async def test_a_handshake_that_never_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with transport() as way:
            with pytest.raises(httpx.ConnectTimeout):
                await way.handle_async_request(question(f"https://127.0.0.1:{silent.getsockname()[1]}", connect=0.05))


async def test_a_server_that_refuses_the_certificate_says_why(tmp_path: Path) -> None:
    """With TLS 1.3 the refusal comes after the handshake, in the place of an answer."""
    context, pem, _ = client_authenticating()
    _, _, stranger = client_authenticating()

    def refuse(listening: socket.socket) -> None:
        # A blocking server, as asyncio's own ends the connection without sending the alert.
        for _ in range(2):
            with contextlib.suppress(OSError), listening.accept()[0] as raw, raw.dup() as still_open:
                with contextlib.suppress(ssl.SSLError):
                    context.wrap_socket(raw, server_side=True)
                # Closed with the request unread, the connection would be reset, and the alert lost on the way.
                still_open.shutdown(socket.SHUT_WR)
                while still_open.recv(4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=refuse, args=(listening,), daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        connection = connect(tmp_path, url, stranger, cluster=authority(pem))
        with pytest.raises(SourceProblem) as caught:
            await connection.request("GET", "/x")
        await connection.close()
    assert caught.value.state is State.DENIED
    assert "does not accept the client certificate" in caught.value.message


async def test_https_and_a_second_question_on_it() -> None:
    context, pem = server_tls()
    async with Server().running(context) as server:
        trusting = ssl.create_default_context(cadata=pem.decode())
        way = DirectTransport(trusting, PoolLimits(2, 2))
        assert [await ask(way, server.url) for _ in range(3)] == [b"ok"] * 3
        assert server.connections == 1
        await way.aclose()


async def test_another_connection_goes_on_with_the_session_of_the_first() -> None:
    """Watches have a connection each: only the first of a server's proves who it is."""
    context, pem = server_tls()
    reused: list[bool] = []

    async def answer(peer: Peer) -> None:
        reused.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.say(OK)

    async with Server(*[answer] * 6).running(context) as server:
        way = DirectTransport(ssl.create_default_context(cadata=pem.decode()), PoolLimits(1, 0))
        assert [await ask(way, server.url) for _ in range(3)] == [b"ok"] * 3
        assert reused == [False, True, True]
        await way.aclose()
        other = DirectTransport(ssl.create_default_context(cadata=pem.decode()), PoolLimits(1, 0))
        assert await ask(other, server.url) == b"ok"
        assert reused == [False, True, True, False], "nothing of it outlives its credentials"
        await other.aclose()


@pytest.mark.parametrize(("side_by_side", "opened"), [(8, 8), (7, 8), (1, 3)])
async def test_a_pool_takes_over_what_another_has_left_idle(side_by_side: int, opened: int) -> None:
    """Two watches after so many lists: those that questions will need stay theirs, and none is borrowed twice."""
    context, pem = server_tls()
    everybody = asyncio.Barrier(side_by_side)
    reused: list[bool] = []

    async def answer(peer: Peer) -> None:
        reused.append(peer.writer.get_extra_info("ssl_object").session_reused)
        if len(reused) <= side_by_side:
            await everybody.wait()
        await peer.say(OK)

    async def hold(peer: Peer) -> None:
        await answer(peer)
        await peer.is_left()

    async with Server(*[answer] * side_by_side, hold, hold).running(context) as server:
        trusting = ssl.create_default_context(cadata=pem.decode())
        lists, watches = DirectTransport(trusting, PoolLimits(24, 24)), DirectTransport(trusting, PoolLimits(96, 0))
        watches.borrow_from(lists)
        assert await asyncio.gather(*(ask(lists, server.url) for _ in range(side_by_side))) == [b"ok"] * side_by_side
        held = [await watches.handle_async_request(question(server.url)) for _ in range(2)]
        assert server.connections == opened
        assert all(reused[side_by_side + max(0, side_by_side - 6) :]), "what is opened goes on with the lists' session"
        await lists.aclose()
        assert len(watches._open) == 2, "what was taken over ends with the watches"
        await watches.aclose()
        assert len(held) == 2


async def test_a_watch_does_not_wait_for_another_one_to_end() -> None:
    async def hold(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.is_left()

    async with Server(hold, hold).running() as server:
        way = DirectTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), PoolLimits(96, 8, shared=False))
        for _ in range(2):
            await way.handle_async_request(question(server.url))
            assert not any(way._waiting.values())
        assert server.connections == 2
        await way.aclose()


async def test_a_session_is_read_off_the_first_connection_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one copies it with the server's certificate: of forty watches that cost as much as it saved."""
    context, pem = server_tls()
    read: list[TlsLayer] = []
    session = vars(TlsLayer)["session"].fget
    assert session is not None

    def counted(layer: TlsLayer) -> ssl.SSLSession | None:
        read.append(layer)
        return cast("ssl.SSLSession | None", session(layer))

    monkeypatch.setattr(TlsLayer, "session", property(counted))

    async def answer(peer: Peer) -> None:
        await peer.say(OK)

    async with Server(*[answer] * 4).running(context) as server:
        way = DirectTransport(ssl.create_default_context(cadata=pem.decode()), PoolLimits(1, 0))
        assert [await ask(way, server.url) for _ in range(4)] == [b"ok"] * 4
        assert len(read) == 1
        await way.aclose()


async def test_a_server_that_forgot_the_session_is_connected_to_as_the_first_time() -> None:
    reused: list[bool] = []

    async def answer(peer: Peer) -> None:
        reused.append(peer.writer.get_extra_info("ssl_object").session_reused)
        await peer.say(OK)

    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    way = DirectTransport(anybody, PoolLimits(1, 0))
    async with Server(answer).running(server_tls()[0]) as server:
        assert await ask(way, server.url) == b"ok"
        session = next(iter(way._sessions.values()))
    async with Server(*[answer] * 2).running(server_tls()[0]) as server:
        way._sessions[_place_of(question(server.url))] = session
        assert [await ask(way, server.url) for _ in range(2)] == [b"ok"] * 2
    assert reused == [False, False, True]
    await way.aclose()


async def test_a_tls_connection_that_waits_holds_little_memory() -> None:
    """A console holds forty watches of each cluster; asyncio's own TLS would keep 256 KiB for each of them."""
    context, pem = server_tls()

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as kept:
            while True:
                kept.enter_context(context.wrap_socket(listening.accept()[0], server_side=True))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        way = DirectTransport(ssl.create_default_context(cadata=pem.decode()), PoolLimits(20, 20))
        place = _place_of(question(f"https://127.0.0.1:{listening.getsockname()[1]}"))
        await way._connect(place, PATIENCE_SECONDS)
        tracemalloc.start()
        try:
            for _ in range(10):
                await way._connect(place, PATIENCE_SECONDS)
            held = sum(one.size for one in tracemalloc.take_snapshot().statistics("filename"))
        finally:
            tracemalloc.stop()
        assert len(way._open) == 11
        assert held / 10 < 64 * 1024
        await way.aclose()


async def test_a_server_that_says_goodbye_is_not_asked_on_the_same_connection() -> None:
    """TLS's close_notify without the end of the connection: nothing comes on it any more."""
    context, pem = server_tls()
    connections = 0

    def serve(listening: socket.socket) -> None:
        nonlocal connections
        with contextlib.suppress(OSError), contextlib.ExitStack() as kept:
            while True:
                secure = kept.enter_context(context.wrap_socket(listening.accept()[0], server_side=True))
                connections += 1
                secure.recv(4096)
                secure.sendall(OK)
                with contextlib.suppress(ssl.SSLError, OSError):
                    secure.settimeout(0)
                    secure.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        way = DirectTransport(ssl.create_default_context(cadata=pem.decode()), PoolLimits(2, 2))
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            for expected in (1, 2):
                assert await ask(way, url) == b"ok"
                while way._open and next(iter(way._open)).is_open:
                    await asyncio.sleep(0)
                assert connections == expected
        await way.aclose()
