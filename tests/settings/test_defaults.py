"""Settings where nothing is set: the same as the schema's, field by field, and read without it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from meshtop.model.thresholds import Thresholds
from meshtop.settings.defaults import DEFAULTS, PrometheusDefaults
from meshtop.settings.document import ConfigError
from meshtop.settings.load import load_settings
from meshtop.settings.schema import PrometheusSettings, Settings


def plain(value: Any) -> Any:
    """Sections as dicts of their fields, whatever they are made of."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


def test_the_defaults_are_those_of_the_schema() -> None:
    assert plain(DEFAULTS) == plain(Settings()) == plain(Settings.model_construct())
    assert plain(PrometheusDefaults()) == plain(PrometheusSettings())
    assert isinstance(DEFAULTS.health, Thresholds)


FLAGS = {
    "--window": (("window",), "10m"),
    "--timeout": (("timeout",), "1m30s"),
    "--read-only": (("readOnly",), True),
    "--color": (("color",), "never"),
    "--ascii": (("ascii",), True),
}


@pytest.mark.parametrize("given", [(), ("--timeout",), tuple(FLAGS)])
def test_flags_alone_give_what_the_schema_makes_of_them(given: tuple[str, ...]) -> None:
    flags = {name: FLAGS[name] for name in given}
    loaded = load_settings(config="none", environ={}, flags=flags)
    checked = load_settings(config="none", environ={"MESHTOP_MOUSE": "true"}, flags=flags)
    assert plain(loaded.settings) == plain(checked.settings) == plain(loaded.validated)
    assert {key: value for key, value in checked.data.items() if key != "mouse"} == loaded.data
    assert {loaded.origin(FLAGS[name][0]) for name in given} == set(given)


def test_a_flag_that_is_wrong_is_said_as_the_schema_says_it() -> None:
    with pytest.raises(ConfigError, match="--window"):
        load_settings(config="none", environ={}, flags={"--window": (("window",), "soon")})
