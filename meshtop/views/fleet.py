"""What follows from a Picture for many clusters together, each worked out once, and the findings of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.fleet.members import Member, members
from meshtop.analysis.mtls.located import Located

if TYPE_CHECKING:
    from meshtop.views.picture import Picture


def members_of(picture: Picture) -> tuple[Member, ...]:
    """Every member of every registry, and the clusters that none knows."""
    made: tuple[Member, ...] = picture.once("fleet.members", lambda: members(picture.snapshot.clusters, picture.facts))
    return made


def fleet_findings(picture: Picture) -> list[Located]:
    """All findings about the fleet, each with its place."""
    return [
        Located(finding=finding, cluster=member.cluster or member.entry.host)
        for member in members_of(picture)
        for finding in member.findings
    ]
