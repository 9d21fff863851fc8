"""Opens the console on a thing that another tool names (`meshtop --open service/shop/catalog`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.model.text import clean
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import find_kind, view
from meshtop.views.frame.unknowns import told

if TYPE_CHECKING:
    from meshtop.console.host import ConsoleHost
    from meshtop.views.picture.picture import Picture

ROUTES = ("virtualservice", "virtualservices", "vs", "httproute", "httproutes", "grpcroute", "grpcroutes")
"""Kinds of routes as Kubernetes names them; their rows are those of canaries."""
SHOWN_BY_ROUTE = "canaries"


class StartingPoint(Struct, frozen=True):
    """What the console is to show first: a kind by its own name, and the name of one of it, as `get` takes it."""

    kind: str
    name: str
    said: str

    def look(self, host: ConsoleHost, picture: Picture) -> str | None:
        """Open it, if it is in the picture; a sentence where it is not, None to look at the next picture again.

        "" is for what was opened.
        """
        kind_view = view(self.kind)
        pattern = f"{self.name}#*" if self.kind == SHOWN_BY_ROUTE else self.name
        found = [one for one in kind_view.all_items(picture) if kind_view.is_named(pattern, one)]
        if len(found) == 1:
            host.open_detail(self.kind, kind_view.key(found[0]))
            return ""
        if found:
            last = self.name.rpartition("/")[2]
            host.set_scope(host.scope.filtered(f"name:{last}"))
            return ""
        if not picture.snapshot.settled:
            return None
        absent = f"There is no {self.said} here."
        if self.kind == SHOWN_BY_ROUTE:
            absent = f"There is no weighted {self.said} here; 7 has its findings."
        return clean(told(absent, kind_view.unknowns(picture, picture.resolved(host.scope.query))))


def parse_opening(text: str) -> StartingPoint:
    """What is to be opened, from `KIND/NAME`, `KIND/NAMESPACE/NAME` or `KIND/CLUSTER/NAMESPACE/NAME`.

    Raises FilterError for a kind that there is not, and for text of another form.
    """
    word, slash, name = text.strip().partition("/")
    if not slash or not name.strip("/"):
        raise FilterError(f"{text} names nothing to open; write KIND/NAMESPACE/NAME, such as service/shop/catalog.")
    kind = SHOWN_BY_ROUTE if word.lower() in ROUTES else find_kind(word).name
    return StartingPoint(kind, name, f"{word} {name}")
