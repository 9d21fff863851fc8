"""The services of a mesh: the company's own, and for a big world more of them, invented."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from meshtop.demo.world import company
from meshtop.demo.world.company import Call, Service, Version

_KINDS = (
    "feed",
    "index",
    "sync",
    "router",
    "quotes",
    "media",
    "audit",
    "profile",
    "rules",
    "export",
    "pricing",
    "alerts",
)
_THINGS = (
    "tent",
    "boot",
    "stove",
    "kayak",
    "rope",
    "lamp",
    "pack",
    "jacket",
    "map",
    "radio",
    "sled",
    "compass",
    "knife",
)


def services_of(template: str, count: int | None, seed: int) -> dict[str, Service]:
    """The services of a mesh by name: the company's own, or the first `count` of them and invented ones besides.

    They call nothing that was left out.
    """
    own = [s for s in company.SERVICES if s.mesh == template]
    if count is not None:
        own = own[:count]
        own += _invented(template, count - len(own), seed)
    names = {s.name for s in own} | {m.name for m in company.MACHINES if m.mesh == template}
    names |= {e.name for e in company.EXTERNALS}
    return {s.name: replace(s, calls=tuple(c for c in s.calls if c.service in names)) for s in own}


def _invented(template: str, count: int, seed: int) -> list[Service]:
    """More services for a big world: in teams of twelve, each calling up to five later ones."""
    random = Random(f"{seed}/{template}/services")
    names = [f"{_THINGS[i % len(_THINGS)]}-{_KINDS[i // len(_THINGS) % len(_KINDS)]}-{i:04d}" for i in range(count)]
    found = []
    for i, name in enumerate(names):
        later = range(i + 1, min(count, i + 60))
        calls = tuple(
            Call(names[j], 0.15 + 0.35 * random.random()) for j in sorted(random.sample(later, min(4, len(later))))
        )
        versions = [Version("v1", 2, 4 + 60 * random.random(), 0.7, _ERRORS[i % len(_ERRORS)], "1.0.0")]
        if i % 9 == 0:
            versions.append(Version("v2", 1, 4 + 60 * random.random(), 0.7, (), "2.0.0"))
        found.append(
            Service(
                name,
                f"team-{i // 12 + 1:03d}",
                8080,
                tuple(versions),
                mesh=template,
                calls=calls,
                entry_rate=5 + 20 * random.random() if i % 7 == 0 else 0.0,
            )
        )
    return found


_ERRORS = ((("404", 0.004), ("500", 0.0006)), (("500", 0.0004),), (), (("503", 0.001),))


def in_calling_order(services: dict[str, Service]) -> tuple[str, ...]:
    """The names of services so that each comes after all its callers. Raises ValueError where they call in a circle."""
    waiting = dict.fromkeys(services, 0)
    for service in services.values():
        for call in service.calls:
            if call.service in waiting:
                waiting[call.service] += 1
    ready = [name for name, count in waiting.items() if count == 0]
    found = []
    while ready:
        name = ready.pop()
        found.append(name)
        for call in services[name].calls:
            if call.service in waiting:
                waiting[call.service] -= 1
                if waiting[call.service] == 0:
                    ready.append(call.service)
    if len(found) != len(services):
        raise ValueError("the company's services call each other in a circle")
    return tuple(found)
