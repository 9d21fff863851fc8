"""Revisions of a control plane: which run in a cluster, their tags, and which namespaces ask for and run which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of istiod: its version, its tags, its pods, and the share of the cluster's proxies that it serves.

    `runs` are the namespaces whose pods were injected by it; the first revision of a cluster runs all others.
    """

    name: str
    release: str
    tags: tuple[str, ...] = ()
    replicas: int = 2
    share: float = 1.0
    runs: frozenset[str] = frozenset()

    @property
    def suffix(self) -> str:
        """What the names of its objects end with."""
        return "" if self.name == DEFAULT else f"-{self.name}"


@dataclass(frozen=True)
class Revisions:
    """The revisions of a cluster, the one that most namespaces run first.

    `asked` is the value of `istio.io/rev` of the namespaces that ask for something else than `usual`. What a namespace
    asks for is what its pods get when they are made the next time, and need not be what they run.
    """

    planes: tuple[Revision, ...]
    usual: str = "stable"
    asked: Mapping[str, str] = field(default_factory=dict)

    def running(self, namespace: str) -> Revision:
        """The revision whose proxies run in a namespace."""
        return next((plane for plane in self.planes if namespace in plane.runs), self.planes[0])

    def wanted(self, namespace: str) -> str:
        """The value of a namespace's label `istio.io/rev`."""
        return self.asked.get(namespace, self.usual)


LEGACY = Revisions((Revision(DEFAULT, "1.28.4"),))
"""The mesh on premises: one revision, which namespaces ask for by `istio-injection`."""

_STABLE = Revision("1-30", "1.30.1", ("stable", "default"), share=0.92)
_OLD = Revision("1-29", "1.29.3", replicas=1, share=0.08, runs=frozenset({"analytics"}))
SINGLE = Revisions((Revision("1-30", "1.30.1", ("stable", "default")),))
UPGRADED = Revisions((_STABLE, _OLD), asked={"analytics": "1-29"})
"""One namespace still waits for the upgrade, and says so."""

SEVERAL = Revisions(
    (
        Revision("1-30", "1.30.1", ("prod", "default"), share=0.6),
        Revision("1-29", "1.29.3", ("old",), replicas=1, share=0.25, runs=frozenset({"analytics", "logistics"})),
        Revision("1-31", "1.31.0", ("canary",), replicas=1, share=0.15, runs=frozenset({"platform"})),
    ),
    usual="prod",
    asked={"platform": "canary", "analytics": "old"},
)
"""`platform` tries the canary, `analytics` stays behind by choice; `logistics` was moved on and never restarted."""
