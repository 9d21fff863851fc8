"""Whether an action that writes may be begun, by each of the three that decide, and in words where it may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshtop.analysis.tenancy.access.kubernetes import Rules, Wanted
from meshtop.analysis.tenancy.access.rights import Access, Answer


class Write(Struct, frozen=True):
    """One object that an action would change: where it is, and what is asked of the API server for it."""

    cluster: str
    namespace: str
    wanted: Wanted

    @property
    def place(self) -> tuple[str, str]:
        """Cluster and namespace."""
        return (self.cluster, self.namespace)


class Lever(Struct, frozen=True, kw_only=True):
    """One write, and what is known of whether it may be made.

    `policy` is None without a policy in force, `kubernetes` None where the cluster was not asked or did not tell all.
    `user` is who asks; None where the cluster does not say.
    """

    right: str
    write: Write
    read_only: bool = False
    policy: Answer | None = None
    user: str | None = None
    kubernetes: bool | None = None

    @property
    def refused(self) -> bool:
        """Whether something known speaks against it."""
        return self.read_only or (self.policy is not None and not self.policy.allowed) or self.kubernetes is False

    @property
    def reason(self) -> tuple[str, str, str]:
        """What refuses it, around the clusters' names: before them, after one, and after several."""
        namespace, wanted = self.write.namespace, self.write.wanted
        if self.read_only:
            return ("", "is read-only here", "are read-only here")
        if self.policy is not None and not self.policy.allowed:
            if self.user is None:
                more = "not say who you are; set access.user in the settings"
                return ("", f"does {more}", f"do {more}")
            return (f"the access policy does not let {self.user} {self.right} in {namespace} of", "", "")
        more = f"not let you {wanted.verb} {wanted.resource} in {namespace}"
        return ("", f"does {more}", f"do {more}")


def lever(right: str, write: Write, *, read_only: bool, access: Access | None, rules: Rules | None) -> Lever:
    """A lever as things stand; `right` is `shift` or `propagate`, `rules` those of the write's namespace if known."""
    return Lever(
        right=right,
        write=write,
        read_only=read_only,
        policy=access.may(right, *write.place) if access is not None else None,
        user=access.user_in(write.cluster) if access is not None else None,
        kubernetes=rules.allows(write.wanted) if rules is not None else None,
    )


def refusals(levers: Iterable[Lever]) -> str | None:
    """Which clusters refuse and why, in one sentence; None where none does."""
    reasons: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in levers:
        if one.refused:
            reasons.setdefault(one.reason, {})[one.write.cluster] = None
    said = "; ".join(_clause(reason, tuple(clusters)) for reason, clusters in reasons.items())
    return f"{said[:1].upper()}{said[1:]}." if said.startswith("the ") else f"{said}." if said else None


def why_off(levers: Sequence[Lever], *, needs_all: bool = False) -> str | None:
    """Why an action is off, in one sentence; None where it may be begun.

    Without `needs_all` one write that nothing refuses is enough: the others can be left out.
    """
    stopped = any(one.refused for one in levers) if needs_all else bool(levers) and all(one.refused for one in levers)
    return refusals(levers) if stopped else None


def _clause(reason: tuple[str, str, str], clusters: tuple[str, ...]) -> str:
    before, one, several = reason
    names = clusters[0] if len(clusters) == 1 else f"{', '.join(clusters[:-1])} and {clusters[-1]}"
    return " ".join(part for part in (before, names, one if len(clusters) == 1 else several) if part)
