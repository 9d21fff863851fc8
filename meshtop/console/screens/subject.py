"""What screens do with the thing that is meant: the row under the cursor, or what a page shows."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual import events
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen

from meshtop.console.desk.remembered import BookmarkedThing, ConsoleMemory
from meshtop.console.host import ConsoleHost
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.reports.object_report import WantedObject

ASKED_ABOUT = frozenset(
    {
        *("clusters", "namespaces", "workloads", "services", "edges", "mtls", "mtlsedges"),
        *("virtualmachines", "canaries", "findings"),
    }
)
"""Kinds of which `W` knows a question, for the line of hints: on others it says what it asks about."""
DESCRIBED = frozenset({"clusters", "workloads", "services", "mtls", "virtualmachines", "canaries"})
"""Kinds that `D` describes, for the line of hints."""


def kept_sentence(memory: ConsoleMemory, done: str) -> str:
    """What was done, and where it is not kept for the next run, why."""
    if memory.writes:
        return done
    return f"{done} {memory.problem or 'It is remembered until the console ends, and not beyond.'}"


SUBJECT_BINDINGS: list[BindingType] = [
    Binding("W", "what_if", "what if", id="console.what_if"),
    Binding("D", "describe", "describe", id="console.describe"),
]
"""Keys for what is meant; a screen has them among its own, since some do not inherit theirs."""


class SubjectScreen(Screen[object]):
    """A screen on which one thing is meant, to be asked about, described, marked, and shown as an object."""

    @property
    @abstractmethod
    def host(self) -> ConsoleHost:
        """The console that shows this screen."""

    @abstractmethod
    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in place of the key hints, until the next key."""

    @abstractmethod
    def update(self) -> None:
        """Draw the chrome and the latest picture."""

    @property
    def meant(self) -> tuple[str, str] | None:
        """The kind and key of the row under the cursor, or of the item that is shown; None where there is neither."""
        row: tuple[str, str] | None = getattr(self, "chosen", None)
        kind, key = getattr(self, "kind", None), getattr(self, "key", None)
        return row or ((str(kind), str(key)) if kind and key else None)

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """The kinds and keys that a question is about: of a page what it shows comes first, then the selected row."""
        return () if self.meant is None else (self.meant,)

    def narrow_to(self, kind: str, key: str) -> None:
        """Narrow the scope to an item's place."""
        from meshtop.views.frame.detail import find_item
        from meshtop.views.frame.registry import view

        picture, kind_view = self.host.picture, view(kind)
        item = find_item(picture, kind, key) if picture is not None else None
        if item is None:
            return
        scope = self.host.scope.narrowed_to(kind_view.places(item))
        if scope is None:
            self.say(f"This {kind_view.singular} does not belong to a single cluster, namespace or tenant.")
        else:
            self.host.set_scope(scope)

    def bookmark(self, kind: str, key: str) -> None:
        """Mark a thing, or take its mark away."""
        memory = self.host.memory
        one = BookmarkedThing(kind, key)
        memory.change(lambda state: state.turned(one))
        if one in memory.state.bookmarks:
            self.say(kept_sentence(memory, f"Bookmarked: `:` lists {key}; b takes it away."), Tone.GOOD)
        else:
            self.say(f"{key} is no bookmark any more.", Tone.PLAIN)
        self.update()

    def show_object(self, kind: str, key: str) -> None:
        """Show the object behind an item in every cluster, over this screen."""
        from meshtop.views.frame.detail import find_item
        from meshtop.views.reports.object_report import object_behind

        picture = self.host.picture
        item = find_item(picture, kind, key) if picture is not None else None
        self.show_wanted(object_behind(kind, item) if item is not None else None)

    def show_wanted(self, wanted: WantedObject | None) -> None:
        """Show an object in every cluster, over this screen; say why not where there is none or nobody is asked."""
        from meshtop.console.places import OBJECT, load_screen
        from meshtop.console.replay import NOBODY_ASKED

        if self.host.replay is not None:
            self.say(NOBODY_ASKED)
        elif wanted is None:
            self.say("There is no single object behind this; Y shows that of a workload, service, route or change.")
        else:
            self.app.push_screen(load_screen(OBJECT)(wanted))

    def action_what_if(self) -> None:
        """Open what a change of the thing under the cursor, or of the page, would do."""
        from meshtop.console.places import WHAT_IF, load_screen

        self._open_or_say(load_screen(WHAT_IF)(self, self.subjects))

    def action_describe(self) -> None:
        """Open what the clusters say of the thing under the cursor, or of the page, right now."""
        from meshtop.console.places import DESCRIBE, load_screen

        self._open_or_say(load_screen(DESCRIBE)(self, self.subjects))

    def on_paste(self, event: events.Paste) -> None:
        """Forecast objects that are pasted anywhere but into a prompt."""
        from meshtop.console.places import WHAT_IF_PASTED, load_screen

        event.stop()
        if not self.query_one(BottomBar).typing:
            self._open_or_say(load_screen(WHAT_IF_PASTED)(self, event.text))

    def _open_or_say(self, made: Screen[object] | str) -> None:
        """Open a screen, or say why there is none."""
        if isinstance(made, str):
            self.say(made, Tone.DEGRADED)
        else:
            self.app.push_screen(made)

    def applies(self, action: str) -> bool:
        """Whether one of the keys of this class has something to do with what is meant."""
        known = {"what_if": ASKED_ABOUT, "describe": DESCRIBED}.get(action)
        if known is None:
            return True
        if action == "describe" and self.host.replay is not None:
            return False
        try:
            meant = self.meant
        except NoMatches:
            # The body could not be made, or is not there yet: nothing is meant.
            return False
        return meant is not None and meant[0] in known
