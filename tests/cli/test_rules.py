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


SLOS = """
slos:
  - {name: available, service: east/shop/reviews, objective: 99%}
  - {name: fast, service: "east/shop/*", objective: 0.95, latencyMs: 250, window: 7d}
"""


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "meshtop.yaml"
    path.write_text(SLOS)
    return str(path)


def slo_rules(meshtop: Program, settings: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(meshtop("rules", "--slo", "-o", "file", "--config", settings).out)
    return found


def test_rules_of_objectives(meshtop: Program, settings: str) -> None:
    rule = yaml.safe_load(meshtop("rules", "--slo", "--config", settings, "-n", "monitoring").out)
    assert (rule["metadata"]["name"], rule["metadata"]["namespace"]) == ("meshtop-slo", "monitoring")
    assert rule["spec"] == slo_rules(meshtop, settings)
    names = {one.get("record") for group in rule["spec"]["groups"] for one in group["rules"]}
    assert {"slo:sli_error:ratio_rate5m", "slo:objective:ratio", "slo:period_error_budget_remaining:ratio"} <= names
    alerts = [one for group in rule["spec"]["groups"] for one in group["rules"] if "alert" in one]
    assert [(one["labels"]["sloth_slo"], one["labels"]["severity"]) for one in alerts] == [
        ("available", "critical"),
        ("available", "warning"),
        ("fast", "critical"),
    ]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("refresh: 5s\n", (), "The settings have no objectives"),
        (SLOS, ("--cluster", "west"), "No objective of the settings is of west; they are of east."),
        (SLOS + '  - {name: x, service: "*/a/b", objective: 90}\n', (), "give --cluster once"),
        ("slos: [{name: x, service: shop/reviews, objective: 90}]\n", (), "is not a service; write CLUSTER/NAMESPACE"),
        ("slos: [{name: x, service: a/b/c, objective: 90, latencyMs: 300}]\n", (), "write 250 or 500"),
        ("slos: [{name: x, service: a/b/c, objective: most}]\n", (), "write 99.9% or 0.999"),
    ],
)
def test_what_is_wrong_with_objectives_is_said(
    meshtop: Program, tmp_path: Path, text: str, arguments: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    outcome = meshtop("rules", "--slo", "--config", str(path), *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.prometheus
def test_prometheus_takes_the_rules_of_objectives(meshtop: Program, settings: str, tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(yaml.safe_dump(slo_rules(meshtop, settings)))
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.prometheus
def test_a_budget_burns_and_an_alert_says_so(meshtop: Program, settings: str, tmp_path: Path) -> None:
    """A fifth of the requests to reviews fail, none of those to cart; nobody asks anything else."""
    (tmp_path / "slo.yaml").write_text(yaml.safe_dump(slo_rules(meshtop, settings)))
    call = (
        'istio_requests_total{reporter="source",destination_service_namespace="shop",destination_service_name="%s",'
        'response_code="%s"}'
    )
    ids = 'sloth_id="meshtop-available",sloth_service="reviews",sloth_slo="available"'
    where = 'destination_service_name="reviews",destination_service_namespace="shop"'
    alert = {
        "exp_labels": {
            "severity": "critical",
            "sloth_severity": "page",
            "sloth_id": "meshtop-available",
            "sloth_service": "reviews",
            "sloth_slo": "available",
            "destination_service_name": "reviews",
            "destination_service_namespace": "shop",
        },
        "exp_annotations": {
            "summary": "shop/reviews spends the error budget of available too fast.",
            "description": "99 % of its requests have to be good over 30d.",
        },
    }
    test: dict[str, Any] = {
        "rule_files": ["slo.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": call % ("reviews", "200"), "values": "0+48x90"},
                    {"series": call % ("reviews", "503"), "values": "0+12x90"},
                ],
                "promql_expr_test": [
                    {
                        "expr": "slo:sli_error:ratio_rate5m",
                        "eval_time": "80m",
                        "exp_samples": [
                            {
                                "labels": f'slo:sli_error:ratio_rate5m{{{where},{ids},sloth_window="5m"}}',
                                "value": 0.2,
                            }
                        ],
                    },
                    {
                        "expr": f"round(slo:period_error_budget_remaining:ratio{{{where}}}, 0.001)",
                        "eval_time": "80m",
                        "exp_samples": [{"labels": f"{{{where},{ids}}}", "value": -19}],
                    },
                ],
                "alert_rule_test": [
                    {"eval_time": "80m", "alertname": "ErrorBudgetBurns", "exp_alerts": [alert, as_warning(alert)]},
                ],
            },
            {
                "interval": "1m",
                "input_series": [{"series": call % ("reviews", "200"), "values": "0+60x90"}],
                "promql_expr_test": [
                    {
                        "expr": "slo:sli_error:ratio_rate1h",
                        "eval_time": "80m",
                        "exp_samples": [
                            {"labels": f'slo:sli_error:ratio_rate1h{{{where},{ids},sloth_window="1h"}}', "value": 0}
                        ],
                    }
                ],
                "alert_rule_test": [{"eval_time": "80m", "alertname": "ErrorBudgetBurns", "exp_alerts": []}],
            },
            {
                "interval": "1m",
                "input_series": [{"series": call % ("reviews", "200"), "values": "5x90"}],
                "promql_expr_test": [
                    {"expr": "slo:sli_error:ratio_rate1h", "eval_time": "80m", "exp_samples": []},
                ],
            },
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    tested = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def as_warning(alert: dict[str, Any]) -> dict[str, Any]:
    """The same alert at its lower severity: slower windows see what faster ones see."""
    return {**alert, "exp_labels": {**alert["exp_labels"], "severity": "warning", "sloth_severity": "ticket"}}
