"""Health: Kiali's thresholds, one's own, and never healthy on doubtful data."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.traffic.health import (
    Lately,
    calls_health,
    edge_health,
    workload_health,
    worst,
)
from meshtop.analysis.traffic.judge import FORGET_SECONDS, HealthJudge, Proof, Remembered, forget
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.model.traffic import Edge, Peer, Sums, Target
from meshtop.settings.schema import HealthSettings

HEALTHY, DEGRADED, FAILING = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.FAILING
KIALI = Thresholds(http5xx_degraded=0.0, grpc_degraded=0.0, no_response_degraded=0.0)
"""Kiali's own bounds (reference/anchors.md)."""
IDLE, UNKNOWN = HealthStatus.IDLE, HealthStatus.UNKNOWN


def edge(protocol: str = "http", **codes: float) -> Edge:
    """An edge from east to west with codes written c200=99, no response as none=1."""
    table = {("-" if code == "none" else code.removeprefix("c")): rate for code, rate in codes.items()}
    return Edge(
        source=Peer(cluster="east", workload="web"),
        destination=Target(cluster="west", workload="cart"),
        protocol=protocol,
        sums=Sums(requests=sum(table.values())),
        codes=table,
    )


def flow(sent: float, connections: float | None = None) -> Edge:
    sums = Sums(sent=sent, connections=connections)
    return Edge(source=Peer(cluster="east"), destination=Target(cluster="west"), protocol="tcp", sums=sums)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (edge(c200=100), HEALTHY),
        (edge(c200=99.99, c500=0.01), DEGRADED),
        (edge(c200=91, c503=9), DEGRADED),
        (edge(c200=89, c503=11), FAILING),
        (edge(c200=89, c500=5, c503=6), FAILING),
        (edge(c200=91, c404=9), HEALTHY),
        (edge(c200=89, c404=11), DEGRADED),
        (edge(c200=78, c404=22), FAILING),
        (edge(c200=99, none=1), DEGRADED),
        (edge(c200=89, none=11), FAILING),
        (edge("grpc", c0=99, c14=1), DEGRADED),
        (edge("grpc", c0=89, c5=5, c14=6), FAILING),
        (edge("grpc", c0=89, c503=11), FAILING),
        (edge("grpc", c0=99, c404=1), DEGRADED),
        (edge("grpc", c0=100), HEALTHY),
        (edge(c200=0), IDLE),
        (flow(sent=0.0, connections=0.0), IDLE),
        (flow(sent=10.0), HEALTHY),
        (Edge(source=Peer(), destination=Target(), protocol="grpc", sums=Sums(messages_sent=5.0)), UNKNOWN),
    ],
)
def test_kialis_thresholds(given: Edge, expected: HealthStatus) -> None:
    verdict = edge_health(given, HealthJudge(KIALI))
    assert verdict.status is expected
    assert verdict.reasons


def test_a_few_errors_in_a_thousand_are_no_alarm_by_default() -> None:
    assert edge_health(edge(c200=99.5, c500=0.5)).status is HEALTHY
    assert edge_health(edge(c200=98.8, c500=1.2)).status is DEGRADED


def few(failed: int, requests: int) -> Edge:
    """So many failures of so many requests within the window of five minutes."""
    return edge(c200=(requests - failed) / 300, c503=failed / 300)


@pytest.mark.parametrize(
    ("failed", "requests", "expected"),
    [(1, 95, HEALTHY), (1, 1, HEALTHY), (3, 95, HEALTHY), (5, 5, FAILING), (12, 240, DEGRADED), (0, 5, HEALTHY)],
)
def test_few_requests_say_little_unless_they_all_fail(failed: int, requests: int, expected: HealthStatus) -> None:
    assert edge_health(few(failed, requests)).status is expected


def test_the_reason_says_the_numbers() -> None:
    (reason,) = edge_health(few(12, 240), HealthJudge(Thresholds(alpha=0.05))).reasons
    assert reason == "12 of 240 requests failed in 5m: 5 %, at least 2.9 % (mostly 503 Service Unavailable)"


def test_what_was_said_is_taken_back_later_than_it_was_said() -> None:
    said: Remembered = {}

    def at(seconds: float, failed: int, requests: int = 1000) -> Health:
        return edge_health(few(failed, requests), HealthJudge(at=1000.0 + seconds, said=said))

    assert at(0, 15).status is HEALTHY, "1.5 % of 1,000 does not prove 1 %"
    assert at(15, 30).status is DEGRADED
    assert at(30, 8).status is DEGRADED, "0.8 % would not have been said, and is not yet taken back"
    assert at(30, 8) == at(30, 8)
    assert at(30, 8).reasons[0].startswith("8 of 1,000 requests failed in 5m: 0.8 %, and 1 % or more a while ago")
    assert at(200, 7).status is DEGRADED
    assert at(215, 4).status is HEALTHY, "less than half of the bound, and the proof is old"
    assert at(230, 8).status is HEALTHY, "having been taken back, it takes a new proof"
    assert said == {}


def test_what_nobody_asked_about_for_an_hour_is_forgotten_whenever_it_is_looked_for() -> None:
    """It is freed now and then only; no verdict rests on it before that."""
    said: Remembered = {}

    def at(seconds: float, failed: int) -> Health:
        return edge_health(few(failed, 1000), HealthJudge(at=seconds, said=said))

    assert at(0, 30).status is DEGRADED
    assert at(FORGET_SECONDS, 8).status is DEGRADED, "0.8 % is not yet taken back"
    assert at(2 * FORGET_SECONDS + 1, 8).status is HEALTHY
    assert len(said) == 1
    forget(said, 2 * FORGET_SECONDS)
    assert len(said) == 1
    forget(said, 2 * FORGET_SECONDS + 1)
    assert said == {}


def test_what_the_calls_of_an_edge_prove_is_worked_out_once_for_all_who_are_judged_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proven: list[float] = []
    really = HealthJudge.proof

    def noted(self: HealthJudge, failed_per_second: float, *rest: Any, **more: Any) -> Proof:
        proven.append(failed_per_second)
        return really(self, failed_per_second, *rest, **more)

    monkeypatch.setattr(HealthJudge, "proof", noted)
    calls, judge = few(30, 1000), HealthJudge(at=0.0, said={})
    asked = [workload_health(Health(HEALTHY), [calls], judge=judge, question=who) for who in ("workload", "service")]
    asked += [workload_health(Health(HEALTHY), [], [calls], judge=judge, question="caller"), edge_health(calls, judge)]
    assert {verdict.status for verdict in asked} == {DEGRADED}
    assert len(proven) == 1
    assert len({verdict.reasons for verdict in asked}) == 1


def test_an_edge_that_is_gone_is_not_taken_for_another() -> None:
    judge = HealthJudge(at=0.0, said={})
    found = [
        workload_health(Health(HEALTHY), [few(failed, 1000)], judge=judge, question=number).status
        for number, failed in enumerate((0, 30, 500) * 20)
    ]
    assert found == [HEALTHY, DEGRADED, FAILING] * 20


def test_what_was_said_of_one_holds_for_no_other_that_is_judged_by_the_same_calls() -> None:
    said: Remembered = {}
    ready, bad, better = Health(HEALTHY), few(30, 1000), few(8, 1000)
    assert workload_health(ready, [bad], judge=HealthJudge(at=0.0, said=said), question="web").status is DEGRADED
    judge = HealthJudge(at=30.0, said=said)
    assert workload_health(ready, [better], judge=judge, question="cart").status is HEALTHY, "nobody said it of that"
    assert workload_health(ready, [], [better], judge=judge, question="web").status is HEALTHY, "nor of what it asks"
    held = workload_health(ready, [better], judge=judge, question="web")
    assert held.status is DEGRADED
    assert "and 1 % or more a while ago" in held.reasons[0]
    assert workload_health(ready, [better], judge=judge, question="cart").status is HEALTHY
    assert [*said] == ["web"]


def test_of_two_kinds_of_failure_each_is_taken_back_by_itself() -> None:
    said: Remembered = {}

    def at(seconds: float, **codes: Any) -> list[str]:
        return [*edge_health(edge(**codes), HealthJudge(at=seconds, said=said)).reasons]

    both = at(0, c200=60, c404=25, c503=15)
    assert [reason.split(" in ")[0] for reason in both] == [
        "7,500 of 30,000 requests were answered 4xx",
        "4,500 of 30,000 requests failed",
    ]
    (failed,) = at(200, c200=84.9, c404=0.1, c503=15)
    assert failed.startswith("4,500 of 30,000 requests failed")
    assert [len(one) for one in said.values()] == [1]


def test_what_is_well_again_at_once_is_held_for_a_while() -> None:
    said: Remembered = {}
    assert edge_health(few(50, 100), HealthJudge(at=0.0, said=said)).status is FAILING
    assert edge_health(few(0, 100), HealthJudge(at=15.0, said=said)).status is HEALTHY, "nothing fails any more"


def test_from_failing_to_well_by_way_of_degraded() -> None:
    said: Remembered = {}
    assert edge_health(few(500, 1000), HealthJudge(at=0.0, said=said)).status is FAILING
    assert edge_health(few(60, 1000), HealthJudge(at=60.0, said=said)).status is FAILING
    assert edge_health(few(8, 1000), HealthJudge(at=300.0, said=said)).status is DEGRADED
    assert edge_health(few(2, 1000), HealthJudge(at=315.0, said=said)).status is HEALTHY


def test_the_last_minute_counts_before_the_window_is_full_of_it() -> None:
    ready = Health(HEALTHY)
    calls = [edge(c200=99.6, c503=0.4)]
    assert workload_health(ready, calls).status is HEALTHY
    late = Lately(requests=100.0, failed=2.1, seconds=60.0)
    verdict = workload_health(ready, calls, lately=late)
    assert verdict.status is DEGRADED
    assert verdict.reasons[0] == "126 of 6,000 requests failed in 1m: 2.1 %, at least 1.6 %"


def test_slower_than_its_own_past_is_degraded() -> None:
    late = Lately(requests=100.0, failed=0.0, seconds=60.0, latency_ms=480.0, usual_ms=45.0)
    verdict = workload_health(Health(HEALTHY), [edge(c200=100)], lately=late)
    assert verdict.status is DEGRADED
    assert verdict.reasons == ("slower than in its own past: 480 ms on average, 45 ms before",)


def test_reasons_are_in_words() -> None:
    assert edge_health(edge(c200=249.34, c503=10.66)).reasons == (
        "3,198 of 78,000 requests failed in 5m: 4.1 %, at least 3.9 % (mostly 503 Service Unavailable)",
    )


@pytest.mark.parametrize("state", [State.STALE, State.PARTIAL, State.UNREACHABLE, State.DENIED, State.NONE])
def test_doubtful_data_is_never_healthy(state: State) -> None:
    good = edge_health(edge(c200=100), states={"east": State.FRESH, "west": state})
    assert good.status is UNKNOWN
    assert "west" in good.reasons[0]
    assert edge_health(edge(c200=0), states={"east": state}).status is UNKNOWN
    bad = edge_health(edge(c503=100), states={"west": state})
    assert bad.status is FAILING
    assert "west" in bad.reasons[-1]


def test_the_settings_are_the_thresholds() -> None:
    assert Thresholds(**HealthSettings().model_dump()) == DEFAULT_THRESHOLDS
    lenient = Thresholds(**HealthSettings(http5xxDegraded=0.05).model_dump())
    assert edge_health(edge(c200=99, c503=1), HealthJudge(lenient)).status is HEALTHY


def test_a_workload_is_as_healthy_as_its_worst_side() -> None:
    ready = Health(HEALTHY, ("2 of 2 ready",))
    assert workload_health(ready, [edge(c200=10)], [edge(c503=10)]).status is FAILING
    assert workload_health(ready, [edge(c200=10)]).status is HEALTHY
    assert workload_health(ready, [edge(c200=5)], [flow(sent=3.0)]).status is HEALTHY
    assert workload_health(ready, []).status is IDLE
    assert workload_health(ready, [edge(c200=0)]).status is IDLE
    broken = Health(FAILING, ("0 of 2 ready",))
    verdict = workload_health(broken, [edge(c200=10)])
    assert verdict == broken


def test_rates_of_several_callers_are_judged_together() -> None:
    """Nine in a hundred is degraded, although one caller alone fails."""
    callers = [edge(c200=91), edge(c503=9)]
    assert workload_health(Health(HEALTHY), callers).status is DEGRADED


def test_a_workload_on_stale_data_is_unknown() -> None:
    stale = {"west": State.STALE}
    assert workload_health(Health(HEALTHY), [edge(c200=10)], states=stale).status is UNKNOWN
    assert workload_health(Health(HEALTHY), [], states=stale, cluster="west").status is UNKNOWN


def test_worst_of_nothing_is_unknown() -> None:
    assert worst([]).status is UNKNOWN


def connections(opened: float, sent: float = 0.0, service: str = "", **flags: float) -> Edge:
    """A TCP edge that opens so many connections, of which so many have these flags; `none` is a missing label."""
    told = {("" if flag == "none" else flag): rate for flag, rate in flags.items()}
    return Edge(
        source=Peer(cluster="east"),
        destination=Target(cluster="west", service=service),
        protocol="tcp",
        sums=Sums(connections=opened, sent=sent),
        flags=told,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (connections(10, sent=5), HEALTHY),
        (connections(10, UF=10), FAILING),
        (connections(10, sent=50, URX=10), FAILING),
        (connections(10, UAEX=10), FAILING),
        (connections(100, sent=5, UF=2), DEGRADED),
        (connections(10, sent=5, DC=10), HEALTHY),
        (connections(10, service="BlackHoleCluster"), FAILING),
        (connections(10, none=10), UNKNOWN),
        (connections(10, sent=5, none=10), HEALTHY),
    ],
)
def test_tcp_is_as_well_as_its_connections(given: Edge, expected: HealthStatus) -> None:
    assert edge_health(given).status is expected
    assert workload_health(Health(HEALTHY), [given]).status is expected


def test_requests_of_which_nobody_says_how_they_ended_are_unknown_and_known_failures_still_fail() -> None:
    def of(codes: dict[str, float]) -> HealthStatus:
        sums = Sums(requests=sum(codes.values()))
        given = Edge(source=Peer(), destination=Target(workload="cart"), protocol="http", sums=sums, codes=codes)
        return edge_health(given).status

    assert of({"": 8}) is UNKNOWN
    assert of({"": 8, "503": 8}) is FAILING
    assert of({"200": 999, "": 1}) is HEALTHY


def test_many_calls_of_one_service_are_judged_together() -> None:
    """One caller's few errors among many calls are not the service's."""
    few = edge(c200=8, c503=2)
    assert edge_health(few).status is FAILING
    assert calls_health([few, edge(c200=9990)]).status is HEALTHY
    assert (
        calls_health([few, edge(c200=9990)]).status is workload_health(Health(HEALTHY), [few, edge(c200=9990)]).status
    )


def test_what_is_scaled_to_0_idles_whatever_is_known_of_its_traffic() -> None:
    nothing = Health(HealthStatus.IDLE, ("scaled to 0",))
    for state in State:
        assert workload_health(nothing, [], states={"east": state}, cluster="east") == nothing
    ready = workload_health(Health(HealthStatus.HEALTHY), [], states={"east": State.NONE}, cluster="east")
    assert ready.status is HealthStatus.UNKNOWN
    assert ready.reasons[0] == "the traffic of east is not known"


def test_no_sentence_is_made_of_a_verdict_whose_reasons_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share that stands behind a count takes longer than all the rest of judging."""
    asked: list[object] = []

    def least_share(counted: object, alpha: float) -> float:
        asked.append(counted)
        return 0.25

    monkeypatch.setattr("meshtop.analysis.traffic.health.least_share", least_share)
    verdict = edge_health(edge(c200=1.0, c404=1.0, c503=2.0))
    assert verdict.status is HealthStatus.FAILING
    assert not asked
    assert any("at least 25 %" in reason for reason in verdict.reasons)
    assert asked
