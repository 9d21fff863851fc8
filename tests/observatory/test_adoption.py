"""Which members of registries were tried already: remembered for as long as they are registered, and not for ever."""

from __future__ import annotations

import pytest

from meshtop.observatory import adoption
from meshtop.observatory.adoption import Adopter


def test_members_that_left_are_forgotten_in_the_end_and_those_that_are_there_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adoption, "MOST_GONE", 5)
    adopter = Adopter(lambda ref, via: None, timeout_seconds=1.0)  # type: ignore[arg-type, return-value]
    there = [("karmada", "host", f"stays-{number}") for number in range(20)]
    for key in there:
        adopter._seen[key] = None
    for number in range(50):
        adopter._seen["karmada", "host", f"passes-{number}"] = None
        adopter._forget_gone(there)
    assert set(there) <= set(adopter._seen)
    assert len(adopter._seen) == len(there) + 5
    assert ("karmada", "host", "passes-49") in adopter._seen, "a host that does not answer for a while loses nothing"
