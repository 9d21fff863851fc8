"""A cluster that takes nothing any more: what of the others is known about reaching what is left."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Departure(Struct, frozen=True, kw_only=True):
    """The cluster whose endpoints go.

    `orphans` are the clusters that no other control plane serves: their proxies keep what they know. `unread` may have
    endpoints of any host, as nobody could look. `links` are pairs of clusters (caller's first) and whether the first
    reaches endpoints in the second, None where that is not known; a pair that is missing is not known either. `local`
    are hosts (in lower case) whose calls stay in the caller's cluster (MeshConfig's clusterLocal), None where it is not
    known.
    """

    cluster: str
    orphans: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    """Clusters of which it is not known whether they are of the same mesh."""
    unread: frozenset[str] = frozenset()
    links: Mapping[tuple[str, str], bool | None] = {}
    local: Mapping[str, bool | None] = {}

    def reaches(self, source: str, target: str, host: str) -> bool | None:
        """Whether calls for a host get from one cluster into another; None where that is not known."""
        if source == target:
            return True
        kept = self.local.get(host.lower(), False)
        linked = self.links.get((source, target))
        if kept is True or linked is False:
            return False
        return None if kept is None else linked
