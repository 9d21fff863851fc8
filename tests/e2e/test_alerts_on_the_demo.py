"""Alerts and objectives of the demo, asked by a process that was not running before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshtop.demo.world.plan import Options
from tests.e2e.serving import Served, meshtop, printed, served

FORTY_MINUTES = 2400.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, options = tmp_path_factory.mktemp("alerts"), Options(clusters=1, services=4)
    with served(folder, "bad-canary", options=options, begins=-FORTY_MINUTES) as here:
        yield here


def asked(world: Served, *arguments: str) -> list[dict[str, Any]]:
    state = str(world.kubeconfig.parent / "state")
    common = ("--kubeconfig", str(world.kubeconfig), "--timeout", "60s")
    items: list[dict[str, Any]] = printed("get", *arguments, *common, XDG_STATE_HOME=state)["items"]
    return items


def test_a_canary_that_fails_fires_the_alerts_of_its_rules(world: Served) -> None:
    found = {one["name"]: one for one in asked(world, "alerts")}
    assert {"Watchdog", "IstioHighErrorRate", "IstioVeryHighErrorRate"} <= found.keys()
    worst = found["IstioVeryHighErrorRate"]
    assert (worst["state"], worst["severity"], worst["cluster"]) == ("firing", "critical", "us-east")
    assert worst["about"][0] == {"kind": "workloads", "key": "us-east/shop/reviews-v3/Deployment"}
    assert worst["annotations"]["summary"].startswith("shop/reviews-v3 answers a tenth")


def test_the_objective_that_its_rules_record_burns(world: Served) -> None:
    (slo,) = asked(world, "slos")
    assert (slo["name"], slo["state"], slo["recorded"]) == ("reviews/requests-availability", "burning", "sloth")
    assert slo["about"] == {"kind": "services", "key": "us-east/shop/reviews"}
    assert slo["burn"]["short"] > slo["burn"]["long"] > 3
    assert 0 < slo["errorBudgetLeft"] < 1
    assert slo["budgetSeconds"] == slo["windowSeconds"] == 7 * 86_400


def test_settings_count_what_the_rules_record(world: Served) -> None:
    settings = world.kubeconfig.parent / "slos.yaml"
    settings.write_text("slos: [{name: mine, service: us-east/shop/reviews, objective: 99.5%, window: 7d}]\n")
    state = str(world.kubeconfig.parent / "state")
    common = ("--kubeconfig", str(world.kubeconfig), "--timeout", "60s", "--config", str(settings))
    found = {one["name"]: one for one in printed("get", "slos", *common, XDG_STATE_HOME=state)["items"]}
    mine, theirs = found["mine"], found["reviews/requests-availability"]
    assert mine["state"] == theirs["state"] == "burning"
    assert mine["recorded"] is None
    assert mine["burn"]["short"] == pytest.approx(theirs["burn"]["short"], rel=0.1)
    assert mine["errorBudgetLeft"] == pytest.approx(theirs["errorBudgetLeft"], abs=0.05)


def test_one_problem_is_one_item_and_its_alerts_are_evidence(world: Served) -> None:
    items = asked(world, "attention")
    about = [one for one in items if "reviews" in one["title"]]
    (item,) = about
    titles = " ".join(one["title"] for one in item["consequences"])
    assert all(word in titles for word in ("IstioHighErrorRate", "IstioVeryHighErrorRate", "SLO reviews"))
    assert not [one for one in items if one["id"].startswith(("alert/", "slo/")) and "reviews" in one["id"]]


def test_the_past_is_told_as_it_was(world: Served) -> None:
    done = meshtop("get", "alerts", "--at", "-45m", "--kubeconfig", str(world.kubeconfig), "--timeout", "60s")
    assert done.returncode == 0
    assert "IstioHighErrorRate" not in done.stdout
    assert "Watchdog" in done.stdout
