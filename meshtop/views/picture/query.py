"""Queries: the scope (kept from screen to screen), a filter and an order."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct


class Place(Struct, frozen=True):
    """A place of an item, for matching with the scope; an edge has two."""

    cluster: str = ""
    namespace: str = ""
    tenants: tuple[str, ...] = ()


class Query(Struct, frozen=True, kw_only=True):
    """Scope, filter and order; empty fields mean everything.

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
        """Whether one of the places is in the scope; clusters have no namespace or tenant and match any."""
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


def name_matches(name: str, path: tuple[str, ...]) -> bool:
    """Whether `name` matches the end of the path: `shop/reviews` matches (`east`, `shop`, `reviews`).

    The name is compared with the known parts rather than split at slashes, since a part may contain slashes: clusters
    are often named by their ARN, `arn:aws:eks:eu:1:cluster/prod`.
    """
    return any(_is(name, path[first:]) for first in range(len(path)))


def _is(name: str, parts: tuple[str, ...]) -> bool:
    """Whether a name consists of exactly these parts, matched from the right; `*` matches anything within one part."""
    if len(parts) == 1:
        return name == parts[0] or (name.count("/") <= parts[0].count("/") and fnmatchcase(parts[0], name))
    *before, last = parts
    pieces = name.split("/")
    for taken in range(1, min(last.count("/") + 2, len(pieces))):
        piece = "/".join(pieces[-taken:])
        if (piece == last or fnmatchcase(last, piece)) and _is("/".join(pieces[:-taken]), tuple(before)):
            return True
    return False
