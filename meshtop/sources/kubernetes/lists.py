"""Lists of one kind, read page after page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from meshtop.model.state import State
from meshtop.process import collector_paused
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import is_web_page, response_problem
from meshtop.sources.kubernetes.kinds import Codec
from meshtop.sources.problem import SourceProblem

PAGE = 500
_LARGE_BYTES = 128 * 1024
"""A page larger than this is decoded in a thread, so that the loop goes on."""
_PATIENCE = 3
_LONGEST_WAIT_SECONDS = 30.0
_RESTARTS = 3


async def fetch(
    connection: Connection,
    path: str,
    *,
    what: str,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    verb: str = "list",
) -> httpx.Response:
    """GET a path; waits as long as the server asks when it is too busy (429). Raises SourceProblem for any error."""
    for waited in range(_PATIENCE + 1):
        response = await connection.request("GET", path, params=params, headers=headers)
        if response.status_code == 200 and not is_web_page(response):
            return response
        problem = response_problem(response, cluster=connection.name, what=what, verb=verb)
        if response.status_code != 429 or waited == _PATIENCE:
            break
        wait = 1.0 if problem.retry_after is None else problem.retry_after
        await asyncio.sleep(min(wait, _LONGEST_WAIT_SECONDS))
    raise problem


class Listing(msgspec.Struct):
    """A whole list and the resourceVersion to watch from."""

    objects: list[Any]
    resource_version: str


async def list_all(
    connection: Connection,
    path: str,
    codec: Codec,
    *,
    what: str,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    only: str | None = None,
) -> Listing:
    """A list, page after page. A list that expires on the way (410) begins again. Raises SourceProblem.

    `only` is the `kind` that the answer must have; anything else is not decoded.
    """
    objects: list[Any] = []
    following = ""
    restarts = 0
    while True:
        query: dict[str, str | int] = {**(params or {}), "limit": PAGE}
        if following:
            query["continue"] = following
        try:
            response = await fetch(connection, path, what=what, params=query, headers=headers)
        except SourceProblem as problem:
            if problem.code != 410 or not following or restarts == _RESTARTS:
                raise
            objects, following = [], ""
            restarts += 1
            continue
        try:
            if only is not None and msgspec.json.decode(response.content, type=_Kind).kind != only:
                raise _not_understood(connection, what, f"it is not a {only}")
            page, meta = await _decode(codec, response.content)
        except msgspec.MsgspecError as error:
            raise _not_understood(connection, what, str(error)) from None
        objects += page
        following = meta.continue_
        if not following:
            return Listing(objects, meta.resource_version)


class _Kind(msgspec.Struct):
    kind: str = ""


async def _decode(codec: Codec, body: bytes) -> tuple[list[Any], Any]:
    if len(body) <= _LARGE_BYTES:
        return codec.page(body)
    with collector_paused():
        return await asyncio.to_thread(codec.page, body)


def _not_understood(connection: Connection, what: str, reason: str) -> SourceProblem:
    return SourceProblem(
        State.STALE, f"{connection.name} sent an answer for {what} that cannot be understood: {reason}."
    )
