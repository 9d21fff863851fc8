"""AuthorizationPolicies as the simulated proxies enforce them, on what the demo's requests are.

A request is a GET of `/` (gRPC: a POST) without a token, from the identity that mutual TLS shows, if any. Sources:
Istio's reference of AuthorizationPolicy, and its notes on fields of HTTP in policies that meet plain TCP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]


class Request(NamedTuple):
    """What a proxy sees of a call: the caller's identity (None in plaintext), the port, host, method and path.

    `http` is False where it sees connections only; method, path and host then mean nothing.
    """

    principal: str | None
    port: int
    host: str
    method: str = "GET"
    path: str = "/"
    http: bool = True

    @property
    def namespace(self) -> str | None:
        """The caller's namespace, of its identity."""
        parts = (self.principal or "").split("/")
        return parts[2] if len(parts) == 5 else None


_HTTP_FIELDS = frozenset(
    {
        "requestPrincipals",
        "notRequestPrincipals",
        "hosts",
        "notHosts",
        "methods",
        "notMethods",
        "paths",
        "notPaths",
    }
)


def permitted(policies: Iterable[Json], request: Request) -> bool:
    """Whether a request passes policies (their specs) that apply to a workload: no DENY takes it, and an ALLOW does."""
    actions: dict[str, list[Json]] = {"DENY": [], "ALLOW": []}
    for spec in policies:
        actions.setdefault(spec.get("action") or "ALLOW", []).append(spec)
    if any(_takes(spec, request, denies=True) for spec in actions["DENY"]):
        return False
    return not actions["ALLOW"] or any(_takes(spec, request, denies=False) for spec in actions["ALLOW"])


def _takes(spec: Json, request: Request, *, denies: bool) -> bool:
    return any(_rule(rule or {}, request, denies) for rule in spec.get("rules") or [])


def _rule(rule: Json, request: Request, denies: bool) -> bool:
    """Whether a rule takes a request: some source, some operation and every condition do."""
    sources = [one.get("source") or {} for one in rule.get("from") or []]
    operations = [one.get("operation") or {} for one in rule.get("to") or []]
    conditions = rule.get("when") or []
    return (
        (not sources or any(_all(one, request, denies, _source) for one in sources))
        and (not operations or any(_all(one, request, denies, _operation) for one in operations))
        and all(_condition(one, request, denies) for one in conditions)
    )


def _all(fields: Json, request: Request, denies: bool, value_of: Any) -> bool:
    return all(_field(name, wanted, request, denies, value_of) for name, wanted in fields.items())


def _field(name: str, wanted: Sequence[str], request: Request, denies: bool, value_of: Any) -> bool:
    if name in _HTTP_FIELDS and not request.http:
        # Plain TCP has no such field: an ALLOW rule never takes it, and a DENY rule looks at the others alone.
        return denies
    negative = name.startswith("not")
    plain = name[3:4].lower() + name[4:] if negative else name
    found = _matches(wanted, value_of(plain, request))
    return not found if negative else found


def _source(name: str, request: Request) -> str | None:
    if name == "principals":
        return request.principal
    if name == "namespaces":
        return request.namespace
    if name == "serviceAccounts":
        parts = (request.principal or "").split("/")
        return f"{parts[2]}/{parts[4]}" if len(parts) == 5 else None
    return None


def _operation(name: str, request: Request) -> str | None:
    return {"ports": str(request.port), "hosts": request.host, "methods": request.method, "paths": request.path}.get(
        name
    )


_SAID = {"source.principal": "principals", "source.namespace": "namespaces"}


def _condition(one: Json, request: Request, denies: bool) -> bool:
    key = one.get("key") or ""
    if not request.http and key.startswith("request."):
        return denies
    value = str(request.port) if key == "destination.port" else _source(_SAID.get(key, ""), request)
    wanted, unwanted = one.get("values"), one.get("notValues")
    return (not wanted or _matches(wanted, value)) and (not unwanted or not _matches(unwanted, value))


def _matches(wanted: Sequence[str], value: str | None) -> bool:
    """Whether one of some patterns is a value: exact, a prefix or suffix by `*`, or `*` for any that is there."""
    return value is not None and any(_like(str(one), value) for one in wanted)


def _like(pattern: str, value: str) -> bool:
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == value


def applying(policies: Iterable[tuple[str, Json]], namespace: str, labels: Mapping[str, str], root: str) -> list[Json]:
    """The specs of those policies (each with its namespace) that a sidecar or ztunnel of a workload enforces."""
    return [
        spec
        for home, spec in policies
        if home in (namespace, root)
        and not spec.get("targetRefs")
        and not spec.get("targetRef")
        and all(labels.get(k) == v for k, v in ((spec.get("selector") or {}).get("matchLabels") or {}).items())
    ]


def at_waypoint(policies: Iterable[tuple[str, Json]], namespace: str, service: str, waypoint: str) -> list[Json]:
    """The specs of those policies that a waypoint enforces for a Service: those that name it, or the waypoint."""
    found = []
    for home, spec in policies:
        refs = [*(spec.get("targetRefs") or []), *([spec["targetRef"]] if spec.get("targetRef") else [])]
        named = {("Service", service), ("Gateway", waypoint)}
        if home == namespace and any((ref.get("kind"), ref.get("name")) in named for ref in refs):
            found.append(spec)
    return found
