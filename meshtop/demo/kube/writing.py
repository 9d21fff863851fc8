"""create, update, patch and delete, through defaulting, validation and admission."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from meshtop.demo.kube.access import Account, Attributes
from meshtop.demo.kube.admission import check_mesh_rules, fill_in
from meshtop.demo.kube.answers import json_answer, status_success, with_warnings
from meshtop.demo.kube.apply import server_side_apply
from meshtop.demo.kube.bodies import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    check_name,
    fit,
    read_object,
    read_options,
    read_patch,
)
from meshtop.demo.kube.builtin import CRD, NAMESPACE
from meshtop.demo.kube.columns import timestamp
from meshtop.demo.kube.definitions import establish, problems_of_definition
from meshtop.demo.kube.entry import Entry
from meshtop.demo.kube.ownership import Owner
from meshtop.demo.kube.patching import json_patch, merge_patch, strategic_merge
from meshtop.demo.kube.reading import selection
from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.schema import apply_defaults, prune, validate
from meshtop.demo.kube.shape import shape_of
from meshtop.demo.kube.status import (
    already_exists,
    bad_request,
    conflict,
    expired,
    invalid,
    method_not_allowed,
    no_such_path,
    not_found,
)
from meshtop.demo.kube.store import KubeStore, copy_json, within
from meshtop.demo.kube.target import RequestTarget, truth

__all__ = ["Writer"]

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def _dry_run(request: web.Request, options: Json | None = None) -> bool:
    asked = [*request.query.getall("dryRun", []), *((options or {}).get("dryRun") or [])]
    if any(value != "All" for value in asked):
        raise bad_request(f'dryRun: Unsupported value: {asked}: supported values: "All"')
    return bool(asked)


def _manager(request: web.Request) -> str:
    return request.query.get("fieldManager") or request.headers.get("User-Agent", "unknown").split("/")[0]


class Writer:
    """Everything that changes the store on behalf of one request."""

    def __init__(
        self, store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request, account: Account
    ) -> None:
        self._store = store
        self._resource = resource
        self._target = target
        self._request = request
        self._account = account
        self._warnings: list[str] = []

    async def answer(self) -> web.StreamResponse:
        """Execute a writing request by its verb."""
        if self._target.subresource not in ("", "status") or (
            self._target.subresource == "status" and not self._resource.status_subresource
        ):
            raise no_such_path()
        match self._target.verb:
            case "create" if not self._target.name:
                return await self._create()
            case "update" if self._target.name:
                return await self._update()
            case "patch" if self._target.name:
                return await self._patch()
            case "delete" if not self._target.subresource:
                return await self._delete()
            case "deletecollection":
                return await self._delete_collection()
        raise method_not_allowed()

    def _current(self) -> Entry | None:
        resource, target = self._resource, self._target
        return self._store.entry(resource.group, resource.kind, target.namespace, target.name)

    def _existing(self) -> Entry:
        entry = self._current()
        if entry is None:
            raise not_found(self._resource, self._target.name)
        return entry

    async def _create(self) -> web.Response:
        obj = await read_object(self._request)
        fit(self._resource, self._target, obj)
        metadata = obj["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self._suffix()
        if metadata.pop("resourceVersion", ""):
            raise bad_request("resourceVersion should not be set on objects to be created")
        return self._store_new(obj, _manager(self._request))

    def _suffix(self) -> str:
        digest = hashlib.sha256(f"{self._store.revision}/{self._resource.qualified}".encode()).digest()
        return "".join(_SUFFIX[byte % len(_SUFFIX)] for byte in digest[:5])

    def _store_new(self, obj: Json, manager: str | None) -> web.Response:
        check_name(self._resource, obj)
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        if self._resource.namespaced and self._store.entry(*NAMESPACE, None, namespace) is None:
            parent = self._store.resource(*NAMESPACE)
            assert parent is not None
            raise not_found(parent, namespace)
        if self._store.entry(self._resource.group, self._resource.kind, namespace, name):
            raise already_exists(self._resource, name)
        if self._resource.custom and self._resource.status_subresource:
            obj.pop("status", None)
        return self._finish(obj, None, manager, 201)

    async def _update(self) -> web.Response:
        obj = await read_object(self._request)
        fit(self._resource, self._target, obj)
        entry = self._existing()
        if not obj["metadata"].get("resourceVersion") and self._resource.custom:
            message = "Invalid value: 0x0: must be specified for an update"
            problem = ("FieldValueInvalid", "metadata.resourceVersion", message)
            raise invalid(self._resource, self._target.name, [problem])
        return self._replace(entry, obj, _manager(self._request))

    async def _patch(self) -> web.Response:
        patch = await read_patch(self._request, self._resource)
        if self._request.content_type == APPLY_PATCH:
            return self._apply(patch)
        if truth(self._request, "force"):
            raise bad_request("force: Forbidden: may not be specified for non-apply patch")
        entry = self._existing()
        obj = copy_json(entry.in_version(self._target.version))
        if self._request.content_type == JSON_PATCH:
            obj = json_patch(obj, patch)
        elif self._request.content_type == MERGE_PATCH:
            obj = merge_patch(obj, patch)
        else:
            obj = strategic_merge(obj, patch, shape_of(self._resource, self._target.version))
        fit(self._resource, self._target, obj)
        return self._replace(entry, obj, _manager(self._request))

    def _apply(self, applied: Json) -> web.Response:
        manager = self._request.query.get("fieldManager")
        if not manager:
            message = "is required for apply patch"
            raise bad_request(f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: {message}')
        fit(self._resource, self._target, applied)
        if applied["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        entry = self._current()
        if entry is None:
            if self._target.subresource:
                raise not_found(self._resource, self._target.name)
            target = self._target
            self._account.check(Attributes("create", target.group, target.plural, "", target.namespace, target.name))
        live = copy_json(entry.in_version(self._target.version)) if entry else None
        wanted_revision = applied["metadata"].get("resourceVersion")
        if wanted_revision and (entry is None or wanted_revision != str(entry.revision)):
            raise conflict(self._resource, self._target.name)
        now = timestamp(self._store.clock())
        writer = Owner(manager, "Apply", self._target.subresource, applied["apiVersion"], now, frozenset())
        shape = shape_of(self._resource, self._target.version)
        self._check_unknown(applied)
        obj = server_side_apply(live, applied, shape, writer, force=truth(self._request, "force"))
        if entry is None:
            return self._store_new(obj, None)
        obj["metadata"]["resourceVersion"] = str(entry.revision)
        return self._replace(entry, obj, None)

    def _replace(self, entry: Entry, obj: Json, manager: str | None) -> web.Response:
        """Store a new state of an object. `manager` None: the managedFields are settled already."""
        old, name = entry.object, self._target.name
        metadata = obj["metadata"]
        if metadata.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: "
            raise conflict(self._resource, name, why + old["metadata"]["uid"])
        if metadata.get("resourceVersion") and metadata["resourceVersion"] != str(entry.revision):
            raise conflict(self._resource, name)
        if self._target.subresource == "status":
            kept = {"labels", "annotations", "finalizers", "ownerReferences"}
            obj = {**copy_json(old), "apiVersion": obj["apiVersion"], "status": obj.get("status")}
            if "managedFields" in metadata:
                obj["metadata"]["managedFields"] = metadata["managedFields"]
            obj["metadata"].update({field: value for field, value in metadata.items() if field in kept})
            if obj["status"] is None:
                del obj["status"]
        elif self._resource.status_subresource:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = copy_json(old["status"])
        check_name(self._resource, obj)
        return self._finish(obj, old, manager, 200)

    def _check_unknown(self, obj: Json) -> None:
        """Prune what the schema does not know, and say so as ``fieldValidation`` asks."""
        schema = self._resource.schemas.get(self._target.version)
        if schema is None:
            return
        unknown = [f'unknown field "{path}"' for path in prune(obj, schema)]
        wish = self._request.query.get("fieldValidation", "Warn")
        if unknown and wish == "Strict":
            kind = self._resource.kind
            text = ", ".join(unknown)
            what = f'{kind} in version "{self._target.version}" cannot be handled as a {kind}'
            raise bad_request(f"{what}: strict decoding error: {text}")
        if wish == "Warn":
            self._warnings += unknown

    def _admit(self, obj: Json, old: Json | None) -> None:
        resource = self._resource
        name = obj["metadata"]["name"]
        self._check_unknown(obj)
        if schema := resource.schemas.get(self._target.version):
            apply_defaults(obj, schema)
            problems = list(validate(obj, schema))
            if problems:
                raise invalid(resource, name, problems)
        try:
            fill_in(resource, obj)
            if resource.key == CRD:
                problems = problems_of_definition(obj)
                if problems:
                    raise invalid(resource, name, problems)
                obj["status"] = establish(obj, (old or {}).get("status"), timestamp(self._store.clock()))
            check_mesh_rules(resource, obj)
        except (AttributeError, KeyError, TypeError) as error:
            what = f'{resource.kind} in version "{self._target.version}" cannot be handled as a {resource.kind}'
            raise bad_request(f"{what}: a field is missing or has the wrong type: {error}") from error

    def _finish(self, obj: Json, old: Json | None, manager: str | None, code: int) -> web.Response:
        self._admit(obj, old)
        dry = _dry_run(self._request)
        resource, version = self._resource, self._target.version
        if old is None:
            for field in ("uid", "creationTimestamp", "deletionTimestamp"):
                obj["metadata"].pop(field, None)
        self._store.stamp(resource, obj, old)
        if manager is not None:
            self._store.own(resource, obj, old, manager, self._target.subresource)
        if old is not None and {**obj, "apiVersion": ""} == {**old, "apiVersion": ""}:
            return self._answer(obj, code)
        if dry:
            return self._answer({**obj, "apiVersion": resource.api_version(version)}, code)
        entry = self._store.commit(resource, obj)
        metadata = entry.object["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._store.delete(resource.group, resource.kind, metadata.get("namespace"), metadata["name"])
        return self._answer(entry.in_version(version), code)

    def _answer(self, body: Any, code: int) -> web.Response:
        return with_warnings(json_answer(body, code), self._warnings)

    async def _delete(self) -> web.Response:
        options = await read_options(self._request)
        entry = self._existing()
        required = options.get("preconditions") or {}
        metadata = entry.object["metadata"]
        for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if required.get(field) and required[field] != metadata[field]:
                why = f"Precondition failed: {label} in precondition: {required[field]}, {label} in object meta: "
                raise conflict(self._resource, self._target.name, why + metadata[field])
        if not _dry_run(self._request, options):
            self._delete_entry(entry)
        details = {"name": self._target.name, "group": self._resource.group, "kind": self._resource.plural}
        return json_answer(status_success({**details, "uid": metadata["uid"]}))

    def _delete_entry(self, entry: Entry) -> None:
        """Remove an object, or mark it as going where finalizers hold it."""
        metadata = entry.object["metadata"]
        if not metadata.get("finalizers"):
            self._store.delete(self._resource.group, self._resource.kind, *entry.key)
        elif not metadata.get("deletionTimestamp"):
            going = copy_json(entry.object)
            going["metadata"]["deletionTimestamp"] = timestamp(self._store.clock())
            going["metadata"]["deletionGracePeriodSeconds"] = 0
            self._store.commit(self._resource, going)

    async def _delete_collection(self) -> web.Response:
        options = await read_options(self._request)
        if self._request.query.get("continue"):
            raise expired("a deletion takes no continue token")
        test = selection(self._resource, self._request)
        listing = within(self._store.entries(self._resource.group, self._resource.kind), self._target.namespace)
        chosen = [entry for entry in listing if test is None or test(entry.object)]
        if not _dry_run(self._request, options):
            for entry in chosen:
                self._delete_entry(entry)
        return json_answer(status_success({"group": self._resource.group, "kind": self._resource.plural}))
