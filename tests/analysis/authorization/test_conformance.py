"""Every decision of the shared vectors, which come from Istio's own integration tests and documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from meshtop.analysis.authorization.call import UNTOLD
from meshtop.analysis.authorization.cases import AccessTestAnswer, call_of, judge_test, said_in_tests
from meshtop.analysis.authorization.way import judge_call
from meshtop.settings.access_tests import read_access_tests

FIELDS = ("principal", "source_ip", "remote_ip", "port", "method", "path", "host", "headers", "claims", "sni")
NOW = 1_790_000_000.0
"""After the token of the vectors that has expired, before all others end."""


@pytest.mark.conformance
def test_every_decision_of_the_vectors(shared_data: Path) -> None:
    tests = read_access_tests([shared_data / "authorization" / "decisions.json"])
    answers = [judge_test(test, now=NOW) for test in tests]
    wrong: list[AccessTestAnswer] = [answer for answer in answers if not answer.passed]
    assert wrong == []
    assert len(answers) >= 346
    assert all(answer.why.endswith(".") for answer in answers)


@pytest.mark.conformance
def test_less_told_only_opens_the_vectors_verdicts(shared_data: Path) -> None:
    """Each field of each call left out in turn: the verdict stays, or it depends; it never turns."""

    kept = opened = 0
    for test in read_access_tests([shared_data / "authorization" / "decisions.json"]):
        config, way, call = call_of(test)
        told = said_in_tests(judge_call(config, way, call, now=NOW))
        for field in FIELDS:
            less = judge_call(config, way, structs.replace(call, **{field: UNTOLD}), now=NOW)
            said = said_in_tests(less)
            assert said in (told, "depends"), (test.name, field, less.why)
            kept, opened = kept + (said == told), opened + (said == "depends")
    assert kept > 1000
    assert opened > 100
