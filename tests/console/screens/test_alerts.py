"""Alerts and objectives in the console: pages of Now, and what NOW opens."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.table import TableScreen
from meshtop.model.alerting import Alert, Alerts, AlertState, SloReading, Slos
from tests import worlds
from tests.console.screens.test_screens import go, press
from tests.console.stage import StillApp, stage

ALERT = Alert(
    name="Errors",
    state=AlertState.FIRING,
    since=worlds.AT - 60,
    labels={"severity": "critical", "destination_workload": "web-v1", "destination_workload_namespace": "shop"},
    annotations={"summary": "[bold]too many[/bold] errors"},
)
SLO = SloReading(
    name="available",
    namespace="shop",
    service="web",
    objective=0.99,
    window_seconds=30 * 86_400.0,
    ratios={300.0: 0.001, 3600.0: 0.002},
)


@pytest.fixture
def app() -> StillApp:
    east = structs.replace(worlds.east(), alerts=Alerts(alerts=(ALERT,)), slos=Slos(readings=(SLO,)))
    return stage(worlds.world(east, worlds.west()))


@pytest.mark.parametrize(("kind", "key"), [("alerts", "east/Errors"), ("slos", "east/shop/web/available")])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_row_opens_its_detail(app: StillApp, kind: str, key: str, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await go(pilot, kind)
        assert isinstance(app.screen, TableScreen)
        assert app.picture is not None
        assert len(app.screen.kind_view.all_items(app.picture)) == 1
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        assert (app.screen.kind, app.screen.key.startswith(key)) == (kind, True)
