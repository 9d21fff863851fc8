"""The access explainer: the policy's answer for a right with its reasons, and Kubernetes' answer beside it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.console.desk.rights import RightsArrived
from meshtop.console.host import host_of
from meshtop.console.screens.text import TextScreen
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_TONES = {"✓": Tone.GOOD, "✗": Tone.DEGRADED, "?": Tone.UNKNOWN}


class AccessQuestion(Struct, frozen=True):
    """A question: a right on an object of the policy; `user` is "" for the current user."""

    right: str
    object: str
    user: str = ""


def parse_question(text: str) -> AccessQuestion:
    """Parse `shift namespace:us-east/shop`, optionally with ` as maria`. Raises ValueError with how to write it."""
    asked, _, user = text.partition(" as ")
    right, _, object_ = asked.strip().partition(" ")
    if not right or not object_.strip():
        raise ValueError("write a right and an object: explain shift namespace:us-east/shop, perhaps as USER")
    return AccessQuestion(right, object_.strip(), user.strip())


class ExplainScreen(TextScreen):
    """The screen with both answers; Kubernetes' is added when it arrives. Raises ValueError.

    The policy's answer is computed in the constructor, so that an unknown name is reported in the command bar.
    """

    def __init__(self, asked: AccessQuestion, picture: Picture | None) -> None:
        from meshtop.views.reports.access import explanation_lines, place_of_object

        access = picture.access if picture is not None else None
        self._asked = asked
        self._place = None if asked.user else place_of_object(asked.object)
        if access is None and self._place is None:
            raise ValueError("no access policy is in force; name one as access.policy in the settings")
        if access is None:
            self._policy = ["No access policy is in force: Kubernetes alone decides."]
        else:
            self._policy = explanation_lines(access.explanation(asked.right, asked.object, asked.user or None))
        title = f"{asked.right} {asked.object}" + (f" as {asked.user}" if asked.user else "")
        super().__init__(title, "\n".join(self._policy))

    def on_mount(self) -> None:
        """Query Kubernetes, and show its answer if known."""
        host = host_of(self)
        if self._place is not None and host.picture is not None:
            host.rights.want(host.picture.snapshot, [self._place], self)
            self._fill_in()

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """Show what the cluster answered."""
        self._fill_in()

    def _fill_in(self) -> None:
        from meshtop.views.reports.access import kubernetes_lines

        if self._place is not None:
            beside = kubernetes_lines(self._asked.right, *self._place, host_of(self).rights.of(*self._place))
            self._text = "\n".join([*self._policy, *beside])
            self.query_one("#text", LineView).show(self._lines)

    def _lines(self, width: int) -> list[TextLine]:
        """The wrapped lines of text; paths of the policy may be long."""
        head = f"{clean(self._title)}   c copies · esc back"
        lines = [TextLine("plain", (TextRun(1, cut(head, width - 2), Tone.DIM),)), TextLine("plain", ())]
        for text in self._text.split("\n"):
            tone = _TONES.get(text.strip()[:1], Tone.PLAIN)
            inside = " " * (len(text) - len(text.lstrip()) + 2)
            pieces = textwrap.wrap(clean(text), max(20, width - 2), subsequent_indent=inside, break_on_hyphens=False)
            lines += [TextLine("plain", (TextRun(1, cut(piece, max(0, width - 2)), tone),)) for piece in pieces or [""]]
        return lines
