"""Objectives that recording rules already measure: the series that Sloth (also of OpenSLO's specifications) and Pyrra
record, and those of `meshtop rules --slo`, which have Sloth's names.

OpenSLO itself names no series; who compiles its specifications does.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.analysis.alerting.burning import DAY
from meshtop.model.alerting import SloReading
from meshtop.model.telemetry import Scalar
from meshtop.settings.durations import parse_duration

SLOTH_RATIO = "slo:sli_error:ratio_rate"
SLOTH_OBJECTIVE = "slo:objective:ratio"
SLOTH_DAYS = "slo:time_period:days"
SLOTH_LEFT = "slo:period_error_budget_remaining:ratio"
SLOTH_INFO = "sloth_slo_info"
SLOTH_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
SLOTH_SERIES = (*(f"{SLOTH_RATIO}{window}" for window in SLOTH_WINDOWS), SLOTH_OBJECTIVE, SLOTH_DAYS, SLOTH_LEFT)
PYRRA_OBJECTIVE, PYRRA_WINDOW, PYRRA_AVAILABILITY = "pyrra_objective", "pyrra_window", "pyrra_availability"
PYRRA_SERIES = (PYRRA_OBJECTIVE, PYRRA_WINDOW, PYRRA_AVAILABILITY)
PYRRA_BURN = ":burnrate"
OWN_ID = "meshtop-"
"""What the ids begin with that `meshtop rules --slo` writes; the objective's name in the settings follows."""


def recorded_slos(series: Iterable[Scalar]) -> tuple[SloReading, ...]:
    """One reading for each objective that the series tell of; what is not recorded of it stays unknown."""
    sloth: dict[str, list[Scalar]] = {}
    pyrra: dict[str, list[Scalar]] = {}
    for one in series:
        if one.labels.get("sloth_id"):
            # One specification may be of several services: whatever else the rules group by tells them apart.
            rest = sorted((k, v) for k, v in one.labels.items() if k in _GROUPS)
            sloth.setdefault(f"{one.labels['sloth_id']}{rest}", []).append(one)
        elif one.labels.get("slo") and (one.metric in PYRRA_SERIES or PYRRA_BURN in one.metric):
            pyrra.setdefault(one.labels["slo"], []).append(one)
    return (*_of_sloth(sloth), *(_of_pyrra(some) for some in pyrra.values()))


_GROUPS = (
    "namespace",
    "service",
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "destination_workload",
    "destination_workload_namespace",
)


def _of_sloth(groups: dict[str, list[Scalar]]) -> Iterable[SloReading]:
    """Readings of Sloth's series: what is recorded of a specification as a whole holds for each of its groups."""
    shared: dict[str, dict[str, float]] = {}
    for some in groups.values():
        for one in some:
            if one.metric in (SLOTH_OBJECTIVE, SLOTH_DAYS):
                shared.setdefault(one.labels["sloth_id"], {})[one.metric] = one.value
    for some in groups.values():
        ratios = {
            parse_duration(one.metric.removeprefix(SLOTH_RATIO)): one.value
            for one in some
            if one.metric.startswith(SLOTH_RATIO) and one.metric in SLOTH_SERIES
        }
        labels = some[0].labels
        left = next((one.value for one in some if one.metric == SLOTH_LEFT), None)
        known = shared.get(labels["sloth_id"], {})
        grouped = any(name in labels for name in _GROUPS)
        if not ratios and left is None and not grouped and _has_groups(groups, labels["sloth_id"]):
            continue
        days = known.get(SLOTH_DAYS)
        window = None if days is None or days <= 0 else days * DAY
        service = labels.get("sloth_service", "")
        slo = labels.get("sloth_slo", "")
        own = labels["sloth_id"].startswith(OWN_ID)
        yield SloReading(
            name=slo if slo and (own or service in ("", slo)) else "/".join(filter(None, (service, slo))),
            service=labels.get("destination_service_name") or labels.get("service") or service,
            namespace=labels.get("destination_service_namespace") or labels.get("namespace", ""),
            objective=known.get(SLOTH_OBJECTIVE),
            window_seconds=window,
            ratios=ratios,
            budget_left=left,
            recorded="sloth",
            labels={name: value for name, value in labels.items() if name not in ("sloth_window",)},
        )


def _has_groups(groups: dict[str, list[Scalar]], identity: str) -> bool:
    return any(
        one.labels.get("sloth_id") == identity and any(name in one.labels for name in _GROUPS)
        for some in groups.values()
        for one in some
    )


def _of_pyrra(some: list[Scalar]) -> SloReading:
    values = {one.metric: one.value for one in some}
    ratios: dict[float, float] = {}
    for one in some:
        _, found, window = one.metric.partition(PYRRA_BURN)
        if found:
            try:
                seconds = parse_duration(window)
            except ValueError:
                continue
            ratios[seconds] = max(ratios.get(seconds, 0.0), one.value)
    objective, available = values.get(PYRRA_OBJECTIVE), values.get(PYRRA_AVAILABILITY)
    left = None
    if objective is not None and objective < 1 and available is not None:
        left = 1.0 - (1.0 - available) / (1.0 - objective)
    window_seconds = values.get(PYRRA_WINDOW)
    labels = some[0].labels
    return SloReading(
        name=labels["slo"],
        service=labels.get("destination_service_name") or labels.get("service", ""),
        namespace=labels.get("destination_service_namespace") or labels.get("namespace", ""),
        objective=objective,
        window_seconds=window_seconds,
        ratios=ratios,
        budget_left=left,
        recorded="pyrra",
        labels=dict(labels),
    )
