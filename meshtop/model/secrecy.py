"""What is a secret in what people and servers wrote, and the same thing without it; the one place that knows.

Objects that are shown, values that are noted down when something changed, and recordings all go through here. Names
that say where a secret is (`credentialName`, `tokenFile`, `secretRef`) stay; in doubt a harmless word is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

HIDDEN = "(hidden)"
SECRET_HINTS = (
    *(b"private key", b"privatekey", b"private_key", b"private-key", b"passw", b"passphrase", b"secret", b"token"),
    *(b"credential", b"apikey", b"api_key", b"api-key", b"accesskey", b"access_key", b"access-key", b"key_data"),
    *(b"eyj", b"bearer", b"basic ", b"negotiate", b"authorization", b"cookie", b"kubeconfig", b"last-applied"),
    *(b"kapp.k14s", b"keydata", b"key-data", b"\xa3env", b"signature", b"session_id", b"sessionid", b"session-id"),
    b"jwks",
)
"""In lower case: what holds a secret that is known here holds one of these, or a login with @ and a colon.

Looked for one by one: a regular expression of them all takes fifty times as long.
"""
_WORDS = (
    r"passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|key[_-]?data"
    r"|session[_-]?id|kubeconfig|authorization|cookie"
)
_WHOLE = (
    r"(?:[\w.-]*[_.-])?(?:passw(?:or)?d|passphrase|secret|client[_-]?secret|secret[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|api[_-]?key|(?:auth|access|bearer|refresh|id)?[_-]?token|kubeconfig|authorization|cookie"
    r"|credentials?|client[_-]?key[_-]?data|signature|session[_-]?id)"
)
_ONLY_NAMING = (
    r"(?i)^(?:from|forward|output|http|remote)|(?:names?|refs?|references?|namespaces?|files?|paths?|headers?|cookies"
    r"|urls?|uris?|issuers?|audiences?|polic(?:y|ies)|types?|kinds?|algorithms?|versions?|modes?|seconds|ttl|class"
    r"|providers?|enabled|required|counts?|expir\w+|at|review)$"
)
"""Names that tell where a secret is, or something about it."""
_INLINE = frozenset(
    {"inline_string", "inlineString", "inline_bytes", "inlineBytes", "inline_code", "inlineCode", "value", "exact"}
)
"""Fields that hold the secret itself below a name of one."""
_APPLIED = re.compile(r"last-applied|(?:^|\.)kapp\.k14s\.io/(?:original|identity)")
"""Annotations that hold a whole object as somebody applied it."""
_SECRET_KIND = "Secret"
_SECRET_DATA = ("data", "stringData")
_DEEPEST = 200
_QUOTED = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_VALUE = rf"(?:{_QUOTED}|[^\s\"',;&{{\[][^\s\"',;&]*)"
# The flag names a file.
_FLAG = rf"(?!--?kubeconfig\b)--?[\w.-]*(?:{_WORDS})[\w-]*(?<!file)(?<!path)(?<!name)"


@cache
def _names() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Names of secrets; names that hold one's; and those of them that only tell something about it.

    They, and what is below, take six milliseconds to compile: with the first name or text that is looked at.
    """
    return re.compile(rf"(?i){_WHOLE}|jwks"), re.compile(rf"(?i){_WORDS}"), re.compile(_ONLY_NAMING)


@cache
def _flag() -> re.Pattern[str]:
    return re.compile(rf"(?i){_FLAG}")


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of secrets in texts, and what stands in their place; applied in this order."""
    return (
        (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), HIDDEN),
        (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
        # Without quotes it is the rest of the line: schemes differ in how many words follow them, and cookies have
        # many.
        (
            re.compile(
                r"(?i)\b((?:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?[ \t]*[=:][ \t]*)"
                rf"(?:{_QUOTED}|[^\s{{\[][^\n]*)"
            ),
            rf"\1{HIDDEN}",
        ),
        (re.compile(r"(?i)\b(bearer|basic|negotiate)(\s+)(?=\S*[\dA-Z+/=_-])[\w.~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
        # What follows a user's colon and is no port is a password, whatever stands in it, up to the last @.
        (re.compile(r"(://)[^\s/:@\"'<>]*:(?!\d+(?:[/?#\s\"'<>]|$))[^\s\"'<>]*@"), rf"\1{HIDDEN}@"),
        (re.compile(r"(://)[^\s/?#\"'<>]*@"), rf"\1{HIDDEN}@"),
        # A login without a scheme; the digest of an image stands behind an @ too.
        (re.compile(r"(?<![\w/.:@)-])[\w.%+-]+:[^\s/:@\"'<>()]+@(?!sha\d+:)(?=[\w.-]+)"), f"{HIDDEN}@"),
        (re.compile(rf"(?i)({_FLAG})([ \t]+)(?!-){_VALUE}"), rf"\1\2{HIDDEN}"),
        # `key: value` and `key=value` on one line of a text.
        (
            re.compile(rf"(?i)(?<![\w-])(?!--?kubeconfig\b)((?:--?)?(?:{_WHOLE})[\"']?[ \t]*[:=][ \t]*){_VALUE}"),
            rf"\1{HIDDEN}",
        ),
    )


def names_secret(name: str) -> bool:
    """Whether what has this name is a secret: `password`, `clientSecret`; not `secretName`, `tokenFile`."""
    whole, holding, only_naming = _names()
    return whole.fullmatch(name) is not None or (holding.search(name) is not None and only_naming.search(name) is None)


def leads_to_secret(kind: str, path: str) -> bool:
    """Whether what stands at a path of an object, such as `spec.env[0].value`, is one by the names on the way."""
    steps = path.replace("[", ".").replace("]", "").split(".")
    return (
        _APPLIED.search(path) is not None
        or any(map(names_secret, steps))
        or (kind == _SECRET_KIND and any(one in steps for one in _SECRET_DATA))
        or ("env" in steps and steps[-1] != "name")
    )


def are_arguments(values: Sequence[Any]) -> bool:
    """Whether a list is of arguments: what one of them is may be said by the one before it."""
    return any(isinstance(one, str) and one.startswith("-") for one in values)


def text_without_secrets(text: str) -> str:
    """A text without private keys, tokens, logins, and what stands after names of secrets."""
    for pattern, instead in _rules():
        text = pattern.sub(instead, text)
    return text


def tree_without_secrets(value: Any) -> Any:
    """Plain data without secrets: `(hidden)` stands in their place, and copies of applied objects are left out."""
    return _searched(value, secret=False, depth=0)


def _searched(value: Any, *, secret: bool, depth: int) -> Any:
    """`secret` is whether it stands under a name of one."""
    if isinstance(value, str):
        return HIDDEN if secret and value else text_without_secrets(value)
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, list | tuple):
        return _listed(value, secret=secret, depth=depth)
    if not isinstance(value, Mapping):
        return value
    found: dict[Any, Any] = {}
    for key, one in value.items():
        if isinstance(key, str) and _APPLIED.search(key):
            continue
        named = isinstance(key, str) and names_secret(key)
        if isinstance(one, str):
            # What is inlined below the name of a secret is one; a name elsewhere says only what the text is.
            hides = bool(one) and (named or (secret and key in _INLINE))
            found[key] = HIDDEN if hides else text_without_secrets(one)
        elif key == "env" and isinstance(one, list | tuple):
            found[key] = [_variable(each, depth + 1) for each in one]
        else:
            found[key] = _searched(one, secret=secret or named, depth=depth + 1)
    return _secret_object(found) if value.get("kind") == _SECRET_KIND else found


def _listed(values: Sequence[Any], *, secret: bool, depth: int) -> list[Any]:
    """A list; of arguments also what follows `--password`."""
    found: list[Any] = []
    for place, one in enumerate(values):
        last = values[place - 1] if place else None
        after = isinstance(last, str) and _flag().fullmatch(last) is not None
        flagged = after and isinstance(one, str) and not one.startswith("-")
        found.append(_searched(one, secret=secret or flagged, depth=depth + 1))
    return found


def _variable(value: Any, depth: int) -> Any:
    """A variable of a container or extension: its name, and of its value that there is one."""
    if not isinstance(value, Mapping):
        return _searched(value, secret=False, depth=depth)
    return {
        key: HIDDEN if key == "value" and one else _searched(one, secret=False, depth=depth + 1)
        for key, one in value.items()
    }


def _secret_object(obj: dict[Any, Any]) -> dict[Any, Any]:
    """A Secret with the names of what it holds, and nothing of that."""
    hidden = {part: dict.fromkeys(obj[part], HIDDEN) for part in _SECRET_DATA if isinstance(obj.get(part), Mapping)}
    spec = obj.get("spec")
    inner = {"spec": _secret_object(spec)} if isinstance(spec, dict) else {}
    return {**obj, **hidden, **inner}
