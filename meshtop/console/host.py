"""What a screen may ask of the application that shows it: screens know this protocol, and never the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from meshtop.console.desk.journaling import JournalWatch
    from meshtop.console.desk.rights import Rights
    from meshtop.console.scope import Scope
    from meshtop.console.session import ConsoleSession
    from meshtop.views.picture.picture import Picture


class ConsoleHost(Protocol):
    """The console as its screens see it: one picture, one scope, and the ways from one screen to another."""

    session: ConsoleSession
    rights: Rights
    journal: JournalWatch
    scope: Scope
    picture: Picture | None
    """The latest picture; None before the first."""
    window_seconds: float
    """How long rates are averaged over."""

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written to any cluster."""

    def now(self) -> float:
        """The present, in Unix seconds."""

    def set_scope(self, scope: Scope) -> None:
        """Look at something else; every screen follows."""

    def open_place(self, kind: str) -> None:
        """Go to the place or page of a kind; what was opened on the way is closed."""

    def open_detail(self, kind: str, key: str) -> None:
        """Open one thing of a kind over the current screen."""

    def open_graph(self, kind: str, key: str) -> None:
        """Open the graph around a row of a kind."""

    def open_journal(self) -> None:
        """Open the journal over the current screen."""

    def roll_back_last(self) -> None:
        """Open the last shift, and ask whether to roll it back."""

    def step_back(self) -> None:
        """Close what was opened, else widen the scope by a step."""

    def travel(self, steps: int) -> None:
        """Go back (negative) or forward in time by steps of a minute; beyond the present it is live again."""

    def go_live(self) -> None:
        """Back to the present."""

    def run_command(self, name: str, argument: str) -> None:
        """Run a command of the command bar; what is wrong with it is said in the bottom line."""

    def explain_access(self, question: str) -> None:
        """Open the access explainer on a right and an object. Raises ValueError for a question that is none."""

    def set_theme(self, name: str) -> None:
        """Draw in another theme; an empty name is the default. Raises ValueError for a theme that does not exist."""

    def show_help(self) -> None:
        """Open the help of the current screen."""

    def quit(self) -> None:
        """Leave the console."""


def host_of(node: DOMNode) -> ConsoleHost:
    """The console that shows a screen or widget; screens of meshtop run in no other application."""
    return cast("ConsoleHost", node.app)
