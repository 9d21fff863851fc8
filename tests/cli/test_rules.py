"""`meshtop rules`: what it prints is what Prometheus and its operator take."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Program

CALL = (
    'istio_requests_total{reporter="destination",source_workload="web",destination_workload="reviews",'
    'response_code="200",pod="%s",request_protocol="http"}'
)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def test_a_prometheus_rule(meshtop: Program) -> None:
    outcome = meshtop("rules", "-n", "monitoring", "--name", "mesh", "--label", "release=prometheus")
    rule = yaml.safe_load(outcome.out)
    assert (outcome.code, rule["kind"], rule["apiVersion"]) == (0, "PrometheusRule", "monitoring.coreos.com/v1")
    assert (rule["metadata"]["name"], rule["metadata"]["namespace"]) == ("mesh", "monitoring")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert yaml.safe_load(meshtop("rules", "-o", "file").out) == rule["spec"]


def test_the_window_is_that_of_the_settings(meshtop: Program) -> None:
    def records(*arguments: str) -> set[str]:
        groups = yaml.safe_load(meshtop("rules", "-o", "file", *arguments).out)["groups"]
        return {rule["record"].rpartition(":")[2] for group in groups for rule in group["rules"]}

    assert records() == {"rate5m"}
    assert records("--window", "1m") == {"rate1m"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label", "release"), "'release' is not a label; write --label key=value."),
        (("-o", "file", "--label", "a=b"), "A plain rules file has no labels"),
        (("-n", "a", "-n", "b"), "A PrometheusRule is in one namespace; give -n once."),
    ],
)
def test_what_is_wrong_is_said(meshtop: Program, arguments: tuple[str, ...], said: str) -> None:
    outcome = meshtop("rules", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.prometheus
@pytest.mark.parametrize("window", ["1m", "5m", "1h"])
def test_prometheus_takes_them(meshtop: Program, tmp_path: Path, window: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(meshtop("rules", "-o", "file", "--window", window).out)
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.prometheus
def test_they_record_the_rates_that_meshtop_asks_for(meshtop: Program, tmp_path: Path) -> None:
    """Two pods of one workload, each with one request a second, are one series of two, and pods are gone."""
    (tmp_path / "rules.yaml").write_text(meshtop("rules", "-o", "file", "--window", "5m").out)
    labels = 'reporter="destination",source_workload="web",destination_workload="reviews"'
    test: dict[str, Any] = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {"series": CALL % "one", "values": "0+30x40"},
                    {"series": CALL % "two", "values": "0+30x40"},
                ],
                "promql_expr_test": [
                    {
                        "expr": "meshtop:istio_requests:rate5m",
                        "eval_time": "15m",
                        "exp_samples": [
                            {
                                "labels": f"meshtop:istio_requests:rate5m{{{labels},"
                                'response_code="200",request_protocol="http"}',
                                "value": 2,
                            }
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    tested = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
