"""EnvoyFilters: operations that do nothing where they are, and patches that depend on an order nobody fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import RevisionConfig
from meshtop.analysis.inventory.untyped import mapping, maps, text

_WHOLE_ROUTES = frozenset({"ROUTE_CONFIGURATION", "HTTP_ROUTE"})
_FILTERS = frozenset({"NETWORK_FILTER", "HTTP_FILTER"})
_ORDERED = frozenset({"INSERT_BEFORE", "INSERT_AFTER"})


def patches(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """What is wrong with each patch, in the order in which istiod applies them."""
    versioned: set[tuple[str, str]] = set()
    for obj in config.objects("EnvoyFilter"):
        for number, patch in enumerate(maps(obj.spec.get("configPatches"))):
            if not isinstance(patch.get("patch"), Mapping):
                break
            done = mapping(patch.get("patch"))
            path = f"spec.configPatches[{number}]"
            operation, target = text(done.get("operation")) or "INVALID", text(patch.get("applyTo")) or "INVALID"
            name = _patched(patch)
            ignored = {"ADD": "IST0153", "REMOVE": "IST0154"}.get(operation)
            if ignored and target in _WHOLE_ROUTES:
                what = "nothing can be added to" if operation == "ADD" else "nothing can be removed from"
                yield config.finding(
                    ignored, obj, f"{operation} of {path} is ignored: {what} a {target}.",
                    "operation: MERGE", path=f"{path}.patch.operation",
                )  # fmt: skip
            elif operation == "REPLACE" and target not in _FILTERS:
                yield config.finding(
                    "IST0152", obj,
                    f"REPLACE of {path} is possible for network and HTTP filters only, and not for {target}.",
                    "operation: MERGE", path=f"{path}.patch.operation",
                )  # fmt: skip
            elif operation in ("REMOVE", "REPLACE", *_ORDERED) and not obj.spec.get("priority"):
                for_version = name in versioned
                yield config.finding(
                    "IST0155" if for_version else "IST0151",
                    obj,
                    f"{operation} of {path} depends on what other patches left{f' of {name[1]}' if name[1] else ''}, "
                    f"and there is no priority{'; another one is for a proxy version only' if for_version else ''}.",
                    "spec:\n  priority: 10",
                    path=path,
                )
            if text(mapping(mapping(patch.get("match")).get("proxy")).get("proxyVersion")):
                versioned.add(name)


def _patched(patch: Mapping[str, Any]) -> tuple[str, str]:
    """Which filter a patch is about: the one that it brings, or the one that it looks for."""
    value = mapping(mapping(patch.get("patch")).get("value"))
    if not value:
        return "", ""
    if text(value.get("name")):
        return "value", str(value["name"])
    listener = mapping(mapping(patch.get("match")).get("listener"))
    found = text(mapping(mapping(listener.get("filterChain")).get("filter")).get("name"))
    return ("match", found) if found else ("", "")
