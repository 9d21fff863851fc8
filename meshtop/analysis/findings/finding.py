"""One finding on the configuration: its code, its object, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from meshtop.analysis.findings.codes import CODES, is_of_istio
from meshtop.model.state import Severity

Touched = tuple[str, str]
"""A namespace and a Service's name in it; "" for all of the namespace."""


class ObjectKey(Struct, frozen=True):
    """The object that a finding is about."""

    cluster: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """The kind and name as users write them: `VirtualService shop/cart`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class ConfigFinding(Struct, frozen=True, kw_only=True):
    """A finding on one object. `path` is the field, such as `spec.http[0].route[1]`, "" where it is the whole object.

    `touches` are the Services whose calls it affects; `requests_per_second` is how many those are, None where telemetry
    does not tell. `more` counts alike objects (pods of one owner) that this one stands for.
    """

    code: str
    object: ObjectKey
    message: str
    fix: str | None = None
    path: str = ""
    touches: tuple[Touched, ...] = ()
    requests_per_second: float | None = None
    rule: str = ""
    more: int = 0

    @property
    def severity(self) -> Severity:
        """How much it matters; fixed for each code."""
        return CODES[self.code].severity

    @property
    def ist_code(self) -> str | None:
        """The code if it is one of Istio's messages, else None."""
        return self.code if is_of_istio(self.code) else None


_SEVERITIES = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def most_important_first(found: Iterable[ConfigFinding]) -> tuple[ConfigFinding, ...]:
    """Findings by severity, then by the calls that they really touch; the result does not depend on the input order."""
    return tuple(
        sorted(
            found,
            key=lambda f: (
                _SEVERITIES[f.severity],
                -(f.requests_per_second or 0.0),
                f.code,
                f.object.cluster,
                f.object.kind,
                f.object.namespace,
                f.object.name,
                f.path,
                f.message,
            ),
        )
    )


def without_repetition(found: Iterable[ConfigFinding]) -> list[ConfigFinding]:
    """Each finding once: two revisions that read the same objects find the same."""
    seen: dict[tuple[str, ObjectKey, str, str], ConfigFinding] = {}
    for one in found:
        seen.setdefault((one.code, one.object, one.message, one.path), one)
    return list(seen.values())


def standing_for(one: ConfigFinding, more: int) -> ConfigFinding:
    """A finding that stands for alike ones of other pods of the same owner."""
    if not more:
        return one
    pods = "1 more pod" if more == 1 else f"{more} more pods"
    return structs.replace(one, more=more, message=f"{one.message.rstrip('.')} (and {pods} of the same owner).")
