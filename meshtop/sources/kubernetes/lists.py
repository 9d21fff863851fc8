"""Lists of one kind, read page after page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from meshtop.model.state import State
from meshtop.process import collector_paused
from meshtop.sources.http.client import Response
from meshtop.sources.http.connection import Connection
from meshtop.sources.http.failures import is_web_page, response_problem, too_large
from meshtop.sources.kubernetes.kinds import Codec, Page
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

PAGE = 500
"""Objects asked for in one page."""
_LARGE_BYTES = 128 * 1024
"""Bytes: a larger page is decoded in a thread, so that the event loop is not blocked."""
_PATIENCE = 3
_LONGEST_WAIT_SECONDS = 30.0
_RESTARTS = 3


NOT_MODIFIED = 304


async def fetch(
    connection: Connection,
    path: str,
    *,
    what: str,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    verb: str = "list",
    turn: contextlib.AbstractAsyncContextManager[Any] | None = None,
) -> Response:
    """GET a path; waits as long as the server asks when it is too busy (429). Raises SourceProblem for any error.

    `turn` is held for each request, and not while waiting: what is slow must not hold up what is not. An answer that is
    `NOT_MODIFIED` comes where the `headers` ask for it (If-None-Match).
    """

    def refused(response: Response) -> SourceProblem:
        return response_problem(response, cluster=connection.name, what=what, verb=verb, limits=connection.limits)

    for waited in range(_PATIENCE + 1):
        async with turn or contextlib.nullcontext():
            response = await connection.request("GET", path, params=params, headers=headers)
        if response.status_code == 200 and not is_web_page(response):
            return response
        if response.status_code == NOT_MODIFIED and headers is not None and "If-None-Match" in headers:
            return response
        if response.status_code != 429 or waited == _PATIENCE:
            break
        wait = refused(response).retry_after
        await asyncio.sleep(min(1.0 if wait is None else wait, _LONGEST_WAIT_SECONDS))
    # Named by no variable: the error knows this frame, and would find itself there.
    raise refused(response)


class Listing(msgspec.Struct):
    """A whole list and the resourceVersion to watch from.

    `odd` are objects that could not be understood and are left out, by namespace and name, with the reason.
    """

    objects: list[Any]
    resource_version: str
    odd: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)


async def list_all(
    connection: Connection,
    path: str,
    codec: Codec,
    *,
    what: str,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    only: str | None = None,
    turn: contextlib.AbstractAsyncContextManager[Any] | None = None,
) -> Listing:
    """Read a list page by page. A list that expires meanwhile (410) is restarted. Raises SourceProblem.

    `only` is the `kind` that the answer must have; anything else is not decoded. `turn` is held for each page. A list
    that does not end is given up (`sources.http.limits`).
    """
    seconds = connection.limits.list_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await _Pages(connection, path, codec, what, only, turn).read(
                {**(params or {}), "limit": PAGE}, headers
            )
    except TimeoutError:
        if not limit.expired():
            raise
        raise _no_end(connection, what, f"it was not whole within {seconds:g} s") from None


class _Pages:
    """Reads the pages of one list, and gives up on one that has no end."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        codec: Codec,
        what: str,
        only: str | None,
        turn: contextlib.AbstractAsyncContextManager[Any] | None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._codec = codec
        self._what = what
        self._only = only
        self._turn = turn
        self._bytes = 0
        self._tokens: set[str] = set()
        self._pages = 0

    async def read(self, query: Mapping[str, str | int], headers: Mapping[str, str] | None) -> Listing:
        """The whole list. Raises SourceProblem."""
        listing = Listing([], "")
        following = ""
        restarts = 0
        while True:
            asked = {**query, "continue": following} if following else query
            try:
                response = await fetch(
                    self._connection, self._path, what=self._what, params=asked, headers=headers, turn=self._turn
                )
            except SourceProblem as problem:
                if problem.code != 410 or not following or restarts == _RESTARTS:
                    raise
                listing, following = Listing([], ""), ""
                self._tokens.clear()
                restarts += 1
                continue
            page = await self._page(response.content)
            listing.objects += page.objects
            listing.odd.update(page.odd)
            following = page.meta.continue_
            if not following:
                if listing.odd and not listing.objects:
                    raise _not_understood(self._connection, self._what, next(iter(listing.odd.values())))
                listing.resource_version = page.meta.resource_version
                return listing
            self._require_an_end(following)

    async def _page(self, body: bytes) -> Page:
        connection, what = self._connection, self._what
        self._bytes += len(body)
        if self._bytes > connection.limits.list_bytes:
            raise too_large(connection.name, connection.limits.list_bytes, what, limits=connection.limits)
        try:
            if self._only is not None and msgspec.json.decode(body, type=_Kind).kind != self._only:
                raise _not_understood(connection, what, f"it is not a {self._only}")
            return await _decode(self._codec, body)
        except NOT_UNDERSTOOD as error:
            raise _not_understood(connection, what, error_text(error)) from None

    def _require_an_end(self, following: str) -> None:
        """Raise SourceProblem where the next page was there before, or where there are too many."""
        limits = self._connection.limits
        self._pages += 1
        if len(following) > limits.token_bytes:
            raise _no_end(self._connection, self._what, "the name of its next page is too long")
        if following in self._tokens:
            raise _no_end(self._connection, self._what, "its pages come again and again")
        if self._pages >= limits.list_pages:
            raise _no_end(self._connection, self._what, f"it has more than {limits.list_pages} pages")
        self._tokens.add(following)


def _no_end(connection: Connection, what: str, why: str) -> SourceProblem:
    return SourceProblem(
        State.STALE,
        f"{connection.name} sent a list of {what} that has no end: {why}.",
        "Look what it holds so much of, and whether something stands between meshtop and it.",
        retry_after=connection.limits.too_much_pause_seconds,
        too_much=True,
    )


class _Kind(msgspec.Struct):
    kind: str = ""


async def _decode(codec: Codec, body: bytes) -> Page:
    if len(body) <= _LARGE_BYTES:
        return codec.page(body)
    with collector_paused():
        return await asyncio.to_thread(codec.page, body)


def _not_understood(connection: Connection, what: str, reason: str) -> SourceProblem:
    return SourceProblem(
        State.STALE, f"{connection.name} sent an answer for {what} that cannot be understood: {reason}."
    )
