"""The head of what is copied: of what it is, to be understood by whoever reads it elsewhere and later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshtop.model.text import clean
from meshtop.views.frame.document import missing

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot


def copied_head(place: Sequence[str], scope: Sequence[str], snapshot: Snapshot) -> tuple[str, ...]:
    """Place, scope, the moment in UTC and in local time, the sources, and what is missing of them."""
    shown = snapshot.at if snapshot.moment is None else snapshot.moment
    moment = datetime.fromtimestamp(shown, UTC)
    return (
        clean(" ▸ ".join(place)),
        clean(" · ".join(scope)),
        f"{moment:%Y-%m-%dT%H:%M:%SZ} ({moment.astimezone():%Y-%m-%d %H:%M:%S %Z})",
        f"sources: {clean(', '.join(one.name for one in snapshot.clusters))}",
        *(f"! {sentence}" for sentence in missing(snapshot)),
    )
