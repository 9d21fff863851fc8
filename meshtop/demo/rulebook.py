"""The rules that the simulated Prometheuses evaluate: as kube-prometheus and Istio's samples have them, and an SLO."""

from __future__ import annotations

from meshtop.demo.prom.ruling import AlertingRule, RecordingRule, RuleGroup
from meshtop.demo.world.plan import Cluster

MINUTE_MS = 60_000
_BY_WORKLOAD = "destination_workload_namespace, destination_workload"
_REQUESTS = 'istio_requests_total{reporter="destination"%s}'
_WORKLOAD = "{{ $labels.destination_workload_namespace }}/{{ $labels.destination_workload }}"


def _error_share() -> str:
    failed = _REQUESTS % ',response_code=~"5.."'
    every = _REQUESTS % ""
    return f"sum by ({_BY_WORKLOAD}) (rate({failed}[5m])) / sum by ({_BY_WORKLOAD}) (rate({every}[5m]))"


GENERAL = RuleGroup(
    "general.rules",
    alerts=(
        AlertingRule(
            "Watchdog",
            "vector(1)",
            labels={"severity": "none"},
            annotations={"summary": "An alert that should always be firing, to see that alerting works."},
        ),
        AlertingRule(
            "TargetDown",
            "100 * (count by (job, namespace) (up == 0) / count by (job, namespace) (up)) > 10",
            10 * MINUTE_MS,
            {"severity": "warning"},
            {"summary": "{{ $value }} % of the targets of {{ $labels.job }} in {{ $labels.namespace }} are down."},
        ),
    ),
)
WORKLOADS = RuleGroup(
    "istio.workloads",
    alerts=(
        AlertingRule(
            "IstioHighErrorRate",
            f"{_error_share()} > 0.03",
            2 * MINUTE_MS,
            {"severity": "warning"},
            {"summary": f"{_WORKLOAD} answers too many requests with 5xx (share {{{{ $value }}}})."},
        ),
        AlertingRule(
            "IstioVeryHighErrorRate",
            f"{_error_share()} > 0.1",
            MINUTE_MS,
            {"severity": "critical"},
            {"summary": f"{_WORKLOAD} answers a tenth of its requests or more with 5xx (share {{{{ $value }}}})."},
        ),
    ),
)
CONTROL_PLANE = RuleGroup(
    "istio.controlplane",
    alerts=(
        AlertingRule(
            "IstioPilotConvergenceSlow",
            "histogram_quantile(0.9, sum by (namespace, pod, le) (rate(pilot_proxy_convergence_time_bucket[10m]))) > 5",
            2 * MINUTE_MS,
            {"severity": "warning"},
            {"summary": "Proxies wait {{ $value }} s for configuration of {{ $labels.pod }} (p90)."},
        ),
        AlertingRule(
            "IstioPilotRejects",
            "sum by (namespace, pod) (rate(pilot_total_xds_rejects[5m])) > 0.01",
            MINUTE_MS,
            {"severity": "warning"},
            {"summary": "Proxies reject configuration of {{ $labels.pod }}."},
        ),
        AlertingRule(
            "IstioRootCertificateExpires",
            "min by (namespace, pod) (citadel_server_root_cert_expiry_timestamp) - time() < 604800",
            MINUTE_MS,
            {"severity": "warning"},
            {"summary": "The root certificate of {{ $labels.pod }} expires within a week."},
        ),
    ),
)

SLO_SERVICE, SLO_NAMESPACE, SLO_OBJECTIVE, SLO_DAYS = "reviews", "shop", 0.995, 7
_SLOTH = {
    "sloth_id": "reviews-requests-availability",
    "sloth_service": SLO_SERVICE,
    "sloth_slo": "requests-availability",
}
_WINDOWS = {"5m": 30_000, "30m": 30_000, "1h": 60_000, "2h": 60_000, "6h": 240_000, "1d": 240_000}
"""Windows, and how often each is recorded (ms): a long one changes slowly,
but a series without a sample in five minutes has ended."""


def _ratio(window: str) -> str:
    service = f',destination_service_name="{SLO_SERVICE}",destination_service_namespace="{SLO_NAMESPACE}"'
    failed = _REQUESTS % f'{service},response_code=~"5.."'
    every = _REQUESTS % service
    return f"sum(rate({failed}[{window}])) / sum(rate({every}[{window}]))"


def _slo() -> RuleGroup:
    """What Sloth makes of an SLO, with a window of a week."""
    period = f"{SLO_DAYS}d"
    budget = 1 - SLO_OBJECTIVE
    return RuleGroup(
        f"sloth-slo-sli-recordings-{_SLOTH['sloth_id']}",
        records=(
            *(
                RecordingRule(
                    f"slo:sli_error:ratio_rate{window}", _ratio(window), {**_SLOTH, "sloth_window": window}, every
                )
                for window, every in _WINDOWS.items()
            ),
            RecordingRule("slo:objective:ratio", f"vector({SLO_OBJECTIVE})", _SLOTH),
            RecordingRule("slo:time_period:days", f"vector({SLO_DAYS})", _SLOTH),
            RecordingRule(
                "slo:period_error_budget_remaining:ratio", f"1 - ({_ratio(period)}) / {budget:g}", _SLOTH, 240_000
            ),
        ),
    )


def rules_of(cluster: Cluster) -> tuple[RuleGroup, ...]:
    """The rules of a cluster's Prometheus."""
    groups = (GENERAL, WORKLOADS, CONTROL_PLANE)
    return (*groups, _slo()) if cluster.mesh.template == "prod" and not cluster.hosting else groups
