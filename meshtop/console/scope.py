"""What travels from screen to screen: scope, filter, window and moment, and how the top bar shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from meshtop.model.numbers import age
from meshtop.model.state import State
from meshtop.views.frame.table import Tone
from meshtop.views.picture.query import Place, Query

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot


class Scope(Struct, frozen=True, kw_only=True):
    """Where one looks: `query` is clusters, namespaces, tenant and filter; `sorts` the order chosen for each kind."""

    query: Query = Query()
    sorts: tuple[tuple[str, str], ...] = ()

    def for_kind(self, kind: str) -> Query:
        """The query for a kind, in the order that was chosen for it."""
        return structs.replace(self.query, sort=dict(self.sorts).get(kind, ""))

    def sorted_by(self, kind: str, sort: str) -> Scope:
        """Rows of a kind in another order."""
        return structs.replace(self, sorts=(*((k, s) for k, s in self.sorts if k != kind), (kind, sort)))

    def filtered(self, text: str) -> Scope:
        """The scope with a filter; an empty one removes it."""
        return structs.replace(self, query=structs.replace(self.query, filter=text))

    def narrowed(self, *, cluster: str | None = None, namespace: str | None = None, tenant: str | None = None) -> Scope:
        """The scope limited to a cluster, namespace or tenant; "" removes that limit, None keeps it."""
        query = self.query
        if cluster is not None:
            query = structs.replace(query, clusters=(cluster,) if cluster else ())
        if namespace is not None:
            query = structs.replace(query, namespaces=(namespace,) if namespace else ())
        if tenant is not None:
            query = structs.replace(query, tenant=tenant or None)
        return structs.replace(self, query=query)

    def narrowed_to(self, places: Sequence[Place]) -> Scope | None:
        """The scope narrowed to what the given places have in common: cluster and namespace, else the tenant.

        None if they have nothing in common.
        """
        clusters = {place.cluster for place in places}
        namespaces = {place.namespace for place in places}
        cluster = clusters.pop() if len(clusters) == 1 else ""
        namespace = namespaces.pop() if len(namespaces) == 1 else ""
        if cluster or namespace:
            return self.narrowed(cluster=cluster or None, namespace=namespace or None)
        tenants = set.intersection(*(set(place.tenants) for place in places)) if places else set()
        return self.narrowed(tenant=tenants.pop()) if len(tenants) == 1 else None

    def widened(self) -> Scope | None:
        """The scope without its filter, else without namespaces, tenant or clusters; None if it has no limits."""
        query = self.query
        for field, empty in (("filter", ""), ("namespaces", ()), ("tenant", None), ("clusters", ())):
            if getattr(query, field):
                return structs.replace(self, query=structs.replace(query, **{field: empty}))
        return None

    def words(self, *, window_seconds: float) -> tuple[str, ...]:
        """The parts of the scope as the top bar shows them; `window_seconds` is how long rates are averaged over."""
        query = self.query
        clusters = " ".join(query.clusters) if query.clusters else "all clusters"
        parts = [clusters]
        if query.namespaces:
            parts.append("namespace " + " ".join(query.namespaces))
        if query.tenant:
            parts.append(f"tenant {query.tenant}")
        if query.filter:
            parts.append(f"/{query.filter}")
        parts.append(f"last {age(window_seconds)}")
        return tuple(parts)


def answering(snapshot: Snapshot | None) -> tuple[str, Tone]:
    """How many clusters answered well, of how many; with a tone where some did not."""
    if snapshot is None or not snapshot.clusters or not snapshot.settled:
        return "", Tone.DIM
    from meshtop.views.kinds.clusters import cluster_state

    well = sum(cluster_state(cluster) is State.FRESH for cluster in snapshot.clusters)
    every = len(snapshot.clusters)
    return f"{well}/{every} ok", Tone.DIM if well == every else Tone.DEGRADED


def utc_clock(now: float) -> str:
    """The time of day (UTC), which the times in tables are in too."""
    return f"{datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC"


def freshness(snapshot: Snapshot | None, now: float, *, recorded: bool = False) -> tuple[str, Tone]:
    """The age of the picture, or the moment it shows, with a tone; one that was recorded is of its moment."""
    if snapshot is None:
        return "starting", Tone.DIM
    moment = snapshot.at if recorded and snapshot.moment is None else snapshot.moment
    if moment is not None:
        return f"at {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC", Tone.ACCENT
    from meshtop.views.kinds.clusters import (
        cluster_state,  # Brings all of the analysis, which the first frame does not need.
    )

    states = [cluster_state(cluster) for cluster in snapshot.clusters]
    ages = [
        seconds
        for cluster in snapshot.clusters
        for source in (cluster.kubernetes, cluster.prometheus)
        if source.state in (State.FRESH, State.PARTIAL) and (seconds := source.age_seconds(now)) is not None
    ]
    waiting = sum(state is State.NONE for state in states)
    if waiting and not snapshot.settled:
        return f"reading {waiting} of {len(states)}", Tone.DIM
    if not ages:
        return "no cluster answers", Tone.FAILING
    old = max(ages)
    return f"live · {age(old)} ago", Tone.DIM if old < 60 else Tone.UNKNOWN
