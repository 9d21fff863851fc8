"""Which clusters a Picture's registries hold; by itself, because lists of clusters show nothing else of a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.fleet.members import RegisteredMember, registered_members
from meshtop.analysis.fleet.registries import ISTIO
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_MEMBERS: Key[tuple[RegisteredMember, ...]] = Key("fleet members")


def members_of(picture: Picture) -> tuple[RegisteredMember, ...]:
    """Every member of every registry, and the clusters that are in none."""
    return picture.cached(_MEMBERS, lambda: registered_members(picture.snapshot.clusters, picture.facts))


def roles_in_federations(picture: Picture, cluster: str) -> tuple[str, ...]:
    """`host` for a cluster that holds a registry, `member` for one in a registry; Istio's secrets do not count."""
    found = [m for m in members_of(picture) if m.entry.registry not in ("", ISTIO)]
    host = ("host",) if any(m.entry.host == cluster for m in found) else ()
    return (*host, *(("member",) if any(m.cluster == cluster for m in found) else ()))
