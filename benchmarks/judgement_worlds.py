"""How judgements fare in whole worlds, by simulated time: what the calm raises, and what comes first where trouble is.

    PYTHONPATH=. python benchmarks/judgement_worlds.py [--minutes 120] [--every 60] [--only NAME]

The demo's clusters and the real observatory run in this process, on a clock that is moved by hand: no wall clock is
read for any figure but the CPU time. Of the calm world it says every item that came or went after the first look, and
every status of a workload, namespace, tenant or cluster that flipped; of each story, after how many seconds its cause
was the first item, how far off its onset was, and what was folded under it. `tests/judgement` holds a shorter form.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from meshtop.views.frame.registry import view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.events import AttentionChanges, AttentionEventKind
from meshtop.views.reports.attention.view import attention
from tests.judgement.simulated import STORIES, SimulatedWorld, statuses


async def calm(minutes: float, every: float) -> None:
    """Two hours in which nothing happens."""
    world = SimulatedWorld("calm")
    began, raised, flips, looks = time.process_time(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        async with world.observed(Path(folder)) as observatory:
            factory, changes = PictureFactory(), AttentionChanges()
            before: dict[str, str] = {}
            until = world.now + minutes * 60
            while world.now <= until:
                picture = factory.picture(await world.look(observatory, list_objects=looks % 10 == 0))
                at = (world.now - world.begins) / 60
                for event in changes.look(attention(picture), world.now):
                    if event.event is not AttentionEventKind.THERE:
                        raised += 1
                        print(f"  {at:6.1f} min  {event.line()}")
                now = statuses(picture)
                for name in sorted(before.keys() & now.keys()):
                    if before[name] != now[name]:
                        flips += 1
                        print(f"  {at:6.1f} min  {name}: {before[name]} -> {now[name]}")
                before = now
                looks += 1
                if int(at + every / 60) // 15 > int(at) // 15:
                    cpu = time.process_time() - began
                    print(
                        f"  {at:6.1f} min  {looks} looks, {raised} items came or went, {flips} flips ({cpu:.0f} s CPU)"
                    )
                world.now += every
    cpu = time.process_time() - began
    print(f"calm: {looks} looks every {every:g} s, {raised} items came or went, {flips} flips ({cpu:.0f} s CPU)")


async def story(name: str, every: float) -> None:
    """One story, until its cause is the first item."""
    told = STORIES[name]
    world = SimulatedWorld(name)
    world.now = world.begins - every
    with tempfile.TemporaryDirectory() as folder:
        async with world.observed(Path(folder)) as observatory:
            factory = PictureFactory()
            while world.now <= world.begins + 600:
                picture: Picture = factory.picture(await world.look(observatory))
                found = attention(picture)
                first = found[0] if found else None
                if first is not None and first.id in told.causes:
                    since = "no onset" if first.since is None else f"{first.since.timestamp() - world.begins:+.0f} s"
                    print(
                        f"{name}: first after {world.now - world.begins:.0f} s: {first.id}, onset {since}, "
                        f"{len(first.consequences)} consequences, {len(found)} items"
                    )
                    for one in first.consequences:
                        print(f"    {one.id}")
                    return
                world.now += every
    print(f"{name}: the cause was not first within 10 minutes")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks at the calm world")
    parser.add_argument("--only", help="one of: calm, " + ", ".join(STORIES))
    given = parser.parse_args()
    view("workloads")
    if given.only in (None, "calm"):
        asyncio.run(calm(given.minutes, given.every))
    for name in STORIES:
        if given.only in (None, name):
            asyncio.run(story(name, 15.0))


if __name__ == "__main__":
    main()
