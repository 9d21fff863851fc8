"""Answers as a screen shows them: the verdict of the command, rows that open, and what is not certain."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.snapshot import Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.answers import AnswerTable, answered
from meshtop.views.reports.evacuate import evacuate_answer, evacuation_sentences
from meshtop.views.reports.questions import evacuation, objects_applied, strict_in
from meshtop.views.reports.whatif import strict_answer, strict_sentences
from tests import worlds
from tests.console.stage import busy_world
from tests.judgement.simulated import some_time_into
from tests.views.reports.test_forecast import DENY, world


@pytest.fixture(scope="module")
def intruded() -> Picture:
    """A world in which somebody sends plaintext."""
    return Picture(some_time_into("plaintext-intruder", 300.0)[1])


def leads_somewhere(picture: Picture, table: AnswerTable) -> bool:
    """Whether every row of a table opens an item that is there."""
    for number in range(len(table.all_)):
        to = table.opens(picture, table.all_.key(number))
        if to is None or find_item(picture, *to) is None:
            return False
    return len(table.all_) > 0


def test_strict_says_what_the_command_says_with_the_rate_of_what_breaks(intruded: Picture) -> None:
    namespace = next(
        edge.destination.namespace
        for edge in intruded.edges
        if edge.sums.mtls_ratio == 0 and edge.destination.workload and edge.protocol == "http"
    )
    found = answered(intruded, strict_in(namespace), Picture)
    said = strict_sentences(strict_answer(intruded, namespace))
    assert found.verdict.text == f"✗ {said[0]}"
    assert "/s in plaintext)" in found.verdict.text
    assert found.verdict.tone is Tone.FAILING
    assert found.sentences == said[1:]
    (calls,) = found.tables
    assert 0 < len(calls.matters) < len(calls.all_)
    assert leads_somewhere(intruded, calls)
    keys = [calls.all_.key(number) for number in range(len(calls.all_))]
    assert len(set(keys)) == len(keys), "a table needs a key for each row"
    assert found.stands_on.startswith("Stands on the calls of the last 5m")
    assert found.stands_on.endswith("Nothing is written.")


def test_an_answer_from_this_window_alone_is_not_certain() -> None:
    picture = Picture(structs.replace(busy_world(), clusters=busy_world().clusters[:2]))
    found = answered(picture, strict_in("shop"), Picture)
    assert "0 of 4 calls would break" in found.verdict.text
    assert found.verdict.tone is Tone.UNKNOWN
    assert any("The last day was not measured" in one for one in found.sentences)


def test_a_namespace_that_is_nowhere_is_said_to_be(intruded: Picture) -> None:
    assert "no namespace nowhere" in answered(intruded, strict_in("nowhere"), Picture).verdict.text


def test_a_cluster_that_leaves_has_hosts_and_calls_that_open(intruded: Picture) -> None:
    found = answered(intruded, evacuation("eu-west"), Picture)
    said = evacuation_sentences(evacuate_answer(intruded, "eu-west"))
    assert found.verdict.text == f"✗ {said[0]}"
    hosts, calls = found.tables
    assert hosts.title.startswith("Hosts ")
    assert calls.title.startswith("Calls ")
    to = hosts.opens(intruded, hosts.all_.key(0))
    assert to is not None
    assert to[0] == "services"
    assert find_item(intruded, *to) is not None
    assert any(one.startswith("Tenants with workloads there: ") for one in found.sentences)


def gone(snapshot: Snapshot, name: str) -> Snapshot:
    """The same, with a cluster that has stopped answering."""
    late = SourceStatus(state=State.STALE, error=f"{name} did not answer within 5 s")
    return structs.replace(
        snapshot,
        clusters=tuple(structs.replace(c, kubernetes=late) if c.name == name else c for c in snapshot.clusters),
    )


def test_of_a_cluster_that_is_gone_what_was_read_last_is_told_as_such(intruded: Picture) -> None:
    found = answered(Picture(gone(intruded.snapshot, "eu-west")), evacuation("eu-west"), Picture)
    assert found.sentences[0] == "eu-west does not answer now, so this is what was read of it last."
    assert "Without eu-west" in found.verdict.text


def test_of_a_cluster_that_never_answered_it_is_said_that_nothing_is_known() -> None:
    found = answered(Picture(busy_world()), evacuation("north"), Picture)
    assert found.verdict.text == "? north could not be read, so what runs there is unknown."
    assert found.verdict.tone is Tone.UNKNOWN
    assert "north did not answer" in found.sentences[0]


def test_where_no_traffic_was_read_nobody_is_said_not_to_call() -> None:
    east = structs.replace(
        worlds.east(), telemetry=None, history=None, prometheus=SourceStatus(state=State.DENIED, error="east refuses")
    )
    found = answered(Picture(worlds.world(east, worlds.north())), evacuation("north"), Picture)
    said = " ".join(found.sentences)
    assert "No call from another cluster was seen to lead there." in said
    assert "Who calls it from east is unknown: their traffic was not read." in said
    assert found.stands_on == "The traffic of no cluster was read, so it stands on no calls. Nothing is written."


def test_of_a_cluster_that_was_dead_from_the_start_its_callers_elsewhere_are_told(intruded: Picture) -> None:
    late = SourceStatus(state=State.UNREACHABLE, error="eu-west did not answer within 5 s")
    clusters = tuple(
        structs.replace(c, inventory=None, telemetry=None, history=None, kubernetes=late, prometheus=late)
        if c.name == "eu-west"
        else c
        for c in intruded.snapshot.clusters
    )
    picture = Picture(structs.replace(intruded.snapshot, clusters=clusters))
    found = answered(picture, evacuation("eu-west"), Picture)
    assert found.verdict.text == "? eu-west could not be read, so what runs there is unknown."
    calls = [edge for edge in picture.edges if edge.destination.cluster == "eu-west" != edge.source.cluster]
    assert calls
    assert any(one.startswith(f"{len(calls)} calls from other clusters would lead there (") for one in found.sentences)
    assert any(one.startswith("Tenants that call: ") for one in found.sentences)
    assert leads_somewhere(picture, found.tables[0])


def test_objects_are_forecast_with_the_verdict_first() -> None:
    picture = Picture(world())
    found = answered(picture, objects_applied(DENY, home="shop"), Picture)
    assert found.verdict.text.startswith("✗ Of ")
    assert "would break" in found.verdict.text
    assert any("AuthorizationPolicy shop/closed is new in east, west." in one for one in found.sentences)
    assert found.verdict.text.removeprefix("✗ ") not in found.sentences, "it is said once"
    (calls,) = found.tables
    assert leads_somewhere(picture, calls)
