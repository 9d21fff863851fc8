"""Preview of a shift: the diff in each cluster, from a dry run on its API server."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct

from meshtop.actions.fleet import Fleet
from meshtop.actions.shift.apply import changed
from meshtop.actions.shift.preflight import Preflight
from meshtop.actions.shift.targets import ShiftTarget, weights_of
from meshtop.analysis.canary.weights import weight_patch
from meshtop.model.yaml_text import diff_yaml


class Preview(Struct, frozen=True, rename="camel"):
    """One cluster's first step: the lines of a unified diff of the object's spec, as YAML."""

    cluster: str
    object: str
    lines: tuple[str, ...]


async def preview(found: Preflight, fleet: Fleet) -> list[Preview]:
    """The diff of the first step in every cluster. Raises ActionError when a server refuses it."""
    return list(await asyncio.gather(*(_one(target, fleet) for target in found.targets)))


async def _one(target: ShiftTarget, fleet: Fleet) -> Preview:
    api, where = fleet.members[target.cluster].api, target.where
    response = await api.send("GET", where.path, what=f"read {where.title}")
    route = api.parse(where, response.content)
    if weights_of(route) != target.before or not target.same_route(route):
        raise changed(target, route, target.before)
    _, after = await api.patch(where, weight_patch(route, target.steps[0]), dry_run=True)
    before = msgspec.json.decode(response.content)
    title = f"{target.cluster}: {where.title}"
    lines = diff_yaml(before.get("spec") or {}, after.get("spec") or {}, title, f"{title} (dry run)")
    return Preview(target.cluster, where.title, lines)
