"""One object of any kind that a cluster serves, by the words that kubectl takes: plural, singular, short name, kind.

Of a Secret only the metadata is asked for: what it holds is never received. Should a server send it nevertheless, or a
registry's object hold a kubeconfig, that is taken out as soon as it is decoded.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from meshtop.model.secrecy import tree_without_secrets
from meshtop.model.shown_object import ShownObject
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.extras import METADATA_ONLY
from meshtop.sources.kubernetes.lists import fetch
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
NEVER_READ = "(never read)"
MOST_LISTED = 500
"""Objects of a list that is read to be shown: of more, nobody reads a screen."""


class ServedKind(Struct, frozen=True, kw_only=True):
    """A kind as a cluster's discovery tells it, in the version that the server prefers."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str = ""
    short_names: tuple[str, ...] = ()
    namespaced: bool = True

    def is_called(self, word: str) -> bool:
        """Whether a word (in lower case) means this kind; `.GROUP` or `.VERSION.GROUP` may follow it."""
        names = {self.plural, self.singular or self.kind.lower(), self.kind.lower(), *self.short_names}
        if word in names:
            return True
        name, dot, rest = word.partition(".")
        return bool(dot) and name in names and rest in (self.group, f"{self.version}.{self.group}")

    def path(self, namespace: str, name: str) -> str:
        """The path of an object, or of the list where it has no name."""
        api = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{api}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


class _ResponseKind(Struct):
    kind: str = ""


class _Resource(Struct, rename="camel"):
    resource: str = ""
    name: str = ""
    response_kind: _ResponseKind | None = None
    kind: str = ""
    scope: str = ""
    namespaced: bool | None = None
    singular_resource: str = ""
    singular_name: str = ""
    short_names: list[str] | None = None


class _Version(Struct):
    version: str = ""
    resources: list[_Resource] | None = None


class _GroupName(Struct):
    name: str = ""


class _Group(Struct):
    metadata: _GroupName = field(default_factory=_GroupName)
    name: str = ""
    versions: list[_Version] | None = None


class _Groups(Struct):
    items: list[_Group] | None = None
    groups: list[_Group] | None = None


class _Resources(Struct):
    resources: list[_Resource] | None = None


class _Items(Struct):
    items: list[dict[str, Any]] | None = None


class ObjectReader:
    """Reads single objects of one cluster; what it serves is asked for once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kinds: list[ServedKind] | None = None

    async def read(self, word: str, namespace: str, name: str) -> ShownObject:
        """The object of that kind and name, in a namespace or, where none is named, in any; never raises for it."""
        cluster = self._connection.name
        try:
            kind = await self.kind(word)
            if kind is None:
                return ShownObject(cluster=cluster, unknown_kind=True, error=f"{cluster} serves no kind {word}.")
            found = await self._find(kind, namespace, name)
        except SourceProblem as problem:
            return ShownObject(cluster=cluster, error=problem.message)
        except NOT_UNDERSTOOD as error:
            return ShownObject(
                cluster=cluster, error=f"{cluster} sent an object that cannot be understood: {error_text(error)}."
            )
        named = {"apiVersion": _api(kind), "kind": kind.kind}
        bare = tuple(without_secrets({**named, **one, **named}) for one in found)
        return ShownObject(cluster=cluster, kind=kind.kind, found=bare, namespaced=kind.namespaced)

    async def list_of(self, word: str, namespace: str, *, labels: str = "", fields: str = "") -> ShownObject:
        """The objects of a kind that selectors choose, at most `MOST_LISTED`, in a namespace or ("") everywhere.

        Never raises for the cluster's sake, as `read`.
        """
        cluster = self._connection.name
        try:
            kind = await self.kind(word)
            if kind is None:
                return ShownObject(cluster=cluster, unknown_kind=True, error=f"{cluster} serves no kind {word}.")
            chosen = {"labelSelector": labels, "fieldSelector": fields}
            response = await fetch(
                self._connection,
                kind.path(namespace, ""),
                what=kind.plural,
                params={"limit": MOST_LISTED, **{name: value for name, value in chosen.items() if value}},
                headers=_headers(kind, METADATA_ONLY),
            )
            found = msgspec.json.decode(response.content, type=_Items).items or []
            bare = tuple(without_secrets({**one, "kind": kind.kind}) for one in found)
        except SourceProblem as problem:
            return ShownObject(cluster=cluster, error=problem.message)
        except NOT_UNDERSTOOD as error:
            why = f"{cluster} sent a list that cannot be understood: {error_text(error)}."
            return ShownObject(cluster=cluster, error=why)
        return ShownObject(cluster=cluster, kind=kind.kind, found=bare, namespaced=kind.namespaced)

    async def kind(self, word: str) -> ServedKind | None:
        """The kind that a word means, core kinds first, then in the order of discovery. Raises SourceProblem."""
        if self._kinds is None:
            self._kinds = [*await self._core(), *await self._groups()]
        wanted = word.lower()
        return next((kind for kind in self._kinds if kind.is_called(wanted)), None)

    async def _find(self, kind: ServedKind, namespace: str, name: str) -> list[dict[str, Any]]:
        if namespace or not kind.namespaced:
            what = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            try:
                response = await fetch(
                    self._connection, kind.path(namespace, name), what=what, verb="get", headers=_headers(kind, _ONE)
                )
            except SourceProblem as problem:
                if problem.code == 404:
                    return []
                raise
            return [msgspec.json.decode(response.content, type=dict[str, Any])]
        response = await fetch(
            self._connection,
            kind.path("", ""),
            what=kind.plural,
            params={"fieldSelector": f"metadata.name={name}", "limit": 50},
            headers=_headers(kind, METADATA_ONLY),
        )
        return msgspec.json.decode(response.content, type=_Items).items or []

    async def _core(self) -> list[ServedKind]:
        headers = {"Accept": _AGGREGATED}
        response = await fetch(self._connection, "/api", what="API versions", headers=headers, verb="discover")
        found = _decoded(response.content, _Groups)
        if found.items:
            return [kind for group in found.items for kind in _of_group("", group)]
        return await self._legacy("", "v1")

    async def _groups(self) -> list[ServedKind]:
        headers = {"Accept": _AGGREGATED}
        response = await fetch(self._connection, "/apis", what="API groups", headers=headers, verb="discover")
        found = _decoded(response.content, _Groups)
        if found.items:
            return [kind for group in found.items for kind in _of_group(group.metadata.name, group)]
        kinds: list[ServedKind] = []
        for group in found.groups or ():
            for version in (group.versions or ())[:1]:
                kinds += await self._legacy(group.name, version.version)
        return kinds

    async def _legacy(self, group: str, version: str) -> list[ServedKind]:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            response = await fetch(self._connection, path, what=path.lstrip("/"), verb="discover")
        except SourceProblem as problem:
            # An aggregated API whose server is down costs its own kinds.
            if problem.code in (404, 503):
                return []
            raise
        return _served(group, version, _decoded(response.content, _Resources).resources or ())


def _headers(kind: ServedKind, metadata: str) -> dict[str, str] | None:
    return {"Accept": metadata} if (kind.group, kind.kind) == ("", "Secret") else None


def _decoded(body: bytes, shape: Any) -> Any:
    return msgspec.json.decode(body, type=shape)


def _of_group(name: str, group: _Group) -> list[ServedKind]:
    """The kinds of a group, each in the first version that has it."""
    found: dict[str, ServedKind] = {}
    for version in group.versions or ():
        for kind in _served(name, version.version, version.resources or ()):
            found.setdefault(kind.plural, kind)
    return list(found.values())


def _served(group: str, version: str, resources: Any) -> list[ServedKind]:
    return [
        ServedKind(
            group=group,
            version=version,
            plural=plural,
            kind=(one.response_kind.kind if one.response_kind is not None else "") or one.kind,
            singular=one.singular_resource or one.singular_name,
            short_names=tuple(one.short_names or ()),
            namespaced=one.scope != "Cluster" if one.namespaced is None else one.namespaced,
        )
        for one in resources
        if (plural := one.resource or one.name) and "/" not in plural
    ]


def _api(kind: ServedKind) -> str:
    return f"{kind.group}/{kind.version}" if kind.group else kind.version


def without_secrets(obj: dict[str, Any]) -> dict[str, Any]:
    """An object without what it keeps secret (`model.secrecy`); of a Secret it says that its data is never read."""
    found: dict[str, Any] = tree_without_secrets(obj)
    if obj.get("kind") == "Secret" and "data" not in obj:
        found["data"] = NEVER_READ
    metadata = found.get("metadata")
    if isinstance(metadata, dict) and metadata.get("annotations") == {}:
        del metadata["annotations"]
    return found
