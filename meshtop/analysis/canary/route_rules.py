"""What the rules of a route do besides weighing: whom they match, mirrors, faults, headers, retries and timeouts.

Of VirtualService (Istio's API, HTTPRoute) and of Gateway API's HTTPRoute and GRPCRoute (filters of rules and of single
backends). Values of headers that keep a secret are hidden. Nothing is checked here: findings say what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.model.kube import ConfigObject
from meshtop.model.secrecy import HIDDEN, names_secret, text_without_secrets

_PROTOCOLS = ("http", "tls", "tcp")
_CONDITIONS = {"exact": "=", "prefix": " begins with ", "regex": " ~ "}


class RouteRule(Struct, frozen=True):
    """One rule of a route, in words: its name (else its number), where it sends, and each thing that it does."""

    name: str
    index: int
    sends: str
    does: tuple[tuple[str, str], ...]


def route_rules(obj: ConfigObject) -> tuple[RouteRule, ...]:
    """The rules of a VirtualService or of a route of Gateway API, in order; none for other kinds."""
    if obj.kind == "VirtualService":
        rules = [rule for protocol in _PROTOCOLS for rule in maps(obj.spec.get(protocol))]
        return tuple(
            RouteRule(text(rule.get("name")) or str(number), number, _sent(rule), tuple(_of_istio(rule)))
            for number, rule in enumerate(rules)
        )
    if obj.kind.endswith("Route"):
        return tuple(
            RouteRule(text(rule.get("name")) or str(number), number, _backends(rule), tuple(_of_gateway(rule)))
            for number, rule in enumerate(maps(obj.spec.get("rules")))
        )
    return ()


def _sent(rule: Mapping[str, Any]) -> str:
    """`reviews v2 80, reviews v3 20`; what answers itself says so."""
    if redirect := mapping(rule.get("redirect")):
        to = "".join(str(redirect[part]) for part in ("authority", "uri") if redirect.get(part))
        return f"redirects to {to or 'elsewhere'} ({redirect.get('redirectCode', 301)})"
    if direct := mapping(rule.get("directResponse")):
        return f"answers {direct.get('status', '?')} itself"
    if delegate := mapping(rule.get("delegate")):
        return f"delegates to {'/'.join(str(delegate[p]) for p in ('namespace', 'name') if delegate.get(p))}"
    routes = maps(rule.get("route"))
    parts = []
    for route in routes:
        weight = f" {route['weight']}" if len(routes) > 1 and "weight" in route else ""
        parts.append(_destination(mapping(route.get("destination"))) + weight)
    return ", ".join(parts) or "nowhere"


def _destination(target: Mapping[str, Any]) -> str:
    port, subset = mapping(target.get("port")).get("number"), target.get("subset")
    return f"{target.get('host') or '?'}{f':{port}' if port else ''}{f' {subset}' if subset else ''}"


def _of_istio(rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for match in maps(rule.get("match")):
        yield "if", _matched(match)
    for mirror in (*maps([rule.get("mirror")]), *maps(rule.get("mirrors"))):
        target = mapping(mirror.get("destination")) or mirror
        share = mapping(mirror.get("percentage") or rule.get("mirrorPercentage")).get("value")
        share = rule.get("mirrorPercent", rule.get("mirror_percent")) if share is None else share
        yield "mirrors", f"{'everything' if share is None else f'{_number(share)} %'} to {_destination(target)}"
    fault = mapping(rule.get("fault"))
    if abort := mapping(fault.get("abort")):
        code = abort.get("httpStatus") or abort.get("grpcStatus") or abort.get("http2Error") or "?"
        yield "aborts", f"{_share(abort)} with {code}"
    if delay := mapping(fault.get("delay")):
        yield "delays", f"{_share(delay)} by {delay.get('fixedDelay') or delay.get('exponentialDelay') or '?'}"
    if rule.get("timeout") is not None:
        yield "timeout", str(rule["timeout"])
    if "retries" in rule:
        yield "retries", _retried(mapping(rule.get("retries")))
    if rewrite := mapping(rule.get("rewrite")):
        yield "rewrites", ", ".join(f"{name} to {value}" for name, value in rewrite.items())
    yield from _headers(rule, "")
    for route in maps(rule.get("route")):
        yield from _headers(route, f" of {_destination(mapping(route.get('destination')))}")


def _headers(holder: Mapping[str, Any], of: str) -> Iterator[tuple[str, str]]:
    for side in ("request", "response"):
        operations = mapping(mapping(holder.get("headers")).get(side))
        if said := _operations(operations):
            yield f"{side}s", f"{said}{of}"


def _operations(operations: Mapping[str, Any]) -> str:
    parts = [
        f"{word} {name}: {_value(str(name), value)}"
        for word in ("set", "add")
        for name, value in _pairs(operations.get(word))
    ]
    removed = texts(operations.get("remove"))
    return ", ".join([*parts, *([f"remove {', '.join(removed)}"] if removed else [])])


def _pairs(written: Any) -> Iterator[tuple[str, Any]]:
    """Names and values, which Istio writes as a mapping and Gateway API as a list."""
    if isinstance(written, Mapping):
        yield from ((str(name), value) for name, value in written.items())
    for one in maps(written) if isinstance(written, list) else ():
        yield str(one.get("name") or "?"), one.get("value")


def _value(name: str, value: Any) -> str:
    return HIDDEN if names_secret(name) else text_without_secrets(str(value))


def _share(fault: Mapping[str, Any]) -> str:
    value = mapping(fault.get("percentage")).get("value", fault.get("percent"))
    return "all" if value is None else f"{_number(value)} %"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _retried(retries: Mapping[str, Any]) -> str:
    attempts = retries.get("attempts")
    if attempts == 0:
        return "none"
    parts = [f"{attempts} times" if attempts is not None else "as often as the default"]
    parts += [f"{retries['perTryTimeout']} each"] if retries.get("perTryTimeout") else []
    parts += [f"on {retries['retryOn']}"] if retries.get("retryOn") else []
    return ", ".join(parts)


def _matched(match: Mapping[str, Any]) -> str:
    """A condition in words: `path begins with /api, header end-user = jason, from port 8080`."""
    parts = []
    for field, word in (("uri", "path"), ("method", "method"), ("authority", "authority"), ("scheme", "scheme")):
        parts += [f"{word}{said}" for said in _compared(match.get(field), field)]
    for field, word in (("headers", "header"), ("withoutHeaders", "without header"), ("queryParams", "query")):
        for name, condition in mapping(match.get(field)).items():
            told = _compared(condition, str(name)) or [" is there"]
            parts += [f"{word} {name}{said}" for said in told]
    if labels := mapping(match.get("sourceLabels")):
        parts.append(f"from {', '.join(f'{key}={value}' for key, value in labels.items())}")
    if match.get("sourceNamespace"):
        parts.append(f"from namespace {match['sourceNamespace']}")
    if match.get("port"):
        parts.append(f"port {match['port']}")
    parts += [f"gateway {name}" for name in texts(match.get("gateways"))]
    parts += [f"SNI {name}" for name in texts(match.get("sniHosts"))]
    return ", ".join(parts) or "anything"


def _compared(condition: Any, name: str) -> list[str]:
    return [
        f"{sign}{_value(name, mapping(condition)[how])}"
        for how, sign in _CONDITIONS.items()
        if how in mapping(condition)
    ]


_GATEWAY_SIGNS = {"Exact": "=", "PathPrefix": " begins with ", "RegularExpression": " ~ "}


def _backends(rule: Mapping[str, Any]) -> str:
    refs = maps(rule.get("backendRefs"))
    parts = [
        ":".join(str(ref[part]) for part in ("name", "port") if ref.get(part))
        + (f" {ref.get('weight', 1)}" if len(refs) > 1 else "")
        for ref in refs
    ]
    return ", ".join(parts) or "nowhere"


def _of_gateway(rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for match in maps(rule.get("matches")):
        yield "if", _gateway_match(match)
    for filter_ in maps(rule.get("filters")):
        yield from _filtered(filter_, "")
    for ref in maps(rule.get("backendRefs")):
        for filter_ in maps(ref.get("filters")):
            yield from _filtered(filter_, f" of {ref.get('name')}")
    timeouts = mapping(rule.get("timeouts"))
    for field, word in (("request", ""), ("backendRequest", " for each try")):
        if timeouts.get(field) is not None:
            yield "timeout", f"{timeouts[field]}{word}"
    if retry := mapping(rule.get("retry")):
        codes = retry.get("codes")
        on = f", on {', '.join(map(str, codes))}" if isinstance(codes, list) and codes else ""
        yield "retries", f"{retry.get('attempts', '?')} times{on}"


def _gateway_match(match: Mapping[str, Any]) -> str:
    parts = []
    if path := mapping(match.get("path")):
        parts.append(f"path{_GATEWAY_SIGNS.get(str(path.get('type', 'PathPrefix')), ' ')}{path.get('value', '/')}")
    method = match.get("method")
    if isinstance(method, Mapping):
        parts.append(f"method {'/'.join(str(method[part]) for part in ('service', 'method') if method.get(part))}")
    elif method:
        parts.append(f"method={method}")
    for field, word in (("headers", "header"), ("queryParams", "query")):
        for one in maps(match.get(field)):
            sign = _GATEWAY_SIGNS.get(str(one.get("type", "Exact")), " ")
            parts.append(f"{word} {one.get('name')}{sign}{_value(str(one.get('name')), one.get('value'))}")
    return ", ".join(parts) or "anything"


def _filtered(filter_: Mapping[str, Any], of: str) -> Iterator[tuple[str, str]]:
    for field, side in (("requestHeaderModifier", "requests"), ("responseHeaderModifier", "responses")):
        if said := _operations(mapping(filter_.get(field))):
            yield side, f"{said}{of}"
    if mirror := mapping(filter_.get("requestMirror")):
        share = f"{mirror['percent']} %" if mirror.get("percent") is not None else "everything"
        yield "mirrors", f"{share} to {mapping(mirror.get('backendRef')).get('name') or '?'}{of}"
    if redirect := mapping(filter_.get("requestRedirect")):
        to = ", ".join(f"{name} {value}" for name, value in redirect.items() if not isinstance(value, Mapping))
        yield "redirects", f"{to or 'elsewhere'}{of}"
    if rewrite := mapping(filter_.get("urlRewrite")):
        path = mapping(rewrite.get("path"))
        new = path.get("replaceFullPath") or path.get("replacePrefixMatch")
        parts = [str(rewrite.get("hostname") or ""), f"path to {new}" if new else ""]
        yield "rewrites", ", ".join(filter(None, parts)) + of
