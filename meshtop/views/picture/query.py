"""What a user asks of a kind: the scope that travels from screen to screen, a filter, an order."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where an item stands, for the scope; an edge stands in two places."""

    cluster: str = ""
    namespace: str = ""
    tenants: tuple[str, ...] = ()


class Query(Struct, frozen=True, kw_only=True):
    """Scope, filter and order; empty fields ask for everything.

    `namespaces` and `names` may use `*`; a name is `NAME`, `NAMESPACE/NAME` or `CLUSTER/NAMESPACE/NAME`.
    `filter` and `sort` are as typed (meshtop.views.frame.filter, meshtop.views.frame.sort). `tenant` is
    a tenant, or a workspace `TENANT/WORKSPACE` or group of one, whose namespaces `within` lists as
    (cluster, namespace) once it is resolved (`Picture.resolved`).
    """

    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    tenant: str | None = None
    names: tuple[str, ...] = ()
    filter: str = ""
    sort: str = ""
    within: frozenset[tuple[str, str]] | None = None

    def holds(self, places: tuple[Place, ...], *, namespaced: bool = True) -> bool:
        """Whether one of the places is in the scope; clusters have no namespace and no tenant to be left out by."""
        return any(self._holds(place, namespaced) for place in places)

    def _holds(self, place: Place, namespaced: bool) -> bool:
        if self.clusters and place.cluster not in self.clusters:
            return False
        if not namespaced:
            return True
        if self.namespaces and not any(fnmatchcase(place.namespace, wanted) for wanted in self.namespaces):
            return False
        if self.within is not None:
            return (place.cluster, place.namespace) in self.within
        return self.tenant is None or self.tenant in place.tenants

    def names_it(self, path: tuple[str, ...]) -> bool:
        """Whether one of the names means this path."""
        return not self.names or any(name_matches(name, path) for name in self.names)


def name_matches(name: str, path: tuple[str, ...]) -> bool:
    """Whether `name` is the path's end: `shop/reviews` means (`east`, `shop`, `reviews`)."""
    parts = name.split("/")
    if len(parts) > len(path):
        return False
    return all(fnmatchcase(part, wanted) for part, wanted in zip(path[-len(parts) :], parts, strict=True))
