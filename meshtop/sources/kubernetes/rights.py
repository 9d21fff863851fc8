"""Reviews of the user's identity and rights: the only POST requests of a read connection."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, TypeVar

import msgspec

from meshtop.analysis.tenancy.access.rbac import ResourceRule, SubjectRules
from meshtop.model.kube import Identity
from meshtop.model.state import State
from meshtop.sources.http.failures import response_problem
from meshtop.sources.http.transport import Wire
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

_JSON = {"Content-Type": "application/json"}
_AUTHENTICATION = "authentication.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
_MISSING = 404

Status = TypeVar("Status")


class ClusterWire(Wire, Protocol):
    """Interface of a connection for reviews: requests, and the cluster's name for messages."""

    @property
    def name(self) -> str:
        """The cluster's name."""


class _Review(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b"{}")


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""
    groups: tuple[str, ...] = ()


class _Self(msgspec.Struct, rename="camel"):
    user_info: _UserInfo = _UserInfo()


class _Rules(msgspec.Struct, rename="camel"):
    resource_rules: tuple[ResourceRule, ...] = ()
    incomplete: bool = False


async def who_am_i(connection: ClusterWire) -> Identity:
    """The user's identity by the cluster (SelfSubjectReview; beta or alpha in Kubernetes 1.27 and older).

    Raises SourceProblem, with code 404 where the cluster has no such review.
    """
    for version in ("v1", "v1beta1", "v1alpha1"):
        try:
            status = await _review(connection, _AUTHENTICATION, version, "SelfSubjectReview", {}, _Self)
        except SourceProblem as problem:
            if problem.code != _MISSING or version == "v1alpha1":
                raise
            continue
        return Identity(status.user_info.username, tuple(sorted(status.user_info.groups)))
    raise AssertionError("the last version returns or raises")


async def rules_in(connection: ClusterWire, namespace: str) -> SubjectRules:
    """Everything the user may do in a namespace (SelfSubjectRulesReview). Raises SourceProblem."""
    spec = {"namespace": namespace}
    status = await _review(connection, _AUTHORIZATION, "v1", "SelfSubjectRulesReview", spec, _Rules)
    return SubjectRules(namespace, status.resource_rules, status.incomplete)


async def rules_of(connection: ClusterWire, namespaces: list[str]) -> dict[str, SubjectRules]:
    """The rules of several namespaces at once; a namespace whose review fails is left out."""
    answers = await asyncio.gather(*(rules_in(connection, name) for name in namespaces), return_exceptions=True)
    found: dict[str, SubjectRules] = {}
    for name, answer in zip(namespaces, answers, strict=True):
        if isinstance(answer, SubjectRules):
            found[name] = answer
        elif not isinstance(answer, SourceProblem):
            raise answer
    return found


async def _review(
    connection: ClusterWire, group: str, version: str, kind: str, spec: dict[str, Any], status: type[Status]
) -> Status:
    resource = f"{kind.lower()}s"
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "spec": spec}
    path = f"/apis/{group}/{version}/{resource}"
    response = await connection.request("POST", path, headers=_JSON, content=msgspec.json.encode(body))
    if response.status_code not in (200, 201):
        raise response_problem(response, cluster=connection.name, what=f"{resource}.{group}", verb="create")
    try:
        return msgspec.json.decode(msgspec.json.decode(response.content, type=_Review).status, type=status)
    except NOT_UNDERSTOOD as error:
        message = f"{connection.name} sent a {kind} that cannot be understood: {error_text(error)}."
        raise SourceProblem(State.STALE, message) from error
