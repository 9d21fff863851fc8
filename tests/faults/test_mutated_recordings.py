"""Recordings whose checksums are right and whose values are not: a sentence or an answer, never a defect."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from meshtop.cli.main import main
from meshtop.sources.recording.frames import FrameReader
from tests.sources.recording.moments import story, written

FILES = int(os.environ.get("FAULTS_RECORDINGS", "40"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
KINDS = (
    "clusters",
    "workloads",
    "edges",
    "mtls",
    "trust",
    "certificates",
    "canaries",
    "attention",
    "findings",
    "drift",
)
ODD: tuple[Any, ...] = (
    float("nan"),
    float("inf"),
    -1e300,
    1e300,
    -1,
    0,
    2**63 - 1,
    "",
    "\x1b[31m",
    "a" * 5000,
    None,
    [],
    {},
    True,
    "::",
)
Steps = tuple[Any, ...]


def _places(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*steps, key)
        yield from _places(one, (*steps, key))


def _mutate(body: Any, random: Random) -> None:
    *steps, last = random.choice(list(_places(body)))
    for step in steps:
        body = body[step]
    old = body[last]
    like = [one for one in ODD if type(one) is type(old) or (isinstance(old, float) and isinstance(one, int))]
    # Mostly what passes for the same type: that gets further.
    body[last] = random.choice(like if like and random.random() < 0.8 else ODD)


@pytest.mark.parametrize("number", range(FILES))
def test_a_mutated_recording_costs_no_more_than_a_sentence(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MESHTOP_CONFIG", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    random = Random(f"{SEED}/{number}")
    path = written(tmp_path / "whole.rec", story(3))
    frames = FrameReader(path)
    bodies = [(one.type, one.at, msgspec.msgpack.decode(frames.body(one))) for one in frames.entries]
    frames.close()
    for _ in range(random.choice((1, 1, 3))):
        _mutate(random.choice(bodies)[2], random)
    parts = [b"\n".join(path.read_bytes().split(b"\n", 2)[:2]), b"\n"]
    for type_, at, body in bodies:
        packed = zlib.compress(msgspec.msgpack.encode(body))
        parts.append(struct.pack(">cdII", type_, at, len(packed), zlib.crc32(packed)) + packed)
    mutated = tmp_path / "mutated.rec"
    mutated.write_bytes(b"".join(parts))
    for kind in random.sample(KINDS, 3):
        code = main(["replay", str(mutated), "--", "get", kind, "-o", "json"])
        told = capsys.readouterr()
        assert code in (0, 1, 2, 3), told.err
        assert "Traceback" not in told.err
        assert "\x1b" not in told.out + told.err
