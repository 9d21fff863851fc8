"""Content negotiation, and answers as bytes: JSON, compressed where that was asked for and is worth it."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import msgspec
from aiohttp import web

from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.status import ApiError, not_acceptable

COMPRESS_FROM = 128 * 1024
"""Bytes from which the real API server compresses."""

_FORMS = {"Table": "table", "PartialObjectMetadata": "partial", "PartialObjectMetadataList": "partial"}


def media_types(header: str) -> list[tuple[str, dict[str, str]]]:
    """The media types of an Accept header with their parameters, in order."""
    found = []
    for item in header.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        found.append((name.lower(), {key: value for key, _, value in pairs}))
    return found


def form_of(request: web.Request) -> str:
    """How objects are wanted: ``object``, ``table`` or ``partial``. Raises 406 where JSON is not accepted."""
    header = request.headers.get("Accept", "")
    if not header.strip():
        return "object"
    for name, parameters in media_types(header):
        if name in ("application/json", "application/*", "*/*"):
            form = parameters.get("as")
            if form is None:
                return "object"
            if parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1" and form in _FORMS:
                return _FORMS[form]
    raise not_acceptable()


def json_answer(value: Any, code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A small JSON answer."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=code, headers=headers, content_type="application/json")


def refusal(error: ApiError) -> web.Response:
    """The answer to a request that was refused."""
    headers = {"Retry-After": "1"} if error.code == 429 else None
    return json_answer(error.status(), error.code, headers)


def with_warnings(response: web.Response, warnings: list[str]) -> web.Response:
    """Add Warning headers, which kubectl prints."""
    for warning in warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


async def body_answer(request: web.Request, body: bytes) -> web.Response:
    """A JSON answer of any size, compressed in a thread where it is large and the client takes gzip."""
    headers = {"Cache-Control": "no-cache, private"}
    if len(body) >= COMPRESS_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(_gzip, body)
        headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
    return web.Response(body=body, headers=headers, content_type="application/json")


def status_success(details: Json) -> Json:
    """The Status object of a deletion."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
