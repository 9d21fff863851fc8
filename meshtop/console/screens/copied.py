"""A table as text, as it stands on the screen, with what it is of: to paste where people talk about an outage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshtop.model.text import clean
from meshtop.views.frame.document import missing

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot


def copied_text(place: Sequence[str], scope: Sequence[str], snapshot: Snapshot, lines: Sequence[str]) -> str:
    """The lines of a table under a header: place, scope, the moment in UTC and in local time, and the sources."""
    shown = snapshot.at if snapshot.moment is None else snapshot.moment
    moment = datetime.fromtimestamp(shown, UTC)
    head = [
        clean(" ▸ ".join(place)),
        clean(" · ".join(scope)),
        f"{moment:%Y-%m-%dT%H:%M:%SZ} ({moment.astimezone():%Y-%m-%d %H:%M:%S %Z})",
        f"sources: {clean(', '.join(one.name for one in snapshot.clusters))}",
        *(f"! {sentence}" for sentence in missing(snapshot)),
    ]
    body = [line.rstrip() for line in lines]
    while body and not body[-1]:
        body.pop()
    return "\n".join([*head, "", *body]) + "\n"
