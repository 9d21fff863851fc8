"""API discovery: which kinds are installed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.kept_discovery import DiscoveryFile, KeptDiscovery
from meshtop.sources.kubernetes.kinds import GROUPS, ApiKind
from meshtop.sources.kubernetes.lists import NOT_MODIFIED, fetch
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

_AGGREGATED = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)

_STALE = "Stale"

Served = dict[tuple[str, str], frozenset[str]]
"""(group, plural) → the versions that are served."""


class ApiDiscovery(Struct, frozen=True):
    """The kinds that a server serves; `unsure` maps a (group, version) to the reason why its kinds are unknown.

    A kind that is not among the `served` of a group without an unsure version is not installed.
    """

    served: Served
    unsure: dict[tuple[str, str], SourceProblem] = msgspec.field(default_factory=dict)

    def doubt(self, group: str) -> SourceProblem | None:
        """Why some kinds of a group are unknown; None if all are known."""
        if not self.unsure:
            return None
        return next((problem for (name, _), problem in self.unsure.items() if name == group), None)


class _Name(Struct):
    name: str = ""


class _Resource(Struct):
    resource: str = ""


class _Version(Struct):
    version: str = ""
    resources: list[_Resource] | None = None
    freshness: str = ""


class _Group(Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)
    name: str = ""
    versions: list[_Version] | None = None


class _Groups(Struct):
    """Both shapes: APIGroupDiscoveryList has `items`, APIGroupList has `groups`."""

    kind: str = ""
    items: list[_Group] | None = None
    groups: list[_Group] | None = None


class _Resources(Struct):
    resources: list[_Name] | None = None


async def discover(
    connection: Connection, groups: Iterable[str] = GROUPS, *, file: DiscoveryFile | None = None
) -> ApiDiscovery:
    """The kinds of `groups` that the server serves: one request with aggregated discovery, else one per group version.

    A group version whose server is down (503), or whose entry is marked stale, is unsure: its kinds are not absent.
    With a `file`, a server that tags its answers sends them only where they changed. Raises SourceProblem.
    """
    kept = file.last() if file is not None else None
    headers = {"Accept": _AGGREGATED, **({"If-None-Match": kept.tag} if kept is not None else {})}
    response = await fetch(connection, "/apis", what="API groups", headers=headers, verb="discover")
    if response.status_code == NOT_MODIFIED and kept is not None:
        return ApiDiscovery(_served(kept))
    found = _decode(connection, response.content)
    wanted = frozenset(groups)
    served: dict[tuple[str, str], set[str]] = {}
    unsure: dict[tuple[str, str], SourceProblem] = {}
    for group in found.items or ():
        name = group.metadata.name
        for version in (group.versions or ()) if name in wanted else ():
            for resource in version.resources or ():
                served.setdefault((name, resource.resource), set()).add(version.version)
            if version.freshness == _STALE:
                message = f"{connection.name} cannot say at present what {name}/{version.version} serves."
                unsure[name, version.version] = SourceProblem(State.STALE, message)
    for group in found.groups or ():
        for version in (group.versions or ()) if group.name in wanted else ():
            try:
                for plural in await _resources(connection, group.name, version.version):
                    served.setdefault((group.name, plural), set()).add(version.version)
            except SourceProblem as problem:
                if problem.state is State.UNREACHABLE or problem.code == 401:
                    raise
                if problem.code != 404:
                    unsure[group.name, version.version] = problem.kept()
    # Only the aggregated form is all of it in one answer, and so what its tag is about.
    if file is not None and not found.groups and not unsure and (tag := response.headers.get("ETag")):
        file.keep(tag, ((group, plural, versions) for (group, plural), versions in served.items()))
    return ApiDiscovery({key: frozenset(versions) for key, versions in served.items()}, unsure)


def _served(kept: KeptDiscovery) -> Served:
    return {(group, plural): frozenset(versions) for group, plural, versions in kept.served}


def version_for(kind: ApiKind, served: Served) -> str | None:
    """The most preferred version of a kind that is served; None when none is."""
    versions = served.get((kind.group, kind.plural), frozenset())
    return next((version for version in kind.versions if version in versions), None)


async def _resources(connection: Connection, group: str, version: str) -> list[str]:
    """The kinds of one group version. Raises SourceProblem."""
    what = f"{group}/{version}"
    response = await fetch(connection, f"/apis/{what}", what=what, verb="discover")
    try:
        resources = msgspec.json.decode(response.content, type=_Resources).resources
    except NOT_UNDERSTOOD as error:
        message = f"{connection.name} sent an API discovery of {what} that cannot be understood: {error_text(error)}."
        raise SourceProblem(State.STALE, message) from None
    return [resource.name for resource in resources or () if "/" not in resource.name]


def _decode(connection: Connection, body: bytes) -> _Groups:
    try:
        return msgspec.json.decode(body, type=_Groups)
    except NOT_UNDERSTOOD as error:
        raise SourceProblem(
            State.STALE, f"{connection.name} sent an API discovery that cannot be understood: {error_text(error)}."
        ) from None
