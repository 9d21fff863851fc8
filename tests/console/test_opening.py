"""What `--open` names is opened once it is read; what is not there is said."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.app import MeshtopApp
from meshtop.console.opening import parse_opening
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.table import TableScreen
from meshtop.console.session import ConsoleOptions
from meshtop.settings.schema import Settings
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from tests.console.stage import StillSession, busy_world


def opened(text: str) -> MeshtopApp:
    session = StillSession(None)
    app = MeshtopApp(ConsoleOptions(settings=Settings), session=session, opening=parse_opening(text))
    session.app = app
    return app


def workload() -> tuple[str, str]:
    """The key of a workload, and its name without the cluster, which another cluster has too."""
    items = view("workloads").all_items(Picture(busy_world()))
    names = [f"{item.namespace}/{item.name}" for item in items]
    item = next(item for item in items if names.count(f"{item.namespace}/{item.name}") > 1)
    return view("workloads").key(item), f"{item.namespace}/{item.name}"


async def test_a_row_of_one_cluster_opens_when_it_is_read() -> None:
    key, name = workload()
    app = opened(f"workload/{key.partition('/')[0]}/{name}")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, TableScreen)
        assert app.screen.kind == "workloads"
        assert isinstance(app.session, StillSession)
        app.session.publish(structs.replace(busy_world(), settled=False, clusters=()))
        await pilot.pause()
        assert isinstance(app.screen, TableScreen)
        app.session.publish(busy_world())
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        assert (app.screen.kind, app.screen.key) == ("workloads", key)
        await pilot.press("escape")
        app.session.publish(busy_world())
        await pilot.pause()
        assert isinstance(app.screen, TableScreen)


async def test_what_is_not_there_is_said_once_all_was_read() -> None:
    app = opened("service/shop/nowhere")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert isinstance(app.session, StillSession)
        app.session.publish(busy_world())
        await pilot.pause()
        shown = "\n".join(str(line) for line in app.screen._compositor.render_strips())
    assert "There is no service shop/nowhere here as far as it was read" in shown
    assert app.opening is None


async def test_rows_of_several_clusters_are_what_the_table_shows() -> None:
    _, name = workload()
    app = opened(f"workload/{name}")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert isinstance(app.session, StillSession)
        app.session.publish(busy_world())
        await pilot.pause()
        assert isinstance(app.screen, TableScreen)
        assert app.scope.query.filter == f"name:{name.rpartition('/')[2]}"
        assert app.screen.shown is not None
        assert len(app.screen.shown) > 1


async def test_whoever_went_elsewhere_stays_there() -> None:
    app = opened(f"workload/east/{workload()[1]}")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("6")
        assert isinstance(app.session, StillSession)
        app.session.publish(busy_world())
        await pilot.pause()
        assert not isinstance(app.screen, DetailScreen)
        assert app.opening is None


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("service/shop/catalog", "services", "shop/catalog"),
        ("svc/us-east/shop/catalog", "services", "us-east/shop/catalog"),
        ("VirtualService/shop/reviews", "canaries", "shop/reviews"),
        ("vs/shop/reviews", "canaries", "shop/reviews"),
        ("ns/shop", "namespaces", "shop"),
    ],
)
def test_kinds_go_by_any_of_their_names(text: str, kind: str, name: str) -> None:
    found = parse_opening(text)
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize("text", ["", "service", "service/", "nowhere/shop/x"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_opening(text)
