"""`record` and `replay`: what they refuse, what they say, and that a recording waits for nobody."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from meshtop.cli import record
from meshtop.cli.main import COMMANDS, main
from meshtop.cli.replay import ELSEWHERE, WRITING
from meshtop.cli.session import Session
from meshtop.model.snapshot import Snapshot
from meshtop.observatory.feed import Schedule
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.writer import RecordingWriter
from tests import worlds
from tests.cli.conftest import Outcome
from tests.sources.recording.moments import read, story, written


class RecordedRun:
    """meshtop on a machine without clusters and without settings."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        code = main(arguments)
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> RecordedRun:
    for name in ("NO_COLOR", "MESHTOP_CONFIG", "MESHTOP_DEBUG", "KUBECONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return RecordedRun(capsys, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Three moments, a minute apart; in the last one reviews answers no more."""
    told = []
    for i, code in enumerate(("200", "200", "503")):
        east = worlds.cluster("east", [worlds.request("east/web", "east/v1", 100.0 + i, code=code)])
        told.append(worlds.world(east, worlds.west(), sequence=i + 1, at=worlds.AT + 60.0 * i))
    return str(written(tmp_path / "outage.rec", told))


def _rate(out: str) -> float:
    document = json.loads(out)
    return float(
        sum(
            edge["traffic"]["requestsPerSecond"]
            for edge in document["items"]
            if edge["destination"]["cluster"] == "east"
        )
    )


def test_a_command_is_answered_from_the_last_moment_or_another(run: RecordedRun, file: str) -> None:
    last = run("replay", file, "--", "get", "edges", "-o", "json")
    assert (last.code, last.err) == (0, "")
    assert json.loads(last.out)["generatedAt"] == "2026-08-01T14:02:00Z"
    assert _rate(last.out) == 102.0
    for said in ("2026-08-01T14:01:30Z", "-1m", "-30s"):
        before = run("replay", file, "--", "get", "edges", "-o", "json", "--at", said)
        assert json.loads(before.out)["generatedAt"] == "2026-08-01T14:01:00Z"
        assert _rate(before.out) == 101.0
    assert _rate(run("replay", "--at", "-2m", file, "get", "edges", "-o", "json").out) == 100.0


def test_no_cluster_and_no_kubeconfig_is_needed(run: RecordedRun, file: str) -> None:
    for words in (
        ["get", "clusters"], ["graph"], ["doctor"], ["analyze"], ["whatif", "strict", "shop"], ["get", "findings"],
        ["whatif", "evacuate", "east"], ["suggest", "policies", "shop"], ["access", "who", "shop/reviews-v1"],
        ["rules"],
    ):  # fmt: skip
        done = run("replay", file, "--", *words)
        assert done.code in (0, 1, 3), (words, done)
        assert done.out or "cannot be read" not in done.err, words


@pytest.mark.parametrize("name", WRITING)
def test_what_writes_is_refused(run: RecordedRun, file: str, name: str) -> None:
    for words in ([name, "shop/reviews", "--to", "v2=5"], ["--ascii", name, "x"], [name]):
        done = run("replay", file, "--", *words)
        assert (done.code, done.out) == (4, "")
        assert "a recording can only be read" in done.err
        assert len(done.err.splitlines()) == 1
    assert not (run.folder / "state").exists()


def test_every_command_either_reads_or_is_refused() -> None:
    reading = {
        "get",
        "graph",
        "analyze",
        "watch",
        "whatif",
        "suggest",
        "doctor",
        "rules",
        "access",
        "config",
        "completion",
        "diff",
        "incident",
    }
    assert set(COMMANDS) == reading | set(WRITING) | set(ELSEWHERE)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_has_nothing_to_do_with_it_is_refused(run: RecordedRun, file: str, name: str) -> None:
    done = run("replay", file, "--", name, file)
    assert done.code == 2
    assert "does not run on a recording" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "2026-08-01T13:00:00Z"), "begins at 2026-08-01T14:00:00Z"),
        (("--at", "2026-08-01T15:00:00Z"), "is in the future"),
        (("--window", "1m"), "recorded with a window of 5m and not 1m; leave the window out"),
        (("--cluster", "est"), "There is no cluster est in"),
        (("--context", "est"), "There is no context est in"),
    ],
)
def test_what_is_not_in_it_is_said(run: RecordedRun, file: str, words: Sequence[str], said: str) -> None:
    done = run("replay", file, "--", "get", "clusters", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) <= 2


def test_its_own_window_may_be_named(run: RecordedRun, file: str) -> None:
    assert run("replay", file, "--", "get", "clusters", "--window", "5m").code == 0


def test_whatever_is_no_recording_costs_a_sentence(run: RecordedRun, file: str) -> None:
    whole = Path(file).read_bytes()
    other = run.folder / "other.rec"
    for content in (
        b"",
        b"apiVersion: v1\n",
        whole[:40],
        whole[:-400] + bytes(200) + whole[-200:],
        zlib.compress(whole),
    ):
        other.write_bytes(content)
        done = run("replay", str(other), "--", "get", "edges")
        assert (done.code, done.out) == (2, "")
        assert str(other) in done.err
        assert len(done.err.splitlines()) == 1
    assert run("replay", str(run.folder / "nowhere"), "--", "get", "edges").code == 2
    assert run("replay", str(run.folder), "--", "get", "edges").code == 2


def test_without_a_command_it_is_the_console_which_needs_a_terminal(run: RecordedRun, file: str) -> None:
    done = run("replay", file)
    assert done.code == 2
    assert "needs a terminal" in done.err


def test_watch_tells_all_that_happened_in_it(run: RecordedRun, file: str) -> None:
    done = run("replay", file, "--", "watch", "-o", "json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert any(one["event"] == "came" for one in told), told
    rows = run("replay", file, "--", "get", "edges", "--watch", "-o", "json").out.splitlines()
    assert [json.loads(row)["generatedAt"][11:16] for row in rows] == ["14:00", "14:01", "14:02"]
    assert not (run.folder / "state").exists()


class FedObservatory:
    """Publishes these Snapshots, and answers for the past with the last of them."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self.snapshots = snapshots
        self.feeds = (object(),)
        self.schedule = Schedule(refresh_seconds=5, window_seconds=300, moment=None)

    async def follow(self) -> AsyncGenerator[Snapshot, None]:
        for snapshot in self.snapshots:
            yield snapshot

    async def once(self, *, plaintext: bool = False) -> Snapshot:
        return await self.remeasure(self.schedule.moment or 0.0)

    async def remeasure(self, moment: float) -> Snapshot:
        from msgspec import structs

        return structs.replace(self.snapshots[-1], moment=moment)

    async def close(self) -> None: ...


def _fed(monkeypatch: pytest.MonkeyPatch, snapshots: Sequence[Snapshot]) -> None:
    monkeypatch.setattr(Session, "observatory", lambda *_, **__: FedObservatory(snapshots))


def test_what_was_published_is_recorded_with_its_end(run: RecordedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    told = story(5)
    _fed(monkeypatch, told)
    done = run("record", str(run.folder / "x.rec"))
    assert (done.code, done.out) == (0, "")
    assert "until interrupted" in done.err
    # The others were not due; the last one is the end of what was seen.
    assert read(run.folder / "x.rec") == [told[0], told[-1]]
    assert "2 moments from 2026-08-01T14:00:00Z to 2026-08-01T14:01:00Z" in done.err


def test_what_is_not_settled_is_not_recorded(run: RecordedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from msgspec import structs

    _fed(monkeypatch, [structs.replace(one, settled=False) for one in story(3)])
    done = run("record", str(run.folder / "x.rec"), "--for", "1m")
    assert done.code == 3
    assert "holds no moment" in done.err


def test_the_past_is_asked_moment_by_moment(run: RecordedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    _fed(monkeypatch, story(2))
    path = run.folder / "x.rec"
    done = run("record", str(path), "--last", "1h", "--redact")
    assert done.code == 0
    assert "not known; these are the objects of now" in done.err
    recording = RecordedSnapshots(path)
    assert len(recording.moments) == record.PAST_MOMENTS + 1
    assert recording.moments[-1] - recording.moments[0] == pytest.approx(3600)
    assert recording.header.past
    assert recording.header.redacted
    recording.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "1m", "--last", "1h"), "leave one of them out"),
        (("--at", "-5m"), "--at is one moment"),
        (("--last", "1h", "--every", "1s"), "between 1 and"),
        (("--for", "soon"), "soon"),
    ],
)
def test_what_cannot_be_recorded_is_said(run: RecordedRun, words: Sequence[str], said: str) -> None:
    done = run("record", str(run.folder / "x.rec"), *words)
    assert done.code == 2
    assert said in done.err
    assert not (run.folder / "x.rec").exists()


def test_a_file_that_exists_stays(run: RecordedRun, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    _fed(monkeypatch, story(2))
    before = Path(file).read_bytes()
    done = run("record", file)
    assert done.code == 2
    assert "exists; give the name of a new file" in done.err
    assert Path(file).read_bytes() == before


def test_a_moment_that_is_being_written_when_time_is_over_is_finished(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that write into one file at once would leave none of it readable."""
    due = iter((True, False, True))
    busy = threading.Lock()
    add = RecordingWriter.add

    def slowly(writer: RecordingWriter, snapshot: Snapshot) -> None:
        assert busy.acquire(blocking=False), "another moment is being written"
        # The third is still being written when the recording is to end.
        threading.Event().wait(0.5 if snapshot.sequence == 3 else 0.0)
        add(writer, snapshot)
        busy.release()

    monkeypatch.setattr(RecordingWriter, "add", slowly)
    monkeypatch.setattr(RecordingWriter, "is_due", property(lambda _: next(due)))
    told = story(3)
    _fed(monkeypatch, told)
    assert run("record", str(run.folder / "x.rec"), "--for", "200ms").code == 0
    assert read(run.folder / "x.rec") == [told[0], told[2]]


def test_a_forecast_is_of_the_window_that_was_recorded(run: RecordedRun, file: str) -> None:
    policy = run.folder / "deny.yaml"
    meta = "metadata: {name: none, namespace: shop}"
    policy.write_text(f"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n{meta}\nspec: {{}}\n")
    done = run("replay", file, "--", "whatif", "apply", "-f", str(policy), "-o", "json")
    assert done.code in (0, 1, 3), done.err
    assert json.loads(done.out)["window"] == "5m"
    longer = run("replay", file, "--", "whatif", "apply", "-f", str(policy), "--last", "1d")
    assert longer.code == 2
    assert "recorded with a window of 5m and not 24h" in longer.err
