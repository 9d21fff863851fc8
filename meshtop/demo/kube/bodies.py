"""Bodies of write requests: decoding, and whether they fit the path they were sent to."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml
from aiohttp import web

from meshtop.demo.kube.protobuf import PROTOBUF, decode_protobuf
from meshtop.demo.kube.resource import Json, Resource, group_version
from meshtop.demo.kube.status import bad_request, invalid, unsupported_media_type
from meshtop.demo.kube.target import RequestTarget

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_OBJECTS = ("application/json", "application/yaml")

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RBAC_NAME = re.compile(r"[^/%]+")


def _decode(raw: bytes, language: str) -> Any:
    try:
        if language == "yaml":
            return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"the body of the request is no valid {language.upper()}: {error}") from error


async def read_object(request: web.Request) -> Json:
    """The object in a request's body. Raises 415 for another language, 400 for what is no object."""
    kind = request.content_type if request.headers.get("Content-Type") else "application/json"
    if kind == PROTOBUF:
        try:
            decoded = decode_protobuf(await request.read())
        except ValueError as error:
            raise bad_request(f"the body of the request is no valid protobuf: {error}") from error
        if decoded is None:
            raise unsupported_media_type(_OBJECTS)
        return decoded
    if kind not in _OBJECTS:
        raise unsupported_media_type(_OBJECTS)
    body = _decode(await request.read(), "yaml" if kind.endswith("yaml") else "json")
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict | None):
        raise bad_request("Object 'Kind' is missing in the body of the request")
    return body


async def read_patch(request: web.Request, resource: Resource) -> Any:
    """The patch in a request's body. Raises 415 where the kind cannot be patched in this language."""
    accepted = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH, *(() if resource.custom else (STRATEGIC_PATCH,))]
    if request.content_type not in accepted:
        raise unsupported_media_type(accepted)
    language = "yaml" if request.content_type == APPLY_PATCH else "json"
    body = _decode(await request.read(), language)
    if request.content_type != JSON_PATCH and not isinstance(body, dict):
        raise bad_request("error decoding patch: the patch is no object")
    return body


async def read_options(request: web.Request) -> Json:
    """The DeleteOptions in a request's body, empty where there is none."""
    raw = await request.read()
    body = _decode(raw, "yaml" if request.content_type.endswith("yaml") else "json") if raw.strip() else {}
    return body if isinstance(body, dict) else {}


def fit(resource: Resource, target: RequestTarget, obj: Json) -> None:
    """Fill in what the path says and the object leaves out. Raises 400 where they contradict each other."""
    wanted = resource.api_version(target.version)
    if not obj.get("kind"):
        raise bad_request("Object 'Kind' is missing in the body of the request")
    if obj.get("kind") != resource.kind or obj.get("apiVersion") != wanted:
        group, version = group_version(str(obj.get("apiVersion", "")))
        have = f"{group}/{version}, Kind={obj.get('kind')}"
        raise bad_request(
            f"the API version in the data ({have}) does not match the expected API version "
            f"({resource.group}/{target.version}, Kind={resource.kind})"
        )
    metadata = obj["metadata"] = obj.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request(f'{resource.kind} in version "{target.version}" cannot be handled: metadata is no object')
    if resource.namespaced:
        if metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request "
                f"({metadata['namespace']} != {target.namespace})"
            )
    else:
        metadata.pop("namespace", None)
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )


def check_name(resource: Resource, obj: Json) -> None:
    """Refuse an object without a name, or with one that cannot be."""
    name = obj["metadata"].get("name")
    if not name:
        message = "Required value: name or generateName is required"
        raise invalid(resource, "", [("FieldValueRequired", "metadata.name", message)])
    pattern = _RBAC_NAME if resource.group == "rbac.authorization.k8s.io" else _NAME
    if not isinstance(name, str) or len(name) > 253 or not pattern.fullmatch(name):
        message = (
            f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
            "characters, '-' or '.', and must start and end with an alphanumeric character"
        )
        raise invalid(resource, str(name), [("FieldValueInvalid", "metadata.name", message)])
    for field in ("labels", "annotations"):
        value = obj["metadata"].get(field)
        if value is not None and not (
            isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
        ):
            raise bad_request(f"json: cannot unmarshal into metadata.{field}: a map of strings is expected")
