"""Which kinds are installed, by API discovery."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.kinds import GROUPS, ApiKind
from meshtop.sources.kubernetes.lists import fetch
from meshtop.sources.problem import SourceProblem

_AGGREGATED = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)

Served = dict[tuple[str, str], frozenset[str]]
"""(group, plural) → the versions that are served."""


class _Name(Struct):
    name: str = ""


class _Resource(Struct):
    resource: str = ""


class _Version(Struct):
    version: str = ""
    resources: list[_Resource] | None = None


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


async def discover(connection: Connection, groups: Iterable[str] = GROUPS) -> Served:
    """What of `groups` the server serves: one request where it aggregates, else one more for each group version.

    Raises SourceProblem.
    """
    response = await fetch(connection, "/apis", what="API groups", headers={"Accept": _AGGREGATED}, verb="discover")
    found = _decode(connection, response.content)
    wanted = frozenset(groups)
    served: dict[tuple[str, str], set[str]] = {}
    for group in found.items or ():
        if group.metadata.name in wanted:
            for version in group.versions or ():
                for resource in version.resources or ():
                    served.setdefault((group.metadata.name, resource.resource), set()).add(version.version)
    for group in found.groups or ():
        if group.name in wanted:
            for version in group.versions or ():
                for plural in await _resources(connection, group.name, version.version):
                    served.setdefault((group.name, plural), set()).add(version.version)
    return {key: frozenset(versions) for key, versions in served.items()}


def version_for(kind: ApiKind, served: Served) -> str | None:
    """The most preferred version of a kind that is served; None when the kind is not installed."""
    versions = served.get((kind.group, kind.plural), frozenset())
    return next((version for version in kind.versions if version in versions), None)


async def _resources(connection: Connection, group: str, version: str) -> list[str]:
    """A group version that cannot be read (its aggregated server is down) is as if it were not there."""
    try:
        response = await fetch(connection, f"/apis/{group}/{version}", what=f"{group}/{version}", verb="discover")
        resources = msgspec.json.decode(response.content, type=_Resources).resources
    except SourceProblem as problem:
        if problem.state is State.UNREACHABLE or problem.code == 401:
            raise
        return []
    except msgspec.MsgspecError:
        return []
    return [resource.name for resource in resources or () if "/" not in resource.name]


def _decode(connection: Connection, body: bytes) -> _Groups:
    try:
        return msgspec.json.decode(body, type=_Groups)
    except msgspec.MsgspecError as error:
        raise SourceProblem(
            State.STALE, f"{connection.name} sent an API discovery that cannot be understood: {error}."
        ) from None
