"""The tenants' table and tree by keys: what folds, what stays folded, what opens, and how it looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from meshtop.console.places import TENANT_TREE, TENANTS
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.tenants import TenantTreeScreen
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.live_table import LiveTable
from meshtop.views.picture.factory import PictureFactory
from tests.analysis.tenancy.fleets import GROUPED, call, cluster, fleet, tenancy
from tests.console.graph.walking import until
from tests.console.screens.test_screens import SIZE, go, keys_shown, press, settled, text_of
from tests.console.stage import StillApp, session_of, stage
from tests.worlds import world

ACME, SHOP, PAY = "organization:acme", "tenant:storefront", "tenant:payments"
WEB, CARDS = "workspace:storefront/web", "workspace:payments/cards"
MIXED, NOBODY = "tenant:payments|storefront", "tenant:(none)"


def console(look: Look | None = None) -> StillApp:
    return stage(fleet(), look=look, make=PictureFactory(tenancy=tenancy(GROUPED)).picture)


def cursor(app: StillApp) -> str | None:
    return app.screen.query_one(LiveTable).cursor_key


async def move(pilot: Pilot[int], key: str) -> None:
    """The cursor on a row."""
    assert pilot.app.screen.query_one(LiveTable).go_to(key)
    await settled(pilot)


async def test_arrows_fold_unfold_and_go_up() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        assert set(keys_shown(app)) == {ACME, SHOP, WEB, PAY, CARDS, MIXED, NOBODY}
        assert keys_shown(app)[-2:] == [MIXED, NOBODY], "what belongs to no tenant stands at the end"
        await move(pilot, WEB)
        await press(pilot, "right")
        assert "namespace:west/tools" in keys_shown(app)
        assert cursor(app) == WEB
        await move(pilot, "namespace:west/tools")
        await press(pilot, "left")
        assert cursor(app) == WEB
        await press(pilot, "left")
        assert "namespace:west/tools" not in keys_shown(app)
        await press(pilot, "left")
        assert cursor(app) == SHOP
        await press(pilot, "space")
        assert WEB not in keys_shown(app)
        await press(pilot, "enter")
        assert WEB in keys_shown(app)


async def test_all_at_once() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        await press(pilot, "plus")
        assert {"namespace:east/mixed", "namespace:west/pay", "group:storefront/web/front"} < set(keys_shown(app))
        await move(pilot, "namespace:west/pay")
        await press(pilot, "minus")
        assert set(keys_shown(app)) == {ACME, MIXED, NOBODY}
        assert cursor(app) == ACME


async def test_what_is_folded_stays_so_while_data_and_order_change() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        await move(pilot, SHOP)
        await press(pilot, "left")
        await move(pilot, CARDS)
        await press(pilot, "right")
        shown = set(keys_shown(app))
        session_of(app).publish(world(cluster("east", [call("east/pay/a", "east/shop/b", 900.0)]), sequence=2))
        await settled(pilot)
        assert WEB not in keys_shown(app)
        assert "namespace:east/pay" in keys_shown(app)
        session_of(app).publish(fleet())
        table = app.screen.query_one(LiveTable)
        table.post_message(LiveTable.SortChanged(table, "name", True))
        await settled(pilot)
        assert set(keys_shown(app)) <= shown
        assert WEB not in keys_shown(app)
        assert table.sorting == ("name", True)
        assert keys_shown(app).index(SHOP) < keys_shown(app).index(PAY), "siblings are sorted among themselves"
        assert keys_shown(app)[-1] == NOBODY


async def test_a_filter_unfolds_what_it_finds_and_leaves_the_folding_as_it_was() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        before = keys_shown(app)
        await press(pilot, "slash", *"name:west/tools", "enter")
        assert keys_shown(app) == [ACME, SHOP, WEB, "namespace:west/tools"]
        await move(pilot, SHOP)
        await press(pilot, "left")
        assert keys_shown(app) == [ACME, SHOP]
        await press(pilot, "escape")
        assert keys_shown(app) == before


async def test_enter_opens_a_leaf_and_o_any_row() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        await press(pilot, "plus")
        for row, opened in (
            ("namespace:east/pay", ("namespaces", "east/pay")),
            ("group:storefront/web/front", (TENANT_TREE, "group:storefront/web/front")),
        ):
            await move(pilot, row)
            await press(pilot, "enter")
            assert isinstance(app.screen, DetailScreen)
            assert (app.screen.kind, app.screen.key) == opened
            await press(pilot, "escape")
            assert isinstance(app.screen, TenantTreeScreen)
            assert cursor(app) == row
        await move(pilot, WEB)
        await press(pilot, "o")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.key == WEB


@pytest.mark.parametrize(
    ("kind", "row", "tenant", "places"),
    [
        (TENANTS, "storefront/web", "storefront/web", ((), ())),
        (TENANTS, "(none)", None, ((), ())),
        (TENANT_TREE, PAY, "payments", ((), ())),
        (TENANT_TREE, "group:storefront/web/front", "storefront/web/front", ((), ())),
        (TENANT_TREE, "namespace:west/pay", None, (("west",), ("pay",))),
        (TENANT_TREE, ACME, None, ((), ())),
    ],
)
async def test_x_looks_at_one_only(
    kind: str, row: str, tenant: str | None, places: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, kind)
        if kind == TENANT_TREE:
            await press(pilot, "plus")
        await move(pilot, row)
        await press(pilot, "x")
        query = app.scope.query
        assert (query.tenant, (query.clusters, query.namespaces)) == (tenant, places)
        assert tenant is None or keys_shown(app)


async def test_g_is_the_graph_of_a_tenant() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANTS)
        await move(pilot, "payments/cards")
        await press(pilot, "g")
        await until(pilot, lambda: isinstance(app.screen, FlowScreen))
        assert app.scope.query.tenant == "payments/cards"
        await go(pilot, TENANTS)
        assert keys_shown(app) == ["payments/cards"]


async def test_w_unfolds_the_worst() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        await press(pilot, "minus", "w")
        assert cursor(app) in ("namespace:east/shop", "namespace:east/pay"), "the ends of the calls that fail"


async def test_a_cluster_in_scope_is_all_that_is_added_up() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, TENANT_TREE)
        await press(pilot, "colon", *"cluster west", "enter")
        await go(pilot, TENANT_TREE)
        acme = next(line for line in text_of(app.screen.query_one(LiveTable)).splitlines() if "acme" in line)
        assert " 45 " in acme
        await press(pilot, "plus")
        assert all("east" not in key for key in keys_shown(app))


@pytest.fixture
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


async def _unfolded(pilot: Pilot[int]) -> None:
    await go(pilot, TENANT_TREE)
    await press(pilot, "plus", "down", "down")


@pytest.mark.usefixtures("_truecolor")
@pytest.mark.parametrize(
    ("look", "size"),
    [
        pytest.param(Look("meshtop-dark"), (80, 24), id="dark-80x24"),
        pytest.param(Look("meshtop-dark"), (120, 40), id="dark-120x40"),
        pytest.param(Look("meshtop-dark"), (200, 60), id="dark-200x60"),
        pytest.param(Look("meshtop-ansi", colour=False), (80, 24), id="plain-80x24"),
    ],
)
def test_the_tree(snap_compare: Callable[..., bool], look: Look, size: tuple[int, int]) -> None:
    assert snap_compare(console(look), terminal_size=size, run_before=_unfolded)


@pytest.mark.usefixtures("_truecolor")
def test_the_tree_in_ascii(snap_compare: Callable[..., bool]) -> None:
    look = Look("meshtop-ansi", colour=False, ascii=True)
    assert snap_compare(console(look), terminal_size=(80, 24), run_before=_unfolded)
