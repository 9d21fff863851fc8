"""Findings that somebody does not want to see: by an annotation of the object, or by settings.

The annotation is Istio's own, `galley.istio.io/analyze-suppress`, with codes separated by commas, or `*`. A setting is
a code, alone or with the objects for which it is ignored: `IST0102`, `IST0108=Pod shop/*`, `*=Deployment kube-*/*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.findings.codes import CODES

if TYPE_CHECKING:
    from meshtop.analysis.findings.finding import ConfigFinding, ObjectKey
    from meshtop.analysis.findings.revisions import JudgedCluster
    from meshtop.model.kube import Meta

SUPPRESS = "galley.istio.io/analyze-suppress"


class Suppression(Struct, frozen=True):
    """Codes and objects to ignore; each may be a pattern. A name without a namespace stands for all namespaces."""

    code: str
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"

    def covers(self, one: ConfigFinding) -> bool:
        """Whether a finding is ignored."""
        return (
            fnmatchcase(one.code, self.code)
            and fnmatchcase(one.object.kind.lower(), self.kind.lower())
            and fnmatchcase(one.object.namespace, self.namespace)
            and fnmatchcase(one.object.name, self.name)
        )


def suppression(text: str) -> Suppression:
    """A suppression as written: CODE or CODE=KIND [NAMESPACE/]NAME. Raises ValueError with what is wrong."""
    code, equals, target = text.strip().partition("=")
    if not code:
        raise ValueError(f"{text!r} names no code; write CODE or CODE=KIND NAMESPACE/NAME")
    if not equals:
        return Suppression(code)
    kind, _, place = target.strip().partition(" ")
    if not kind:
        raise ValueError(f"{text!r} names no kind after =; write CODE=KIND NAMESPACE/NAME")
    namespace, slash, name = place.strip().partition("/")
    if not slash:
        namespace, name = "*", namespace or "*"
    return Suppression(code, kind, namespace, name or "*")


def check_code(one: Suppression) -> None:
    """Raises ValueError for a code, or pattern of codes, that no finding has."""
    if any(fnmatchcase(code, one.code) for code in CODES):
        return
    near = get_close_matches(one.code.upper(), CODES, n=1)
    hint = f" ({near[0]} is)" if near else "; docs/findings.md has them all"
    raise ValueError(f"{one.code} is the code of no finding on the configuration{hint}")


def not_suppressed(
    found: Iterable[ConfigFinding], clusters: Iterable[JudgedCluster], ignored: Iterable[Suppression]
) -> list[ConfigFinding]:
    """The findings that neither their object's annotation nor a setting takes away."""
    rules = tuple(ignored)
    annotated = {key: codes for cluster in clusters for key, codes in _annotated(cluster).items()}
    return [
        one
        for one in found
        if not any(rule.covers(one) for rule in rules)
        and not _names(annotated.get((one.object.cluster, one.object.kind, *_place(one.object)), ""), one.code)
    ]


def _place(key: ObjectKey) -> tuple[str, str]:
    return key.namespace, key.name


def _names(codes: str, code: str) -> bool:
    return any(part.strip() in ("*", code) for part in codes.split(",")) if codes else False


def _annotated(cluster: JudgedCluster) -> Mapping[tuple[str, str, str, str], str]:
    inventory = cluster.inventory
    found: dict[tuple[str, str, str, str], str] = {}

    def note(kind: str, meta: Meta) -> None:
        codes = meta.annotations.get(SUPPRESS)
        if codes:
            found[cluster.name, kind, meta.namespace, meta.name] = codes

    for namespace in inventory.namespaces:
        note("Namespace", namespace.meta)
    for service in inventory.services:
        note("Service", service.meta)
    for pod in inventory.pods:
        note("Pod", pod.meta)
    for controller in inventory.controllers:
        note(controller.kind, controller.meta)
    for objects in inventory.config.values():
        for obj in objects:
            note(obj.kind, obj.meta)
    return found
