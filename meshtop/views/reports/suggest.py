"""The report `suggest policies`: the least AuthorizationPolicies as YAML, what is silent, and the proof in words."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.least import LeastPolicies, least_policies, manifest_of
from meshtop.analysis.authorization.observed import POLICY_KINDS
from meshtop.model.evidence import Unknown
from meshtop.model.numbers import quantity
from meshtop.model.text import clean
from meshtop.model.traffic import PeerKind
from meshtop.model.yaml_text import dump_yaml
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.ends import end_text
from meshtop.views.frame.unknowns import Needs, unknowns_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of, observed_access
from meshtop.views.picture.query import Query

SUGGEST_NEEDS = Needs((*POLICY_KINDS, "Pod", "Service", "ConfigMap"), traffic=True)


class SuggestedManifest(Struct, frozen=True, rename="camel"):
    """A policy as a document for kubectl, and the clusters in which it is to be applied."""

    clusters: tuple[str, ...]
    policy: dict[str, Any]


class UnprovenCall(Struct, frozen=True, rename="camel"):
    """A call that was seen and would not pass for certain, with the reason."""

    source: str
    destination: str
    why: str


class PolicySuggestion(Struct, frozen=True, rename="camel", kw_only=True):
    """The document of `-o json`; `calls` were seen, `allowed` of them pass with the policies beside those in force."""

    api_version: str = "meshtop/v1"
    kind: str = "PolicySuggestion"
    generated_at: str
    window: str
    namespace: str
    unknowns: tuple[Unknown, ...]
    calls: int
    allowed: int
    requests_per_second: float
    policies: tuple[SuggestedManifest, ...]
    not_allowed: tuple[UnprovenCall, ...]
    silent: tuple[str, ...]


def suggestion_of(picture: Picture, namespace: str) -> LeastPolicies:
    """The least policies for the calls into a namespace that this Picture shows."""
    edges = [
        edge
        for edge in picture.edges
        if edge.destination.namespace == namespace and edge.destination.kind is not PeerKind.EXTERNAL
    ]
    workloads = [workload for workload in picture.workloads if workload.namespace == namespace]
    return least_policies(observed_access(picture), edges, namespace, workloads)


def suggestion_unknowns(picture: Picture, namespace: str) -> tuple[Unknown, ...]:
    """What was not read, so that calls may be missing or policies there may not be known."""
    return unknowns_of(picture.snapshot, SUGGEST_NEEDS, Query(namespaces=(namespace,)))


def suggestion_document(picture: Picture, found: LeastPolicies, window: str) -> PolicySuggestion:
    """The document of a suggestion."""
    return PolicySuggestion(
        generated_at=rfc3339(moment_of(picture)),
        window=window,
        namespace=found.namespace,
        unknowns=suggestion_unknowns(picture, found.namespace),
        calls=found.seen,
        allowed=found.allowed,
        requests_per_second=found.requests_per_second,
        policies=tuple(SuggestedManifest(one.clusters, manifest_of(one.obj)) for one in found.policies),
        not_allowed=tuple(
            UnprovenCall(end_text(edge.source), end_text(edge.destination), why) for edge, why in found.failing
        ),
        silent=found.silent,
    )


def suggestion_yaml(found: LeastPolicies) -> str:
    """The policies as YAML documents, each with a comment that names its clusters; "" where there is none."""
    documents = []
    for one in found.policies:
        text = dump_yaml(manifest_of(one.obj), allow_unicode=True)
        documents.append(f"# For {clean(', '.join(one.clusters))}\n{text.rstrip()}")
    return "\n---\n".join(documents)


def suggestion_sentences(found: LeastPolicies, window: str) -> tuple[str, ...]:
    """The proof and what is silent, in words."""
    if not found.seen:
        nothing = f"No call into {found.namespace} was seen in the last {window}: there is nothing to suggest."
        return (nothing, *found.silent)
    rate = f" ({quantity(found.requests_per_second)} requests/s)" if found.requests_per_second else ""
    made = f"{_counted(len(found.policies), 'policy', 'policies')} from {_counted(found.seen, 'call', 'calls')}{rate}"
    proof = (
        f"{made} seen in the last {window}:"
        f" with them beside what is in force, {found.allowed} of {found.seen} are allowed."
    )
    failing = tuple(
        f"Not certain to pass: {end_text(edge.source)} to {end_text(edge.destination)}. {why}"
        for edge, why in found.failing
    )
    return (proof, *failing, *found.silent)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
