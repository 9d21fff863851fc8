"""Conditions of routes on requests, and how those of two configurations relate.

Telemetry does not tell what a request looked like, but a call that was seen took some rule, and so met its conditions
and none of the earlier ones. Which rule the same request takes in another configuration follows from comparing them.
VirtualServices and Gateway API routes are brought into one form, that of a VirtualService's match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text
from meshtop.analysis.visibility.clients import Applies

Condition = Mapping[str, Any]
"""What one match demands of a request; empty where it takes any."""
_OF_THE_CLIENT = frozenset({"sourceNamespace", "sourceLabels", "gateways", "name", "statPrefix"})
_SAID_OF_EACH = ("headers", "withoutHeaders", "queryParams")
UNTOLD_LABELS = "labels"
"""Stands in a condition for labels of the caller that were not read."""


class RequestClass(Struct, frozen=True):
    """Requests that meet one of some conditions and none of the excluded ones; no conditions mean any request."""

    conditions: tuple[Condition, ...] = ()
    excluded: tuple[Condition, ...] = ()


def condition_of(match: Mapping[str, Any], ports: Sequence[int]) -> Condition | None:
    """What a VirtualService's match demands of a request to one of these ports; None where no such request meets it."""
    found = {
        key: value for key, value in match.items() if key not in _OF_THE_CLIENT and value not in (None, "", [], {})
    }
    port = integer_or_none(found.get("port"))
    if port is not None and ports:
        if port not in ports:
            return None
        if len(set(ports)) == 1:
            del found["port"]
    if _takes_any_path(found.get("uri")):
        del found["uri"]
    return found


def _takes_any_path(uri: object) -> bool:
    said = mapping(uri)
    return said.get("prefix") == "/" or said.get("regex") in (".*", "/.*")


_PATHS = {"Exact": "exact", "PathPrefix": "prefix", "RegularExpression": "regex"}


def gateway_condition(match: Mapping[str, Any]) -> Condition:
    """What a match of an HTTPRoute or GRPCRoute demands, as a VirtualService would say it."""
    found: dict[str, Any] = {}
    path = mapping(match.get("path"))
    value = text(path.get("value"))
    if value and not (path.get("type", "PathPrefix") == "PathPrefix" and value == "/"):
        found["uri"] = {_PATHS.get(str(path.get("type", "PathPrefix")), "prefix"): value}
    method = match.get("method")
    if isinstance(method, str):
        found["method"] = {"exact": method}
    elif isinstance(method, Mapping) and text(method.get("service")):
        name = text(method.get("method"))
        found["uri"] = {"exact": f"/{method['service']}/{name}"} if name else {"prefix": f"/{method['service']}/"}
    for field in ("headers", "queryParams"):
        said = {
            str(one.get("name")): {_PATHS.get(str(one.get("type", "Exact")), "exact"): one.get("value")}
            for one in maps(match.get(field))
        }
        if said:
            found[field] = said
    return found


def precedence(condition: Condition) -> tuple[int, int, int, int, int]:
    """The order in which Gateway API tries matches: exact paths, longer prefixes, methods, more headers and queries."""
    uri = mapping(condition.get("uri"))
    prefix = str(uri.get("prefix") or uri.get("regex") or "")
    return (
        0 if "exact" in uri else 1,
        -len(prefix),
        0 if "method" in condition else 1,
        -len(mapping(condition.get("headers"))),
        -len(mapping(condition.get("queryParams"))),
    )


def takes(conditions: Sequence[Condition], requests: RequestClass) -> Applies:
    """Whether a rule with these alternative conditions (none: no condition) takes the requests of a class."""
    if not conditions or any(not one for one in conditions):
        return Applies.ALWAYS
    asked = requests.conditions or ({},)
    left = [one for one in conditions if not any(implies(one, gone) for gone in requests.excluded)]
    if not left:
        return Applies.NEVER
    if all(any(implies(mine, one) for one in left) for mine in asked):
        return Applies.ALWAYS
    if all(disjoint(mine, one) for mine in asked for one in left):
        return Applies.NEVER
    return Applies.SOMETIMES


def implies(one: Condition, other: Condition) -> bool:
    """Whether every request that meets one condition meets the other."""
    for key, wanted in other.items():
        mine = one.get(key)
        if mine == wanted:
            continue
        if key == "uri" and _covers(mapping(wanted), mapping(mine)):
            continue
        if key in _SAID_OF_EACH and mapping(wanted).items() <= mapping(mine).items():
            continue
        return False
    return UNTOLD_LABELS not in other or one == other


def _covers(wanted: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Whether the paths that `wanted` takes include all that `mine` takes."""
    prefix = text(wanted.get("prefix"))
    path = text(mine.get("exact")) or text(mine.get("prefix"))
    return prefix is not None and path is not None and path.startswith(prefix)


def disjoint(one: Condition, other: Condition) -> bool:
    """Whether no request can meet both conditions."""
    if _apart(mapping(one.get("uri")), mapping(other.get("uri")), _paths_apart):
        return True
    for key in ("method", "authority", "scheme"):
        if _apart(mapping(one.get(key)), mapping(other.get(key)), _values_apart):
            return True
    ports = one.get("port"), other.get("port")
    if None not in ports and ports[0] != ports[1]:
        return True
    mine, theirs = mapping(one.get("headers")), mapping(other.get("headers"))
    if any(_apart(mapping(mine[name]), mapping(theirs[name]), _values_apart) for name in mine.keys() & theirs.keys()):
        return True
    return _forbids(one, other) or _forbids(other, one)


def _forbids(one: Condition, other: Condition) -> bool:
    """Whether one condition wants a header away that the other demands."""
    demanded = mapping(other.get("headers"))
    return any(demanded.get(name) == value for name, value in mapping(one.get("withoutHeaders")).items())


def _apart(
    one: Mapping[str, Any], other: Mapping[str, Any], apart: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
) -> bool:
    return bool(one) and bool(other) and apart(one, other)


def _paths_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    exact, other_exact = text(one.get("exact")), text(other.get("exact"))
    prefix, other_prefix = text(one.get("prefix")), text(other.get("prefix"))
    if exact and other_exact:
        return exact != other_exact
    if exact and other_prefix:
        return not exact.startswith(other_prefix)
    if prefix and other_exact:
        return not other_exact.startswith(prefix)
    if prefix and other_prefix:
        return not (prefix.startswith(other_prefix) or other_prefix.startswith(prefix))
    return False


def _values_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    exact, other_exact = one.get("exact"), other.get("exact")
    return exact is not None and other_exact is not None and exact != other_exact
