"""Alerts of Debian's Prometheus with a rule file, and of VictoriaMetrics, which only stores what others evaluate."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from meshtop.model.alerting import Alert, Alerts, AlertState
from meshtop.model.evidence import WhyUnknown
from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.prometheus.source import PrometheusSource
from tests.patience import PATIENCE_SECONDS
from tests.realprom import RealPrometheus

pytestmark = [pytest.mark.prometheus, pytest.mark.xdist_group("e2e-prometheus")]

POD = 'label_replace(label_replace(vector(3), "pod", "p-1", "", ""), "namespace", "shop", "", "")'
RULES: dict[str, object] = {
    "groups": [
        {
            "name": "general.rules",
            "interval": "1s",
            "rules": [
                {
                    "alert": "Watchdog",
                    "expr": "vector(1)",
                    "labels": {"severity": "none"},
                    "annotations": {"summary": "Alerting works."},
                },
                {
                    "alert": "KubePodCrashLooping",
                    "expr": POD,
                    "labels": {"severity": "warning"},
                    "annotations": {
                        "summary": "Pod {{ $labels.namespace }}/{{ $labels.pod }} restarts ({{ $value }})."
                    },
                },
                {"alert": "Later", "expr": "vector(1) > 0", "for": "1h", "labels": {"severity": "critical"}},
                {"alert": "Never", "expr": "vector(0) > 0"},
            ],
        },
        {
            "name": "slo",
            "interval": "1s",
            "rules": [
                {
                    "record": name,
                    "expr": f"vector({value})",
                    "labels": {"sloth_id": "s-a", "sloth_service": "s", "sloth_slo": "a"},
                }
                for name, value in {
                    "slo:sli_error:ratio_rate5m": 0.5,
                    "slo:sli_error:ratio_rate1h": 0.25,
                    "slo:objective:ratio": 0.99,
                    "slo:time_period:days": 30,
                }.items()
            ],
        },
    ]
}


@contextmanager
def prometheus(folder: Path, rules: dict[str, object] | None) -> Iterator[RealPrometheus]:
    config: dict[str, object] = {"global": {"evaluation_interval": "1s"}}
    if rules is not None:
        (folder / "rules.yml").write_text(yaml.safe_dump(rules))
        config["rule_files"] = [str(folder / "rules.yml")]
    server = RealPrometheus(folder, config)
    try:
        yield server
    finally:
        server.stop()


async def read(url: str, at: float | None = None) -> PrometheusSource:
    source = PrometheusSource(cluster="east", connection=None, settings=PrometheusSettings(url=url), timeout=20.0)
    await source.refresh((), window_seconds=300)
    await source.refresh_alerts(at=at)
    await source.refresh_slos(at=at)
    await source.close()
    return source


def alerts_of(source: PrometheusSource) -> Alerts:
    assert source.alerts is not None
    return source.alerts


def by_name(source: PrometheusSource) -> dict[str, Alert]:
    return {alert.name: alert for alert in alerts_of(source).alerts}


async def test_the_alerts_of_a_real_prometheus(tmp_path: Path) -> None:
    with prometheus(tmp_path, RULES) as server:

        def evaluated() -> bool:
            answer = server.api("query", query='count(ALERTS{alertstate="firing"}) + count(slo:objective:ratio)')
            return bool(answer[1]["data"]["result"]) and answer[1]["data"]["result"][0]["value"][1] == "3"

        server.wait_until(evaluated, "to evaluate its rules")
        source = await read(server.url)
        now = by_name(source)
        assert now.keys() == {"Watchdog", "KubePodCrashLooping", "Later"}
        crash = now["KubePodCrashLooping"]
        assert (crash.state, crash.severity) == (AlertState.FIRING, "warning")
        assert crash.labels["pod"] == "p-1"
        assert crash.annotations == {"summary": "Pod shop/p-1 restarts (3)."}
        assert now["Later"].state is AlertState.PENDING
        assert alerts_of(source).evidence.known
        # The past is told by the series: the same alerts, since the same moments.
        past = by_name(await read(server.url, at=time.time()))
        assert {name: (one.state, one.labels) for name, one in past.items()} == {
            name: (one.state, one.labels) for name, one in now.items()
        }
        for name, one in past.items():
            assert one.since == pytest.approx(now[name].since, abs=1.0)
        long_ago = alerts_of(await read(server.url, at=time.time() - 86_400))
        assert (long_ago.alerts, long_ago.evidence.why) == ((), WhyUnknown.UNSUPPORTED)
        assert source.slos is not None
        (slo,) = source.slos.readings
        assert (slo.name, slo.ratios, slo.objective) == ("s/a", {300.0: 0.5, 3600.0: 0.25}, 0.99)


async def test_a_real_prometheus_without_rules_is_not_said_to_be_calm(tmp_path: Path) -> None:
    with prometheus(tmp_path, None) as server:
        found = alerts_of(await read(server.url))
        assert (found.alerts, found.evidence.why) == ((), WhyUnknown.UNSUPPORTED)


@contextmanager
def victoria(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "vm.log").open("wb") as log:
        process = subprocess.Popen(
            ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'data'}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            wait(lambda: get(f"{url}/health") is not None, "VictoriaMetrics to be ready")
            yield url
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def get(url: str, body: bytes | None = None) -> bytes | None:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE_SECONDS) as answer:
            found: bytes = answer.read()
            return found
    except (urllib.error.URLError, ConnectionError):
        return None


def wait(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.mark.skipif(shutil.which("victoria-metrics") is None, reason="VictoriaMetrics is not installed")
async def test_victoriametrics_tells_by_its_series(tmp_path: Path) -> None:
    """It answers `/api/v1/alerts` with an empty list although it evaluates nothing."""
    with victoria(tmp_path) as url:
        nothing = alerts_of(await read(url))
        assert (nothing.alerts, nothing.evidence.why) == ((), WhyUnknown.UNSUPPORTED)
        # It shows nothing that is younger than half a minute (-search.latencyOffset).
        at = int(time.time()) - 60
        lines = [
            f'ALERTS{{alertname="Down",alertstate="firing",namespace="shop",severity="critical"}} 1 {at}000',
            f'ALERTS_FOR_STATE{{alertname="Down",namespace="shop",severity="critical"}} {at - 60} {at}000',
            "",
        ]
        assert get(f"{url}/api/v1/import/prometheus", "\n".join(lines).encode()) is not None

        def stored() -> bool:
            answer = get(f"{url}/api/v1/query?query=ALERTS&nocache=1&time={at + 2}")
            return answer is not None and bool(json.loads(answer)["data"]["result"])

        wait(stored, "VictoriaMetrics to show what was written")
        (down,) = alerts_of(await read(url, at=at + 2.0)).alerts
        assert (down.name, down.state, down.since) == ("Down", AlertState.FIRING, at - 60.0)
        assert down.labels == {"namespace": "shop", "severity": "critical"}
