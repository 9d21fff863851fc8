"""Recording and alerting rules for the objectives of the settings, with the names that Sloth gives its series.

So dashboards made for Sloth show them, and meshtop finds them by itself and counts no more: what is recorded costs one
query a minute, however many objectives there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshtop.analysis.alerting.burning import DAY, BurnPair, burn_pairs
from meshtop.analysis.alerting.recorded import (
    OWN_ID,
    SLOTH_DAYS,
    SLOTH_INFO,
    SLOTH_LEFT,
    SLOTH_OBJECTIVE,
    SLOTH_RATIO,
    SLOTH_WINDOWS,
)
from meshtop.model.alerting import SloTarget
from meshtop.model.state import Severity
from meshtop.sources.prometheus.promql import Matcher, selector
from meshtop.sources.prometheus.slo_queries import GROUP, bad_of, requests_of
from meshtop.views.kinds.slos import span_text

EVALUATED_EVERY = "30s"
_SEVERITIES = {Severity.ERROR: ("critical", "page"), Severity.WARNING: ("warning", "ticket")}


def slo_rules(targets: Sequence[SloTarget]) -> dict[str, Any]:
    """A rules file (`groups:`) with three groups for each objective: what is measured, what follows, and alerts."""
    return {"groups": [group for target in targets for group in _groups(target)]}


def _groups(target: SloTarget) -> list[dict[str, Any]]:
    identity = f"{OWN_ID}{target.name}"
    labels = {"sloth_id": identity, "sloth_service": target.service, "sloth_slo": target.name}
    named = (
        ("sli", _measured(target, labels)),
        ("meta", _following(target, labels)),
        ("alerts", _alerting(target, labels)),
    )
    return [
        {"name": f"meshtop-slo-{part}-{target.name}", "interval": EVALUATED_EVERY, "rules": rules}
        for part, rules in named
    ]


def _measured(target: SloTarget, labels: dict[str, str]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    for window in SLOTH_WINDOWS:
        bad, every = (make(target, "rate", window, {}) for make in (bad_of, requests_of))
        # Where nothing failed there is no failing series; where nothing was asked nothing is said.
        shared = f"({bad} or {every} * 0)" if target.latency_ms is None else bad
        rules.append(
            {
                "record": f"{SLOTH_RATIO}{window}",
                "expr": f"{shared} / ({every} > 0)",
                "labels": {**labels, "sloth_window": window},
            }
        )
    return rules


def _following(target: SloTarget, labels: dict[str, str]) -> list[dict[str, Any]]:
    budget = 1.0 - target.objective
    own = Matcher("sloth_id", "=", labels["sloth_id"])
    short = selector(f"{SLOTH_RATIO}5m", (own,))
    period = span_text(target.window_seconds)
    whole = selector(f"{SLOTH_RATIO}{period}", (own,))
    over = f"avg without (sloth_window) (avg_over_time({short}[{period}]))"
    constants = {
        SLOTH_OBJECTIVE: target.objective,
        "slo:error_budget:ratio": budget,
        SLOTH_DAYS: target.window_seconds / DAY,
    }
    of_period = {"sloth_window": period} if period not in SLOTH_WINDOWS else {}
    return [
        # A window that is measured already is not recorded a second time.
        *([{"record": f"{SLOTH_RATIO}{period}", "expr": over, "labels": {**labels, **of_period}}] if of_period else []),
        *({"record": name, "expr": f"vector({value:.12g})", "labels": labels} for name, value in constants.items()),
        _rule("slo:current_burn_rate:ratio", f"avg without (sloth_window) ({short}) / {budget:.12g}", labels),
        _rule("slo:period_burn_rate:ratio", f"avg without (sloth_window) ({whole}) / {budget:.12g}", labels),
        _rule(SLOTH_LEFT, f"1 - {selector('slo:period_burn_rate:ratio', (own,))}", labels),
        _rule(
            SLOTH_INFO,
            "vector(1)",
            {**labels, "sloth_mode": "meshtop", "sloth_objective": f"{target.objective * 100:.12g}"},
        ),
    ]


def _rule(record: str, expr: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"record": record, "expr": expr, "labels": labels}


def _alerting(target: SloTarget, labels: dict[str, str]) -> list[dict[str, Any]]:
    own = Matcher("sloth_id", "=", labels["sloth_id"])
    budget = 1.0 - target.objective
    found = []
    for severity, (word, kind) in _SEVERITIES.items():
        pairs = [pair for pair in burn_pairs(target.window_seconds) if pair.severity is severity]
        if not pairs:
            continue
        where = "{{ $labels.destination_service_namespace }}/{{ $labels.destination_service_name }}"
        found.append(
            {
                "alert": "ErrorBudgetBurns",
                "expr": " or ".join(_both(pair, own, budget) for pair in pairs),
                "labels": {**labels, "severity": word, "sloth_severity": kind},
                "annotations": {
                    "summary": f"{where} spends the error budget of {target.name} too fast.",
                    "description": f"{target.objective * 100:.6g} % of its requests have to be good over "
                    f"{span_text(target.window_seconds)}.",
                },
            }
        )
    return found


def _both(pair: BurnPair, own: Matcher, budget: float) -> str:
    """Both windows of a pair above their rate, for the same service."""
    bound = min(pair.factor * budget, 1.0)
    sides = (
        f"max by ({GROUP}) ({selector(f'{SLOTH_RATIO}{span_text(window)}', (own,))} > {bound:.12g})"
        for window in (pair.short, pair.long)
    )
    return "(" + " and ".join(sides) + ")"
