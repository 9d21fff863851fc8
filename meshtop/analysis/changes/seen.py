"""What differs between two looks at one cluster, with the values before and after; secrets never."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from meshtop.model.changes import SeenChange
from meshtop.model.evidence import READ
from meshtop.model.kube import ConfigObject, Controller, Inventory, Node
from meshtop.model.secrecy import HIDDEN, are_arguments, leads_to_secret, text_without_secrets, tree_without_secrets

MOST_FIELDS = 12
"""Of one object so many fields are kept: what changes more was replaced."""
LONGEST = 160
WHOLE = "object"
"""The path of what came or went as a whole."""
_NOT_KEPT = frozenset({"EnvoyFilter", "WasmPlugin", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
"""Kinds whose values may hold credentials, or are of no use here."""
_PODS = ("Deployment", "StatefulSet", "DaemonSet")
_DEEPEST = 40


def seen_between(before: Inventory, after: Inventory, *, at: float, scope: str) -> list[SeenChange]:
    """The changes between two inventories of the cluster `scope` (its UID or server), seen at Unix seconds `at`.

    A kind that was not read both times says nothing: what is not there then was only not asked for.
    """

    def change(kind: str, key: tuple[str, str], path: str, old: str | None, new: str | None) -> SeenChange:
        namespace, name = key
        old, new = _kept(kind, path, old), _kept(kind, path, new)
        return SeenChange(
            at=at, scope=scope, kind=kind, namespace=namespace, name=name, path=path, before=old, after=new
        )

    found: list[SeenChange] = []
    for kind, old, new in _pairs(before, after):
        if old is new or before.evidence(kind) != READ or after.evidence(kind) != READ:
            continue
        known = {one.meta.key: one for one in old}
        there = {one.meta.key: one for one in new}
        label = kind.partition(".")[0]
        for key, one in there.items():
            last = known.get(key)
            if last is one:
                continue
            if last is None or last.meta.uid != one.meta.uid:
                found.append(change(label, key, WHOLE, None, "created"))
                continue
            found += [change(label, key, *fields) for fields in _fields(label, last, one)]
        found += [change(label, key, WHOLE, "there", None) for key in known if key not in there]
    return found


def _pairs(before: Inventory, after: Inventory) -> Iterator[tuple[str, Sequence[Any], Sequence[Any]]]:
    yield "Node", before.nodes, after.nodes
    if before.controllers is not after.controllers:
        for kind in _PODS:
            yield (
                kind,
                tuple(one for one in before.controllers if one.kind == kind),
                tuple(one for one in after.controllers if one.kind == kind),
            )
    for kind in sorted({*before.config, *after.config}):
        if kind not in _NOT_KEPT and not kind.startswith("Federated"):
            yield kind, before.config.get(kind, ()), after.config.get(kind, ())


def _fields(kind: str, old: Any, new: Any) -> list[tuple[str, str | None, str | None]]:
    found: list[tuple[str, str | None, str | None]] = []
    if isinstance(old, Node) and isinstance(new, Node):
        if old.ready != new.ready:
            found.append(("Ready", str(old.ready), str(new.ready)))
    elif isinstance(old, Controller) and isinstance(new, Controller):
        if old.desired != new.desired and kind != "DaemonSet":
            found.append(("replicas", str(old.desired), str(new.desired)))
        images = {one.name: one.image for one in old.containers}
        found += [
            (f"image of {one.name}", images.get(one.name), one.image)
            for one in new.containers
            if images.get(one.name) != one.image
        ]
    elif isinstance(old, ConfigObject) and isinstance(new, ConfigObject) and old.spec != new.spec:
        found += [(path, _text(one), _text(two)) for path, one, two in differing_values(old.spec, new.spec, "spec")]
    if len(found) > MOST_FIELDS:
        return [*found[: MOST_FIELDS - 1], (f"and {len(found) - MOST_FIELDS + 1} more fields", None, None)]
    return found


def differing_values(old: Any, new: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    """The paths at which two values differ, with both values, each as short as possible."""
    if isinstance(old, Mapping) and isinstance(new, Mapping) and depth < _DEEPEST:
        for name in sorted({*old, *new}, key=str):
            inner = f"{path}.{name}"
            if name not in old or name not in new:
                yield inner, old.get(name), new.get(name)
            else:
                yield from differing_values(old[name], new[name], inner, depth + 1)
    elif _are_walked(old, new) and depth < _DEEPEST:
        for index, (one, two) in enumerate(zip(old, new, strict=True)):
            yield from differing_values(one, two, f"{path}[{index}]", depth + 1)
    elif old != new or type(old) is not type(new):
        yield path, old, new


def _are_walked(old: Any, new: Any) -> bool:
    """Whether two values are lists whose items are compared one by one; arguments are told together."""
    both = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    return both and not are_arguments(old) and not are_arguments(new)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value
    return msgspec.json.encode(tree_without_secrets(value)).decode()


def _kept(kind: str, path: str, value: str | None) -> str | None:
    """A value as it may be written down: short, and without what is secret by the name of its field or by its form."""
    if value is None:
        return None
    if leads_to_secret(kind, path):
        return HIDDEN
    value = text_without_secrets(value)
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
