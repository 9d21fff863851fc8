"""Objectives found in the series of recording rules."""

from __future__ import annotations

import pytest

from meshtop.analysis.alerting.recorded import recorded_slos
from meshtop.model.telemetry import Scalar

ID = {"sloth_id": "shop-requests", "sloth_service": "shop", "sloth_slo": "requests"}


def test_sloths_series_are_one_objective() -> None:
    series = [
        Scalar("slo:sli_error:ratio_rate5m", {**ID, "sloth_window": "5m"}, 0.01),
        Scalar("slo:sli_error:ratio_rate1h", {**ID, "sloth_window": "1h"}, 0.002),
        Scalar("slo:sli_error:ratio_rate30d", {**ID, "sloth_window": "30d"}, 0.5),
        Scalar("slo:objective:ratio", ID, 0.999),
        Scalar("slo:time_period:days", ID, 30.0),
        Scalar("slo:period_error_budget_remaining:ratio", ID, 0.25),
        Scalar("up", {"job": "x"}, 1.0),
    ]
    (found,) = recorded_slos(series)
    assert (found.name, found.service, found.recorded) == ("shop/requests", "shop", "sloth")
    assert (found.objective, found.window_seconds, found.budget_left) == (0.999, 30 * 86_400.0, 0.25)
    assert found.ratios == {300.0: 0.01, 3600.0: 0.002}, "of windows that pairs are made of"


def test_rules_over_several_services_are_an_objective_of_each() -> None:
    own = {"sloth_id": "meshtop-fast", "sloth_service": "*", "sloth_slo": "fast"}
    groups = [{"destination_service_namespace": "shop", "destination_service_name": name} for name in ("a", "b")]
    series = [Scalar("slo:sli_error:ratio_rate5m", {**own, **group, "sloth_window": "5m"}, 0.1) for group in groups]
    series += [Scalar("slo:objective:ratio", own, 0.9), Scalar("slo:time_period:days", own, 7.0)]
    found = recorded_slos(series)
    assert [(one.name, one.namespace, one.service) for one in found] == [("fast", "shop", "a"), ("fast", "shop", "b")]
    assert {(one.objective, one.window_seconds) for one in found} == {(0.9, 7 * 86_400.0)}


def test_an_objective_that_measures_nothing_is_there_without_ratios() -> None:
    (found,) = recorded_slos([Scalar("slo:objective:ratio", ID, 0.999)])
    assert found.ratios == {}
    assert found.budget_left is None


def test_pyrras_series_are_one_objective() -> None:
    series = [
        Scalar("http_requests:burnrate5m", {"slo": "api"}, 0.02),
        Scalar("http_requests:burnrate1h", {"slo": "api"}, 0.03),
        Scalar("pyrra_objective", {"slo": "api"}, 0.99),
        Scalar("pyrra_window", {"slo": "api"}, 2_419_200.0),
        Scalar("pyrra_availability", {"slo": "api"}, 0.995),
        Scalar("something_else", {"slo": "api"}, 7.0),
    ]
    (found,) = recorded_slos(series)
    assert (found.name, found.recorded, found.window_seconds) == ("api", "pyrra", 2_419_200.0)
    assert found.ratios == {300.0: 0.02, 3600.0: 0.03}
    assert found.budget_left == pytest.approx(0.5)
    (bare,) = recorded_slos([Scalar("http_requests:burnrate5m", {"slo": "api"}, 0.02)])
    assert bare.objective is None
