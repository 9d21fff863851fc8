"""What a picture of a big fleet was prepared for, and a thread that prepares it for a screen that was opened since."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.console.picture_request import PictureRequest
from meshtop.log import log_repeated

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
BIG_PODS = 2_000
"""With so many pods the rows of a screen take longer to make than a key may wait."""


class Preparation:
    """Which requests the newest picture was prepared for; `arrived` is told of a picture prepared for another one.

    Of a fleet that is not big, a screen makes what it draws itself, in the same moment.
    """

    def __init__(self, arrived: Callable[[Picture], None]) -> None:
        self._arrived = arrived
        self._lock = threading.Lock()
        self._of: Picture | None = None
        self._done: list[PictureRequest] = []
        self._begun: list[PictureRequest] = []

    def prepare(self, picture: Picture, request: PictureRequest) -> None:
        """Compute what is requested, on the caller's thread; for rows also what their details look up."""
        _prepare(picture, request)
        with self._lock:
            self._turn_to(picture)
            self._done.append(_rows(request))

    def is_ready(self, picture: Picture, request: PictureRequest) -> bool:
        """Whether what is requested can be drawn at once; where not, it is begun, and `arrived` is told when it is."""
        rows = _rows(request)
        if not is_big(picture) or rows == _rows(None):
            return True
        with self._lock:
            self._turn_to(picture)
            if rows in self._done:
                return True
            if rows in self._begun:
                return False
            self._begun.append(rows)
        threading.Thread(target=self._prepare_later, args=(picture, request), name="rows", daemon=True).start()
        return False

    def _turn_to(self, picture: Picture) -> None:
        if self._of is not picture:
            self._of, self._done, self._begun = picture, [], []

    def _prepare_later(self, picture: Picture, request: PictureRequest) -> None:
        _prepare(picture, request)
        with self._lock:
            # A newer picture is there, and was prepared for what is in front.
            if self._of is not picture:
                return
            self._done.append(_rows(request))
        self._arrived(picture)


def _prepare(picture: Picture, request: PictureRequest) -> None:
    from meshtop.views.frame.detail import detail
    from meshtop.views.frame.registry import view

    request.prepare(picture)
    if request.table is None or request.details or not is_big(picture):
        return
    kind, query = request.table
    try:
        # A screen without a selected row will select one: whatever is beside it counts all rows of other kinds.
        table = view(kind).table(picture, query, wide=True)
        if len(table):
            detail(picture, kind, table.key(0))
    except Exception as error:  # noqa: BLE001 - the screen that draws it meets it again, and says so
        log_repeated(_log, "what a screen draws could not be prepared", error)


def _rows(request: PictureRequest | None) -> PictureRequest:
    """A request without what is drawn in a step, or made by the screen itself: details of one item, and its own asking.

    Each step of the cursor changes those details.
    """
    return PictureRequest() if request is None else structs.replace(request, details=(), asked=None)


def is_big(picture: Picture) -> bool:
    """Whether what is made of it, or freed with it, would keep a key waiting."""
    inventories = (cluster.inventory for cluster in picture.snapshot.clusters)
    return sum(len(inventory.pods) for inventory in inventories if inventory is not None) >= BIG_PODS
