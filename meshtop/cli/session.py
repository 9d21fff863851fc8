"""One run: its settings, output style, and observatory."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

import click

from meshtop.cli.exits import debugging, say
from meshtop.cli.options import Common, common_of
from meshtop.cli.text_table import Style
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.errors import Exit
from meshtop.process import keep_libraries_quiet, let_libraries_speak
from meshtop.settings.load import Loaded, load_settings
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from meshtop.actions.attention import AttentionStore
    from meshtop.actions.change_ring import ChangeRing
    from meshtop.model.snapshot import Snapshot
    from meshtop.observatory.narrowing import WhatIsRead
    from meshtop.observatory.observatory import Observatory
    from meshtop.views.picture.factory import PictureFactory
    from meshtop.views.picture.picture import Picture


class Session:
    """The common state of reading commands."""

    def __init__(self, common: Common, loaded: Loaded) -> None:
        self.common = common
        self.loaded = loaded
        self.settings = loaded.settings

    def style(self, stream: TextIO, *, fit: bool = True) -> Style:
        """The style of output to a stream: colour and fitting only on a terminal, unless settings override it."""
        terminal = stream.isatty()
        wanted = self.settings.color
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        color = wanted == "always" or (wanted == "auto" and terminal and not plain)
        unicode = (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")
        width = shutil.get_terminal_size((80, 24)).columns if terminal and fit else None
        return Style(color=color, ascii_only=self.settings.ascii or not unicode, width=width)

    def query(self, *, names: tuple[str, ...] = (), filter_: str = "", sort: str = "") -> Query:
        """The scope of the common options, with a filter and an order."""
        return Query(
            clusters=self.common.cluster,
            namespaces=self.common.namespace,
            tenant=self.common.tenant,
            names=names,
            filter=filter_,
            sort=sort,
        )

    def observatory(
        self,
        *,
        canaries: bool = False,
        courses: bool = False,
        alerts: bool = False,
        slos: bool = False,
        traced: bool = False,
        asked: Asked = EVERYTHING_ASKED,
        window_seconds: float | None = None,
        least_timeout: float | None = None,
    ) -> Observatory:
        """The observatory on this run's clusters; `canaries` counts behind weighted routes in a single reading too.

        `courses` reads how calls went over the last half hour, `alerts` the active alerts, `slos` how objectives are
        kept, `traced` the marks of changes; `asked` is what is read at all. `window_seconds` takes the place of the
        settings' window, and `least_timeout` (seconds) is what each cluster is given at least.

        Raises KubeconfigError and ConfigError.
        """
        if self.common.recording is not None:
            from meshtop.observatory.narrowing import WhatIsRead

            return self._replayed(
                WhatIsRead(
                    asked=asked,
                    canaries=canaries,
                    courses=courses,
                    alerts=alerts,
                    slos=slos,
                    traced=traced,
                ),
                window_seconds,
            )
        from meshtop.observatory.build import open_observatory
        from meshtop.settings.environment import discovery_folder

        return open_observatory(
            self.settings,
            kubeconfig=self.common.kubeconfig,
            contexts=self.common.context,
            only=self.common.cluster,
            read_only=self.settings.read_only,
            window_seconds=self.settings.window if window_seconds is None else window_seconds,
            moment=self.common.at,
            timeout_seconds=max(self.settings.timeout, least_timeout or 0.0),
            canaries=canaries,
            courses=courses,
            alerts=alerts,
            slos=slos,
            traced=traced,
            namespaces=self.common.namespace,
            asked=asked,
            discovery_folder=discovery_folder(os.environ),
        )

    def _replayed(self, wanted: WhatIsRead, window_seconds: float | None) -> Observatory:
        """The observatory on a recording. Raises RecordingError for a moment or window that is not in it."""
        from meshtop.observatory.replay import RecordedObservatory
        from meshtop.settings.durations import format_duration
        from meshtop.sources.recording.frames import RecordingError
        from meshtop.views.frame.document import rfc3339

        recording = self.common.recording
        assert recording is not None
        moment, window = self.common.at, recording.header.window_seconds
        if moment is not None and moment < recording.moments[0]:
            raise RecordingError(
                f"{recording.path} begins at {rfc3339(recording.moments[0])}, after {rfc3339(moment)}."
            )
        other = window_seconds or (self.settings.window if self.common.window is not None else window)
        if other != window:
            raise RecordingError(
                f"{recording.path} was recorded with a window of {format_duration(window)} and not"
                f" {format_duration(other)}; leave the window out."
            )
        return RecordedObservatory(
            recording, wanted=wanted, moment=moment, only=self.common.cluster, contexts=self.common.context, play=True
        )

    @cached_property
    def pictures(self) -> PictureFactory:
        """The factory of this run's pictures: thresholds, tenancy, access. Raises ConfigError."""
        from meshtop.views.picture.factory import picture_factory

        return picture_factory(self.settings, attention_log=self.attention_store, change_memory=self.change_ring)

    @cached_property
    def attention_store(self) -> AttentionStore | None:
        """What needed attention before, on this machine; None until somebody asks what needs it (`remember`)."""
        return None

    @cached_property
    def change_ring(self) -> ChangeRing | None:
        """What was seen to change, on this machine; None until somebody asks for it (`remember`)."""
        return None

    def remember(self) -> None:
        """Open the memories of what needed attention and what changed, before the first picture.

        They are closed at the end of the run. What this machine remembers is nothing that a recording knows of.
        """
        if self.common.recording is not None:
            return
        from meshtop.actions.attention import AttentionStore, attention_path
        from meshtop.actions.change_ring import ChangeRing, ring_path
        from meshtop.cli.exits import at_end

        store = AttentionStore(attention_path())
        if store.problem is not None:
            say(f"meshtop: {store.problem}")
        self.__dict__["attention_store"] = store
        at_end(store.close)
        ring = ChangeRing(ring_path())
        self.__dict__["change_ring"] = ring
        at_end(ring.close)

    def picture(self, snapshot: Snapshot) -> Picture:
        """The picture of a snapshot, without what the access policy hides from the user."""
        return self.pictures.picture(snapshot)


def open_session(ctx: click.Context) -> Session:
    """Read the settings and print warnings about them. Raises ConfigError."""
    common = common_of(ctx)
    if common.verbose < 2 and not debugging():
        keep_libraries_quiet()
    else:
        let_libraries_speak()
    loaded = load_settings(config=common.config, environ=os.environ, flags=common.flags())
    for note in loaded.notes:
        say(f"meshtop: {note}")
    return Session(common, loaded)


def once(
    session: Session,
    *,
    plaintext: bool = False,
    canaries: bool = False,
    courses: bool = False,
    alerts: bool = False,
    slos: bool = False,
    traced: bool = False,
    everything: bool = False,
    asked: Asked = EVERYTHING_ASKED,
    window_seconds: float | None = None,
    least_timeout: float | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Snapshot:
    """One settled snapshot of every cluster, without what the access policy hides from the user.

    With `everything` nothing is left out: for what shows names only, such as an explanation of the policy itself.
    `plaintext` asks for the last day's plaintext too, `canaries` for the counts behind weighted routes, `courses` for
    how calls went over the last half hour, `alerts` for the active alerts, `slos` for how objectives are kept,
    `traced` for the marks of changes. `asked` is what is read at all: what the answer is worked out from.
    `window_seconds` and `least_timeout` as in `Session.observatory`. `meanwhile` is done on another thread while
    answers are awaited: what only printing imports, for example.
    """

    async def read(observatory: Observatory) -> list[Snapshot]:
        return [await observatory.once(plaintext=plaintext)]

    def opened() -> Observatory:
        return session.observatory(
            canaries=canaries,
            courses=courses,
            alerts=alerts,
            slos=slos,
            traced=traced,
            asked=asked,
            window_seconds=window_seconds,
            least_timeout=least_timeout,
        )

    (snapshot,) = _read(session, opened, read, everything=everything, meanwhile=meanwhile)
    return snapshot


def at_moments(session: Session, moments: Sequence[float | None], *, asked: Asked) -> list[Snapshot]:
    """A Snapshot of each of some moments (Unix seconds, None for the present), all with the objects of now.

    The objects are read once. As `once`, without what the access policy hides; `asked` is what is read at all.
    """

    async def read(observatory: Observatory) -> list[Snapshot]:
        observatory.schedule.moment = moments[0]
        found = [await observatory.once()]
        found.extend([await observatory.remeasure(moment) for moment in moments[1:]])
        return found

    return _read(session, lambda: session.observatory(asked=asked), read)


def _read(
    session: Session,
    opened: Callable[[], Observatory],
    read: Callable[[Observatory], Awaitable[list[Snapshot]]],
    *,
    everything: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Snapshot]:
    import asyncio

    # Kept here and not returned: asyncio.run asks for the signal handler, whose lookup fails and so writes out the task
    # with its result, which takes longer than a cluster.
    found: list[Snapshot] = []

    def prepare() -> None:
        meanwhile()
        _ = session.pictures

    async def ask() -> None:
        observatory = opened()
        try:
            snapshots, _ = await asyncio.gather(read(observatory), asyncio.to_thread(prepare))
            found.extend(snapshots if everything else map(session.pictures.visible, snapshots))
        finally:
            await observatory.close()

    asyncio.run(ask())
    return found


def say_missing(session: Session, snapshot: Snapshot) -> None:
    """Print on stderr which sources did not answer completely; with -v also their notes and cost."""
    from meshtop.model.numbers import written_out
    from meshtop.views.frame.document import missing

    for sentence in missing(snapshot):
        say(f"meshtop: {sentence}")
    if snapshot.hidden:
        say(f"meshtop: {snapshot.hidden}")
    if session.common.verbose:
        for cluster in snapshot.clusters:
            for name, status, cost in (
                ("kubernetes", cluster.kubernetes, cluster.kubernetes_cost),
                ("prometheus", cluster.prometheus, cluster.prometheus_cost),
            ):
                told = "; ".join((status.state.value, *status.notes))
                say(
                    f"meshtop: {cluster.name} {name}: {told}"
                    f" ({cost.seconds:.2f} s, {written_out(cost.bytes)} bytes, {written_out(cost.requests)} requests)"
                )


def exit_code(snapshot: Snapshot) -> Exit:
    """Unreachable when no cluster could be reached, refused when all that were reached refused."""
    from meshtop.model.state import State

    sources = [cluster.kubernetes for cluster in snapshot.clusters]
    if any(source.state in (State.FRESH, State.STALE, State.PARTIAL) for source in sources):
        return Exit.FINE
    refused = bool(sources) and all(source.state is State.DENIED and source.reached for source in sources)
    return Exit.REFUSED if refused else Exit.UNREACHABLE


def write(text: str, stream: TextIO | None = None) -> None:
    """Text on stdout, its line's end added; the one place where a command's answer leaves the program."""
    from meshtop.model.text import harmless

    out = stream or sys.stdout
    if text:
        out.write(harmless(text) + "\n")
        out.flush()
