"""Rights for a shift: the objects it would write, and the decisions of read-only mode, access policy and Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from meshtop.analysis.canary.board import CanaryRow
from meshtop.analysis.tenancy.access.build import SHIFT
from meshtop.analysis.tenancy.access.permissions import PlannedWrite, WritePermission, write_permission
from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, SubjectRules
from meshtop.views.frame.facts import Fact, Section, fact
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

KnownRules = Callable[[str, str], SubjectRules | None]
"""Function that gives Kubernetes' rules for the user in a namespace of a cluster; None while unknown."""


def shift_writes(picture: Picture, row: CanaryRow) -> tuple[PlannedWrite, ...]:
    """Writes of a shift of a row's route: the route in every cluster of its mesh with its own configuration."""
    survey = picture.canaries.survey
    return tuple(
        PlannedWrite(
            one.route.cluster,
            one.route.namespace,
            ResourceAttributes("patch", one.route.group, f"{one.route.kind.lower()}s", one.route.name),
        )
        for one in survey.surveyed
        if one.route.label == row.label
        and (one.mesh or one.route.cluster) == (row.mesh or row.cluster)
        and (
            survey.clusters[one.route.cluster].obeys_itself
            or (one.route.cluster == row.cluster and survey.clusters[row.cluster].obeys_unknown)
        )
    )


def levers_of(picture: Picture, writes: Iterable[PlannedWrite], known: KnownRules) -> tuple[WritePermission, ...]:
    """The permission of each write."""
    read_only = {cluster.name: cluster.read_only for cluster in picture.snapshot.clusters}
    return tuple(
        write_permission(
            SHIFT,
            write,
            read_only=read_only.get(write.cluster, False),
            access=picture.access,
            rules=known(*write.place),
        )
        for write in writes
    )


def rights_section(levers: Iterable[WritePermission]) -> Section:
    """The three decisions, cluster by cluster."""
    return Section("Permissions", tuple(line for one in levers for line in _lines(one)))


def _lines(one: WritePermission) -> tuple[Fact, ...]:
    if one.read_only:
        return (fact(one.write.cluster, "✗ read-only: nothing is written", Tone.DEGRADED),)
    if one.policy is None:
        return (_kubernetes(one, one.write.cluster),)
    said = f"policy: ✓ {one.user} may {one.right} in {one.write.namespace}"
    if not one.policy.allowed:
        said = f"policy: ✗ {one.policy.why.removeprefix('The access policy: ')}"
    policy = fact(one.write.cluster, said, Tone.PLAIN if one.policy.allowed else Tone.DEGRADED)
    return (policy, _kubernetes(one, ""))


def _kubernetes(one: WritePermission, label: str) -> Fact:
    wanted = one.write.attributes
    asked = f"{wanted.verb} {wanted.resource} in {one.write.namespace}"
    if one.kubernetes is None:
        return fact(label, f"Kubernetes: ? whether you may {asked}", Tone.UNKNOWN)
    if one.kubernetes:
        return fact(label, f"Kubernetes: ✓ you may {asked}")
    return fact(label, f"Kubernetes: ✗ you may not {asked}", Tone.DEGRADED)
