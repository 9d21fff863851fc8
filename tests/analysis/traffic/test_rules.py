"""The recording rules: accepted by promtool, and recording the numbers that meshtop asks for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.analysis.traffic.metrics import TRAFFIC, duration_text
from meshtop.analysis.traffic.rules import prometheus_rule, recording_rules
from tests.patience import PATIENCE_SECONDS


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(recording_rules()))
    return file


@pytest.mark.prometheus
def test_promtool_accepts_the_rules(rules_file: Path) -> None:
    assert f"{len(TRAFFIC)} rules found" in promtool("check", "rules", str(rules_file))


@pytest.mark.prometheus
def test_the_rules_record_sums_without_pods(rules_file: Path, tmp_path: Path) -> None:
    """Two pods at 1/s and 3/s become one series at 4/s; labels that nobody groups by are gone."""
    ends = {name: name for name in TRAFFIC[0].by}
    series = [
        {
            "series": f"istio_requests_total{{{_labels(ends | {'pod': pod, 'instance': pod})}}}",
            "values": f"0+{rate * 30}x40",
        }
        for pod, rate in (("a", 1), ("b", 3))
    ]
    test: dict[str, Any] = {
        "rule_files": [str(rules_file)],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": TRAFFIC[0].recorded("5m"),
                        "eval_time": "10m",
                        "exp_samples": [
                            {"labels": f"{TRAFFIC[0].recorded('5m')}{{{_labels(ends)}}}", "value": 4},
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    assert "SUCCESS" in promtool("test", "rules", str(file))


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def test_the_operators_object_holds_the_same_rules() -> None:
    rule = prometheus_rule(600, namespace="monitoring")
    assert rule["metadata"]["namespace"] == "monitoring"
    assert rule["spec"] == recording_rules(600)
    assert rule["spec"]["groups"][0]["rules"][0]["record"] == "meshtop:istio_requests:rate10m"


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "5m"), (3600, "1h"), (90, "90s"), (0.5, "500ms"), (1.5, "1500ms"), (0, "1ms")]
)
def test_durations_as_promql_writes_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
