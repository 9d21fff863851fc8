"""Clusters out of a recording: each answer of the demo's clusters is asked for once and given again from memory.

So a figure is the client's: an answer costs this process less than a tenth of a millisecond. More clusters than were
recorded are copies, each with a UID of its own, so that no two are taken for one. What is not recorded yet is asked
for; a watch is opened and stays silent. On every port `/-/questions` lists what it was asked, and forgets it.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import functools
import gzip
import http.client
import json
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Struct

from benchmarks._pace import patience
from benchmarks._processes import PYTHON

MOMENT = re.compile(rb"(?<![a-z])(?:time|start|end)=[0-9.]+&?")
"""What differs between two questions that are the same."""
_WATCH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_QUESTIONS = b"/-/questions"
_ACCEPT = re.compile(rb"(?i)\r\naccept: ?([^\r]*)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: ?(\d+)")


class Question(Struct, frozen=True):
    """A question: equal ones have the same answer. `target` and `body` are without the moment that they are about."""

    method: bytes
    target: bytes
    accept: bytes
    body: bytes


class Answer(Struct, frozen=True):
    """A recorded answer: head without the length, body as it was sent (gzip or not), all of it on the wire.

    `names` is true where its cluster's UID is in it: all other answers are the same bytes for every copy.
    """

    head: bytes
    body: bytes
    zipped: bool
    names: bool
    wire: bytes

    @property
    def is_good(self) -> bool:
        """Whether it is what was asked for."""
        return self.head.startswith(b"HTTP/1.1 200 ")

    def with_uid(self, old: bytes, new: bytes) -> bytes:
        """The same answer of another cluster, on the wire."""
        if not self.names:
            return self.wire
        plain = (gzip.decompress(self.body) if self.zipped else self.body).replace(old, new)
        return wire(self.head, gzip.compress(plain, 1, mtime=0) if self.zipped else plain)


def wire(head: bytes, body: bytes) -> bytes:
    """A whole answer on the wire."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Recording:
    """The answers of one upstream, each asked for once."""

    def __init__(self, server: str, token: str) -> None:
        self._server = urlsplit(server)
        self._token = token
        self._answers: dict[Question, asyncio.Task[Answer]] = {}
        self.uid = b""
        named = self._fetch(Question(b"GET", b"/api/v1/namespaces/kube-system", b"application/json", b""), b"", {})
        self.uid = json.loads(named.body)["metadata"]["uid"].encode()

    async def answer(self, question: Question, body: bytes, target: bytes, headers: dict[str, str]) -> Answer:
        """The upstream's answer to a question."""
        if question not in self._answers:
            asking = asyncio.to_thread(self._fetch, msgspec.structs.replace(question, target=target), body, headers)
            self._answers[question] = asyncio.create_task(asking)
        return await asyncio.shield(self._answers[question])

    def _fetch(self, question: Question, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self._server.hostname or "", self._server.port, timeout=patience(60))
        with contextlib.closing(connection):
            headers = {"Accept": question.accept.decode(), "Authorization": f"Bearer {self._token}", **headers}
            connection.request(question.method.decode(), question.target.decode(), body or None, headers)
            came = connection.getresponse()
            kept = [(k, v) for k, v in came.getheaders() if k.lower() in ("content-type", "content-encoding")]
            lines = [f"HTTP/1.1 {came.status} {came.reason}", *(f"{k}: {v}" for k, v in kept)]
            zipped = came.getheader("Content-Encoding") == "gzip"
            head, whole = "".join(f"{line}\r\n" for line in lines).encode(), came.read()
            names = bool(self.uid) and self.uid in (gzip.decompress(whole) if zipped else whole)
            return Answer(head, whole, zipped, names, wire(head, whole))


class ReplayedCluster:
    """One cluster: a recording with a UID of its own."""

    def __init__(self, recording: Recording, number: int) -> None:
        self._recording = recording
        self._uid = recording.uid[:-4] + b"%04d" % number
        self._ready: dict[Question, bytes] = {}
        self.good: dict[Question, bool] = {}
        self.asked: collections.Counter[tuple[Question, bytes]] = collections.Counter()

    def at_once(self, question: Question, target: bytes) -> bytes | None:
        """The answer, if it was given before."""
        self.asked[question, target] += 1
        return self._ready.get(question)

    async def later(self, question: Question, target: bytes, body: bytes, headers: dict[str, str]) -> bytes:
        """The answer, asked for where nobody asked before."""
        answer = await self._recording.answer(question, body, target, headers)
        self.good[question] = answer.is_good
        whole = self._ready[question] = answer.with_uid(self._recording.uid, self._uid)
        return whole

    def told(self) -> list[tuple[str, str, str, bool, int]]:
        """What was asked since the last time: method, address, what is accepted, whether it was good, times."""
        found = [
            (q.method.decode(), target.decode(), q.accept.decode(), self.good.get(q, False), times)
            for (q, target), times in self.asked.items()
        ]
        self.asked.clear()
        return found


class ReplayProtocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as clients of API servers speak."""

    def __init__(self, cluster: ReplayedCluster) -> None:
        self._cluster = cluster
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._asking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        if self._asking is not None:
            self._asking.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._asking is None:
            self._next()

    def _next(self) -> None:
        assert self._transport is not None
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        method, target, _ = head[: head.index(b"\r\n")].split(b" ")
        length = 0
        if method != b"GET" and (found := _LENGTH.search(head)):
            length = int(found[1])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
        accept = found[1] if (found := _ACCEPT.search(head)) else b""
        question = Question(method, MOMENT.sub(b"", target), accept, MOMENT.sub(b"", body))
        if target == _QUESTIONS:
            asked = json.dumps(self._cluster.told()).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(asked) + asked)
        elif b"watch=" in target:
            self._transport.write(_WATCH)
        elif (answer := self._cluster.at_once(question, target)) is not None:
            self._transport.write(answer)
        else:
            lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
            passed = {k: v for k, _, v in lines if k.lower() in ("accept-encoding", "content-type")}
            asking = self._later(question, target, body, passed)
            self._asking = asyncio.get_running_loop().create_task(asking)

    async def _later(self, question: Question, target: bytes, body: bytes, headers: dict[str, str]) -> None:
        answer = await self._cluster.later(question, target, body, headers)
        self._asking = None
        assert self._transport is not None
        self._transport.write(answer)
        if self._buffer:
            self._next()


async def serve(demo: str, path: str, count: int, *, tls: bool) -> None:
    """Serve so many clusters until the standard input ends, recorded from those of a kubeconfig; writes another one."""
    loop = asyncio.get_running_loop()
    recorded = yaml.safe_load(Path(demo).read_text())
    token = recorded["users"][0]["user"]["token"]
    recordings = [Recording(entry["cluster"]["server"], token) for entry in recorded["clusters"]]
    context, trust = None, {}
    if tls:
        from meshtop.demo.kube.tls import server_tls

        context, pem = server_tls()
        trust = {"certificate-authority-data": base64.b64encode(pem).decode()}
    clusters, contexts = [], []
    for number in range(count):
        cluster = ReplayedCluster(recordings[number % len(recordings)], number)
        make = functools.partial(ReplayProtocol, cluster)
        server = await loop.create_server(make, "127.0.0.1", 0, ssl=context, backlog=1024)
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        name = recorded["clusters"][number]["name"] if number < len(recordings) else f"copy-{number:02}"
        clusters.append({"name": name, "cluster": {"server": url, **trust}})
        contexts.append({"name": name, "context": {"cluster": name, "user": recorded["users"][0]["name"]}})
    document = {**recorded, "clusters": clusters, "contexts": contexts, "current-context": contexts[0]["name"]}
    Path(path).write_text(yaml.safe_dump(document))
    print("ready", flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


class Replay(Struct, frozen=True):
    """Clusters that are served by another process: their kubeconfig and its process."""

    kubeconfig: str
    pid: int

    def questions(self) -> list[list[tuple[str, str, str, bool, int]]]:
        """What each cluster was asked since this was asked last (`ReplayedCluster.told`)."""
        found = []
        for entry in yaml.safe_load(Path(self.kubeconfig).read_text())["clusters"]:
            url = entry["cluster"]["server"] + _QUESTIONS.decode()
            context = ssl._create_unverified_context()
            with urllib.request.urlopen(url, context=context) as answer:
                found.append([tuple(one) for one in json.load(answer)])
        return found


@contextlib.contextmanager
def replay(demo: str, count: int, *, tls: bool = False) -> Iterator[Replay]:
    """So many clusters, recorded from those of the demo's kubeconfig as they are asked."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "kubeconfig"))
        command = [PYTHON, "-m", "benchmarks._replay", demo, path, str(count), *(["--tls"] if tls else [])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield Replay(path, process.pid)
            finally:
                process.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), tls="--tls" in sys.argv))
