"""The interface of the application for its screens, which do not import the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from meshtop.console.anywhere import Anywhere
    from meshtop.console.desk.journaling import JournalRow, JournalWatch
    from meshtop.console.desk.remembered import ConsoleMemory, SavedView
    from meshtop.console.desk.rights import Rights
    from meshtop.console.graph_look import GraphLook
    from meshtop.console.replay import Replay
    from meshtop.console.running import BackgroundRuns
    from meshtop.console.scope import Scope
    from meshtop.console.session import ConsoleSession
    from meshtop.views.picture.picture import Picture


class ConsoleHost(Protocol):
    """The application's interface for screens: the picture, the scope, and navigation."""

    session: ConsoleSession
    rights: Rights
    journal: JournalWatch
    runs: BackgroundRuns
    anywhere: Anywhere
    memory: ConsoleMemory
    scope: Scope
    graph_look: GraphLook
    picture: Picture | None
    """The latest picture; None before the first."""
    window_seconds: float
    """Window of rates, in seconds."""
    graph_canvas: bool | None
    """Whether the graph is a drawing of everything, and not a Flow, as was chosen; None: by the width."""

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written to any cluster."""

    @property
    def replay(self) -> Replay | None:
        """The recording that is shown; None where clusters are."""

    def now(self) -> float:
        """The present, in Unix seconds; in a recording the moment at which what is shown was read."""

    def set_scope(self, scope: Scope) -> None:
        """Change the scope for all screens."""

    def take_scope(self, scope: Scope) -> None:
        """Change the scope for all screens without a step that can be taken back."""

    def open_place(self, kind: str) -> None:
        """Go to the place or page of a kind, closing opened screens."""

    def open_detail(self, kind: str, key: str) -> None:
        """Open an item's detail over the current screen."""

    def open_graph(self, kind: str, key: str) -> None:
        """Open the graph around a row of a kind."""

    def open_journal(self) -> None:
        """Open the journal over the current screen."""

    def open_action(self, row: JournalRow, ask: str = "") -> None:
        """Open an action: the screen that runs it, if one does, else its history; `ask` confirms an ending at once."""

    def open_running(self) -> None:
        """Open what runs, or ended, in the background; without any, and from there, the journal."""

    def show_chrome(self) -> None:
        """Draw the bars of the screen in front again."""

    def roll_back_last(self) -> None:
        """Open the last shift, and ask whether to roll it back."""

    def step_back(self) -> None:
        """Close the opened screen, else widen the scope by a step."""

    def travel(self, steps: int) -> None:
        """Go back (negative) or forward in time by steps of a minute; beyond the present it is live again."""

    def go_live(self) -> None:
        """Back to the present."""

    def open_settings(self) -> None:
        """Open the settings in force."""

    def open_doctor(self) -> None:
        """Open what the doctor says of the clusters."""

    def open_view(self, view: SavedView) -> None:
        """Open a saved view: its page, scope, order and columns."""

    def learn_names(self) -> None:
        """Read, on another thread, the names that can be typed, unless those of this picture are known."""

    def open_thing(self, kind: str, name: str) -> bool:
        """Open the detail of a thing by its key, or by its name as `get` takes it; False where there is none."""

    def run_command(self, name: str, argument: str) -> None:
        """Run a command of the command bar; errors are shown in the bottom line."""

    def explain_access(self, question: str) -> None:
        """Open the access explainer on a right and an object. Raises ValueError for an invalid question."""

    def set_theme(self, name: str) -> None:
        """Switch to another theme; an empty name is the default. Raises ValueError for a theme that does not exist."""

    def show_help(self) -> None:
        """Open the help of the current screen."""

    def quit(self) -> None:
        """Leave the console."""


def host_of(node: DOMNode) -> ConsoleHost:
    """The application that shows a screen or widget."""
    return cast("ConsoleHost", node.app)
