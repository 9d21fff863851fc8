"""What enter opens: one screen for one row, which one esc closes."""

from __future__ import annotations

import pytest

from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.matrix import MatrixScreen
from tests.console.screens.test_screens import SIZE, go, keys_shown, press, settled
from tests.console.stage import busy_world, stage


@pytest.mark.parametrize(("keys", "kind"), [((), "clusters"), (("n",), "clusters")])
async def test_a_row_of_the_fleet_opens_once(keys: tuple[str, ...], kind: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, *keys, "enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.kind == kind
        await press(pilot, "escape")
        assert isinstance(app.screen, FleetScreen)


async def test_a_row_of_the_matrix_leads_to_its_pairs() -> None:
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "tenantmatrix")
        await press(pilot, "enter")
        assert isinstance(app.screen, MatrixScreen)
        assert not app.screen.as_matrix
        assert keys_shown(app) == ["storefront/storefront"]
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, MatrixScreen)
