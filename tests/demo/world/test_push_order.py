"""Configuration reaches the simulated proxies in the order in which it was written."""

from __future__ import annotations

from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World


def test_the_last_of_two_quick_changes_is_the_one_that_stays() -> None:
    now = 1_785_592_800.0
    world = World(Options(clusters=1), lambda: now, "calm")
    state = world.clusters["us-east"]._state
    state.advance()
    host = "reviews.shop.svc.cluster.local"

    def write(share: int) -> None:
        routes = [
            {"destination": {"host": host, "subset": name}, "weight": weight}
            for name, weight in (("v2", 100 - share), ("v3", share))
        ]
        spec = {"hosts": ["reviews"], "http": [{"route": routes}]}
        meta = {"name": "reviews", "namespace": "shop"}
        state.changed("us-east", "MODIFIED", {"kind": "VirtualService", "metadata": meta, "spec": spec})

    for _ in range(20):
        write(10)
        now += 1.0
        write(60)
        now += 60.0
        state.advance()
        assert {d.subset: d.share for d in state.configs["us-east"].route(host, "http")} == {
            "v2": 0.4,
            "v3": 0.6,
        }
