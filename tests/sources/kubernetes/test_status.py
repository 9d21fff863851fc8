from __future__ import annotations

from pathlib import Path

import pytest

import meshtop
from meshtop.model.kube import KindStatus
from meshtop.model.state import State
from meshtop.sources.kubernetes.status import MANIFEST, source_status
from meshtop.sources.problem import SourceProblem

LOST = SourceProblem(State.UNREACHABLE, "east cannot be reached.", "Check the VPN.")
LOGIN = SourceProblem(State.DENIED, "east does not accept the login.", "aws sso login", code=401)
GOOD = KindStatus(kind="Pod", count=3)
DENIED = KindStatus(kind="Pod", state="denied", error="east does not let you list pods.")
FAILED = KindStatus(kind="Node", state="failed", error="east answered 500.")
OLD = KindStatus(kind="Service", state="stale", error="east answered 503.")
MISSING = KindStatus(kind="VirtualService", group="networking.istio.io", state="missing", error="404")
SECRETS = KindStatus(kind="Secret", state="denied", error="east does not let you list secrets.")


@pytest.mark.parametrize(
    ("answered_at", "problem", "kinds", "state", "error", "remedy"),
    [
        (None, None, (), State.NONE, None, None),
        (None, LOST, (), State.UNREACHABLE, LOST.message, LOST.remedy),
        (None, LOGIN, (), State.DENIED, LOGIN.message, LOGIN.remedy),
        (None, None, (FAILED,), State.UNREACHABLE, "east answered 500.", None),
        (None, None, (DENIED,), State.DENIED, DENIED.error, "Ask for the right to get, list and watch pods."),
        (99.0, None, (GOOD,), State.FRESH, None, None),
        (99.0, LOST, (GOOD,), State.FRESH, None, None),
        (84.0, LOST, (GOOD,), State.STALE, LOST.message, LOST.remedy),
        (84.0, None, (GOOD,), State.STALE, "The last answer is 16 s old.", None),
        (99.0, LOGIN, (GOOD,), State.DENIED, LOGIN.message, LOGIN.remedy),
        (99.0, None, (GOOD, MISSING, SECRETS), State.FRESH, None, None),
        (99.0, None, (GOOD, DENIED), State.PARTIAL, DENIED.error, "Ask for the right to get, list and watch pods."),
        (99.0, None, (GOOD, OLD), State.PARTIAL, OLD.error, None),
        (
            99.0,
            None,
            (FAILED, DENIED, OLD),
            State.PARTIAL,
            "east answered 500 (and 2 more kinds).",
            "Ask for the right to get, list and watch pods.",
        ),
    ],
)
def test_the_state_of_a_cluster(
    answered_at: float | None,
    problem: SourceProblem | None,
    kinds: tuple[KindStatus, ...],
    state: State,
    error: str | None,
    remedy: str | None,
) -> None:
    status = source_status(
        now=100.0,
        answered_at=answered_at,
        problem=problem,
        kinds=kinds,
        resources={("", "Pod"): "pods"},
        stale_seconds=15.0,
        endpoint="https://east",
    )
    assert (status.state, status.error, status.remedy) == (state, error, remedy)
    assert (status.answered_at, status.endpoint) == (answered_at, "https://east")


def test_what_is_missing_is_a_note() -> None:
    status = source_status(
        now=1.0,
        answered_at=1.0,
        problem=None,
        kinds=(GOOD, MISSING, SECRETS),
        resources={},
        stale_seconds=15.0,
        endpoint="",
    )
    assert status.notes == ("east does not let you list secrets.", "Not installed: VirtualService.")


def test_who_may_read_nothing_is_not_told_a_page_of_kinds() -> None:
    kinds = [KindStatus(kind=f"Kind{n}", group="g", state="denied") for n in range(30)]
    status = source_status(
        now=1.0, answered_at=None, problem=None, kinds=kinds, resources={}, stale_seconds=15.0, endpoint="e"
    )
    assert status.remedy == "Ask for the 30 rights that are missing: docs/rbac/read-only.yaml has them all."
    assert (Path(meshtop.__file__).parents[1] / MANIFEST).is_file()


def test_a_login_that_failed_before_the_server_was_asked_is_no_answer_of_it() -> None:
    problem = SourceProblem(State.DENIED, "The credential plugin is not installed.", code=401)
    for unasked in (True, False):
        problem.unasked = unasked
        status = source_status(
            now=1.0, answered_at=None, problem=problem, kinds=(), resources={}, stale_seconds=15.0, endpoint="e"
        )
        assert (status.state, status.reached) == (State.DENIED, not unasked)
