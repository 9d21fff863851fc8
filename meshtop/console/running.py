"""Actions that run in the background: their screens stay alive while others are in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from textual.app import App


class Run(Screen[object]):
    """A screen that runs an action, and what it tells about it."""

    @property
    def subject(self) -> str:
        """What the action is about."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """The id of its action in the journal; empty until that is known."""
        raise NotImplementedError

    @property
    def held_by_quitting(self) -> bool:
        """Whether it can be held, which quitting does, rather than only waited for."""
        raise NotImplementedError

    def chip(self, now: float) -> tuple[tuple[str, ...], Tone]:
        """It in a few words, from the longest form to the shortest."""
        raise NotImplementedError


class BackgroundRuns:
    """The screens whose action runs, and those whose action ended while another screen was in front.

    They are installed in the application, which keeps a screen alive after it was left.
    """

    def __init__(self, app: App[Any]) -> None:
        self._host = app
        self._screens: list[Run] = []
        self.told_at: float | None = None
        """When the user, who wanted to end the console, was told what is in progress; None before, for a new action."""

    def add(self, screen: Run) -> None:
        """Keep a screen, whose action begins."""
        self.told_at = None
        if screen not in self._screens:
            self._host.install_screen(screen, f"run-{id(screen)}")
            self._screens.append(screen)

    def left(self, screen: Run) -> None:
        """Let go of a screen that was left after its action ended."""
        if screen in self._screens and screen not in self._host.screen_stack:
            self._screens.remove(screen)
            self._host.uninstall_screen(screen)
            screen.remove()

    @property
    def all(self) -> list[Run]:
        """The screens, the oldest first."""
        return list(self._screens)

    @property
    def running(self) -> list[Run]:
        """Those whose action has not ended."""
        return [screen for screen in self.all if screen.running]

    def of(self, identity: str) -> Run | None:
        """The screen in which an action runs, by its id in the journal."""
        return next((screen for screen in self.running if identity and screen.identity == identity), None)

    def chip(self, now: float) -> tuple[tuple[str, ...], Tone]:
        """What the top bar says of them: the one that runs, or how many do."""
        shown = [screen for screen in self.all if not screen.is_current]
        if not shown:
            return (), Tone.DIM
        texts, tone = shown[-1].chip(now)
        if len(shown) > 1:
            running = len([screen for screen in shown if screen.running])
            count = f"⟳ {running} actions run: J" if running else f"{len(shown)} actions ended: J"
            return (count, f"⟳ {len(shown)}"), tone
        return texts, tone
