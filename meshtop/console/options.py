"""What the console is started with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from meshtop.settings.schema import Settings


class ConsoleOptions(Struct, frozen=True, kw_only=True):
    """The command line's part of a run.

    `settings` is called after the first frame, in another thread, because checking settings imports much.
    """

    settings: Callable[[], Settings]
    kubeconfig: str | None = None
    contexts: tuple[str, ...] = ()
    query: Query = Query()
    moment: float | None = None
    mouse: bool = True
    cell_diff: bool = True
    read_only: bool = False
    keymap: dict[str, str] = field(default_factory=dict)
