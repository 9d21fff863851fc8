"""Rules and matches of VirtualServices that are never reached, because earlier ones take their requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import RevisionConfig
from meshtop.analysis.inventory.untyped import mapping, maps, text
from meshtop.model.kube import ConfigObject

_NOT_CONDITIONS = frozenset({"name", "statPrefix", "ignoreUriCase"})
_SETS = ("headers", "queryParams", "withoutHeaders", "sourceLabels")


def unreached(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Rules and matches that earlier ones hide."""
    for service in config.objects("VirtualService"):
        for protocol in ("http", "tcp", "tls"):
            rules = maps(service.spec.get(protocol))
            if len(rules) > 1 or any(len(maps(rule.get("match"))) > 1 for rule in rules):
                yield from _unreached(config, service, protocol, rules)


def _unreached(
    config: RevisionConfig, service: ConfigObject, protocol: str, rules: Sequence[Mapping[str, Any]]
) -> Iterator[ConfigFinding]:
    seen: dict[str, int] = {}
    prefixes: list[tuple[int, Mapping[str, Any]]] = []
    takes_all: int | None = None
    for number, rule in enumerate(rules):
        at = f"spec.{protocol}[{number}]"
        matches = maps(rule.get("match"))
        if takes_all is not None:
            yield _rule(config, service, at, rules, number, f"rule {_name(rules, takes_all)} before it takes all")
        if not matches:
            takes_all = number if takes_all is None else takes_all
            continue
        repeated = 0
        for index, match in enumerate(matches):
            told = json.dumps({k: v for k, v in match.items() if k != "name"}, sort_keys=True, default=str)
            earlier = seen.get(told)
            if earlier is not None:
                repeated += 1
                yield _match(config, service, f"{at}.match[{index}]", rules, number, earlier, "the same match is in")
                continue
            seen[told] = number
            prefix = text(mapping(match.get("uri")).get("prefix"))
            if protocol == "http" and prefix is not None:
                covering = next((n for n, other in prefixes if _covers(other, match)), None)
                if covering is not None:
                    yield _match(
                        config, service, f"{at}.match[{index}]", rules, number, covering,
                        "a shorter prefix with the same or fewer conditions is in",
                    )  # fmt: skip
                prefixes.append((number, match))
        if repeated == len(matches) and takes_all is None:
            yield _rule(config, service, at, rules, number, "earlier rules have all its matches")


def _covers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether every request that the prefix match `other` takes is taken by `one` too."""
    if bool(one.get("ignoreUriCase")) != bool(other.get("ignoreUriCase")):
        return False
    if not str(mapping(other.get("uri")).get("prefix")).startswith(str(mapping(one.get("uri")).get("prefix"))):
        return False
    for name, condition in one.items():
        if name == "uri" or name in _NOT_CONDITIONS or condition in (None, "", [], {}):
            continue
        theirs = other.get(name)
        if name in _SETS:
            theirs_by_name = mapping(theirs)
            if any(theirs_by_name.get(key) != value for key, value in mapping(condition).items()):
                return False
        elif theirs != condition:
            return False
    return True


def _name(rules: Sequence[Mapping[str, Any]], number: int) -> str:
    return text(rules[number].get("name")) or f"#{number}"


def _rule(
    config: RevisionConfig, service: ConfigObject, at: str, rules: Sequence[Mapping[str, Any]], number: int, why: str
) -> ConfigFinding:
    return config.finding(
        "IST0130",
        service,
        f"rule {_name(rules, number)} is never reached: {why}.",
        "Take the rule away, or put it before the one that hides it.",
        path=at,
    )


def _match(
    config: RevisionConfig,
    service: ConfigObject,
    at: str,
    rules: Sequence[Mapping[str, Any]],
    number: int,
    earlier: int,
    why: str,
) -> ConfigFinding:
    return config.finding(
        "IST0131",
        service,
        f"{at.rpartition('.')[2]} of rule {_name(rules, number)} is never reached: {why} rule {_name(rules, earlier)}.",
        "Take the match away, or put it before the one that hides it.",
        path=at,
    )
