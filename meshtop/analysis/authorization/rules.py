"""The rules of one AuthorizationPolicy, read from its spec, and whether a call matches them at an enforcement point.

`from`, `to` and `when` are clauses that must all hold; the entries of `from` and of `to` are alternatives, the fields
of one entry must all hold, the values of one field are alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.attributes import (
    OPERATION_FIELDS,
    PRINCIPAL,
    SOURCE_FIELDS,
    TRUST_DOMAIN,
    CallAttribute,
    Surroundings,
    condition_attribute,
)
from meshtop.analysis.authorization.call import JudgedCall
from meshtop.analysis.authorization.identities import widened_principals, widened_trust_domains
from meshtop.analysis.authorization.logic import Truth, every, negated, some


class Reach(StrEnum):
    """What an enforcement point knows of a call: requests, connections of an Envoy proxy, or those of ztunnel."""

    HTTP = "http"
    TCP = "tcp"
    ZTUNNEL = "ztunnel"

    def compares(self, attribute: CallAttribute) -> bool:
        """Whether an attribute is in force there."""
        if self is Reach.HTTP:
            return True
        return attribute.tcp if self is Reach.TCP else attribute.ztunnel


class OddShape(Exception):
    """A spec has a shape that Istio's schema does not; the message names the field. Never leaves this package."""


class FieldCheck(Struct, frozen=True, kw_only=True):
    """One field with its values: the call must have one of `values`, if there are any, and none of `excluded`.

    `raw` and `raw_excluded` are the values before trust domain aliases are put in, which ztunnel does not know. Values
    that cannot be compared are left out, as istiod does; `usable` is whether there was none.
    """

    attribute: CallAttribute
    values: tuple[str, ...]
    excluded: tuple[str, ...]
    raw: tuple[str, ...]
    raw_excluded: tuple[str, ...]
    usable: bool

    def holds(self, call: JudgedCall, near: Surroundings, reach: Reach) -> Truth:
        """Whether the call has what the field asks for."""
        values, excluded = self.values, self.excluded
        if reach is Reach.ZTUNNEL:
            values, excluded = self.raw, self.raw_excluded
        compare = self.attribute.compare
        wanted = some(compare(value, call, near) for value in values) if values else True
        if not excluded or wanted is False:
            return wanted
        return every((wanted, negated(some(compare(value, call, near) for value in excluded))))

    @property
    def empty(self) -> bool:
        """Whether there is no value that can be compared."""
        return not self.raw and not self.raw_excluded


Entry = tuple[FieldCheck, ...]
"""The fields of one entry of `from` or `to`, or of one condition."""


class CallRule(Struct, frozen=True, kw_only=True):
    """One rule; `number` counts from 1, as users do. `unknown_keys` are keys of conditions that Istio does not know."""

    number: int
    sources: tuple[Entry, ...] = ()
    operations: tuple[Entry, ...] = ()
    conditions: tuple[Entry, ...] = ()
    unknown_keys: tuple[str, ...] = ()

    def matches(self, call: JudgedCall, near: Surroundings, reach: Reach, *, allows: bool) -> Truth:
        """Whether the rule takes a call at a point that knows `reach`; `allows` is whether its policy is an ALLOW.

        What a point does not know makes an ALLOW rule never match, and is left out of any other.
        """
        if self.unknown_keys:
            return None
        checks = list(self._checks())
        if allows and not all(reach.compares(check.attribute) for check in checks):
            return False
        if reach is Reach.ZTUNNEL:
            return self._at_ztunnel(call, near)
        if allows and not all(check.usable for check in checks):
            return False
        return every(
            (
                self._one_of(self.sources, call, near, reach),
                self._one_of(self.operations, call, near, reach),
                *(self._all_of(entry, call, near, reach) for entry in self.conditions),
            )
        )

    def _checks(self) -> Iterator[FieldCheck]:
        for entry in (*self.sources, *self.operations, *self.conditions):
            yield from entry

    def _one_of(self, entries: Sequence[Entry], call: JudgedCall, near: Surroundings, reach: Reach) -> Truth:
        return True if not entries else some(self._all_of(entry, call, near, reach) for entry in entries)

    @staticmethod
    def _all_of(entry: Entry, call: JudgedCall, near: Surroundings, reach: Reach) -> Truth:
        return every(check.holds(call, near, reach) for check in entry if reach.compares(check.attribute))

    def _at_ztunnel(self, call: JudgedCall, near: Surroundings) -> Truth:
        """ztunnel's own reading: an entry with nothing that it can compare matches nothing (ztunnel src/rbac.rs)."""
        clauses = [clause for clause in (self.operations, self.sources) if clause]
        clauses += [(entry,) for entry in self.conditions]
        return every(some(self._entry_at_ztunnel(entry, call, near) for entry in clause) for clause in clauses)

    @staticmethod
    def _entry_at_ztunnel(entry: Entry, call: JudgedCall, near: Surroundings) -> Truth:
        kept = [check for check in entry if Reach.ZTUNNEL.compares(check.attribute) and not check.empty]
        return every(check.holds(call, near, Reach.ZTUNNEL) for check in kept) if kept else False

    def undecided(self, call: JudgedCall, near: Surroundings, reach: Reach) -> tuple[str, ...]:
        """What the call does not tell and the rule asks for, in words, each once."""
        found = [f"the condition {key}, which is not known here" for key in self.unknown_keys]
        found += [
            check.attribute.said
            for check in self._checks()
            if reach.compares(check.attribute) and check.holds(call, near, reach) is None
        ]
        return tuple(dict.fromkeys(found))

    @property
    def takes_all(self) -> bool:
        """Whether the rule names nothing, so that it takes every call."""
        return not any(self._checks()) and not self.unknown_keys


def read_rules(spec: Mapping[str, Any], trust_domains: Sequence[str]) -> tuple[CallRule, ...]:
    """The rules of a spec. Raises OddShape, with the field."""
    return tuple(
        _rule(number, _mapping(rule, f"spec.rules[{number - 1}]"), f"spec.rules[{number - 1}]", trust_domains)
        for number, rule in enumerate(_list(spec.get("rules"), "spec.rules"), 1)
    )


def _rule(number: int, rule: Mapping[str, Any], place: str, domains: Sequence[str]) -> CallRule:
    _only(rule, ("from", "to", "when"), place)
    conditions, unknown = _conditions(rule.get("when"), f"{place}.when", domains)
    return CallRule(
        number=number,
        sources=_entries(rule.get("from"), f"{place}.from", "source", SOURCE_FIELDS, domains),
        operations=_entries(rule.get("to"), f"{place}.to", "operation", OPERATION_FIELDS, domains),
        conditions=conditions,
        unknown_keys=unknown,
    )


def _entries(
    written: object, place: str, inner: str, fields: Mapping[str, CallAttribute], domains: Sequence[str]
) -> tuple[Entry, ...]:
    found = []
    for index, entry in enumerate(_list(written, place)):
        where = f"{place}[{index}]"
        outer = _mapping(entry, where)
        _only(outer, (inner,), where)
        named = _mapping(outer.get(inner), f"{where}.{inner}", optional=True)
        _only(named, (*fields, *map(_negative, fields)), f"{where}.{inner}")
        checks = []
        for name, attribute in fields.items():
            values = _texts(named.get(name), f"{where}.{inner}.{name}")
            excluded = _texts(named.get(_negative(name)), f"{where}.{inner}.{_negative(name)}")
            if values or excluded:
                checks.append(_check(attribute, values, excluded, domains))
        found.append(tuple(checks))
    return tuple(found)


def _conditions(written: object, place: str, domains: Sequence[str]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    found: list[Entry] = []
    unknown: list[str] = []
    for index, entry in enumerate(_list(written, place)):
        where = f"{place}[{index}]"
        condition = _mapping(entry, where)
        _only(condition, ("key", "values", "notValues"), where)
        key = condition.get("key")
        if not isinstance(key, str) or not key:
            raise OddShape(f"{where}.key is no text")
        values = _texts(condition.get("values"), f"{where}.values")
        excluded = _texts(condition.get("notValues"), f"{where}.notValues")
        attribute = condition_attribute(key)
        if attribute is None:
            unknown.append(key)
        else:
            found.append((_check(attribute, values, excluded, domains),))
    return tuple(found), tuple(unknown)


def _check(
    attribute: CallAttribute, values: tuple[str, ...], excluded: tuple[str, ...], domains: Sequence[str]
) -> FieldCheck:
    usable = all(map(attribute.valid, (*values, *excluded)))
    values, excluded = tuple(filter(attribute.valid, values)), tuple(filter(attribute.valid, excluded))
    wide, barred = values, excluded
    if domains and attribute is PRINCIPAL:
        wide, barred = widened_principals(values, domains), widened_principals(excluded, domains)
    elif domains and attribute is TRUST_DOMAIN:
        wide, barred = widened_trust_domains(values, domains), widened_trust_domains(excluded, domains)
    return FieldCheck(
        attribute=attribute, values=wide, excluded=barred, raw=values, raw_excluded=excluded, usable=usable
    )


def _negative(name: str) -> str:
    return f"not{name[:1].upper()}{name[1:]}"


def _only(written: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    odd = next((str(key) for key in written if key not in known), None)
    if odd is not None:
        raise OddShape(f"{place} has an unknown field {odd}")


def _mapping(written: object, place: str, *, optional: bool = False) -> Mapping[str, Any]:
    if optional and written is None:
        return {}
    if not isinstance(written, Mapping):
        raise OddShape(f"{place} is no object")
    return written


def _list(written: object, place: str) -> Sequence[Any]:
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        raise OddShape(f"{place} is no list")
    return written


def _texts(written: object, place: str) -> tuple[str, ...]:
    found = _list(written, place)
    odd = next((index for index, value in enumerate(found) if not isinstance(value, str)), None)
    if odd is not None:
        raise OddShape(f"{place}[{odd}] is no text")
    return tuple(found)
