"""How Istio compares a value of a policy with what a call has: wildcards, path templates, paths and address ranges.

Sources: the reference of AuthorizationPolicy, and istio/istio pilot/pkg/security/authz (matcher, model).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_network

from meshtop.model.addresses import ip_address_of

_UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SLASHES = re.compile(r"%2[Ff]|%5[Cc]")
_TEMPLATE = re.compile(r"\{\*\*?\}")
NORMALIZATIONS = ("NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
"""The settings of `pathNormalization`, each doing what the one before it does too; DEFAULT means BASE."""


def wildcard_matches(pattern: str, value: str) -> bool:
    """Whether a value matches: exactly, by its beginning (`a*`) or end (`*a`), or by not being empty (`*`)."""
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def namespace_matches(pattern: str, principal: str) -> bool:
    """Whether a principal is of a namespace; a `*` stands for anything, wherever it is."""
    return _namespace(pattern).fullmatch(principal) is not None


@lru_cache(maxsize=4096)
def _namespace(pattern: str) -> re.Pattern[str]:
    inner = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.compile(f".*/ns/{inner}/.*", re.DOTALL)


def service_account_matches(written: str, home: str, principal: str) -> bool:
    """Whether a principal has a service account, written as `NAME` (in the namespace `home`) or `NAMESPACE/NAME`."""
    namespace, slash, name = written.partition("/")
    if not slash:
        namespace, name = home, written
    return _account(namespace, name).fullmatch(principal) is not None


@lru_cache(maxsize=4096)
def _account(namespace: str, name: str) -> re.Pattern[str]:
    return re.compile(f".+/ns/{re.escape(namespace)}/(?:.+/)?sa/{re.escape(name)}(?:/.+)?", re.DOTALL)


def request_principal_matches(pattern: str, issuer: str, subject: str) -> bool:
    """Whether a token's issuer and subject match `ISSUER/SUBJECT`; an issuer may have slashes of its own."""
    wanted_issuer, slash, wanted_subject = pattern.rpartition("/")
    if pattern == "*":
        return issuer != "" and subject != ""
    if pattern.startswith("*"):
        if not slash:
            return issuer != "" and subject.endswith(pattern[1:])
        return wildcard_matches(wanted_issuer, issuer) and subject == wanted_subject
    if pattern.endswith("*"):
        if not slash:
            return issuer.startswith(pattern[:-1]) and subject != ""
        return issuer == wanted_issuer and wildcard_matches(wanted_subject, subject)
    return (issuer, subject) == ((wanted_issuer, wanted_subject) if slash else (pattern, ""))


def is_template(pattern: str) -> bool:
    """Whether a path of a policy is a template: `{*}` is one segment, `{**}` any number of them."""
    return _TEMPLATE.search(pattern) is not None


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path (normalized, without its query) matches a path of a policy, or its template."""
    return _template(pattern).fullmatch(path) is not None if is_template(pattern) else wildcard_matches(pattern, path)


@lru_cache(maxsize=4096)
def _template(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for found in _TEMPLATE.finditer(pattern):
        parts += [re.escape(pattern[end : found.start()]), ".*" if found[0] == "{**}" else "[^/]+"]
        end = found.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]), re.DOTALL)


def normalized_path(path: str, normalization: str) -> str:
    """A path as policies see it: without query and fragment, and normalized as the mesh says.

    BASE resolves dot segments, takes unreserved characters out of their percent-encoding and turns backslashes; the
    further ones merge slashes, the last one decodes them before.
    """
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    level = NORMALIZATIONS.index(normalization) if normalization in NORMALIZATIONS else 1
    if level >= 3:
        path = _SLASHES.sub("/", path)
    if level >= 1:
        path = _UNRESERVED.sub(_decoded, path).replace("\\", "/")
        path = _without_dots(path)
    return re.sub(r"/{2,}", "/", path) if level >= 2 else path


def _decoded(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _PLAIN else found[0]


def _without_dots(path: str) -> str:
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        if segment in (".", ".."):
            if segment == ".." and kept:
                kept.pop()
            if position == len(segments) - 1:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


def is_range(written: str) -> bool:
    """Whether a value is an address, or a range of addresses with its length."""
    return _range(written) is not None


def in_range(written: str, address: str) -> bool | None:
    """Whether an address is in a range; None where the address is none."""
    found = _range(written)
    seen = ip_address_of(address)
    if seen is None:
        return None
    return found is not None and seen.version == found.version and seen in found


@lru_cache(maxsize=4096)
def _range(written: str):  # type: ignore[no-untyped-def]  # IPv4Network or IPv6Network, whose union the stubs lack
    try:
        return ip_network(written, strict=False)
    except ValueError:
        return None
