"""Where `!` leads: the program, the context, the namespace; and why it leads nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from meshtop.console import handover
from meshtop.console.app import MeshtopApp
from meshtop.console.handover import OtherPlace, command_line, other_place, why_not
from meshtop.console.screens.findings import FindingsScreen
from meshtop.console.session import ConsoleOptions
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.settings.schema import Settings
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests.console.screens.test_findings import faulty_world
from tests.console.screens.test_screens import press, settled
from tests.console.stage import StillApp, StillSession, busy_world, stage

PLACE = OtherPlace("east-admin", "shop", "service", "catalog")


@pytest.mark.parametrize(
    ("place", "installed", "expected"),
    [
        (PLACE, ("k9s", "kubectl"), "/bin/k9s --context east-admin --namespace shop --command service"),
        (PLACE, ("kubectl",), "/bin/kubectl --context east-admin --namespace shop describe service catalog"),
        (OtherPlace("c", "shop"), ("kubectl",), "/bin/kubectl --context c --namespace shop get pods --output wide"),
        (OtherPlace("c"), ("kubectl",), "/bin/kubectl --context c get pods --output wide --all-namespaces"),
        (OtherPlace("c"), ("k9s",), "/bin/k9s --context c"),
        (PLACE, (), None),
    ],
)
def test_the_command_line(place: OtherPlace, installed: Sequence[str], expected: str | None) -> None:
    words = command_line(place, None, lambda name: f"/bin/{name}" if name in installed else None)
    assert (None if words is None else " ".join(words)) == expected
    if words is not None:
        given = command_line(place, "my file", lambda name: f"/bin/{name}" if name in installed else None)
        assert given is not None
        assert given[given.index("--kubeconfig") + 1] == "my file"


def test_a_row_leads_to_its_cluster_and_namespace() -> None:
    picture = Picture(busy_world())
    contexts = {cluster.name: cluster.context for cluster in picture.snapshot.clusters}
    for kind, resource in (("services", "service"), ("workloads", "deployment"), ("namespaces", "namespace")):
        item = view(kind).all_items(picture)[0]
        place = other_place(picture, Query(), (kind, view(kind).key(item)))
        assert place is not None
        assert place.context == contexts[item.cluster]
        assert (place.resource, place.name) == (resource, item.name)
    cluster = other_place(picture, Query(), ("clusters", "east"))
    assert cluster == OtherPlace(contexts["east"])


def test_without_a_row_the_scope_must_be_one_cluster() -> None:
    picture = Picture(busy_world())
    assert other_place(picture, Query(), None) is None
    narrowed = other_place(picture, Query(clusters=("east",), namespaces=("shop",)), None)
    assert narrowed is not None
    assert narrowed.namespace == "shop"
    pattern = other_place(picture, Query(clusters=("east",), namespaces=("shop-*",)), None)
    assert pattern is not None
    assert pattern.namespace == ""


def test_nothing_is_handed_over_from_a_browser_or_read_only() -> None:
    assert "browser" in why_not(in_browser=True, read_only=False)
    assert "read-only" in why_not(in_browser=False, read_only=True)
    assert why_not(in_browser=False, read_only=False) == ""


@pytest.mark.parametrize(
    ("read_only", "said"), [(True, "This console is read-only"), (False, "Neither k9s nor kubectl")]
)
async def test_the_console_says_why_not(read_only: bool, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    session = StillSession(busy_world())
    app = MeshtopApp(ConsoleOptions(settings=Settings), session=session)
    session.app = app
    monkeypatch.setattr(MeshtopApp, "read_only", property(lambda _: read_only))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("!")
        await pilot.pause()
        shown = "\n".join(str(line) for line in app.screen._compositor.render_strips())
    assert said in shown


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of programs that would have been given the terminal."""
    given: list[list[str]] = []

    async def instead(_: object, words: Sequence[str]) -> int:
        given.append(list(words))
        return 0

    monkeypatch.setattr(handover, "run_instead", instead)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}" if name == "kubectl" else None)
    return given


async def test_a_page_hands_over_what_its_selected_row_is_else_itself(handed: list[list[str]]) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.open_detail("services", "east/shop/reviews")
        await press(pilot, "exclamation_mark")
        assert " ".join(handed[-1]).endswith("--namespace shop describe deployment reviews-v1")
        await press(pilot, "shift+tab", "exclamation_mark")
        assert " ".join(handed[-1]).endswith("--namespace shop describe service reviews"), (
            "objects are no rows of a kind"
        )


async def test_a_finding_hands_over_its_object(handed: list[list[str]]) -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "7")
        assert app.picture is not None
        finding = next(one for one in view("findings").all_items(app.picture) if one.name == "faulty")
        assert isinstance(app.screen, FindingsScreen)
        app.screen.go_to_leaf(view("findings").key(finding))
        await press(pilot, "exclamation_mark")
        assert " ".join(handed[-1]).endswith("--namespace shop describe virtualservice faulty")
        app.open_detail("findings", view("findings").key(finding))
        await press(pilot, "exclamation_mark")
        assert len(handed) == 2


async def test_in_a_browser_a_sentence_says_why_not(handed: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StillApp, "is_web", True)
    app = stage(busy_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await press(pilot, "exclamation_mark")
        assert app.screen.query_one(KeyHints).render_line(0).text.strip() == why_not(in_browser=True, read_only=False)
    assert handed == []
