"""A user's rights by the access policy, checked before anything is shown or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.tenancy.access.build import READ, RIGHTS, build_policy, cluster_name, namespace_name
from meshtop.analysis.tenancy.access.decision import Explanation, decide, explain_right
from meshtop.analysis.tenancy.access.policy import Policy, PolicyError
from meshtop.analysis.tenancy.ownership import Owners
from meshtop.model.constants import AS_REPORTED
from meshtop.model.kube import Identity
from meshtop.model.snapshot import Snapshot

if TYPE_CHECKING:
    from meshtop.settings.access import AccessPolicy
    from meshtop.settings.tenancy import Tenancy


class AccessRules(Struct, frozen=True):
    """Input of access decisions: a policy, the tenancy with its role bindings, and the user."""

    policy: AccessPolicy | None
    tenancy: Tenancy | None
    user: str = AS_REPORTED


class AccessAnswer(Struct, frozen=True):
    """Whether something is allowed, and the reason as one sentence."""

    allowed: bool
    why: str


class Access:
    """The decisions for one user on one fleet.

    A missing namespace is judged like its workspace or cluster. A user that Kubernetes does not report has no rights.
    """

    def __init__(self, policies: Mapping[str, tuple[Identity, Policy] | None], owners: Owners) -> None:
        self._policies = dict(policies)
        self._owners = owners
        self._found: dict[tuple[str, str], frozenset[str]] = {}

    @property
    def users(self) -> tuple[str, ...]:
        """All names of the user (they may differ between clusters)."""
        return tuple(dict.fromkeys(found[0].user for found in self._policies.values() if found is not None))

    @property
    def nameless(self) -> tuple[str, ...]:
        """The clusters that do not report who the user is."""
        return tuple(name for name, found in self._policies.items() if found is None)

    def user_in(self, cluster: str) -> str | None:
        """The user's name in a cluster; None where it is not reported."""
        known = self._policies.get(cluster)
        return None if known is None else known[0].user

    def rights(self, cluster: str, namespace: str) -> frozenset[str]:
        """The rights on a namespace."""
        place = (cluster, namespace)
        if place not in self._found:
            known = self._policies.get(cluster)
            self._found[place] = frozenset()
            if known is not None:
                identity, policy = known
                if (name := self._object(policy, cluster, namespace)) is not None:
                    self._found[place] = decide(policy, identity.user, name, rights=RIGHTS).rights
        return self._found[place]

    def may(self, right: str, cluster: str, namespace: str) -> AccessAnswer:
        """Whether the user holds a right (`read`, `shift`, `propagate`) on a namespace of a cluster."""
        if right in self.rights(cluster, namespace):
            return AccessAnswer(True, f"The access policy allows it for {self._policies[cluster][0].user}.")  # type: ignore[index]
        known = self._policies.get(cluster)
        if known is None:
            why = f"{cluster} does not say who you are (SelfSubjectReview); set access.user in the settings."
            return AccessAnswer(False, why)
        identity, policy = known
        name = self._object(policy, cluster, namespace)
        if name is None:
            return AccessAnswer(False, f"The access policy does not cover {namespace} in {cluster}.")
        return AccessAnswer(False, f"The access policy: {explain_right(policy, identity.user, right, name).sentence}")

    def may_read(self, cluster: str, namespace: str) -> bool:
        """Whether a namespace may be shown; cluster-scoped objects are judged like their cluster."""
        return READ in self.rights(cluster, namespace)

    def may_read_workspace(self, tenant: str, workspace: str) -> bool:
        """Whether a workspace may be shown, even if none of its namespaces exists."""
        name = f"workspace:{tenant}/{workspace}"
        return any(
            READ in decide(known[1], known[0].user, name, rights=RIGHTS).rights
            for known in self._policies.values()
            if known is not None and name in known[1].kinds
        )

    def explanation(self, right: str, object_: str, user: str | None = None) -> Explanation:
        """Why a user (None: the one who asks) holds a right on an object of the policy, or does not.

        Raises PolicyError when no user is known, or no cluster's policy has the user and the object.
        """
        known = [found for found in self._policies.values() if found is not None]
        if not known:
            raise PolicyError("no cluster says who you are (SelfSubjectReview); set access.user in the settings")
        identity, policy = next((found for found in known if object_ in found[1].kinds), known[0])
        return explain_right(policy, user or identity.user, right, object_)

    def _object(self, policy: Policy, cluster: str, namespace: str) -> str | None:
        owner = self._owners.of(cluster, namespace)
        names = [namespace_name(cluster, namespace)]
        if owner.declared:
            names.append(f"workspace:{owner.tenant}/{owner.workspace}")
        names.append(cluster_name(cluster))
        return next((name for name in names if name in policy.kinds), None)


def access_of(snapshot: Snapshot, rules: AccessRules, owners: Owners) -> Access:
    """The access of the rules' user to a snapshot's clusters. Raises ConfigError for an invalid policy."""
    clusters = [cluster.name for cluster in snapshot.clusters]
    made: dict[Identity, Policy] = {}
    known = owners.all_known()
    policies: dict[str, tuple[Identity, Policy] | None] = {}
    for cluster in snapshot.clusters:
        said = cluster.inventory.identity if cluster.inventory is not None else None
        identity = said if rules.user == AS_REPORTED else Identity(rules.user)
        if identity is None:
            policies[cluster.name] = None
            continue
        if identity not in made:
            made[identity] = build_policy(rules.policy, rules.tenancy, known, clusters, identity)
        policies[cluster.name] = (identity, made[identity])
    return Access(policies, owners)
