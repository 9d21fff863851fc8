"""Odd answers: each costs its row or its kind, nobody a traceback, and no other cluster anything.

In the suite a few, with a seed that stands; `make faults` goes on for thousands.
"""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from meshtop.cli.printers import render
from meshtop.cli.text_table import Style
from meshtop.demo.world.plan import Options
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import State
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.views.frame.document import missing
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.doctor import examine
from meshtop.views.reports.security import overview
from tests.e2e.serving import served
from tests.faults.mutation import mutate
from tests.faults.recording import Answer, Key, Replay, replaying
from tests.patience import PATIENCE_SECONDS

ANSWERS = int(os.environ.get("FAULTS_ANSWERS", "16"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
AT_ONCE = 4
"""Answers that are changed in one reading of the cluster."""
ODD, WELL = "us-east", "eu-west"
PLAIN = Style(color=False, ascii_only=False, width=None)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    folder = tmp_path_factory.mktemp("faults")
    with served(folder, options=Options(clusters=2)) as here, replaying(folder, here.servers) as replay:
        yield replay


async def once(replay: Replay) -> Snapshot:
    observatory = open_observatory(
        Settings(), kubeconfig=str(replay.kubeconfig), timeout_seconds=PATIENCE_SECONDS, canaries=True, read_only=True
    )
    try:
        return await observatory.once(plaintext=True)
    finally:
        await observatory.close()


def printed(snapshot: Snapshot, *, only: str | None = None) -> dict[str, str]:
    """Everything that there is to print of a snapshot, by kind and format; all of it safe for a terminal."""
    picture = Picture(snapshot)
    query = Query(clusters=(only,)) if only else Query()
    found = {}
    for kind in KINDS:
        of_kind = view(kind.name)
        items = of_kind.items(picture, query)
        for output in ("wide", "json", "csv"):
            found[f"{kind.name} {output}"] = render(output, of_kind, picture, items, PLAIN, query)
        if items and not only:
            of_kind.detail(picture, items[0], of_kind.key(items[0]))
    if not only:
        attention(picture)
        overview(picture)
        examine(snapshot, lambda: picture.facts)
        found["missing"] = "\n".join(missing(snapshot))
    return found


def control_codes(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"}


class Mutations:
    """Changes the answers to some questions of one reading, each in a way of its own."""

    def __init__(self, seed: int, known: dict[Key, Answer]) -> None:
        random = Random(seed)
        self.changed = {key: mutate(known[key], random) for key in random.sample(sorted(known), AT_ONCE)}

    def __call__(self, key: Key, answer: Answer) -> Answer:
        return self.changed[key][1] if key in self.changed else answer

    def __str__(self) -> str:
        return "; ".join(f"{m} {path} {body[:80]}: {name}" for (m, path, body), (name, _) in self.changed.items())


async def test_a_mutated_answer_costs_nobody_else_anything(replay: Replay, caplog: pytest.LogCaptureFixture) -> None:
    whole = await once(replay)
    assert {c.kubernetes.state for c in whole.clusters} == {c.prometheus.state for c in whole.clusters} == {State.FRESH}
    known = dict(replay.clusters[ODD].answers)
    assert len(known) > 40
    costs: list[str] = []
    for number in range(ANSWERS // AT_ONCE):
        fault = Mutations(SEED * 1_000_003 + number, known)
        replay.clusters[ODD].fault = fault
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            snapshot = await once(replay)
            outputs = printed(snapshot)
        well = snapshot.cluster(WELL)
        assert well is not None, str(fault)
        states = (well.kubernetes.state, well.prometheus.state)
        assert states == (State.FRESH, State.FRESH), (
            f"{number}: {well.kubernetes.error} {well.prometheus.error}: {fault}"
        )
        tracebacks = [r for r in caplog.records if r.exc_info]
        assert not tracebacks, f"{fault}: {tracebacks[0].exc_text or tracebacks[0].exc_info}"
        for name, text in outputs.items():
            assert not control_codes(text), (str(fault), name, control_codes(text))
        odd = snapshot.cluster(ODD)
        assert odd is not None, str(fault)
        if odd.kubernetes.state is not State.FRESH:
            costs.append(f"{odd.kubernetes.state.value}: {odd.kubernetes.error} ({fault})")
    print(f"\n{ANSWERS} answers changed in {ANSWERS // AT_ONCE} readings, of which {len(costs)} were not whole")
    written: list[Any] = [r for one in replay.clusters.values() for r in one.requests if not _reads(*r)]
    assert written == []


def _reads(method: str, path: str) -> bool:
    asked = path.endswith(("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"))
    engine = path.rpartition("/api/v1/")[2] in ("query", "query_range", "series", "labels")
    return method in ("GET", "HEAD") or asked or engine
