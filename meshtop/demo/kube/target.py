"""The target of a request: its path and query as verb, kind, namespace, name and subresource."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from meshtop.demo.kube.access import Attributes
from meshtop.demo.kube.resource import Resource
from meshtop.demo.kube.status import no_such_path
from meshtop.demo.kube.store import KubeStore

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """The thing a request is about; `rest` is what follows the subresource (the path behind a proxy)."""

    verb: str
    group: str
    version: str
    plural: str
    namespace: str
    name: str
    subresource: str
    rest: str

    @property
    def attributes(self) -> Attributes:
        """What the authorizer looks at."""
        return Attributes(self.verb, self.group, self.plural, self.subresource, self.namespace, self.name)


def truth(request: web.Request, name: str) -> bool:
    """A query parameter as a boolean."""
    return request.query.get(name, "").lower() in ("1", "t", "true")


def parse_target(request: web.Request) -> RequestTarget | None:
    """The target of a request for a resource; None for every other path. Path parts arrive percent-decoded."""
    parts = request.path.split("/")[1:]
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize", ""):
        namespace, parts = parts[1], parts[2:]
    elif parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
    plural = parts[0]
    if not plural:
        return None
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 else ""
    rest = "/".join(parts[3:])
    method = request.method
    if method in ("GET", "HEAD"):
        verb = "get" if name else "watch" if truth(request, "watch") else "list"
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    else:
        verb = _VERBS.get(method, method.lower())
    return RequestTarget(verb, group, version, plural, namespace, name, subresource, rest)


def find_resource(store: KubeStore, target: RequestTarget) -> Resource:
    """The kind a target names. Raises 404 for one that is not served, or not there (namespaced or not)."""
    for resource in store.resources():
        if resource.group == target.group and resource.plural == target.plural:
            fits = resource.namespaced or not target.namespace or resource.key == ("", "Namespace")
            whole = not target.name or not resource.namespaced or target.namespace
            if target.version in resource.versions and fits and whole:
                return resource
    raise no_such_path()
