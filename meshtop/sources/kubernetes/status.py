"""The state of a cluster's Kubernetes source, combined from the status of each kind."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.model.kube import FIELD_WRITES, GATEWAY_SECRETS, INJECTORS, KindStatus
from meshtop.model.state import SourceStatus, State
from meshtop.sources.kubernetes.kinds import IDENTITY, JUDGED, REGISTRIES
from meshtop.sources.problem import SourceProblem

OPTIONAL = frozenset(
    {
        "Secret",
        "MutatingWebhookConfiguration",
        "SelfSubjectReview",
        "CustomResourceDefinition",
        GATEWAY_SECRETS,
        INJECTORS,
        "Event",
        FIELD_WRITES,
        *(kind.key for kind in (*IDENTITY, *JUDGED, *REGISTRIES)),
    }
)
"""Kinds that are rarely needed: few users may list them, so their absence is only a note."""
_MOST_NAMES = 3
"""Maximum number of kinds named in a remedy."""
MANIFEST = "docs/rbac/read-only.yaml"
"""The ClusterRole for reading, in the project."""
_CRITICAL = frozenset({"failed", "stale", "denied"})


def source_status(
    *,
    now: float,
    answered_at: float | None,
    problem: SourceProblem | None,
    kinds: Sequence[KindStatus],
    resources: dict[tuple[str, str], str],
    stale_seconds: float,
    endpoint: str,
    note: str | None = None,
    unattended: Sequence[str] = (),
    unattended_seconds: float = 0.0,
    not_asked: Sequence[str] = (),
) -> SourceStatus:
    """The status of a cluster's Kubernetes source, from the status of each kind.

    `problem` is why the server as a whole does not answer, None when it does; `resources` maps (group, kind) to
    the name that RBAC knows. Denied: the login is not accepted, or nothing at all may be read. Unreachable: there
    was never an answer. Stale: the last answer is older than `stale_seconds`. Partial: some kinds, or some objects
    of a kind, are missing from the picture. `note` is one more thing to say. `unattended` are
    the kinds that are listed every `unattended_seconds` and not watched, and may be as old. `not_asked` are those that
    are read once somebody looks at findings, of which it is not known whether they are there.
    """
    notes = (*((note,) if note else ()), *_notes(kinds))
    if unattended:
        notes += (f"Up to {unattended_seconds:g} s old, as no open view shows them: {', '.join(unattended)}.",)
    if not_asked:
        notes += (f"Not asked yet, as only findings need them: {', '.join(not_asked)}.",)
    bad = [kind for kind in kinds if (kind.state in _CRITICAL or _has_gaps(kind)) and kind.kind not in OPTIONAL]

    def status(state: State, error: str | None = None, remedy: str | None = None) -> SourceStatus:
        return SourceStatus(
            state=state,
            answered_at=answered_at,
            error=error,
            remedy=remedy,
            notes=notes,
            endpoint=endpoint,
            unasked=problem is not None and problem.unasked,
        )

    if problem is not None and problem.state is State.DENIED:
        return status(State.DENIED, problem.message, problem.remedy or None)
    if answered_at is None:
        if problem is not None:
            return status(State.UNREACHABLE, problem.message, problem.remedy or None)
        if not bad:
            return status(State.NONE)
        denied = all(kind.state == "denied" for kind in bad)
        return status(State.DENIED if denied else State.UNREACHABLE, *_error_and_remedy(bad, resources))
    if now - answered_at > stale_seconds:
        age = f"The last answer is {now - answered_at:.0f} s old."
        return status(
            State.STALE,
            problem.message if problem is not None else age,
            (problem.remedy or None) if problem is not None else None,
        )
    if bad:
        return status(State.PARTIAL, *_error_and_remedy(bad, resources))
    return status(State.FRESH)


def _has_gaps(kind: KindStatus) -> bool:
    """Whether a kind was read without some of its objects, which could not be understood."""
    return kind.state == "fresh" and kind.error is not None


def _error_and_remedy(bad: Sequence[KindStatus], resources: dict[tuple[str, str], str]) -> tuple[str, str | None]:
    """One sentence for all kinds that could not be read, and what to ask for."""
    denied = [kind for kind in bad if kind.state == "denied"]
    others = [kind for kind in bad if kind.state != "denied"]
    remedy = _what_to_ask_for([resources.get((kind.group, kind.kind), kind.kind) for kind in denied])
    if others:
        error = others[0].error or f"{others[0].kind} is {others[0].state}."
        more = len(bad) - 1
    else:
        error = denied[0].error or f"{denied[0].kind} may not be read."
        more = len(denied) - 1
    return (f"{error.rstrip('.')} (and {more} more kinds)." if more else error), remedy


def _what_to_ask_for(names: Sequence[str]) -> str | None:
    """The rights that are missing, by name while they are few; of many the manifest says it shorter."""
    if not names:
        return None
    if len(names) > _MOST_NAMES:
        return f"Ask for the {len(names)} rights that are missing: {MANIFEST} has them all."
    return f"Ask for the right to get, list and watch {', '.join(names)}."


def _notes(kinds: Sequence[KindStatus]) -> tuple[str, ...]:
    notes = [kind.error for kind in kinds if kind.kind in OPTIONAL and kind.error and kind.state != "missing"]
    missing = sorted(kind.kind for kind in kinds if kind.state == "missing")
    if missing:
        notes.append(f"Not installed: {', '.join(missing)}.")
    return tuple(notes)
