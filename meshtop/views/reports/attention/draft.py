"""Something that is wrong, before it is folded, ranked and remembered."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.state import Severity
from meshtop.views.picture.query import Place

WorkloadId = tuple[str, str, str]


class Draft(Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    `id` is the same for the same thing at every refresh. `onset` is when it began (Unix seconds), None where nothing
    tells; `no_later` is by when it had begun, where that is all that is known. Rates are per second: `requests` that it
    touches, of which `errors` fail, `slow` are slower than they used to be, `exposed` go unencrypted; of `unseen`
    nothing is heard any more, None where nobody knows how many. `workloads` are those that it is about, `callers`
    those who are hit.
    """

    id: str
    severity: Severity
    title: str
    kind: str
    key: str
    places: tuple[Place, ...]
    onset: float | None = None
    no_later: float | None = None
    requests: float = 0.0
    errors: float = 0.0
    slow: float = 0.0
    exposed: float = 0.0
    unseen: float | None = 0.0
    workloads: tuple[WorkloadId, ...] = ()
    callers: tuple[WorkloadId, ...] = ()
    answers: tuple[WorkloadId, ...] = ()
    service: str = ""
    findings: tuple[str, ...] = ()
    lost_cluster: str = ""
    """The cluster that does not answer, where that is what is wrong."""
    objects: tuple[tuple[str, str, str, str], ...] = ()
    """The objects of the configuration that it is about: cluster ("" for any), kind, namespace, name."""
    changed: str = ""
    """What changed just before, in a sentence."""
    changed_at: float | None = None

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters that it stands in."""
        return frozenset(place.cluster for place in self.places if place.cluster)
