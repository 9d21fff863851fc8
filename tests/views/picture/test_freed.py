"""A picture goes when the next one comes: no row of it waits for a full garbage collection."""

from __future__ import annotations

import gc
import weakref

import pytest

from meshtop.views.frame.registry import names, view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from tests import worlds


@pytest.mark.parametrize("kind", [*names(), "attention"])
def test_a_picture_is_freed_when_nobody_holds_it(kind: str) -> None:
    picture = Picture(worlds.world())
    gc.collect()
    gc.disable()
    try:
        if kind == "attention":
            attention(picture, Query())
        else:
            view(kind).all_items(picture)
        there = weakref.ref(picture)
        del picture
        assert there() is None
    finally:
        gc.enable()
