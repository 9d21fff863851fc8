"""The document of `-o json` and `-o yaml`: one kind's items, and the state of each source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.evidence import Unknown
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import SourceStatus, State
from meshtop.model.text import clean
from meshtop.settings.durations import format_duration
from meshtop.views.frame.view import AnyView
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query

API_VERSION = "meshtop/v1"
NO_SERIES = "Its Prometheus holds no series that a proxy reported in this window, so its traffic is unknown."
NO_SERIES_REMEDY = "Check that it scrapes sidecars, ztunnels and gateways, or give a longer --window."
_NOT_THERE = frozenset({State.UNREACHABLE, State.DENIED})


class SourceState(Struct, frozen=True, rename="camel"):
    """One source of a cluster: its state, the age of its last good answer in seconds, and its last error."""

    state: State
    age_seconds: float | None
    error: str | None


class ClusterSources(Struct, frozen=True, rename="camel"):
    """Both sources of one cluster."""

    cluster: str
    kubernetes: SourceState
    prometheus: SourceState


class Document(Struct, frozen=True, rename="camel", kw_only=True):
    """The JSON document (INTERFACE.md, "JSON"); `generatedAt` is the requested moment, if there is one.

    `unknowns` lists what the items could not take into account. `hidden` is present only where the access policy
    leaves something out, and has the sentence about it.
    """

    api_version: str = API_VERSION
    kind: str
    generated_at: str
    window: str
    sources: tuple[ClusterSources, ...]
    unknowns: tuple[Unknown, ...]
    items: Sequence[Any]
    hidden: str | UnsetType = UNSET


def document(view: AnyView, picture: Picture, items: Sequence[Any], query: Query) -> Document:
    """The document of a query's items of a Picture."""
    snapshot = picture.snapshot
    return Document(
        kind=view.list_kind,
        generated_at=rfc3339(snapshot.moment if snapshot.moment is not None else snapshot.at),
        window=format_duration(snapshot.window_seconds),
        sources=sources(snapshot),
        unknowns=view.all_unknowns(picture, query),
        items=items,
        hidden=UNSET if snapshot.hidden is None else snapshot.hidden,
    )


def sources(snapshot: Snapshot) -> tuple[ClusterSources, ...]:
    """The state of every source of every cluster."""
    return tuple(
        ClusterSources(c.name, _source(c.kubernetes, snapshot.at), _source(c.prometheus, snapshot.at))
        for c in snapshot.clusters
    )


_REFUSES = " does not let you "
"""How an API server's refusal begins, after the cluster's name."""


def missing(snapshot: Snapshot) -> list[str]:
    """A sentence for each source without a complete answer, or whose answer is no data, and what to do about it.

    Clusters that keep the same from this user share one.
    """
    said: list[tuple[str, str]] = []
    states = telemetry_states(snapshot.clusters)
    for cluster in snapshot.clusters:
        asked = (("Kubernetes", cluster.kubernetes), ("Prometheus", cluster.prometheus))
        for source, status in asked:
            if status.state is State.FRESH or (status.state is State.NONE and status.error is None):
                continue
            if source == "Prometheus" and status.state is State.NONE and cluster.kubernetes.state in _NOT_THERE:
                # It is found through the API server, about which there is a sentence already.
                continue
            why = status.error or f"{source} is {status.state.value}"
            name = "" if why.startswith(f"{cluster.name} ") else f"{cluster.name}: "
            said.append((cluster.name, f"{name}{_stop(why)} {_stop(status.remedy or '')}"))
        if states[cluster.name] is Silence.NO_DATA:
            said.append((cluster.name, f"{cluster.name}: {NO_SERIES} {NO_SERIES_REMEDY}"))
    return [clean(sentence).rstrip() for sentence in _together(said)]


def _together(said: Sequence[tuple[str, str]]) -> list[str]:
    """The sentences of clusters, those once that several clusters share because they refuse the same."""
    who: dict[tuple[str, bool], list[str]] = {}
    for cluster, sentence in said:
        refuses = sentence.startswith(f"{cluster}{_REFUSES}")
        what = sentence.removeprefix(f"{cluster}{_REFUSES}") if refuses else sentence
        who.setdefault((what, refuses), []).append(cluster)
    sentences = []
    for (what, refuses), clusters in who.items():
        verb = " do not let you " if len(clusters) > 1 else _REFUSES
        sentences.append(f"{', '.join(clusters)}{verb}{what}" if refuses else what)
    return sentences


def kind_schema(view: AnyView) -> dict[str, Any]:
    """The JSON Schema of a kind's document."""
    items = msgspec.defstruct(view.list_kind, [("items", list[view.item])], bases=(Document,), frozen=True)  # type: ignore[name-defined]
    return msgspec.json.schema(items)


def rfc3339(seconds: float) -> str:
    """A moment in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(status: SourceStatus, now: float) -> SourceState:
    age = status.age_seconds(now)
    return SourceState(status.state, None if age is None else round(age, 1), status.error)


def _stop(sentence: str) -> str:
    return sentence if not sentence or sentence.endswith((".", "?", "!")) else sentence + "."
