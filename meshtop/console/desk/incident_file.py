"""The page about what is wrong that `E` writes: of the picture that is shown, without asking any cluster again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from meshtop.model.errors import MeshtopError
from meshtop.model.text import clean
from meshtop.settings.environment import state_folder

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query

MOST_RECORDED = 20_000
"""Series: a recording of more than these takes seconds of a processor, which the console needs."""
_MOST_NAMES = 100


class IncidentWritten(Message):
    """Message: a page was written, or could not be; `sentence` says which."""

    def __init__(self, sentence: str, done: bool) -> None:
        super().__init__()
        self.sentence = sentence
        self.done = done


def incident_folders() -> tuple[Path, ...]:
    """Where a page may go: the current folder, else the one in which meshtop keeps its state."""
    return Path.cwd(), state_folder(os.environ)


def write_incident(
    picture: Picture, query: Query, folders: Sequence[Path], *, recording: str | None = None
) -> tuple[str, bool]:
    """Write a page of a picture into the first folder that takes it; what to say of it, and whether it was written.

    A recording of what is shown is written beside it, unless that would take long, or `recording` names the one that
    is shown.
    """
    from meshtop.sources.recording.beside import recorded_beside, write_page
    from meshtop.views.picture.posture import moment_of
    from meshtop.views.reports.incident import incident_report
    from meshtop.views.reports.incident_html import incident_html

    snapshot = picture.snapshot
    series = sum(len(c.telemetry.requests) for c in snapshot.clusters if c.telemetry is not None)
    records = recording is None and series <= MOST_RECORDED
    why = "no folder was given"
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            page = _free(folder, datetime.fromtimestamp(moment_of(picture), UTC))
            beside = page.with_suffix(".rec")
            name = beside.name if records else recording
            if records:
                recorded_beside(beside, (snapshot,), redact=False)
            write_page(page, incident_html(incident_report(picture, query, recording=name)))
        except (OSError, MeshtopError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            continue
        return f"{clean(page)} tells of what is wrong{_of(name, series, own=records)}.", True
    return f"No page was written into {clean(folders[-1] if folders else '.')}: {clean(why)}.", False


def _of(name: str | None, series: int, *, own: bool) -> str:
    if name is None:
        return f"; without a recording, as {series:,} series would take long (meshtop record)"
    return f", and {clean(name)} beside it is what it was made of" if own else f"; it is made of {clean(name)}"


def _free(folder: Path, moment: datetime) -> Path:
    """A name that neither a page nor a recording has. Raises FileExistsError where there are too many."""
    stem = f"incident-{moment:%Y%m%dT%H%M%SZ}"
    for number in range(1, _MOST_NAMES):
        page = folder / (f"{stem}.html" if number == 1 else f"{stem}-{number}.html")
        if not page.exists() and not page.with_suffix(".rec").exists():
            return page
    raise FileExistsError(f"{folder} holds too many pages of this moment")
