"""Whatever is not a recording, or not whole, costs one sentence and never a traceback, nor much memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import msgspec
import pytest

from meshtop.sources.recording import frames
from meshtop.sources.recording.frames import NAME, RecordingError, RecordingHeader
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.shapes import MomentFrame
from tests import worlds
from tests.sources.recording.moments import read, story, written


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small recording."""
    return written(tmp_path_factory.mktemp("whole") / "x.rec", story(4)).read_bytes()


def _refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as error:
        read(path)
    assert "\n" not in error.value.sentences
    assert str(path) in error.value.message
    assert error.value.exit_code == 2
    return error.value.sentences


def _file(tmp_path: Path, *bodies: tuple[bytes, bytes], header: object = None, version: int = frames.VERSION) -> Path:
    path = tmp_path / "made.rec"
    told = RecordingHeader(meshtop="0", begun=0.0, window_seconds=300.0) if header is None else header
    parts = [NAME + str(version).encode() + b"\n", msgspec.json.encode(told) + b"\n"]
    for type_, packed in bodies:
        parts.append(struct.pack(">cdII", type_, worlds.AT, len(packed), zlib.crc32(packed)) + packed)
    path.write_bytes(b"".join(parts))
    return path


def test_cut_at_every_byte_it_is_a_shorter_recording_or_one_sentence(tmp_path: Path, whole: bytes) -> None:
    told = story(4)
    path = tmp_path / "cut.rec"
    lengths = set()
    sentences: list[str] = []
    # Every byte of the beginning and around the ends of frames; in between, frames are told by their ends alone.
    path.write_bytes(whole)
    recording = RecordedSnapshots(path)
    ends = {entry.offset + entry.length for entry in recording._frames.entries}
    recording.close()
    near = {end + n for end in ends for n in range(-20, 20)}
    for end in range(len(whole)):
        if end > 400 and end % 13 and end not in near:
            continue
        path.write_bytes(whole[:end])
        try:
            found = read(path)
        except RecordingError as error:
            sentences.append(error.sentences)
            continue
        assert found == told[: len(found)]
        lengths.add(len(found))
    assert lengths == {1, 2, 3}
    assert not [one for one in sentences if "\n" in one]


def test_a_bit_that_turned_is_found(tmp_path: Path, whole: bytes) -> None:
    told = story(4)
    path = tmp_path / "turned.rec"
    sentences: list[str] = []
    for position in range(0, len(whole), 37):
        turned = bytearray(whole)
        turned[position] ^= 1 << position % 8
        path.write_bytes(turned)
        try:
            found = read(path)
        except RecordingError as error:
            sentences.append(error.sentences)
            continue
        # In the header, a moment's time, or a length that now reaches beyond the end.
        assert all(any(one.clusters == each.clusters for each in told) for one in found)
    assert sentences
    assert not [one for one in sentences if "\n" in one]


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"meshtop", b"\x1f\x8b\x08", b"{}\n", b"apiVersion: v1\n", b"\x00" * 10_000, NAME, NAME + b"x\n"],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    _refusal(path)


def test_a_folder_and_nothing_are_no_recordings(tmp_path: Path) -> None:
    assert "cannot be read" in _refusal(tmp_path)
    assert "No such file" in _refusal(tmp_path / "nowhere")


def test_a_newer_one_asks_for_a_newer_program(tmp_path: Path) -> None:
    assert "version 2" in _refusal(_file(tmp_path, version=2))
    assert "newer meshtop" in _refusal(_file(tmp_path, version=99999))


def test_one_without_a_moment_says_so(tmp_path: Path) -> None:
    assert "no moment" in _refusal(_file(tmp_path))


@pytest.mark.parametrize(
    "header", [[], {}, {"meshtop": 1}, {"meshtop": "0", "begun": "x", "window_seconds": 1.0}, "[" * 5000,
               {"meshtop": "0", "begun": 0.0, "window_seconds": 1.0, "whole_every": 0},
               {"meshtop": "0", "begun": 0.0, "window_seconds": 0.0},
               {"meshtop": "0", "begun": 1e300, "window_seconds": 1.0}]
)  # fmt: skip
def test_an_odd_header_is_refused(tmp_path: Path, header: object) -> None:
    assert "header" in _refusal(_file(tmp_path, header=header))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_FRAME_BYTES", 1_000_000)
    bomb = zlib.compress(b"\x00" * 200_000_000, 9)
    path = _file(tmp_path, (b"M", bomb))
    tracemalloc.start()
    assert "too large unpacked" in _refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_frame_that_says_it_is_huge_is_refused_unread(tmp_path: Path) -> None:
    path = _file(tmp_path)
    path.write_bytes(path.read_bytes() + struct.pack(">cdII", b"M", 0.0, 2**32 - 1, 0))
    assert "no frame" in _refusal(path)


_DEEP = b"\x91" * 100_000 + b"\xc0"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xc1", b"\xc0", b"\x93\x01\x02\x03", _DEEP, b"\x81\xa1x" * 50_000, msgspec.msgpack.encode({"at": "x"}),
        msgspec.msgpack.encode({"sequence": 1, "at": 1.0, "window_seconds": 1.0, "clusters": [1]}),
        msgspec.msgpack.encode({"sequence": 1, "at": 1e300, "window_seconds": 1.0}),
        msgspec.msgpack.encode({"sequence": 1, "at": float("nan"), "window_seconds": 1.0}),
        msgspec.msgpack.encode({"sequence": 1, "at": 1.0, "moment": -1e9, "window_seconds": 1.0}),
        msgspec.msgpack.encode({"sequence": 1, "at": 1.0, "window_seconds": -1.0}),
        msgspec.msgpack.encode({"sequence": 1, "at": 1.0, "window_seconds": 1.0, "clusters": [[{"name": "x"}]]}),
        b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    ],
)  # fmt: skip
def test_a_moment_of_wrong_types_is_refused(tmp_path: Path, body: bytes) -> None:
    assert "damaged" in _refusal(_file(tmp_path, (b"M", zlib.compress(body))))


@pytest.mark.parametrize("body", [b"", b"\xc0", _DEEP, msgspec.msgpack.encode({"pods": 3})])
def test_tables_of_wrong_types_are_refused(tmp_path: Path, body: bytes) -> None:
    moment = msgspec.msgpack.encode(MomentFrame(sequence=1, at=1.0, window_seconds=1.0))
    assert "damaged" in _refusal(_file(tmp_path, (b"T", zlib.compress(body)), (b"M", zlib.compress(moment))))


def _cluster(**parts: object) -> bytes:
    head = {"name": "east", "context": "", "server": ""}
    names = ("inventory", "telemetry", "history", "courses", "canaries")
    row = [head, *(parts.get(name, False) for name in names)]
    told = {"sequence": 1, "at": 1.0, "window_seconds": 1.0, "whole": True, "clusters": [row]}
    return zlib.compress(msgspec.msgpack.encode(told))


_NONE = [None, [None, b""]]
_TELEMETRY = [0.0, 1.0, "", True, False, False]


@pytest.mark.parametrize(
    "parts",
    [
        {"inventory": True},
        {"inventory": [None, None, None, {"pods": [1, 0, 5]}, {}, 0, 0]},
        {"inventory": [None, None, None, {"pods": [1, 0, 2**62]}, {}, 0, 0]},
        {"inventory": [None, None, None, {"pods": [0, 0, 1]}, {}, 0, 0]},
        {"inventory": [None, None, None, {}, {}, -1, 0]},
        {"telemetry": [*_TELEMETRY, [], _NONE, False]},
        {"telemetry": [*_TELEMETRY, [_NONE] * 10, [[1, 0, 1], [b"\x02", b"\x00" * 8]], False]},
        {"telemetry": [*_TELEMETRY, [[[1, 0, 4_000_000], [b"", b""]]] * 10, _NONE, False]},
        {"telemetry": [*_TELEMETRY, [_NONE] * 10, _NONE, True]},
        {"history": [["", "", [0.0, 1.0, 2**60], [None, b""]]] * 3},
        {"history": []},
        {"courses": [[0.0, 1.0, 3], 60.0, [1, 0, 1], 0, 9, b"\x01\x01\x01", [b"", b""]]},
        {"courses": [[0.0, 1.0, 3], 60.0, [1, 0, 1], -1, 1, b"\x01\x01\x01", [b"\x03" * 6, b""]]},
        {"canaries": [[["x"], 0.0, 1.0, "", [_NONE]]]},
        {"canaries": True},
    ],
)
def test_a_moment_that_names_what_is_not_there_is_refused(tmp_path: Path, parts: dict[str, object]) -> None:
    assert "damaged" in _refusal(_file(tmp_path, (b"M", _cluster(**parts))))


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x.rec"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="exists"):
        written(path, story(1))
    assert path.read_text() == "mine"
    link = tmp_path / "link.rec"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingError, match="exists"):
        written(link, story(1))
    assert not (tmp_path / "elsewhere").exists()


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    assert written(tmp_path / "x.rec", story(1)).stat().st_mode & 0o777 == 0o600
