"""The transport under every question, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import weakref
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from meshtop.sources.http import direct
from meshtop.sources.http.client import ServerClient
from meshtop.sources.http.direct import DirectTransport, PoolLimits
from meshtop.sources.http.exchange import HttpConnection, parse_head, request_bytes
from tests.patience import PATIENCE_SECONDS
from tests.sources.http.scripted_server import OK, Answer, Peer, Server, ask, body_of, parse_fields, question, transport


async def test_a_connection_is_used_again() -> None:
    async with Server().running() as server, transport() as way:
        assert [await ask(way, server.url + "/a") for _ in range(3)] == [b"ok"] * 3
        assert (len(server.heads), server.connections) == (3, 1)


def held(release: asyncio.Event, asked: asyncio.Event) -> Answer:
    """An answer that is not given before somebody allows it."""

    async def answer(peer: Peer) -> None:
        asked.set()
        await release.wait()
        await peer.say(OK)

    return answer


async def test_a_question_waits_for_the_connection_that_is_about_to_be_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_SOON_SECONDS", PATIENCE_SECONDS)
    release, asked = asyncio.Event(), asyncio.Event()
    async with Server(held(release, asked)).running() as server, transport() as way:
        first = asyncio.create_task(ask(way, server.url + "/1"))
        await asked.wait()
        others = [asyncio.create_task(ask(way, server.url + f"/{n}")) for n in range(2, 5)]
        given_up = asyncio.create_task(ask(way, server.url + "/given-up"))
        await asyncio.sleep(0)
        given_up.cancel()
        release.set()
        assert [await task for task in (first, *others)] == [b"ok"] * 4
        assert (len(server.heads), server.connections) == (4, 1)
        assert await ask(way, server.url) == b"ok"
        assert server.connections == 1


async def test_a_question_does_not_wait_long_for_a_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_SOON_SECONDS", 0.0)
    release, asked = asyncio.Event(), asyncio.Event()
    async with Server(held(release, asked)).running() as server, transport() as way:
        first = asyncio.create_task(ask(way, server.url + "/slow"))
        await asked.wait()
        assert await ask(way, server.url + "/quick") == b"ok"
        assert server.connections == 2
        release.set()
        assert await first == b"ok"


async def test_a_server_that_closes_its_connections_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_SOON_SECONDS", 10 * PATIENCE_SECONDS)
    release, asked = asyncio.Event(), asyncio.Event()
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    async with Server(closing, held(release, asked)).running() as server, transport() as way:
        assert await ask(way, server.url + "/closed") == b"ok"
        first = asyncio.create_task(ask(way, server.url + "/slow"))
        await asked.wait()
        assert await asyncio.wait_for(ask(way, server.url + "/quick"), PATIENCE_SECONDS) == b"ok"
        release.set()
        assert await first == b"ok"


async def test_what_is_asked_is_sent_byte_for_byte() -> None:
    """Servers compare addresses as bytes: another way to write one may be another object, or break a signature."""
    async with Server().running() as server, transport() as way:
        await ask(way, server.url + "/a%21b!c%2Fd(e)'f%20g?x=%7B%22a%22%3D%27%27%7D&y=~*!")
        assert server.heads[0].startswith(b"GET /a%21b!c%2Fd(e)'f%20g?x=%7B%22a%22%3D%27%27%7D&y=~*! HTTP/1.1\r\n")
        await ask(way, server.url + "/", "POST", b'{"a": 1}')
        assert server.bodies == [b"", b'{"a": 1}']


PIECES = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell", b"well", 1),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2;x=y\r\nll\r\n0\r\nT: x\r\n\r\n", b"well", 1),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK, b"ok", 1),
    (b"HTTP/1.1 204 Nothing\r\n\r\n", b"", 1),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok", 1),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\nX: a\n b\n\nok", b"ok", 1),
    # The server wants no more on these.
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nok", b"ok", 2),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", 2),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", 2),
    # What comes after the answer is the answer to nothing.
    (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", b"ok", 2),
]


@pytest.mark.parametrize(("wire", "body", "connections"), PIECES)
@pytest.mark.parametrize("step", [1, 3, 1000])
async def test_answers_in_pieces(wire: bytes, body: bytes, connections: int, step: int) -> None:
    async def answer(peer: Peer) -> None:
        for at in range(0, len(wire), step):
            await peer.say(wire[at : at + step])
            await asyncio.sleep(0)

    async with Server(answer).running() as server, transport() as way:
        assert await ask(way, server.url) == body
        assert await ask(way, server.url) == b"ok"
        assert server.connections == connections


async def test_a_body_that_ends_with_its_connection() -> None:
    async def answer(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n", b"all ", b"of it")
        peer.writer.close()

    async with Server(answer).running() as server, transport() as way:
        assert await ask(way, server.url) == b"all of it"
        assert await ask(way, server.url) == b"ok"


async def test_the_answer_to_head_has_no_body() -> None:
    async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n").running() as server, transport() as way:
        response = await way.handle_async_request(question(server.url, "HEAD"))
        assert (response.headers["Content-Length"], await body_of(response)) == ("99", b"")
        assert await ask(way, server.url) == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nspace : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 110_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer(wire: bytes) -> None:
    async def answer(peer: Peer) -> None:
        await peer.say(wire)
        peer.writer.close()

    async with Server(answer).running() as server, transport() as way:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await ask(way, server.url)
        assert await ask(way, server.url) == b"ok"


async def test_what_comes_unasked_is_no_answer() -> None:
    """A second answer after the first would be taken for that to the next question, and so to another one."""
    later, said = asyncio.Event(), asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.say(OK)
        await later.wait()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        said.set()
        assert await peer.is_left()

    async with Server(answer).running() as server, transport() as way:
        assert await ask(way, server.url) == b"ok"
        later.set()
        await said.wait()
        # The bytes may be in the socket, or already read by the loop.
        for _ in range(3):
            assert await ask(way, server.url) == b"ok"
            await asyncio.sleep(0)


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    """Not even by a write, which must not be sent twice: what is closed is seen before it is sent."""
    gone = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.say(OK)
        peer.writer.close()
        gone.set()

    async with Server(answer, answer).running() as server, transport() as way:
        for method in ("GET", "PATCH", "PATCH"):
            assert await ask(way, server.url, method, b"x") == b"ok"
            await gone.wait()
            gone.clear()
            if method == "PATCH":
                break
        assert server.connections == 2


async def test_what_is_sent_again_goes_over_a_new_connection() -> None:
    """What stands before a server drops all idle connections at the same age, and says so when they are used."""
    both, seen = asyncio.Barrier(2), set[Peer]()

    async def once(peer: Peer) -> None:
        if peer in seen:
            peer.writer.transport.abort()
            return
        seen.add(peer)
        if len(seen) <= 2:
            await both.wait()
        await peer.say(OK)

    async with Server(*[once] * 9).running() as server, transport() as way:
        client = ServerClient(server.url, way)
        await asyncio.gather(*(client.ask("GET", server.url, silence=5, connect=5) for _ in range(2)))
        answer = await client.ask("GET", server.url, silence=5, connect=5)
        assert (answer.content, server.connections, len(server.heads)) == (b"ok", 3, 4)


async def test_nothing_is_sent_twice_by_the_transport() -> None:
    async def carry_out_and_break(peer: Peer) -> None:
        peer.writer.transport.abort()

    for method in ("GET", "PUT", "DELETE", "PATCH", "POST"):
        async with Server(OK, carry_out_and_break).running() as server, transport() as way:
            await ask(way, server.url)
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await ask(way, server.url, method)
            assert len(server.heads) == 2


async def test_a_refused_connection_is_no_timeout() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        named = url.replace("127.0.0.1", "localhost")
        async with transport() as way:
            for one in (url, named):
                with pytest.raises(httpx.ConnectError) as caught:
                    await ask(way, one)
                assert isinstance(caught.value.__cause__, OSError)
                assert caught.value.__cause__.strerror


async def test_a_server_that_takes_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with transport() as way:
            with pytest.raises(httpx.ConnectTimeout):
                await way.handle_async_request(question(f"http://127.0.0.1:{full.getsockname()[1]}", connect=0.05))


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_silence_has_an_end(wire: bytes) -> None:
    async def answer(peer: Peer) -> None:
        await peer.say(wire)
        assert await peer.is_left()

    async with Server(answer).running() as server, transport() as way:
        with pytest.raises(httpx.ReadTimeout):
            await body_of(await way.handle_async_request(question(server.url, read=0.05)))


async def test_a_question_waits_for_its_turn_and_no_longer_than_it_may() -> None:
    going = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await going.wait()
        await peer.say(OK)

    async with Server(answer).running() as server, transport(open_=1) as way:
        first = asyncio.create_task(ask(way, server.url))
        while not server.heads:
            await asyncio.sleep(0)
        with pytest.raises(httpx.PoolTimeout):
            await way.handle_async_request(question(server.url, pool=0.01))
        second = asyncio.create_task(ask(way, server.url))
        going.set()
        assert [await first, await second] == [b"ok", b"ok"]
        assert server.connections == 1


async def test_as_many_connections_as_allowed_and_no_more() -> None:
    async with Server().running() as server, transport(open_=3, idle=2) as way:
        assert await asyncio.gather(*(ask(way, server.url) for _ in range(20))) == [b"ok"] * 20
        assert server.connections <= 20
        assert len(way._open) == 2


async def test_who_gives_up_leaves_nothing_behind() -> None:
    """A cancelled question closes its connection: its answer would be read as that of the next one."""
    left = asyncio.Event()

    async def answer(peer: Peer) -> None:
        if await peer.is_left():
            left.set()

    async with Server(answer).running() as server, transport(open_=1) as way:
        asking = asyncio.create_task(ask(way, server.url))
        while not server.heads:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await left.wait()
        assert await ask(way, server.url) == b"ok"


async def test_an_answer_that_is_not_read_to_its_end_closes_its_connection() -> None:
    left = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        if await peer.is_left():
            left.set()

    async with Server(answer).running() as server, transport(open_=1) as way:
        response = await way.handle_async_request(question(server.url))
        await response.aclose()
        await left.wait()
        assert await ask(way, server.url) == b"ok"


async def test_a_stream_is_given_as_it_comes() -> None:
    """A watch: each event is there when it was sent, and not when the next one comes."""
    taken = asyncio.Event()

    async def answer(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            await peer.say(b"2\r\n%d\n\r\n" % number)
            await taken.wait()
            taken.clear()
        await peer.say(b"0\r\n\r\n")

    async with Server(answer).running() as server, transport() as way:
        response = await way.handle_async_request(question(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        came = []
        async for chunk in response.stream:
            came.append(chunk)
            taken.set()
        assert came == [b"%d\n" % number for number in range(5)]


async def test_a_server_sends_no_faster_than_is_read() -> None:
    """Memory: what nobody reads yet stays with the server."""
    sent = 0
    size = 256 * 1024 * 1024

    async def answer(peer: Peer) -> None:
        nonlocal sent
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.say(bytes(64 * 1024))
            sent += 64 * 1024

    async with Server(answer).running() as server, transport() as way:
        response = await way.handle_async_request(question(server.url))
        before = -1
        while sent != before:
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
        assert 0 < sent < size // 4
        assert len(await body_of(response)) == size


async def test_idle_connections_are_closed_after_their_time() -> None:
    async with Server().running() as server, transport(seconds=0.0) as way:
        for _ in range(2):
            await ask(way, server.url)
            # The clock must have moved: no time at all is allowed.
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() <= began:
                await asyncio.sleep(0)
        assert server.connections == 2


@pytest.mark.parametrize("name", ["a\nb", "a\r\nX: y", "a\0b", "a\rb"])
def test_a_field_is_one_field(name: str) -> None:
    """A line's end in a value would be a second field, or a second request."""
    request = httpx.Request("GET", "http://x/", headers=[(b"X", name.encode())])
    with pytest.raises(httpx.LocalProtocolError) as caught:
        request_bytes(request, b"")
    assert "b" not in str(caught.value).split()


def test_a_head_is_taken_apart() -> None:
    head = parse_head(b"HTTP/1.1 200 All is well\r\nA:  b \r\na: c,d\r\nX:\r\nLong: one\r\n\ttwo\r\nBytes: \xfc")
    assert (head.minor, head.status, head.reason) == (1, 200, b"All is well")
    assert head.fields[0] == (b"A", b"b")
    assert head.values(b"a") == [b"b", b"c", b"d"]
    assert head.fields[2:] == [(b"X", b""), (b"Long", b"one two"), (b"Bytes", b"\xfc")]


async def test_a_closed_client_sends_nothing() -> None:
    async with Server().running() as server:
        client = ServerClient(server.url, DirectTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), PoolLimits(1, 1)))
        await client.close()
        with pytest.raises(httpx.ConnectError):
            await client.ask("GET", server.url, silence=5, connect=5)
        assert server.heads == []


@pytest.mark.parametrize("fields", [{"Authorization": "Bearer t"}, {}])
async def test_a_login_in_the_address_is_sent_unless_another_is_given(fields: dict[str, str]) -> None:
    async with Server().running() as server, asyncio.timeout(PATIENCE_SECONDS):
        client = ServerClient(server.url, DirectTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), PoolLimits(1, 1)))
        await client.ask("GET", server.url.replace("//", "//u:p@"), silence=5, connect=5, headers=fields)
        await client.close()
    sent = dict(parse_fields(server.heads[0]))
    assert sent[b"authorization"] == (fields.get("Authorization", "Basic dTpw").encode())


@pytest.mark.parametrize("wire", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
@pytest.mark.parametrize("ends", [True, False])
async def test_a_failed_question_does_not_wait_for_the_garbage_collector(wire: bytes, ends: bool) -> None:
    """In the console it runs a minute later at best, and a cluster that is down fails all the time."""

    async def answer(peer: Peer) -> None:
        await peer.say(wire)
        if ends:
            peer.writer.close()
        else:
            await peer.is_left()

    async def fail(way: DirectTransport, url: str) -> weakref.ref[HttpConnection] | None:
        seen: list[weakref.ref[HttpConnection]] = []
        asking = asyncio.create_task(ask(way, url) if ends else _quickly(way, url))
        while not asking.done():
            seen += [weakref.ref(one) for one in way._open if not seen]
            await asyncio.sleep(0)
        assert isinstance(asking.exception(), httpx.TransportError)
        # On a busy machine the time may be over before there is a connection: then it is tried again.
        return seen[0] if seen else None

    gc.disable()
    try:
        async with Server(answer).running() as server, transport() as way:
            while (gone := await fail(way, server.url)) is None:
                pass
            for _ in range(10):
                await asyncio.sleep(0)
            assert gone() is None
    finally:
        gc.enable()


async def _quickly(way: DirectTransport, url: str) -> bytes:
    return await body_of(await way.handle_async_request(question(url, read=0.02)))


async def test_a_pause_of_this_program_is_no_silence_of_the_server() -> None:
    async with Server().running() as server, transport() as way, asyncio.timeout(PATIENCE_SECONDS):
        asking = asyncio.create_task(_within(way, server.url, connect=0.2))
        await asyncio.sleep(0)
        # The event loop is held up for longer than the limit and its grace, as by a machine that has no time for it.
        time.sleep(1.0)
        assert (await asking).status_code == 200


async def _within(way: DirectTransport, url: str, *, connect: float) -> httpx.Response:
    limits = httpx.Timeout(PATIENCE_SECONDS, connect=connect)
    request = httpx.Request("GET", url, extensions={"timeout": limits.as_dict()})
    response = await way.handle_async_request(request)
    await response.aread()
    return response


class StillLoop:
    """The running loop with a clock and timers of its own, which move when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[StillTimer] = []

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_at(self, when: float, call: Callable[..., None], *arguments: object) -> StillTimer:
        self.timers.append(StillTimer(self.timers, when, lambda: call(*arguments)))
        return self.timers[-1]

    def run_next(self) -> None:
        timer = self.timers.pop(0)
        self.now = timer.due
        timer.call()


class StillTimer:
    def __init__(self, timers: list[StillTimer], due: float, call: Callable[[], None]) -> None:
        self.timers = timers
        self.due = due
        self.call = call

    def when(self) -> float:
        return self.due

    def cancel(self) -> None:
        self.timers.remove(self)


async def test_one_timer_looks_after_the_silence_of_all_questions() -> None:
    loop, connection = StillLoop(), HttpConnection()
    connection._loop = cast(asyncio.AbstractEventLoop, loop)

    async def wait(seconds: float | None) -> asyncio.Task[None]:
        task = asyncio.create_task(connection._something(seconds))
        await asyncio.sleep(0)
        return task

    first = await wait(10.0)
    connection._wake()
    await first
    loop.now = 106.0
    second = await wait(10.0)
    assert [timer.due for timer in loop.timers] == [110.0], "the one that is there already"
    loop.run_next()
    await asyncio.sleep(0)
    assert not second.done(), "its own silence has not lasted as long"
    assert [timer.due for timer in loop.timers] == [116.0]
    loop.run_next()
    with pytest.raises(httpx.ReadTimeout):
        await second
    third = await wait(10.0)
    fourth_may_take = 1.0
    connection._wake()
    await third
    fourth = await wait(fourth_may_take)
    assert [timer.due for timer in loop.timers] == [loop.now + fourth_may_take], "a shorter one comes before"
    loop.run_next()
    with pytest.raises(httpx.ReadTimeout):
        await fourth
    fifth = await wait(None)
    connection.connection_lost(None)
    await fifth
    assert not loop.timers, "nothing is left of a connection that is gone"


class SlowLoop:
    """A loop whose turns take `late` seconds longer than they should."""

    def __init__(self, late: float) -> None:
        self.late = late
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> SlowLoop:
        self.calls.append((when, call))
        return self

    def cancel(self) -> None:
        self.calls.clear()

    def turn(self) -> None:
        when, call = self.calls.pop(0)
        self.now = when + self.late
        call()


@pytest.mark.parametrize(("late", "turns"), [(0.0, 1), (direct._BUSY_SECONDS / 2, 1), (0.05, direct._BUSY_MOMENTS + 1)])
async def test_a_moment_in_which_this_program_was_busy_is_none(late: float, turns: int) -> None:
    loop = SlowLoop(late)
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    direct._Moment(cast(asyncio.AbstractEventLoop, loop), waiter)
    for turn in range(1, turns + 1):
        assert not waiter.done(), turn
        loop.turn()
    assert waiter.done()
    assert not loop.calls


async def test_a_moment_that_is_over_before_asks_for_nothing() -> None:
    loop = SlowLoop(0.05)
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    moment = direct._Moment(cast(asyncio.AbstractEventLoop, loop), waiter)
    waiter.set_result(None)
    loop.turn()
    assert not loop.calls
    moment.end()
