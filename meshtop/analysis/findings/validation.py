"""Objects that are not of their kind's form, and values that Istio refuses or that were hardly meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding, ObjectKey
from meshtop.analysis.findings.revisions import RevisionConfig
from meshtop.analysis.findings.shapes import lacking
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.model.kube import ConfigObject

_TLS_MODES = frozenset({"DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"})
_SERVER_TLS = frozenset({"PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"})
_PEER_MODES = frozenset({"UNSET", "DISABLE", "PERMISSIVE", "STRICT"})
_ACTIONS = frozenset({"ALLOW", "DENY", "AUDIT", "CUSTOM"})
_PROTOCOLS = frozenset({"HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "HTTP_PROXY", "MONGO", "TCP", "TLS", "REDIS",
                        "MYSQL", "UDP", "HBONE"})  # fmt: skip
_DURATION = re.compile(r"(\d+(\.\d*)?(h|m|s|ms|us|ns))+")


def forms(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """One finding for each object that cannot be judged, or that lacks what it cannot do without."""
    for odd in config.cluster.misread:
        yield ConfigFinding(
            code="IST0106",
            object=ObjectKey(config.cluster.name, odd.kind, odd.namespace, odd.name),
            message=f"cannot be judged: {odd.why}.",
            path=odd.why.partition(" ")[0] if odd.why.startswith(("spec", "status")) else "",
        )
    for kind, objects in config.inventory.config.items():
        for obj in objects:
            missing = [field for field in lacking(kind, obj) if not (field == "hosts" and _is_delegate(config, obj))]
            if missing:
                yield config.finding(
                    "IST0106", obj, f"cannot be judged: spec.{' and spec.'.join(missing)} is missing.",
                    path=f"spec.{missing[0]}",
                )  # fmt: skip


def _is_delegate(config: RevisionConfig, service: ConfigObject) -> bool:
    """Whether another VirtualService delegates to this one, which then has no hosts of its own."""
    for other in config.inventory.config.get("VirtualService", ()):
        for rule in maps(other.spec.get("http")):
            target = mapping(rule.get("delegate"))
            home = text(target.get("namespace")) or other.meta.namespace
            if target and (home, target.get("name")) == service.meta.key:
                return True
    return False


def values(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Values outside of what a field takes."""
    for service in config.objects("VirtualService"):
        for number, rule in enumerate(maps(service.spec.get("http"))):
            yield from _http_rule(config, service, rule, f"spec.http[{number}]")
        for protocol in ("tcp", "tls"):
            for number, rule in enumerate(maps(service.spec.get(protocol))):
                yield from _weights(config, service, rule, f"spec.{protocol}[{number}]")
    for destination_rule in config.objects("DestinationRule"):
        yield from _destination_rule(config, destination_rule)
    for gateway in config.objects("Gateway"):
        for number, server in enumerate(maps(gateway.spec.get("servers"))):
            yield from _server(config, gateway, server, f"spec.servers[{number}]")
    for entry in config.objects("ServiceEntry"):
        for number, port in enumerate(maps(entry.spec.get("ports"))):
            yield from _port(config, entry, port, f"spec.ports[{number}]")
    for policy in config.objects("PeerAuthentication"):
        for path, mode in _peer_modes(policy):
            if mode not in _PEER_MODES:
                yield _not_one_of(config, policy, path, mode, _PEER_MODES)
        if mapping(policy.spec.get("portLevelMtls")) and not mapping(policy.spec.get("selector")):
            yield config.finding(
                "IST0106", policy, "portLevelMtls counts only with a selector; here it does nothing.",
                path="spec.portLevelMtls",
            )  # fmt: skip
    for policy in config.objects("AuthorizationPolicy"):
        action = text(policy.spec.get("action"))
        if action is not None and action not in _ACTIONS:
            yield _not_one_of(config, policy, "spec.action", action, _ACTIONS)


def _bad(config: RevisionConfig, obj: ConfigObject, path: str, why: str) -> ConfigFinding:
    return config.finding("IST0106", obj, f"{path} {why}.", path=path)


def _not_one_of(
    config: RevisionConfig, obj: ConfigObject, path: str, value: object, known: frozenset[str]
) -> ConfigFinding:
    return _bad(config, obj, path, f"is {value}, and has to be one of {', '.join(sorted(known))}")


def _http_rule(
    config: RevisionConfig, service: ConfigObject, rule: Mapping[str, Any], at: str
) -> Iterator[ConfigFinding]:
    does = [field for field in ("route", "redirect", "directResponse", "delegate") if rule.get(field)]
    if len(does) > 1:
        yield _bad(config, service, at, f"has both {' and '.join(does)}, and can have one")
    elif not does:
        yield _bad(config, service, at, "has neither route nor redirect, directResponse or delegate")
    yield from _weights(config, service, rule, at)
    if rule.get("mirrorPercent") is not None:
        yield config.finding(
            "IST0133", service, "mirrorPercent is deprecated; mirrorPercentage replaces it.",
            f"mirrorPercentage:\n  value: {rule['mirrorPercent']}", path=f"{at}.mirrorPercent",
        )  # fmt: skip
    for path, value in _percentages(rule, at) if "fault" in rule or "mirrorPercentage" in rule else ():
        if not 0 <= value <= 100:
            yield _bad(config, service, path, f"is {value}, and has to be between 0 and 100")
    if "timeout" in rule or "retries" in rule:
        yield from _durations(config, service, rule, at)
    for index, match in enumerate(maps(rule.get("match"))):
        for field in ("uri", "scheme", "method", "authority"):
            condition = mapping(match.get(field))
            if len(condition) > 1:
                yield _bad(config, service, f"{at}.match[{index}].{field}", "can have one of exact, prefix and regex")
            if condition.get("prefix") == "":
                yield _bad(config, service, f"{at}.match[{index}].{field}.prefix", "is empty")


def _durations(
    config: RevisionConfig, service: ConfigObject, rule: Mapping[str, Any], at: str
) -> Iterator[ConfigFinding]:
    durations = {
        "timeout": rule.get("timeout"),
        "retries.perTryTimeout": mapping(rule.get("retries")).get("perTryTimeout"),
    }
    for field, duration in durations.items():
        if duration is not None and not (isinstance(duration, str) and _DURATION.fullmatch(duration)):
            yield _bad(config, service, f"{at}.{field}", f"is {duration}, and has to be a duration such as 5s")


def _percentages(rule: Mapping[str, Any], at: str) -> Iterator[tuple[str, float]]:
    fault = mapping(rule.get("fault"))
    parts = {
        f"{at}.fault.delay.percentage": mapping(fault.get("delay")).get("percentage"),
        f"{at}.fault.abort.percentage": mapping(fault.get("abort")).get("percentage"),
        f"{at}.mirrorPercentage": rule.get("mirrorPercentage"),
    }
    for path, part in parts.items():
        value = mapping(part).get("value")
        if isinstance(value, int | float):
            yield f"{path}.value", value


def _weights(
    config: RevisionConfig, service: ConfigObject, rule: Mapping[str, Any], at: str
) -> Iterator[ConfigFinding]:
    routes = maps(rule.get("route"))
    weights = [route.get("weight") for route in routes]
    given = [weight for weight in weights if isinstance(weight, int | float)]
    for number, weight in enumerate(weights):
        if isinstance(weight, int | float) and weight < 0:
            yield _bad(config, service, f"{at}.route[{number}].weight", f"is {weight}, and cannot be negative")
    if len(routes) > 1 and sum(given) == 0:
        yield _bad(config, service, f"{at}.route", "has several destinations and no weights")


def _destination_rule(config: RevisionConfig, rule: ConfigObject) -> Iterator[ConfigFinding]:
    policies = [("spec.trafficPolicy", mapping(rule.spec.get("trafficPolicy")))]
    names: set[str] = set()
    for number, subset in enumerate(maps(rule.spec.get("subsets"))):
        name = text(subset.get("name"))
        if name is None:
            yield _bad(config, rule, f"spec.subsets[{number}]", "has no name")
        elif name in names:
            yield _bad(config, rule, f"spec.subsets[{number}]", f"has the name {name}, as another one has")
        names.add(name or "")
        policies.append((f"spec.subsets[{number}].trafficPolicy", mapping(subset.get("trafficPolicy"))))
    for path, policy in policies:
        levels = [(path, policy)]
        levels += [
            (f"{path}.portLevelSettings[{index}]", one)
            for index, one in enumerate(maps(policy.get("portLevelSettings")))
        ]
        for at, level in levels:
            mode = text(mapping(level.get("tls")).get("mode"))
            if mode is not None and mode not in _TLS_MODES:
                yield _not_one_of(config, rule, f"{at}.tls.mode", mode, _TLS_MODES)


def _server(
    config: RevisionConfig, gateway: ConfigObject, server: Mapping[str, Any], at: str
) -> Iterator[ConfigFinding]:
    if not texts(server.get("hosts")):
        yield _bad(config, gateway, f"{at}.hosts", "is missing")
    port = mapping(server.get("port"))
    if not port:
        yield _bad(config, gateway, f"{at}.port", "is missing")
    else:
        yield from _port(config, gateway, port, f"{at}.port")
    tls = mapping(server.get("tls"))
    mode = text(tls.get("mode"))
    if mode is not None and mode not in _SERVER_TLS:
        yield _not_one_of(config, gateway, f"{at}.tls.mode", mode, _SERVER_TLS)
    if (text(port.get("protocol")) or "").upper() == "HTTPS" and not tls:
        yield _bad(config, gateway, f"{at}.tls", "is missing, and HTTPS needs it")


def _port(config: RevisionConfig, obj: ConfigObject, port: Mapping[str, Any], at: str) -> Iterator[ConfigFinding]:
    number, protocol = port.get("number"), text(port.get("protocol"))
    if not isinstance(number, int) or not 0 < number < 65536:
        yield _bad(config, obj, f"{at}.number", f"is {number}, and has to be between 1 and 65535")
    if protocol is not None and protocol.upper() not in _PROTOCOLS:
        yield _not_one_of(config, obj, f"{at}.protocol", protocol, _PROTOCOLS)


def _peer_modes(policy: ConfigObject) -> Iterator[tuple[str, str]]:
    own = text(mapping(policy.spec.get("mtls")).get("mode"))
    if own is not None:
        yield "spec.mtls.mode", own
    for port, setting in mapping(policy.spec.get("portLevelMtls")).items():
        mode = text(mapping(setting).get("mode"))
        if mode is not None:
            yield f"spec.portLevelMtls.{port}.mode", mode
