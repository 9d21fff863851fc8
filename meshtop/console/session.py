"""The console's session with the observatory: Snapshots become Pictures on a worker thread, and one message each."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field, structs
from textual.message import Message
from textual.message_pump import MessagePump

from meshtop.console.picture_request import PictureRequest
from meshtop.console.preparing import Preparation
from meshtop.log import log_failure, log_repeated
from meshtop.model.asked import Asked
from meshtop.process import collector_paused
from meshtop.views.picture.query import Query

if TYPE_CHECKING:
    from meshtop.actions.attention import AttentionStore
    from meshtop.actions.change_ring import ChangeRing
    from meshtop.model.snapshot import Snapshot
    from meshtop.model.telemetry import Line
    from meshtop.observatory.observatory import Observatory
    from meshtop.observatory.thread import ObservatoryThread
    from meshtop.settings.origins import Setting
    from meshtop.settings.schema import Settings
    from meshtop.sources.recording.recorded import RecordedSnapshots
    from meshtop.views.frame.charts import Chart
    from meshtop.views.picture.factory import PictureFactory
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
QUIET_SECONDS = 15.0
"""While nothing changes, a picture is made so often: what depends on time alone is not drawn sooner."""

_MOST_SCREENS = 3
"""A picture is shown after so many screens, though another came to the front while it was made for them."""


class ConsoleOptions(Struct, frozen=True, kw_only=True):
    """Options from the command line.

    `settings` is called after the first frame, in another thread, because it imports pydantic.
    """

    settings: Callable[[], Settings]
    kubeconfig: str | None = None
    contexts: tuple[str, ...] = ()
    query: Query = Query()
    moment: float | None = None
    mouse: bool = True
    cell_diff: bool = True
    read_only: bool = False
    keymap: dict[str, str] = field(default_factory=dict)
    settings_in_force: Callable[[], Sequence[Setting]] | None = None
    """Every setting with its value and origin; called in another thread, because it imports pydantic."""
    recording: RecordedSnapshots | None = None
    """The recording that is shown instead of clusters."""


Answer = TypeVar("Answer")


class PictureArrived(Message):
    """Message: a new picture; a pending older one is dropped."""

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.picture = picture

    def can_replace(self, message: Message) -> bool:
        """The newest picture is the only one worth drawing."""
        return isinstance(message, PictureArrived)


class SessionFailed(Message):
    """Message: the observatory could not start, or failed; no more pictures will come."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class ConsoleSession:
    """Starts the observatory on its own thread and posts Pictures to the app.

    `request` is what the front screen will draw: it is computed on the worker thread before a picture is posted.
    Screens replace it, and never modify it.
    """

    def __init__(self, options: ConsoleOptions, target: MessagePump) -> None:
        self._options = options
        self._target = target
        self._thread: ObservatoryThread | None = None
        self._settings: Settings | None = None
        self._attention: AttentionStore | None = None
        self._ring: ChangeRing | None = None
        self._pictures: PictureFactory | None = None
        self._starting = threading.Thread(target=self._start, name="start", daemon=True)
        self._request: PictureRequest | None = None
        self._attended: Asked | None = None
        self._last: Snapshot | None = None
        self._preparation = Preparation(self._arrived_again)

    @property
    def request(self) -> PictureRequest:
        """What the front screen will draw."""
        return self._request or PictureRequest()

    @request.setter
    def request(self, request: PictureRequest) -> None:
        self._request = request
        attended = self._attended = request.attended()
        # Said again with each picture: the observatory may not have begun yet when it was said first.
        self.tell(lambda observatory: observatory.attend(attended))

    def forecaster(self) -> Callable[[Snapshot], Picture] | None:
        """Makes Pictures of Snapshots as they would be, of which nothing is remembered; None until settings were read.

        Each has a memory of its own: in that of the session, what would be and what is would drive each other out.
        """
        from meshtop.views.picture.memory import Memory

        if self._pictures is None:
            return None
        made = structs.replace(self._pictures, change_memory=None, attention_log=None, memory=Memory())
        return made.picture

    @property
    def settings(self) -> Settings | None:
        """The checked settings; None until they were read."""
        return self._settings

    def start(self) -> None:
        """Start reading; returns immediately."""
        self._starting.start()

    def _start(self) -> None:
        try:
            from meshtop.observatory.thread import ObservatoryThread

            self._settings = self._options.settings()
            self._thread = ObservatoryThread(self._open, self._publish, self._failed, get_ready=self._get_ready)
            self._thread.start()
        except BaseException as error:  # noqa: BLE001 - a thread has no caller to raise to
            log_failure(_log, "the console could not begin to read", error)
            self._failed(error)

    def _get_ready(self) -> None:
        """Import what looks at the clusters' answers, while they answer.

        One processor imports at a time: before they were asked it would only keep their questions waiting. The first
        picture is of what was read by its end, so that no picture of nothing is made and drawn first.
        """
        # What is imported is no garbage: to look through it takes as long as a tenth of importing it.
        with collector_paused():
            from meshtop.actions.attention import AttentionStore, attention_path
            from meshtop.actions.change_ring import ChangeRing, ring_path
            from meshtop.views.picture.factory import picture_factory

            # What this machine remembers is nothing that a recording knows of.
            if self._options.recording is None:
                self._attention = AttentionStore(attention_path())
                self._ring = ChangeRing(ring_path())
            assert self._settings is not None
            self._pictures = picture_factory(self._settings, attention_log=self._attention, change_memory=self._ring)
            try:
                self.request.load()
            except Exception as error:  # noqa: BLE001 - whoever works it out meets it again, and says so
                log_repeated(_log, "what the screen draws could not be imported", error)

    def _open(self) -> Observatory:
        recording = self._options.recording
        if recording is not None:
            from meshtop.observatory.narrowing import WhatIsRead
            from meshtop.observatory.replay import RecordedObservatory

            return RecordedObservatory(
                recording,
                wanted=WhatIsRead(),
                moment=self._options.moment,
                only=self._options.query.clusters,
                contexts=self._options.contexts,
            )
        from meshtop.observatory.build import open_observatory
        from meshtop.settings.environment import discovery_folder
        from meshtop.views.picture.asks import asked_for

        assert self._settings is not None
        observatory = open_observatory(
            self._settings,
            kubeconfig=self._options.kubeconfig,
            contexts=self._options.contexts,
            only=self._options.query.clusters,
            read_only=self._options.read_only or None,
            moment=self._options.moment,
            courses=True,
            traced=True,
            alerts=True,
            slos=True,
            discovery_folder=discovery_folder(os.environ),
        )
        # Until a screen has said more, it is the fleet's, which comes first.
        observatory.attend(self._attended or asked_for("clusters"))
        return observatory

    def _publish(self, snapshot: Snapshot) -> None:
        assert self._pictures is not None, "nothing is published before it is ready"
        last = self._last
        if last is not None and 0 <= snapshot.at - last.at < QUIET_SECONDS and snapshot.says_the_same_as(last):
            return
        # A picture of a big fleet is a hundred thousand objects, and none of them is garbage yet.
        with collector_paused():
            try:
                picture = self._pictures.picture(snapshot)
            except Exception as error:  # noqa: BLE001 - the last picture stays, and grows old in sight; the next may do
                log_repeated(_log, "no picture could be made of what was read", error)
                return
            self._last = snapshot
            self._prepare(picture)
        self._target.post_message(PictureArrived(picture))

    def _prepare(self, picture: Picture) -> None:
        """Prepare the picture for the front screen, and for another one that came to the front meanwhile."""
        for _ in range(_MOST_SCREENS):
            request = self.request
            self._preparation.prepare(picture, request)
            if self.request == request:
                break

    def _arrived_again(self, picture: Picture) -> None:
        self._target.post_message(PictureArrived(picture))

    def is_ready(self, picture: Picture, request: PictureRequest) -> bool:
        """Whether this can be drawn of a picture without making keys wait; where not, the picture arrives once more."""
        return self._preparation.is_ready(picture, request)

    def _failed(self, error: BaseException) -> None:
        self._target.post_message(SessionFailed(error))

    def refresh(self) -> None:
        """Refresh all sources now."""
        self.tell(lambda observatory: observatory.schedule.wake())

    def change(self, *, window_seconds: float | None = None, moment: float | None = None, live: bool = False) -> None:
        """Change the window, or go to a past moment or the present."""
        self.tell(
            lambda observatory: observatory.schedule.change(window_seconds=window_seconds, moment=moment, live=live)
        )

    def tell(self, action: Callable[[Observatory], None]) -> None:
        """Run a function on the observatory's loop."""
        if self._thread is not None:
            self._thread.tell(action)

    def ask(self, question: Callable[[Observatory], Coroutine[Any, Any, Answer]]) -> Future[Answer] | None:
        """Run a coroutine on the observatory's loop; None if it has not started yet."""
        return None if self._thread is None else self._thread.ask(question)

    def lines(
        self, chart: Chart, *, start: float, end: float, step: float, done: Callable[[tuple[Line, ...]], None]
    ) -> None:
        """Query a chart's lines from Prometheus; `done` is called on another thread, with none on failure."""

        async def ask(observatory: Observatory) -> tuple[Line, ...]:
            import asyncio

            from meshtop.sources.prometheus.charts import LineQuery

            async def of(cluster: str) -> tuple[Line, ...]:
                mine = [line for line in chart.lines if (line.cluster or chart.cluster) == cluster]
                queries = [LineQuery(line.name, line.expression, line.unit) for line in mine]
                return await observatory.lines(cluster, queries, start=start, end=end, step=step)

            clusters = dict.fromkeys(line.cluster or chart.cluster for line in chart.lines)
            answers = await asyncio.gather(*map(of, clusters), return_exceptions=True)
            found = [line for answer in answers if not isinstance(answer, BaseException) for line in answer]
            errors = [answer for answer in answers if isinstance(answer, BaseException)]
            if errors and not found:
                raise errors[0]
            for error in errors:
                log_failure(_log, f"the chart {chart.title} lacks a cluster's lines", error)
            return tuple(found)

        future = self.ask(ask)
        if future is not None:
            future.add_done_callback(lambda answered: done(_lines_of(chart, answered)))

    @property
    def attention_store(self) -> AttentionStore | None:
        """What needed attention, as it is remembered on this machine; None until the settings were read."""
        return self._attention

    @property
    def change_ring(self) -> ChangeRing | None:
        """What was seen to change, as it is remembered on this machine; None until the settings were read."""
        return self._ring

    def stop(self) -> None:
        """Stop the observatory."""
        if self._thread is not None:
            self._thread.stop()
        if self._attention is not None:
            self._attention.close()
        if self._ring is not None:
            self._ring.close()


def _lines_of(chart: Chart, answered: Future[tuple[Line, ...]]) -> tuple[Line, ...]:
    if answered.cancelled():
        return ()
    if (error := answered.exception()) is not None:
        log_failure(_log, f"the chart {chart.title} has no lines", error)
        return ()
    return answered.result()
