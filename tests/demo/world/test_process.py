"""The demo as the process it is: started, asked over HTTP, and ended."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.demo.world.scenarios import SCENARIOS
from meshtop.demo.world.worlds.registry import WORLDS
from tests.patience import PATIENCE_SECONDS

LIMIT = PATIENCE_SECONDS


@contextmanager
def _demo(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "meshtop.demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _get(url: str, token: str = "demo-admin") -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_the_process_serves_both_apis_and_ends_when_told(tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config"
    with _demo("--write-kubeconfig", str(path), "--viewer") as (process, ready):
        assert ready["ready"] is True
        assert ready["kubeconfig"] == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        kubeconfig = yaml.safe_load(path.read_text())
        assert [c["name"] for c in kubeconfig["contexts"]] == [
            f"{n}{s}" for s in ("", "-viewer") for n in ("us-east", "eu-west", "on-prem")
        ]
        servers = {c["name"]: c["cluster"]["server"] for c in kubeconfig["clusters"]}
        for cluster in ready["clusters"]:
            assert servers[cluster["name"]] == cluster["server"]
            pods = _get(f"{cluster['server']}/api/v1/pods", "demo-viewer")["items"]
            assert len(pods) > 20
            proxy = f"{cluster['server']}/api/v1/namespaces/istio-system/services/prometheus:9090/proxy"
            for prometheus in (proxy, cluster["prometheus"]):
                found = _get(f"{prometheus}/api/v1/query?query=sum(rate(istio_requests_total[5m]))")
                assert float(found["data"]["result"][0]["value"][1]) > 10
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
        with pytest.raises(urllib.error.URLError) as refused:
            _get(ready["clusters"][0]["server"] + "/version")
        assert isinstance(refused.value.reason, ConnectionRefusedError)


def test_it_leaves_when_its_parent_is_gone() -> None:
    parent = subprocess.Popen(["sleep", "600"])
    with parent, _demo("--clusters", "1", "--parent-pid", str(parent.pid)) as (process, ready):
        folder = Path(ready["kubeconfig"]).parent
        assert folder.is_dir()
        parent.kill()
        parent.wait(LIMIT)
        assert process.wait(LIMIT) == 0
        assert not folder.exists()


def test_scenarios_are_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshtop.demo", "--list"], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    for name in (*SCENARIOS, *WORLDS):
        assert f"  {name} " in done.stdout, name


def test_nonsense_gets_one_sentence() -> None:
    for arguments in (
        ["--scenario", "apocalypse"],
        ["--clusters", "0"],
        ["--write-kubeconfig", f"{os.devnull}/x"],
        ["--write-kubeconfig", os.path.dirname(__file__)],
        ["--port-base", "65535"],
        ["--begins", "nan"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "meshtop.demo", *arguments], capture_output=True, text=True, timeout=LIMIT
        )
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "Traceback" not in done.stderr
        assert "Errno" not in done.stderr
