"""Objectives in the settings, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.settings.document import ConfigError
from meshtop.settings.load import load_settings
from meshtop.settings.objectives import slo_targets, split_service
from meshtop.settings.schema import SloSettings


@pytest.mark.parametrize(
    ("written", "share"), [("99.9%", 0.999), ("99.9", 0.999), ("0.999", 0.999), ("'0.95'", 0.95), ("50%", 0.5)]
)
def test_an_objective_is_a_share_or_percent(tmp_path: Path, written: str, share: float) -> None:
    (target,) = slo_targets(loaded(tmp_path, f"objective: {written}"))
    assert target.objective == share
    assert (target.cluster, target.namespace, target.service) == ("us-east", "shop", "reviews")
    assert target.window_seconds == 30 * 86_400.0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("objective: 100", "write a number below 1"),
        ("objective: 0", "write a number above 0"),
        ("objective: yes", "write"),
        ("objective: 99%, window: 5m", "of at least 3600"),
        ("objective: 99%, window: soon", "is not a duration"),
        ("objective: 99%, latencyMs: -1", "above 0"),
        ("objective: 99%, latency: 5", "there is no such setting (did you mean latencyMs?)"),
        ("name: mine", "objective: this key is missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"settings.yaml, line 1: slos") as error:
        loaded(tmp_path, written)
    assert said in str(error.value)


def test_two_objectives_of_one_name_are_told(tmp_path: Path) -> None:
    one = "{name: a, service: a/b/c, objective: 99%}"
    path = tmp_path / "settings.yaml"
    path.write_text(f"slos: [{one}, {one}]\n")
    with pytest.raises(ConfigError, match="two slos are named a"):
        _ = load_settings(config=str(path), environ={}).settings


def test_a_clusters_name_may_hold_slashes() -> None:
    assert split_service("arn:aws:eks:eu:1:cluster/prod/shop/*") == ("arn:aws:eks:eu:1:cluster/prod", "shop", "*")


def loaded(folder: Path, written: str) -> tuple[SloSettings, ...]:
    path = folder / "settings.yaml"
    name = "" if written.startswith("name") else "name: mine, "
    path.write_text(f"slos: [{{{name}service: us-east/shop/reviews, {written}}}]\n")
    return load_settings(config=str(path), environ={}).settings.slos
