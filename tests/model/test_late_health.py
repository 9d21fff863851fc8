"""A verdict whose reasons are told late is the same verdict to everybody."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Struct

from meshtop.cli.printers import to_csv
from meshtop.model.state import Health, HealthStatus, LateHealth
from meshtop.views.frame.fields import field_columns


class Judged(Struct, frozen=True, rename="camel"):
    """An item with a verdict."""

    own_health: Health = Health()


def late(*reasons: str) -> LateHealth:
    return LateHealth(HealthStatus.FAILING, lambda: reasons)


def test_reasons_are_told_once_and_only_when_read() -> None:
    asked = []

    def tell() -> tuple[str, ...]:
        asked.append(1)
        return ("none of 2 ready",)

    verdict = LateHealth(HealthStatus.FAILING, tell)
    assert verdict.status is HealthStatus.FAILING
    assert not asked
    assert verdict.reasons == ("none of 2 ready",)
    assert verdict.reasons is verdict.reasons
    assert len(asked) == 1


def test_it_equals_the_one_that_was_told_at_once() -> None:
    at_once = Health(HealthStatus.FAILING, ("a", "b"))
    assert late("a", "b") == at_once == late("a", "b")
    assert hash(late("a", "b")) == hash(at_once)
    assert late("a") != at_once
    assert LateHealth(HealthStatus.DEGRADED, lambda: ("a", "b")) != at_once


def test_it_is_written_like_the_one_that_was_told_at_once() -> None:
    at_once = Judged(Health(HealthStatus.FAILING, ("a", "b")))
    told = msgspec.json.encode(Judged(late("a", "b")))
    assert told == msgspec.json.encode(at_once) == b'{"ownHealth":{"status":"failing","reasons":["a","b"]}}'
    assert to_csv(Judged, [Judged(late("a", "b"))]) == "ownHealth.status,ownHealth.reasons\nfailing,a;b\n"
    assert [column.name for column in field_columns(Judged)] == ["ownHealth.status", "ownHealth.reasons"]


def test_nobody_changes_it() -> None:
    with pytest.raises(AttributeError):
        late("a").status = HealthStatus.HEALTHY  # type: ignore[misc]
