"""docs/findings.md holds every code of a finding on the configuration, with its severity and meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from meshtop.analysis.findings.codes import CODES, is_of_istio
from meshtop.analysis.findings.judge import IDLE_ROUTES, RULES
from tests.conftest import SHARED_DATA

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
RULES_OF_CODE = sorted((ROOT / "meshtop" / "analysis" / "findings").glob("*.py"))
NOT_GIVEN = {"IST0141"}
"""Codes that the page says are not given: meshtop installs nothing."""


def test_the_page_has_a_row_for_each_code_and_no_other() -> None:
    rows = re.findall(r"^\| `((?:IST\d{4}|CONFIG-[A-Z-]+))` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(one.code, one.severity.value, one.meaning) for one in CODES.values()]


@pytest.mark.parametrize("code", sorted(set(CODES) - NOT_GIVEN))
def test_each_code_is_given_by_some_rule(code: str) -> None:
    given = "\n".join(path.read_text(encoding="utf-8") for path in RULES_OF_CODE if path.name != "codes.py")
    assert f'"{code}"' in given


def test_every_code_in_a_rule_is_a_code() -> None:
    for path in RULES_OF_CODE:
        for code in re.findall(r'"((?:IST\d{4}|CONFIG-[A-Z-]+))"', path.read_text(encoding="utf-8")):
            assert code in CODES, f"{path.name} gives {code}"


def test_the_needs_of_rules_are_kinds_that_are_read() -> None:
    from meshtop.model.kube import GATEWAY_SECRETS, INJECTORS
    from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, JUDGED

    read = {kind.key for kind in (*BUILTIN, *CONFIG, *JUDGED)}
    read |= {"ConfigMap", "Secret", "CustomResourceDefinition", GATEWAY_SECRETS, INJECTORS}
    assert not {kind for rule in (*RULES, IDLE_ROUTES) for kind in (*rule.own, *rule.mesh)} - read


@pytest.mark.conformance
def test_every_message_of_istio_has_its_code_and_level(shared_data: Path) -> None:
    assert shared_data == SHARED_DATA
    messages = yaml.safe_load((shared_data / "analysis" / "messages.yaml").read_text())["messages"]
    assert {one["code"]: one["level"].lower() for one in messages} == {
        code.code: code.severity.value for code in CODES.values() if is_of_istio(code.code)
    }
