from __future__ import annotations

import logging
import multiprocessing
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop import log
from meshtop.log import HIDDEN, defects_logged, redact, start_log, stop_log

HERE = logging.getLogger("meshtop.test")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A log that is being written."""
    start_log(tmp_path / "meshtop.log")
    yield tmp_path / "meshtop.log"
    stop_log()


SECRETS = [
    "Authorization: Bearer s3cret",
    "authorization: Basic s3cret",
    "Proxy-Authorization: Negotiate s3cret==",
    "{'Authorization': 'Bearer s3cret', 'accept': 'x'}",
    "[(b'Authorization', b'Bearer s3cret'), (b'Host', b'x')]",
    "Cookie: session=s3cret; other=s3cret",
    "bearer s3cret",
    "it sent Bearer s3cret.",
    "Basic dXNlcjpzM2NyZXQ=",
    "https://user:s3cret@host:8443/path",
    "https://user:s3/c@ret@host:8443/path",
    "https://s3cret@host/path",
    "redis://:s3cret@host/0",
    "proxy user:s3cret@proxy.example:3128 answers nothing",
    "https://host/?access_token=s3cret&at=1",
    "--oidc-client-secret=s3cret",
    "--oidc-client-secret s3cret",
    "['kubelogin', '--oidc-client-secret', 's3cret', '-v']",
    "kubelogin --password='s3cret and more' -v",
    "client_secret=s3cret;",
    "MY_API_KEY=s3cret",
    "X-Api-Key: s3cret",
    'password: "s3cret\\"more"',
    '{"id-token": "s3cret", "refresh-token": "s3cret"}',
    "client-key-data: s3cret",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.s3cret",
    "-----BEGIN EC PRIVATE KEY-----\ns3cret\n-----END EC PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\ns3cret\n",
]
PLAIN = [
    "east did not answer within 5 s",
    "secrets in istio-system: forbidden",
    "AuthorizationPolicy shop/deny: DENY",
    "bearerTokenFile: /etc/token names no file",
    "Bearer token is missing",
    "basic authentication was refused",
    "HTTP Request: GET https://10.0.0.1:6443/api/v1/secrets?limit=500",
    "https://host:8443/path@v1",
    '  File "/usr/lib/python3/token.py", line 3, in load',
    "10:14:03 east/shop/web -> west/shop/reviews:9080",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_taken_out(text: str) -> None:
    hidden = redact(text)
    assert "s3cret" not in hidden
    assert "more" not in hidden
    assert "c@ret" not in hidden
    assert "dXNlcjpz" not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


AROUND = [
    "--token={} x",
    "Authorization: Bearer {}",
    "https://user:{}@host/",
    '{{"token": "{}"}}',
    "token: {}",
    "PASSWORD={}",
]


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40),
    st.sampled_from(AROUND),
)
def test_whatever_the_secret_is(secret: str, around: str) -> None:
    hidden = redact(around.format(f"Z{secret}9"))
    assert f"Z{secret}9" not in hidden
    assert redact(hidden) == hidden


def test_a_record_is_one_line_with_its_moment_level_and_logger(path: Path) -> None:
    HERE.warning("%s did not answer", "east")
    first, line = path.read_text().splitlines()
    assert " INFO meshtop.log " in first
    moment, level, name, *_ = line.split()
    assert (moment[-1], level, name) == ("Z", "WARNING", "meshtop.test")
    assert line.endswith("] east did not answer")


def test_a_traceback_is_written_without_its_secrets(path: Path) -> None:
    try:
        raise ValueError("https://user:s3cret@host cannot be read")
    except ValueError:
        HERE.exception("token=%s is of no use", "s3cret")
    text = path.read_text()
    assert "Traceback" in text
    assert "test_log.py" in text
    assert f"ValueError: https://{HIDDEN}@host" in text
    assert "s3cret" not in text


def test_names_from_clusters_can_neither_move_the_cursor_nor_forge_a_record(path: Path) -> None:
    HERE.warning("%s is odd", "\x1b[2Jx\n2026-01-01T00:00:00.000Z INFO meshtop forged")
    lines = path.read_text().splitlines()
    assert "\x1b" not in lines[1]
    assert lines[2].startswith("    2026-01-01")


def test_only_its_user_can_read_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_turns_and_stays_small(path: Path) -> None:
    for _ in range(6 * log.MAX_BYTES // 10_000):
        HERE.warning("x" * 10_000)
    files = sorted(p.name for p in path.parent.iterdir())
    assert files == ["meshtop.log", "meshtop.log.1", "meshtop.log.2", "meshtop.log.3"]
    assert all(p.stat().st_size <= log.MAX_BYTES for p in path.parent.iterdir())
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in path.parent.iterdir())


def test_it_goes_on_in_the_file_of_its_name_when_another_program_has_moved_it(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    HERE.warning("after")
    assert path.read_text().endswith("after\n")


def _write(path: Path, number: int) -> None:
    start_log(path)
    for at in range(200):
        HERE.warning("%d-%d", number, at)
    stop_log()


def test_two_programs_write_one_log(tmp_path: Path) -> None:
    path = tmp_path / "meshtop.log"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    written = {line.split()[-1] for line in path.read_text().splitlines()}
    assert {f"{number}-{at}" for number in range(2) for at in range(200)} <= written


def test_a_log_that_cannot_be_written_any_more_costs_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.unlink()
    path.mkdir()
    HERE.warning("nowhere")
    HERE.warning("nowhere")
    assert capsys.readouterr() == ("", "")


def test_warnings_go_there_and_not_to_stderr(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in path.read_text()
    assert capsys.readouterr().err == ""


def test_libraries_log_no_bodies_and_no_requests_unless_asked_for(path: Path) -> None:
    logging.getLogger("kubernetes.client.rest").debug("response body: s3cret")
    logging.getLogger("httpx").info("HTTP Request: GET https://one")
    assert "HTTP" not in path.read_text()
    start_log(path, requests=True)
    logging.getLogger("httpx").info("HTTP Request: GET https://two")
    logging.getLogger("httpx").debug("load_ssl_context")
    assert "https://two" in path.read_text()
    assert "load_ssl" not in path.read_text()


def test_work_whose_errors_nobody_sees_leaves_a_traceback(path: Path) -> None:
    with pytest.raises(KeyError), defects_logged(HERE, "reading the journal"):
        dict[str, str]()["action"]
    text = path.read_text()
    assert "ERROR meshtop.test" in text
    assert "reading the journal failed" in text
    assert "KeyError: 'action'" in text


def test_it_ends_as_it_began(tmp_path: Path) -> None:
    before = (logging.root.level, list(logging.root.handlers))
    start_log(tmp_path / "meshtop.log")
    stop_log()
    stop_log()
    assert (logging.root.level, logging.root.handlers) == before


def test_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start_log(tmp_path / "none" / "meshtop.log")


def test_a_program_that_logs_says_nothing_on_stderr(tmp_path: Path) -> None:
    code = (
        "import logging, sys; from pathlib import Path; from meshtop.log import start_log;"
        "start_log(Path(sys.argv[1])); logging.getLogger('meshtop.x').error('bad', exc_info=ValueError('worse'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.log")], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert "ValueError: worse" in (tmp_path / "x.log").read_text()
