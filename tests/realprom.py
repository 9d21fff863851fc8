"""Debian's real Prometheus as a test's partner: started on known series, or scraping what a test serves.

Tests that use it are marked ``prometheus``; without the program they are skipped.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from tests.patience import PATIENCE_SECONDS

_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')
_PATIENCE = PATIENCE_SECONDS
"""Seconds after which a Prometheus that is not ready has failed."""


class RealPrometheus:
    """A running Prometheus. Start it with ``on_blocks`` or ``scraping``, which also stop it."""

    def __init__(self, folder: Path, config: dict[str, Any], options: Sequence[str] = ()) -> None:
        self._log = folder / "prometheus.log"
        config_file = folder / "prometheus.yml"
        config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self._sink: IO[bytes] = self._log.open("wb")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config_file}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                "--web.listen-address=127.0.0.1:0",
                *options,
            ],
            stdout=self._sink,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            self.url = f"http://{self._wait_for_address()}"
            self.wait_until(lambda: self._status("/-/ready") == 200, "to be ready")
        except BaseException:
            self.stop()
            raise

    @classmethod
    @contextmanager
    def on_blocks(cls, folder: Path, openmetrics: str, options: Sequence[str] = ()) -> Iterator[RealPrometheus]:
        """One that holds the series of an OpenMetrics text with timestamps, and scrapes nothing."""
        text = folder / "series.om"
        text.write_text(openmetrics, encoding="utf-8")
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "--quiet", "openmetrics", str(text), str(folder / "data")],
            check=True,
            capture_output=True,
        )
        with cls._running(folder, {"global": {}}, options) as server:
            yield server

    @classmethod
    @contextmanager
    def scraping(
        cls,
        folder: Path,
        targets: Iterable[str],
        *,
        metrics_path: str = "/metrics",
        interval: str = "1s",
        job: str = "scraped",
        options: Sequence[str] = (),
    ) -> Iterator[RealPrometheus]:
        """One that scrapes ``host:port`` targets, keeping the labels that they expose.

        The first scrape comes after some five seconds: that is the pace of its discovery.
        """
        job_config = {
            "job_name": job,
            "honor_labels": True,
            "metrics_path": metrics_path,
            "static_configs": [{"targets": list(targets)}],
        }
        config = {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": [job_config]}
        with cls._running(folder, config, options) as server:
            yield server

    @classmethod
    @contextmanager
    def _running(cls, folder: Path, config: dict[str, Any], options: Sequence[str]) -> Iterator[RealPrometheus]:
        server = cls(folder, config, options)
        try:
            yield server
        finally:
            server.stop()

    def stop(self) -> None:
        """End the process that this object started."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sink.close()

    def api(self, path: str, **params: str) -> tuple[int, dict[str, Any]]:
        """POST a form to ``/api/v1/<path>``; the status and the decoded answer, also of an error."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", urllib.parse.urlencode(params).encode())
        return _decoded(request)

    def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> tuple[int, dict[str, Any]]:
        """GET ``/api/v1/<path>``; the status and the decoded answer, also of an error."""
        return _decoded(urllib.request.Request(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}"))

    def wait_until(self, condition: Callable[[], bool], what: str, patience: float = _PATIENCE) -> None:
        """Wait for a condition; fail with Prometheus' log when it ends first or takes too long."""
        deadline = time.monotonic() + patience
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for prometheus {what}:\n{self._read_log()[-4000:]}")
            time.sleep(0.02)

    def _wait_for_address(self) -> str:
        found: list[str] = []

        def listening() -> bool:
            found.extend(_LISTENING.findall(self._read_log()))
            return bool(found)

        self.wait_until(listening, "to listen")
        return found[0]

    def _read_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=_PATIENCE) as answer:
                return int(answer.status)
        except (urllib.error.URLError, ConnectionError):
            return 0


def _decoded(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as err:
        return err.code, json.loads(err.read())
