"""get and list: single objects, pages, tables, metadata only."""

from __future__ import annotations

import base64
import binascii

import msgspec
from aiohttp import web

from meshtop.demo.kube import tables
from meshtop.demo.kube.answers import body_answer, form_of, json_answer
from meshtop.demo.kube.entry import Entry
from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.selectors import Test, both, field_selector, label_selector
from meshtop.demo.kube.status import bad_request, expired, not_found
from meshtop.demo.kube.store import KubeStore, within
from meshtop.demo.kube.target import RequestTarget

CONTINUE_GONE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
)


class _Continue(msgspec.Struct):
    """Where the next page starts: an offset in the listing of a revision."""

    rv: int
    start: int

    def token(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def _parse_continue(token: str) -> _Continue:
    try:
        padded = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return msgspec.json.decode(padded, type=_Continue)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def selection(resource: Resource, request: web.Request) -> Test | None:
    """The test that a request's label and field selectors make; None for all objects."""
    labels = label_selector(request.query.get("labelSelector", ""))
    return both(labels, field_selector(resource, request.query.get("fieldSelector", "")))


def whole_number(request: web.Request, name: str) -> int:
    """A query parameter as a number, 0 where it is absent. Raises 400."""
    text = request.query.get(name) or "0"
    if not text.isdigit():
        raise bad_request(f'{name}: Invalid value: "{text}": must be a number that is not negative')
    return int(text)


def _page(
    store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request
) -> tuple[list[Entry] | tuple[Entry, ...], Json]:
    """The entries of the page that was asked for, and the list's metadata."""
    limit = whole_number(request, "limit")
    token = request.query.get("continue", "")
    start = 0
    revision: int | None = None
    if token:
        place = _parse_continue(token)
        revision, start = place.rv, place.start
    found = store.snapshot(resource, revision)
    if found is None:
        raise expired(CONTINUE_GONE)
    revision, listing = found
    space = within(listing, target.namespace)
    test = selection(resource, request)
    metadata: Json = {"resourceVersion": str(revision)}
    if test is None:
        end = min(start + limit, len(space)) if limit else len(space)
        page: list[Entry] | tuple[Entry, ...] = space[start:end]
    else:
        page, end = [], start
        while end < len(space) and not (limit and len(page) >= limit):
            if test(space[end].object):
                page.append(space[end])
            end += 1
        while end < len(space) and not test(space[end].object):
            end += 1
    if end < len(space):
        store.keep_snapshot(resource, revision, listing)
        metadata["continue"] = _Continue(revision, end).token()
        if test is None:
            metadata["remainingItemCount"] = len(space) - end
    return page, metadata


def _join(kind: str, api_version: str, metadata: Json, items: list[bytes]) -> bytes:
    head = b'{"kind":%s,"apiVersion":%s,"metadata":%s,"items":[' % (
        msgspec.json.encode(kind),
        msgspec.json.encode(api_version),
        msgspec.json.encode(metadata),
    )
    return head + b",".join(items) + b"]}\n"


async def list_objects(
    store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request
) -> web.Response:
    """Answer a list in the form that was asked for."""
    form = form_of(request)
    entries, metadata = _page(store, resource, target, request)
    if form == "table":
        include = request.query.get("includeObject", "Metadata")
        rows = tables.rows(entries, resource, target.version, store.clock(), include)
        body = msgspec.json.encode(tables.table(metadata, tables.definitions(resource, target.version), rows))
    elif form == "partial":
        items = [entry.partial() for entry in entries]
        body = _join("PartialObjectMetadataList", "meta.k8s.io/v1", metadata, items)
    else:
        items = [entry.encoded(target.version) for entry in entries]
        body = _join(f"{resource.kind}List", resource.api_version(target.version), metadata, items)
    return await body_answer(request, body)


async def get_object(store: KubeStore, resource: Resource, target: RequestTarget, request: web.Request) -> web.Response:
    """Answer a get of one object (or its status subresource, which has the same form)."""
    form = form_of(request)
    entry = store.entry(resource.group, resource.kind, target.namespace, target.name)
    if entry is None:
        raise not_found(resource, target.name)
    if form == "table":
        include = request.query.get("includeObject", "Metadata")
        metadata = {"resourceVersion": str(entry.revision)}
        rows = tables.rows([entry], resource, target.version, store.clock(), include)
        return json_answer(tables.table(metadata, tables.definitions(resource, target.version), rows))
    return await body_answer(request, entry.partial() if form == "partial" else entry.encoded(target.version))
