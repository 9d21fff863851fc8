"""Builds Telemetry and status from the answers of one refresh, for sources of one cluster and of many."""

from __future__ import annotations

from collections.abc import Mapping

from meshtop.model.state import SourceStatus, State
from meshtop.model.telemetry import PlaintextDay, Sample, Telemetry
from meshtop.sources.prometheus.answers import QueryFailed
from meshtop.sources.prometheus.collecting import Answers, notes_of

SCRAPE_SECONDS = 15.0
"""The scrape interval of Istio's own Prometheus in seconds; a rate over fewer than four scrapes is unreliable."""


def telemetry_of(
    answers: Answers,
    *,
    at: float,
    window_seconds: float,
    identity: str,
    recording_rules: bool,
    plaintext_day: PlaintextDay | None = None,
) -> Telemetry:
    """The received samples, each in its field."""
    fields: dict[str, tuple[Sample, ...]] = {
        name: tuple([item for part in one.parts for item in part.items]) for name, one in answers.traffic.items()
    }
    return Telemetry(
        at=at,
        window_seconds=window_seconds,
        identity=identity,
        control=tuple(item for one in answers.control.values() for part in one.parts for item in part.items),
        complete=all(one.complete for one in answers.traffic.values()),
        recording_rules=recording_rules,
        withheld=False,
        plaintext_day=plaintext_day,
        **fields,
    )


def whole_failure(answers: Answers) -> QueryFailed | None:
    """The failure if all queries failed, else None."""
    everything = answers.all.values()
    if any(one.parts for one in everything):
        return None
    failures = [one.failure for one in everything if one.failure is not None]
    worst = {State.DENIED: 0, State.UNREACHABLE: 1}
    return min(failures, key=lambda failure: worst.get(failure.state, 2), default=None)


def prometheus_status(
    answers: Answers,
    *,
    at: float,
    window_seconds: float,
    endpoint: str,
    recording_rules: bool,
    note: str | None = None,
) -> SourceStatus:
    """Fresh, or partial with the reason; notes say what else is worth knowing, `note` first."""
    notes = [*((note,) if note else ()), *notes_of(answers.all)]
    if recording_rules:
        notes.append("Uses the recording rules of meshtop.")
    if window_seconds < 4 * SCRAPE_SECONDS:
        notes.append(
            f"A window of {window_seconds:g} s holds fewer than four scrapes of {SCRAPE_SECONDS:g} s: "
            "rates jump and slow edges may be missing."
        )
    broken: Mapping[str, QueryFailed] = {n: one.failure for n, one in answers.all.items() if one.failure is not None}
    incomplete = [name for name, one in answers.all.items() if not one.complete]
    if not incomplete:
        return SourceStatus(state=State.FRESH, answered_at=at, notes=tuple(notes), endpoint=endpoint)
    why = "".join(list(dict.fromkeys(f" {failure.message}" for failure in broken.values()))[:1])
    error = f"Prometheus gave only part of the answer: {', '.join(incomplete)}.{why}"
    remedy = next((failure.remedy for failure in broken.values() if failure.remedy), None)
    return SourceStatus(
        state=State.PARTIAL, answered_at=at, error=error, remedy=remedy, notes=tuple(notes), endpoint=endpoint
    )


def failed_status(failure: QueryFailed, before: SourceStatus, endpoint: str | None) -> SourceStatus:
    """The status if all queries failed: denied; stale if there was an answer before; else none or unreachable."""
    state = failure.state
    if state is not State.DENIED and before.answered_at is not None:
        state = State.STALE
    elif state not in (State.DENIED, State.NONE):
        state = State.UNREACHABLE
    return SourceStatus(
        state=state,
        answered_at=before.answered_at,
        error=failure.message,
        remedy=failure.remedy or None,
        endpoint=endpoint or before.endpoint,
    )
