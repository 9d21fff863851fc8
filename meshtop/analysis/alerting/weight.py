"""How much an alert matters, by the words that rules write into the label `severity`."""

from __future__ import annotations

from meshtop.model.alerting import Alert, AlertState
from meshtop.model.state import Severity

ALWAYS_FIRING = frozenset({"watchdog", "deadmansswitch", "deadmanssnitch", "deadmanswitch", "infoinhibitor"})
"""Alerts that fire so that their absence, or their silencing of others, is noticed (kube-prometheus and its likes)."""
_ERRORS = frozenset(
    {"critical", "page", "error", "emergency", "fatal", "high", "disaster", "major", "sev1", "sev2", "p1", "p2"}
)
_WARNINGS = frozenset({"warning", "warn", "ticket", "medium", "minor", "sev3", "p3"})


def alert_weight(alert: Alert) -> Severity:
    """What an alert counts for: error, warning, or info for what nobody has to look at now.

    Without a label `severity` it is a warning: whoever wrote the rule wanted to know.
    """
    if alert.state is not AlertState.FIRING or alert.name.lower().replace("_", "") in ALWAYS_FIRING:
        return Severity.INFO
    word = (alert.severity or "warning").strip().lower()
    if word in _ERRORS:
        return Severity.ERROR
    return Severity.WARNING if word in _WARNINGS else Severity.INFO
