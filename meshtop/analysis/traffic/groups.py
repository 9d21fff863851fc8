"""Health of groups: a cluster, namespace or tenant is as ill as what is wrong matters to it, not as its worst member.

With forty workloads one is always amber; a cluster that is amber for it says nothing. A group is degraded from a share
of its members or of its requests on that is not well, failing from a larger one, and says how many of what.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from operator import attrgetter

from msgspec import Struct

from meshtop.model.state import Health, HealthStatus
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds

NAMED = 3
"""So many members are named; the others are counted."""
_WORDS = {
    HealthStatus.FAILING: ("fails", "fail"),
    HealthStatus.DEGRADED: ("is degraded", "are degraded"),
    HealthStatus.UNKNOWN: ("is unknown", "are unknown"),
}


class GroupMember(Struct, frozen=True, gc=False):
    """A member by name, its health, and what is asked of it (requests per second, or 0)."""

    name: str
    health: Health
    requests_per_second: float = 0.0


_by_name = attrgetter("name", "requests_per_second")


def group_health(
    members: Sequence[GroupMember], thresholds: Thresholds = DEFAULT_THRESHOLDS, *, what: str = "workload"
) -> Health:
    """The health of a group with how many of its members are not well and the share of requests that they are asked.

    Idle members count as members and are no harm; where all are, so is the group. Unknown is not healthy: where what is
    known does not degrade the group, a share of unknown members makes it unknown.
    """
    if not members:
        return Health(HealthStatus.IDLE, (f"there are no {what}s",))
    # The same whatever order they come in, to the last digit of a sum.
    members = sorted(members, key=_by_name)
    asked = fsum(member.requests_per_second for member in members)
    of: dict[HealthStatus, list[GroupMember]] = {status: [] for status in HealthStatus}
    for member in members:
        of[member.health.status].append(member)
    ill = failing, degraded, unknown = [of[status] for status in _WORDS]
    reasons = tuple(_told(found, members, asked, what) for found in ill if found)
    busy = len(members) - len(of[HealthStatus.IDLE])
    # One of two workloads that hardly anybody asks is half of the members, and no outage.
    if len(failing) == busy > 0 or _asked_share(failing, asked) >= thresholds.group_failing:
        return Health(HealthStatus.FAILING, reasons)
    if _share([*failing, *degraded], members, asked) >= thresholds.group_degraded:
        return Health(HealthStatus.DEGRADED, reasons)
    if _share(unknown, members, asked) >= thresholds.group_degraded:
        return Health(HealthStatus.UNKNOWN, reasons)
    if not busy:
        return Health(HealthStatus.IDLE, (f"none of {len(members)} {what}s has traffic",))
    return Health(HealthStatus.HEALTHY, reasons or (f"{len(members)} {what}s, none of them unwell",))


def _share(found: Sequence[GroupMember], members: Sequence[GroupMember], asked: float) -> float:
    """The share of members, or of requests where that is larger."""
    return max(len(found) / len(members), _asked_share(found, asked))


def _asked_share(found: Sequence[GroupMember], asked: float) -> float:
    return sum(member.requests_per_second for member in found) / asked if asked > 0 else 0.0


def _told(found: Sequence[GroupMember], members: Sequence[GroupMember], asked: float, what: str) -> str:
    """`2 of 40 workloads fail (shop/catalog-v1, shop/cart), 12 % of requests`."""
    one, several = _WORDS[found[0].health.status]
    worst = sorted(found, key=lambda member: (-member.requests_per_second, member.name))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    names = ", ".join(member.name for member in worst[:NAMED]) + more
    share = 100 * _asked_share(found, asked)
    requests = f", {'less than 0.1' if share < 0.1 else f'{share:.3g}'} % of requests" if share > 0 else ""
    number = f"{len(found)} of {len(members)} {what}{'s' * (len(members) != 1)}"
    return f"{number} {one if len(found) == 1 else several} ({names}){requests}"
