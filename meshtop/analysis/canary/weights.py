"""New weights for a route, and the JSON Patch that sets them and changes nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any

from meshtop.analysis.canary.routes import WeightedRoute

WHOLE = 100


def parse_targets(text: str) -> dict[str, int]:
    """Read `DEST=WEIGHT[,DEST=WEIGHT…]`. Raises ValueError with how to write it."""
    wanted: dict[str, int] = {}
    for part in text.split(","):
        name, equals, weight = part.strip().rpartition("=")
        if not (name and equals) or not weight.strip().isdecimal():
            raise ValueError(f"{part.strip()!r} is not a destination with a weight; write DEST=WEIGHT, such as v3=20")
        if name.strip() in wanted:
            raise ValueError(f"{name.strip()} is given two weights")
        wanted[name.strip()] = int(weight)
    return wanted


def apportion(total: int, parts: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `total` in the proportion of `parts` (largest remainder; ties to the earlier)."""
    whole = sum(parts)
    exact = [total * part / whole for part in parts]
    result = [floor(x) for x in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-(exact[i] - result[i]), i))
    for index in by_remainder[: total - sum(result)]:
        result[index] += 1
    return result


def new_weights(route: WeightedRoute, wanted: Mapping[str, int]) -> tuple[int, ...]:
    """The weights of all destinations, in their order, as whole percents that sum to 100.

    Destinations that are not named share the rest in their current proportions. Raises ValueError when a name is
    unknown, the sum is over 100, or no destination is left for the rest.
    """
    names = [d.name for d in route.destinations]
    for name, weight in wanted.items():
        if name not in names:
            raise ValueError(f"{route.label} has no destination {name}; it has {', '.join(names)}")
        if not 0 <= weight <= WHOLE:
            raise ValueError(f"{name}={weight}: a weight is a whole percent from 0 to {WHOLE}")
    rest = WHOLE - sum(wanted.values())
    if rest < 0:
        raise ValueError(f"the weights add up to {WHOLE - rest}, which is more than {WHOLE}")
    others = [d for d in route.destinations if d.name not in wanted]
    if rest and not others:
        raise ValueError(f"the weights add up to {WHOLE - rest}; all destinations are named, so make it {WHOLE}")
    shares = [d.share for d in others]
    if rest and not any(shares):
        if len(others) > 1:
            raise ValueError(f"{rest} % is left, and {', '.join(d.name for d in others)} have 0: name who gets it")
        shares = [1.0]
    given = dict(zip((d.name for d in others), apportion(rest, shares) if rest else [0] * len(others), strict=True))
    return tuple(wanted.get(name, given.get(name, 0)) for name in names)


def weight_patch(route: WeightedRoute, weights: Sequence[int | None]) -> list[dict[str, Any]]:
    """The JSON Patch that sets these weights, provided the object is unchanged since it was read.

    It tests the resourceVersion, what each destination routes to and each old weight, then replaces weights (adds
    them where absent), all in one atomic patch (reference/istio.md, "A safe patch"). A weight of None removes the
    field: a rollback thus restores a weight that was absent.
    """
    if len(weights) != len(route.destinations):
        raise ValueError("each destination needs a weight")
    patch: list[dict[str, Any]] = [{"op": "test", "path": "/metadata/resourceVersion", "value": route.resource_version}]
    changes: list[dict[str, Any]] = []
    for destination, weight in zip(route.destinations, weights, strict=True):
        for field, value in destination.written:
            patch.append({"op": "test", "path": f"{destination.pointer}/{field}", "value": value})
        path = f"{destination.pointer}/weight"
        if destination.weight is not None:
            patch.append({"op": "test", "path": path, "value": destination.weight})
        if weight is not None:
            changes.append({"op": "add" if destination.weight is None else "replace", "path": path, "value": weight})
        elif destination.weight is not None:
            changes.append({"op": "remove", "path": path})
    return patch + changes
