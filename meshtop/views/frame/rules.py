"""The rules of routes as sections of a detail: what each does, and which of them is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from meshtop.analysis.canary.route_rules import RouteRule, route_rules
from meshtop.analysis.inventory.untyped import texts
from meshtop.analysis.visibility.hosts import full_host, host_matches
from meshtop.model.kube import ConfigObject
from meshtop.views.frame.facts import Fact, Section, fact
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_RULES = 12
"""So many rules of a route are told; the object (Y) has all."""
MOST_ROUTES = 4
"""So many objects that route a host are told."""
_TONES = {"aborts": Tone.DEGRADED, "delays": Tone.DEGRADED, "mirrors": Tone.ACCENT}


def held_object(picture: Picture, cluster: str, kind: str, namespace: str, name: str) -> ConfigObject | None:
    """An object of Istio or Gateway API as it was read from a cluster; None where it was not."""
    snapshot = picture.snapshot.cluster(cluster)
    held = snapshot.inventory.config.get(kind, ()) if snapshot is not None and snapshot.inventory is not None else ()
    return next((obj for obj in held if obj.meta.key == (namespace, name)), None)


def rules_section(obj: ConfigObject, selected: str | None = None) -> Section:
    """What the rules of a VirtualService or route do; the one that is `selected`, by name or number, is marked.

    The marked rule comes first: there may be hundreds, of which the first are shown.
    """
    rules = sorted(route_rules(obj), key=lambda rule: not _is(rule, selected))
    facts: list[Fact] = []
    for rule in rules[:MOST_RULES]:
        facts += _told(rule, marked=_is(rule, selected))
    if len(rules) > MOST_RULES:
        facts.append(fact("", f"and {len(rules) - MOST_RULES} more rules: Y shows all", Tone.DIM))
    title = f"Rules of {obj.kind} {obj.meta.namespace}/{obj.meta.name}"
    return Section(title, tuple(facts) or (fact("", "none"),))


def selected_rule_section(obj: ConfigObject, selected: str) -> Section:
    """What one rule does besides weighing: its conditions, mirrors, faults, headers, retries and timeouts."""
    rule = next((one for one in route_rules(obj) if _is(one, selected)), None)
    does = () if rule is None else rule.does
    return Section("The rule also", tuple(fact(word, said, _TONES.get(word, Tone.PLAIN)) for word, said in does))


def rules_of_hosts(picture: Picture, cluster: str, hosts: Collection[str], domain: str) -> list[Section]:
    """The rules of the VirtualServices of a cluster that route some full hosts (in lower case)."""
    snapshot = picture.snapshot.cluster(cluster)
    inventory = snapshot.inventory if snapshot is not None else None
    found = []
    for obj in inventory.config.get("VirtualService", ()) if inventory is not None else ():
        routed = (full_host(host.lower(), obj.meta.namespace, domain) for host in texts(obj.spec.get("hosts")))
        if any(host_matches(pattern, host) for pattern in routed for host in hosts):
            found.append(rules_section(obj))
    return found[:MOST_ROUTES]


def _is(rule: RouteRule, selected: str | None) -> bool:
    return selected is not None and selected in (rule.name, str(rule.index))


def _told(rule: RouteRule, *, marked: bool) -> Iterator[Fact]:
    tone = Tone.STRONG if marked else Tone.PLAIN
    yield fact(f"#{rule.name}{' ◂' if marked else ''}", rule.sends, tone)
    for word, said in rule.does:
        yield fact(f"  {word}", said, _TONES.get(word, Tone.PLAIN))
