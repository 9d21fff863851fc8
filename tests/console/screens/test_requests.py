"""What a screen asks to be worked out of the next picture: a frozen copy, made again with whatever it follows from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from textual.message import Message
from textual.message_pump import MessagePump

from meshtop.console.picture_request import PictureRequest
from meshtop.console.screens.table import WIDE
from meshtop.console.session import QUIET_SECONDS, ConsoleOptions, ConsoleSession, PictureArrived
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.observatory.observatory import Observatory
from meshtop.settings.schema import Settings
from meshtop.views.frame.registry import view
from meshtop.views.picture.asks import asked_for
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.screens.test_screens import go, press, settled
from tests.console.stage import busy_world, session_of, stage


class ToldObservatory(Observatory):
    """An observatory of nothing that notes what it is told of."""

    def __init__(self, told: list[Asked]) -> None:
        self._told_of = told

    def attend(self, attended: Asked) -> None:
        self._told_of.append(attended)


def session_with_thread(told: list[Asked]) -> ConsoleSession:
    """A session whose observatory is told at once."""

    class Told(ConsoleSession):
        def tell(self, action: Callable[[Observatory], None]) -> None:
            action(ToldObservatory(told))

    return Told(ConsoleOptions(settings=Settings), MessagePump())


def test_a_request_works_out_what_a_screen_then_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has been worked out, drawing reads no rows anew."""
    picture = Picture(busy_world())
    query = Query(sort="name")
    key = view("workloads").key(view("workloads").all_items(picture)[0])
    request = PictureRequest(
        kinds=frozenset({"services"}), table=("workloads", query), details=(("workloads", key),), attention=Query()
    )
    request.prepare(picture)
    assert view("workloads").items(picture, query) is view("workloads").items(picture, query)


def test_a_filter_that_the_kind_does_not_know_spoils_nothing() -> None:
    picture = Picture(busy_world())
    PictureRequest(kinds=frozenset({"services"}), table=("services", Query(filter="nocolumn:x"))).prepare(picture)


async def test_the_screen_in_front_says_what_it_will_draw_next() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(WIDE, 40)) as pilot:
        await settled(pilot)
        first = session_of(app).request
        assert first.kinds == {"clusters"}
        assert first.attention == Query()
        await go(pilot, "workloads")
        request = session_of(app).request
        assert request.table is not None
        assert request.table[0] == "workloads"
        assert len(request.details) == 1
        await press(pilot, "down")
        moved = session_of(app).request
        assert moved.details != request.details, "what stands beside the table follows the cursor"
        await press(pilot, "slash", *"reviews", "enter")
        filtered = session_of(app).request
        assert filtered.table is not None
        assert filtered.table[1].filter == "reviews"
        assert request.table[1].filter == "", "what was handed over stays as it was"
        await press(pilot, "escape", "escape")
        assert session_of(app).request.kinds == {"clusters"}


async def test_a_covered_screen_does_not_put_its_request_in_the_place_of_the_one_in_front() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter")
        assert session_of(app).request.table is None
        app.set_scope(app.scope.filtered("reviews"))
        await settled(pilot)
        assert session_of(app).request.table is None


def test_what_is_looked_at_is_kept_up_to_date_from_moment_to_moment() -> None:
    clusters, mtls = asked_for("clusters"), asked_for("mtls")
    # What needs attention is told with what changed before it, whose marks are read for that alone.
    marks = Asked(frozenset({"Event"}), frozenset())
    assert PictureRequest(kinds=frozenset({"clusters"}), attention=Query()).attended() == clusters | marks
    assert PictureRequest(kinds=frozenset({"clusters"})).attended() == clusters
    assert PictureRequest(kinds=frozenset({"clusters"}), table=("mtls", Query())).attended() == clusters | mtls
    # A detail tells of whatever applies; a screen that names nothing may look at anything.
    assert PictureRequest(kinds=frozenset({"clusters"}), details=(("clusters", "east"),)).attended() == EVERYTHING_ASKED
    assert PictureRequest().attended() == EVERYTHING_ASKED


def test_the_observatory_is_told_what_the_front_screen_looks_at() -> None:
    told: list[Asked] = []
    session = session_with_thread(told)
    session.request = PictureRequest(kinds=frozenset({"edges"}))
    session.request = PictureRequest()
    assert told == [asked_for("edges"), EVERYTHING_ASKED]
    assert session.request == PictureRequest()


class PostedPictures(MessagePump):
    """A console that keeps the moments of the pictures that it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    def post_message(self, message: Message) -> bool:
        assert isinstance(message, PictureArrived)
        self.moments.append(message.picture.snapshot.at)
        return True


def confirmed(snapshot: Snapshot, at: float) -> Snapshot:
    """The snapshot a moment later, when all sources have said that everything is as it was."""
    return structs.replace(
        snapshot,
        at=at,
        sequence=snapshot.sequence + 1,
        clusters=tuple(
            structs.replace(
                one,
                kubernetes=structs.replace(one.kubernetes, answered_at=at),
                kubernetes_cost=Cost(seconds=at),
            )
            for one in snapshot.clusters
        ),
    )


def test_no_picture_is_made_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    target = PostedPictures()
    session = ConsoleSession(ConsoleOptions(settings=Settings), target)
    session._pictures = PictureFactory()
    world = busy_world()
    first = world.at
    for seconds in (0.0, 5.0, 10.0, QUIET_SECONDS, QUIET_SECONDS + 5.0):
        session._publish(confirmed(world, first + seconds))
    assert target.moments == [first, first + QUIET_SECONDS]

    # Whatever is read anew, or counts as old by now, is shown at once.
    target.moments.clear()
    east, *others = world.clusters
    assert east.inventory is not None
    assert east.telemetry is not None
    changes = (
        structs.replace(east, inventory=structs.replace(east.inventory)),
        structs.replace(east, telemetry=structs.replace(east.telemetry)),
        structs.replace(east, kubernetes=SourceStatus(state=State.STALE, error="silent")),
        structs.replace(east, prometheus=SourceStatus(state=State.PARTIAL)),
    )
    at = first + QUIET_SECONDS + 6.0
    for number, changed in enumerate(changes):
        session._publish(confirmed(structs.replace(world, clusters=(changed, *others)), at + number))
    session._publish(confirmed(structs.replace(world, window_seconds=60.0), at + 5))
    session._publish(confirmed(structs.replace(world, moment=first - 60.0), at + 6))
    session._publish(confirmed(structs.replace(world, clusters=world.clusters[:1]), at + 7))
    assert len(target.moments) == len(changes) + 3
