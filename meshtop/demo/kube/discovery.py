"""Discovery: which groups, versions and kinds there are, aggregated and in the legacy form."""

from __future__ import annotations

import hashlib

import msgspec
from aiohttp import web

from meshtop.demo.kube.answers import json_answer, media_types
from meshtop.demo.kube.resource import Json, Resource, version_priority
from meshtop.demo.kube.status import no_such_path
from meshtop.demo.kube.store import KubeStore

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def _groups(store: KubeStore) -> dict[str, dict[str, list[Resource]]]:
    """Group → version (preferred first) → its kinds."""
    found: dict[str, dict[str, list[Resource]]] = {}
    for resource in store.resources():
        for version in resource.versions:
            found.setdefault(resource.group, {}).setdefault(version, []).append(resource)
    return {
        group: {version: versions[version] for version in sorted(versions, key=version_priority)}
        for group, versions in found.items()
    }


def _aggregated_resource(resource: Resource, version: str) -> Json:
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    entry: Json = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.status_subresource:
        entry["subresources"] = [{"subresource": "status", "responseKind": kind, "verbs": ["get", "patch", "update"]}]
    return entry


def _aggregated(store: KubeStore, *, core: bool) -> Json:
    items = []
    for group, versions in _groups(store).items():
        if (group == "") is not core:
            continue
        items.append(
            {
                "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "freshness": "Current",
                        "resources": [_aggregated_resource(resource, version) for resource in kinds],
                    }
                    for version, kinds in versions.items()
                ],
            }
        )
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _group(name: str, versions: dict[str, list[Resource]]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str, resources: list[Resource]) -> Json:
    listed: list[Json] = []
    for resource in resources:
        entry: Json = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        listed.append(entry)
        if resource.status_subresource:
            status = {"name": f"{resource.plural}/status", "singularName": "", "verbs": ["get", "patch", "update"]}
            listed.append({**status, "namespaced": resource.namespaced, "kind": resource.kind})
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _wants_aggregated(request: web.Request) -> bool:
    for name, parameters in media_types(request.headers.get("Accept", "")):
        if name == "application/json" and parameters.get("as") == "APIGroupDiscoveryList":
            return parameters.get("g") == "apidiscovery.k8s.io" and parameters.get("v") == "v2"
        if name == "application/json":
            return False
    return False


def discover(store: KubeStore, request: web.Request) -> web.Response:
    """Answer a path under /api or /apis that names no resource. Raises 404."""
    parts = [part for part in request.path.split("/") if part]
    groups = _groups(store)
    match parts:
        case ["api"] | ["apis"] if _wants_aggregated(request):
            body = msgspec.json.encode(_aggregated(store, core=parts == ["api"]))
            # A digest of the whole answer, as API servers give it: they send nothing where it is the client's already.
            tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
            headers = {"Content-Type": AGGREGATED, "Vary": "Accept", "ETag": tag}
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304, headers=headers)
            return web.Response(body=body, headers=headers)
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.host}]
            return json_answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses})
        case ["apis"]:
            listed = [_group(name, versions) for name, versions in groups.items() if name]
            return json_answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
        case ["api", version] if version in groups[""]:
            return json_answer(_resource_list("", version, groups[""][version]))
        case ["apis", group] if group in groups:
            return json_answer({"kind": "APIGroup", "apiVersion": "v1", **_group(group, groups[group])})
        case ["apis", group, version] if version in groups.get(group, {}):
            return json_answer(_resource_list(group, version, groups[group][version]))
    raise no_such_path()
