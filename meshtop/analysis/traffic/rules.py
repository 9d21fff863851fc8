"""Recording rules for big meshes: Prometheus precomputes the sums that meshtop queries."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.traffic.metrics import TRAFFIC, duration_text
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS, ISTIO_NAMESPACE

EVALUATE_EVERY = "30s"


def recording_rules(window_seconds: float = DEFAULT_WINDOW_SECONDS) -> dict[str, Any]:
    """A rules file (`groups:`) with one recorded rate for each metric that meshtop queries.

    Every metric is a group of its own, so that Prometheus evaluates them in parallel. The names contain the window;
    meshtop uses the rules where they exist for its window.
    """
    window = duration_text(window_seconds)
    return {
        "groups": [
            {
                "name": f"meshtop-{metric.name}-{window}",
                "interval": EVALUATE_EVERY,
                "rules": [
                    {
                        "record": metric.recorded(window),
                        "expr": f"sum by ({', '.join(metric.by)}) (rate({metric.name}[{window}]))",
                    }
                ],
            }
            for metric in TRAFFIC
        ]
    }


def prometheus_rule(
    window_seconds: float = DEFAULT_WINDOW_SECONDS, *, name: str = "meshtop", namespace: str = ISTIO_NAMESPACE
) -> dict[str, Any]:
    """The recording rules as a PrometheusRule, which the Prometheus operator loads."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "meshtop"},
        },
        "spec": recording_rules(window_seconds),
    }
