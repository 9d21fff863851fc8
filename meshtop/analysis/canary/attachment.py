"""Parents of Gateway API routes: whether their controllers accepted the route, and which backends they resolved.

This is read from `status.parents[].conditions` of the current generation: with `Accepted` False the route is not in
force for that parent, with `ResolvedRefs` False a share of requests is answered 500. Without conditions, both are
unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.canary.routes import HOSTNAME, SERVICE, SERVICE_IMPORT, RouteDestination, WeightedRoute
from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text
from meshtop.model.kube import ConfigObject

GATEWAY = "Gateway"
SERVICE_ENTRY = "ServiceEntry"
ACCEPTED, RESOLVED = "Accepted", "ResolvedRefs"
_GROUPS = {SERVICE: "", SERVICE_IMPORT: "multicluster.x-k8s.io", HOSTNAME: "networking.istio.io"}
_ROUTE_GROUP = "gateway.networking.k8s.io"


class RouteParent(Struct, frozen=True, kw_only=True):
    """One parent of a route. `accepted` and `resolved` are None where no controller has reported on this generation.

    `refused` and `unresolved` are the controllers' reasons for a condition that is False.
    """

    kind: str
    namespace: str
    name: str
    section: str = ""
    port: int | None = None
    accepted: bool | None = None
    resolved: bool | None = None
    refused: str = ""
    unresolved: str = ""

    @property
    def title(self) -> str:
        """Name for users: `Gateway shop/front, section https`."""
        where = f", section {self.section}" if self.section else f", port {self.port}" if self.port else ""
        return f"{self.kind} {self.namespace}/{self.name}{where}"


_Place = tuple[str, str, str, str, int | None]


def parents_of(obj: ConfigObject) -> tuple[RouteParent, ...]:
    """The parents of a Gateway API route as its spec names them, each with its status."""
    spoken: dict[_Place, list[Mapping[str, Any]]] = {}
    for entry in maps(obj.status.get("parents")):
        spoken.setdefault(_place(mapping(entry.get("parentRef")), obj), []).append(entry)
    found: dict[_Place, RouteParent] = {}
    for reference in maps(obj.spec.get("parentRefs")):
        place = _place(reference, obj)
        kind, namespace, name, section, port = place
        accepted, refused = _condition_of_parent(spoken.get(place, ()), ACCEPTED, obj.generation)
        resolved, unresolved = _condition_of_parent(spoken.get(place, ()), RESOLVED, obj.generation)
        found[place] = RouteParent(
            kind=kind,
            namespace=namespace,
            name=name,
            section=section,
            port=port,
            accepted=accepted,
            resolved=resolved,
            refused=refused,
            unresolved=unresolved,
        )
    return tuple(found.values())


def _place(reference: Mapping[str, Any], obj: ConfigObject) -> _Place:
    return (
        text(reference.get("kind")) or GATEWAY,
        text(reference.get("namespace")) or obj.meta.namespace,
        text(reference.get("name")) or "",
        text(reference.get("sectionName")) or "",
        integer_or_none(reference.get("port")),
    )


def _condition_of_parent(
    entries: Iterable[Mapping[str, Any]], condition: str, generation: int
) -> tuple[bool | None, str]:
    """A condition of one parent, and why it is False: True if any controller reports True, False only if none does."""
    why: str | None = None
    for entry in entries:
        for one in maps(entry.get("conditions")):
            seen = integer_or_none(one.get("observedGeneration"))
            if one.get("type") != condition or (seen is not None and seen < generation):
                continue
            if one.get("status") == "True":
                return True, ""
            if one.get("status") == "False":
                why = ": ".join(part for part in (text(one.get("reason")), text(one.get("message"))) if part)
    return (None, "") if why is None else (False, why)


class BrokenBackend(Struct, frozen=True):
    """A destination whose reference cannot be resolved, so that its share is answered 500, and the reason."""

    destination: RouteDestination | None
    why: str


def broken_backends(
    route: WeightedRoute,
    parents: Sequence[RouteParent],
    grants: Sequence[ConfigObject] | None,
    exists: Mapping[str, bool],
) -> tuple[BrokenBackend, ...]:
    """The destinations that are answered 500, by the route's status, else by the ReferenceGrants.

    `exists` tells for each destination's name whether its backend exists; `grants` is None where they were not read.
    The status takes precedence: where a controller resolved all references, none is broken. Where it did not and no
    broken one is found, the destination that its message names is taken, else an unnamed one (`destination` None).
    """
    if any(parent.resolved for parent in parents):
        return ()
    said = next((parent.unresolved for parent in parents if parent.resolved is False), None)
    split = [d for d in route.destinations if d.share > 0]
    found = []
    for destination in split:
        why = _broken(route, destination, grants, there=exists.get(destination.name, True))
        if why is None or (said is None and why != _NOT_PERMITTED):
            continue
        found.append(BrokenBackend(destination, said or why))
    if found or said is None:
        return tuple(found)
    named = [d for d in split if d.host and _is_named(d, said)]
    return tuple(BrokenBackend(d, said) for d in named) or (BrokenBackend(None, said),)


_NOT_PERMITTED = "no ReferenceGrant permits it"


def _broken(
    route: WeightedRoute, destination: RouteDestination, grants: Sequence[ConfigObject] | None, *, there: bool
) -> str | None:
    if destination.kind not in _GROUPS:
        return f"a {destination.kind} cannot be a backend"
    crosses = destination.namespace != route.namespace and destination.kind != HOSTNAME
    if crosses and grants is not None and not any(_permits(grant, route, destination) for grant in grants):
        return _NOT_PERMITTED
    return None if there else "it does not exist"


def _permits(grant: ConfigObject, route: WeightedRoute, destination: RouteDestination) -> bool:
    """Whether a ReferenceGrant in the backend's namespace permits references from this route's kind and namespace."""
    if grant.meta.namespace != destination.namespace:
        return False
    comes = any(
        one.get("kind") == route.kind
        and one.get("namespace") == route.namespace
        and one.get("group", _ROUTE_GROUP) == _ROUTE_GROUP
        for one in maps(grant.spec.get("from"))
    )
    name = destination.host.split(".")[0]
    goes = any(
        one.get("kind") == destination.kind
        and (text(one.get("group")) or "") == _GROUPS[destination.kind]
        and text(one.get("name")) in (None, name)
        for one in maps(grant.spec.get("to"))
    )
    return comes and goes


def _is_named(destination: RouteDestination, words: str) -> bool:
    name = destination.host.split(".")[0]
    return any(part.strip("\"'`,.:;()").split("/")[0].split(".")[0] == name for part in words.split())
