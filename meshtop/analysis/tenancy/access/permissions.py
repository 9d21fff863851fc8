"""Write permissions: read-only mode, the access policy and Kubernetes decide, and a denial states the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, SubjectRules
from meshtop.analysis.tenancy.access.rights import Access, AccessAnswer


class PlannedWrite(Struct, frozen=True):
    """One object that an action would change: its place, and the request to the API server."""

    cluster: str
    namespace: str
    attributes: ResourceAttributes

    @property
    def place(self) -> tuple[str, str]:
        """Cluster and namespace."""
        return (self.cluster, self.namespace)


class DenialCause(StrEnum):
    """The authority that denies a write."""

    READ_ONLY = "read-only"
    UNKNOWN_USER = "unknown-user"
    POLICY = "policy"
    KUBERNETES = "kubernetes"


class Denial(Struct, frozen=True):
    """Why a write is denied, without the cluster: clusters that deny for the same reason share one sentence.

    `what` is the denied operation (`shift`, `patch virtualservices`), `user` the denied user; both, and the namespace,
    are empty where the cause does not depend on them.
    """

    cause: DenialCause
    what: str = ""
    namespace: str = ""
    user: str = ""

    def clause(self, clusters: Sequence[str]) -> str:
        """A clause, without a full stop, about what these clusters deny and why."""
        several = len(clusters) > 1
        names = f"{', '.join(clusters[:-1])} and {clusters[-1]}" if several else clusters[0]
        do_not = "do not" if several else "does not"
        match self.cause:
            case DenialCause.READ_ONLY:
                return f"{names} {'are' if several else 'is'} read-only here"
            case DenialCause.UNKNOWN_USER:
                return f"{names} {do_not} say who you are; set access.user in the settings"
            case DenialCause.POLICY:
                return f"the access policy does not let {self.user} {self.what} in {self.namespace} of {names}"
            case DenialCause.KUBERNETES:
                return f"{names} {do_not} let you {self.what} in {self.namespace}"


class WritePermission(Struct, frozen=True, kw_only=True):
    """One planned write with the decisions known about it.

    `policy` is None without an access policy, `kubernetes` None where the cluster was not asked or its answer was
    incomplete. `user` is the requesting user; None where the cluster does not report it.
    """

    right: str
    write: PlannedWrite
    read_only: bool = False
    policy: AccessAnswer | None = None
    user: str | None = None
    kubernetes: bool | None = None

    @property
    def denied(self) -> bool:
        """Whether it is known to be denied; an unknown decision does not deny."""
        return self.denial is not None

    @property
    def denial(self) -> Denial | None:
        """The first denial in the order read-only mode, access policy, Kubernetes; None where nothing denies it."""
        namespace, attributes = self.write.namespace, self.write.attributes
        if self.read_only:
            return Denial(DenialCause.READ_ONLY)
        if self.policy is not None and not self.policy.allowed:
            if self.user is None:
                return Denial(DenialCause.UNKNOWN_USER)
            return Denial(DenialCause.POLICY, self.right, namespace, self.user)
        if self.kubernetes is False:
            return Denial(DenialCause.KUBERNETES, f"{attributes.verb} {attributes.resource}", namespace)
        return None


def write_permission(
    right: str, write: PlannedWrite, *, read_only: bool, access: Access | None, rules: SubjectRules | None
) -> WritePermission:
    """The permission for a write, by the current facts.

    `right` is `shift` or `propagate`; `rules` are Kubernetes' rules for the user in the write's namespace, None where
    unknown.
    """
    return WritePermission(
        right=right,
        write=write,
        read_only=read_only,
        policy=access.may(right, *write.place) if access is not None else None,
        user=access.user_in(write.cluster) if access is not None else None,
        kubernetes=rules.allows(write.attributes) if rules is not None else None,
    )


def denials(permissions: Iterable[WritePermission]) -> str | None:
    """One sentence with the clusters that deny and their reasons; None where none does."""
    clusters: dict[Denial, dict[str, None]] = {}
    for one in permissions:
        if (denial := one.denial) is not None:
            clusters.setdefault(denial, {})[one.write.cluster] = None
    clauses = [denial.clause(tuple(names)) for denial, names in clusters.items()]
    if not clauses:
        return None
    # A cluster's name keeps its case, an article begins the sentence.
    sentence = "; ".join(clauses)
    return f"{'T' + sentence[1:] if sentence.startswith('the ') else sentence}."


def denial_reason(permissions: Sequence[WritePermission], *, needs_all: bool = False) -> str | None:
    """Why an action may not start, in one sentence; None where it may.

    Without `needs_all`, one write that is not denied suffices: the others can be left out.
    """
    denied = [one.denied for one in permissions]
    stopped = any(denied) if needs_all else bool(denied) and all(denied)
    return denials(permissions) if stopped else None
