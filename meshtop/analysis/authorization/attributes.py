"""The attributes of a call that policies can name, how a value of each is compared, and where each is in force.

An Envoy proxy on a TCP port knows no requests, and ztunnel nothing but a few facts of a connection: at either, a field
about another attribute is left out of DENY rules, and makes an ALLOW rule never match (`rules.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.call import UNTOLD, JudgedCall, Untold
from meshtop.analysis.authorization.identities import trust_domain_of
from meshtop.analysis.authorization.logic import Truth
from meshtop.analysis.authorization.matching import (
    in_range,
    is_range,
    namespace_matches,
    normalized_path,
    path_matches,
    request_principal_matches,
    service_account_matches,
    wildcard_matches,
)
from meshtop.analysis.inventory.untyped import texts

DELIMITED = ("scope", "permission")
"""The claims that every proxy splits at spaces."""
_KEYED = re.compile(r"(request\.headers|request\.auth\.claims)((?:\[[^\[\]]+\])+)")
_FILTERS = re.compile(r"experimental\.envoy\.filters\..*\[.+\]")


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a comparison needs besides the call: where the policy is, and what the proxy was told.

    `delimited` are the claims that are split at spaces.
    """

    namespace: str = ""
    normalization: str = "BASE"
    delimited: frozenset[str] = frozenset(DELIMITED)


Comparison = Callable[[str, JudgedCall, Surroundings], Truth]


class CallAttribute(Struct, frozen=True):
    """One attribute: its name for users, the comparison with one value, and where it is in force.

    `tcp` is whether an Envoy proxy compares it on TCP ports too, `ztunnel` whether ztunnel does. `valid` is whether a
    written value can be compared at all; istiod leaves others out.
    """

    said: str
    compare: Comparison
    tcp: bool = False
    ztunnel: bool = False
    valid: Callable[[str], bool] = lambda written: True


def _with_principal(compare: Callable[[str, str, Surroundings], bool]) -> Comparison:
    """A comparison with the caller's identity: a call in plaintext has none, and nothing matches it."""

    def judge(written: str, call: JudgedCall, near: Surroundings) -> Truth:
        principal = call.principal
        if isinstance(principal, Untold):
            return None
        return principal is not None and compare(written, principal, near)

    return judge


def _with_text(read: Callable[[JudgedCall], str | Untold | None], compare: Callable[[str, str], bool]) -> Comparison:
    """A comparison with a text of the call; what is known to be absent matches nothing."""

    def judge(written: str, call: JudgedCall, near: Surroundings) -> Truth:
        value = read(call)
        if isinstance(value, Untold):
            return None
        return value is not None and compare(written, value)

    return judge


def _with_address(read: Callable[[JudgedCall], str | Untold]) -> Comparison:
    def judge(written: str, call: JudgedCall, near: Surroundings) -> Truth:
        value = read(call)
        return None if isinstance(value, Untold) else in_range(written, value)

    return judge


def _host(written: str, host: str) -> bool:
    return wildcard_matches(written.lower(), host.lower())


def _path(written: str, call: JudgedCall, near: Surroundings) -> Truth:
    if isinstance(call.path, Untold):
        return None
    return path_matches(written, normalized_path(call.path, near.normalization))


def _port(written: str, call: JudgedCall, near: Surroundings) -> Truth:
    return None if isinstance(call.port, Untold) else call.port == int(written)


def _is_port(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) < 6 and int(written) <= 65535


def _request_principal(written: str, call: JudgedCall, near: Surroundings) -> Truth:
    claims = call.claims
    if isinstance(claims, Untold):
        return None
    issuer, subject = (claims or {}).get("iss"), (claims or {}).get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        return False
    return request_principal_matches(written, issuer, subject)


def _claim(path: Sequence[str]) -> Comparison:
    """A comparison with a claim, or one inside other claims: with its text, or with any of its texts."""

    def judge(written: str, call: JudgedCall, near: Surroundings) -> Truth:
        if isinstance(call.claims, Untold):
            return None
        return any(wildcard_matches(written, value) for value in _claimed(call.claims or {}, path, near))

    return judge


def _claimed(claims: Mapping[str, Any], path: Sequence[str], near: Surroundings) -> tuple[str, ...]:
    value: object = claims
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return tuple(value.split()) if len(path) == 1 and path[0] in near.delimited else (value,)
    return texts(value)


def _header(name: str) -> Comparison:
    """A comparison with a header by its name in lower case; `*` asks only whether it is there."""
    pseudo = {":method": "asked_method", ":path": "path", ":authority": "host"}.get(name)

    def judge(written: str, call: JudgedCall, near: Surroundings) -> Truth:
        if pseudo is not None:
            value = getattr(call, pseudo)
        elif isinstance(call.headers, Untold):
            value = UNTOLD
        else:
            value = call.headers.get(name)
        if isinstance(value, Untold):
            return None
        return value is not None and (written == "*" or wildcard_matches(written, value))

    return judge


def _open(written: str, call: JudgedCall, near: Surroundings) -> Truth:
    return None


PRINCIPAL = CallAttribute(
    "the caller's principal", _with_principal(lambda w, p, _: wildcard_matches(w, p)), tcp=True, ztunnel=True
)
NAMESPACE = CallAttribute(
    "the caller's namespace", _with_principal(lambda w, p, _: namespace_matches(w, p)), tcp=True, ztunnel=True
)
SERVICE_ACCOUNT = CallAttribute(
    "the caller's service account",
    _with_principal(lambda w, p, near: service_account_matches(w, near.namespace, p)),
    tcp=True,
    ztunnel=True,
)
TRUST_DOMAIN = CallAttribute(
    "the caller's trust domain", _with_principal(lambda w, p, _: wildcard_matches(w, trust_domain_of(p))), tcp=True
)
SOURCE_IP = CallAttribute(
    "the caller's address", _with_address(lambda call: call.source_ip), tcp=True, ztunnel=True, valid=is_range
)
REMOTE_IP = CallAttribute(
    "the original client's address", _with_address(lambda call: call.remote_ip), tcp=True, valid=is_range
)
DESTINATION_IP = CallAttribute(
    "the called address", _with_address(lambda call: call.destination_ip), tcp=True, ztunnel=True, valid=is_range
)
PORT = CallAttribute("the port", _port, tcp=True, ztunnel=True, valid=_is_port)
SNI = CallAttribute("the server name of TLS", _with_text(lambda call: call.sni, wildcard_matches), tcp=True)
HOST = CallAttribute("the host", _with_text(lambda call: call.host, _host))
METHOD = CallAttribute("the method", _with_text(lambda call: call.asked_method, wildcard_matches))
PATH = CallAttribute("the path", _path)
REQUEST_PRINCIPAL = CallAttribute("the token", _request_principal)

SOURCE_FIELDS: Mapping[str, CallAttribute] = {
    "principals": PRINCIPAL,
    "requestPrincipals": REQUEST_PRINCIPAL,
    "namespaces": NAMESPACE,
    "serviceAccounts": SERVICE_ACCOUNT,
    "trustDomains": TRUST_DOMAIN,
    "ipBlocks": SOURCE_IP,
    "remoteIpBlocks": REMOTE_IP,
}
"""The fields of `from.source`; each has a negative form."""

OPERATION_FIELDS: Mapping[str, CallAttribute] = {"hosts": HOST, "ports": PORT, "methods": METHOD, "paths": PATH}
"""The fields of `to.operation`; each has a negative form."""

_CONDITIONS: Mapping[str, CallAttribute] = {
    "source.ip": SOURCE_IP,
    "remote.ip": REMOTE_IP,
    "source.namespace": NAMESPACE,
    "source.principal": PRINCIPAL,
    "source.trustDomain": TRUST_DOMAIN,
    "destination.ip": DESTINATION_IP,
    "destination.port": PORT,
    "connection.sni": SNI,
    "request.auth.principal": REQUEST_PRINCIPAL,
    "request.auth.audiences": CallAttribute("the token", _claim(("aud",))),
    "request.auth.presenter": CallAttribute("the token", _claim(("azp",))),
}


def condition_attribute(key: str) -> CallAttribute | None:
    """The attribute that a condition's `key` names; None for a key that Istio does not know."""
    known = _CONDITIONS.get(key)
    if known is not None:
        return known
    keyed = _KEYED.fullmatch(key)
    if keyed is not None:
        names = re.findall(r"\[([^\[\]]+)\]", keyed[2])
        if keyed[1] == "request.auth.claims":
            return CallAttribute("the token", _claim(names))
        return CallAttribute(f"the header {names[0]}", _header(names[0].lower())) if len(names) == 1 else None
    if _FILTERS.fullmatch(key):
        return CallAttribute(f"what Envoy's filters say of {key.partition('[')[2].rstrip(']')}", _open, tcp=True)
    return None
