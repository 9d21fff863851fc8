"""OpenAPI v3: what kubectl reads before it applies, and the schemas that ``kubectl explain`` shows.

Built-in kinds have no schema here, so strategic merge is not offered in the document: kubectl then takes the merge keys
that it has compiled in. The server takes strategic merge patches all the same.
"""

from __future__ import annotations

from aiohttp import web

from meshtop.demo.kube.answers import json_answer
from meshtop.demo.kube.bodies import APPLY_PATCH, JSON_PATCH, MERGE_PATCH
from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.status import no_such_path
from meshtop.demo.kube.store import KubeStore

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
_PROTOBUF_V2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _schema_name(resource: Resource, version: str) -> str:
    return ".".join([*reversed(resource.group.split(".")), version, resource.kind]).lstrip(".")


def _operation(resource: Resource, version: str, action: str, consumes: tuple[str, ...]) -> Json:
    reference = {"$ref": f"#/components/schemas/{_schema_name(resource, version)}"}
    return {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": resource.group, "version": version, "kind": resource.kind},
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
        ],
        "requestBody": {"content": {kind: {"schema": {"type": "object"}} for kind in consumes}},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
    }


def _schema(resource: Resource, version: str) -> Json:
    schema = dict(resource.schemas.get(version) or {"type": "object"})
    properties = {
        "apiVersion": {"type": "string", "description": "The version of the schema of this object."},
        "kind": {"type": "string", "description": "The kind of this object."},
        "spec": {"type": "object", "description": "What is wanted."},
        **(schema.get("properties") or {}),
        "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META}"}], "description": "Standard object metadata."},
    }
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [kind]}


def _document(resources: list[Resource], version: str, git_version: str) -> Json:
    paths: Json = {}
    schemas: Json = {_META: {"type": "object", "description": "Standard metadata of every object."}}
    for resource in resources:
        prefix = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
        space = "/namespaces/{namespace}" if resource.namespaced else ""
        collection = f"{prefix}{space}/{resource.plural}"
        schemas[_schema_name(resource, version)] = _schema(resource, version)
        paths[collection] = {"post": _operation(resource, version, "post", ("application/json",))}
        if "patch" in resource.verbs:
            paths[collection + "/{name}"] = {
                "get": _operation(resource, version, "get", ()),
                "put": _operation(resource, version, "put", ("application/json",)),
                "patch": _operation(resource, version, "patch", (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)),
            }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": git_version},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def open_api(store: KubeStore, request: web.Request, git_version: str) -> web.Response:
    """Answer a path under /openapi. Raises 404.

    Version 2 is an empty document: kubectl reads it only for kinds that version 3 does not have, which are not served.
    """
    parts = [part for part in request.path.split("/") if part]
    if parts == ["openapi", "v2"]:
        if _PROTOBUF_V2 in request.headers.get("Accept", ""):
            return web.Response(body=b"\x0a\x032.0", headers={"Content-Type": _PROTOBUF_V2.replace("@", ".")})
        return json_answer({"swagger": "2.0", "info": {"title": "Kubernetes", "version": git_version}, "paths": {}})
    by_path: dict[tuple[str, ...], tuple[str, list[Resource]]] = {}
    for resource in store.resources():
        for version in resource.versions:
            place = ("apis", resource.group, version) if resource.group else ("api", version)
            by_path.setdefault(place, (version, []))[1].append(resource)
    if parts == ["openapi", "v3"]:
        urls = {
            "/".join(place): {"serverRelativeURL": f"/openapi/v3/{'/'.join(place)}?hash={store.discovery_revision}"}
            for place in by_path
        }
        return json_answer({"paths": urls})
    if parts[:2] == ["openapi", "v3"] and tuple(parts[2:]) in by_path:
        version, resources = by_path[tuple(parts[2:])]
        return json_answer(_document(resources, version, git_version))
    raise no_such_path()
