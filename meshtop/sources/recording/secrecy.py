"""A last look at what goes into a recording: no secret, wherever somebody put one.

The model keeps no data of Secrets, no kubeconfig, and no variables of containers but istiod's own. What is left are
texts that people wrote: specs, annotations, ConfigMaps of Istio, sentences of servers. The hints below are looked for
in everything; where there is one, the object is searched string by string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

HIDDEN = "(hidden)"
_HINTS = (
    *(b"private key", b"privatekey", b"private_key", b"private-key", b"passw", b"passphrase", b"secret", b"token"),
    *(b"credential", b"apikey", b"api_key", b"api-key", b"accesskey", b"access_key", b"access-key", b"key_data"),
    *(b"eyj", b"bearer", b"basic ", b"negotiate", b"authorization", b"cookie", b"kubeconfig", b"last-applied"),
    *(b"kapp.k14s", b"keydata", b"key-data", b"\xa3env"),
)
"""In lower case. Looked for one by one: a regular expression of them all takes fifty times as long."""
_SECRET_KEY = re.compile(
    r"(?i)(?:[\w.-]*[_.-])?(?:passw(?:or)?d|passphrase|secret|client[_-]?secret|secret[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|api[_-]?key|(?:auth|access|bearer|refresh|id)?[_-]?token|kubeconfig|authorization|cookie"
    r"|credentials?|client[_-]?key[_-]?data)"
)
"""Names under which there is a secret; not `secretName`, `tokenFile` and the like, which name where one is."""
_INLINE = frozenset({"inline_string", "inlineString", "inline_bytes", "inlineBytes", "inline_code", "inlineCode"})
_APPLIED = re.compile(r"last-applied|^kapp\.k14s\.io/(?:original|identity)")
"""Annotations that hold a whole object as somebody applied it."""
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic|negotiate)(\s+)(?=\S*[\dA-Z+/=_-])[\w.~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(://)[^\s/?#\"'<>]*@"), rf"\1{HIDDEN}@"),
    # `key: value` and `key=value` on one line of a text.
    (
        re.compile(
            rf"(?<![\w-])((?:{_SECRET_KEY.pattern.removeprefix('(?i)')})[\"']?[ \t]*[:=][ \t]*)"
            r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&{\[][^\s\"',;&]*)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)
_encode = msgspec.msgpack.Encoder().encode


def told_without_secrets(thing: Any) -> Any:
    """The same thing, or, where it holds what may be a secret, its plain form with `(hidden)` in that place."""
    if thing is None or not _may_hold_one(thing):
        return thing
    return _searched(msgspec.to_builtins(thing, builtin_types=(bytes,)), secret=False)


def _may_hold_one(thing: Any) -> bool:
    try:
        body = _encode(thing).lower()
    except (OverflowError, UnicodeEncodeError):
        return True
    return any(hint in body for hint in _HINTS) or (b"://" in body and b"@" in body)


def text_without_secrets(text: str) -> str:
    """A text without private keys, tokens, logins in URLs, and what stands after names of secrets."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def _searched(value: Any, *, secret: bool) -> Any:
    """A tree without secrets; `secret` is whether it stands under a name of one."""
    if isinstance(value, str):
        return HIDDEN if secret and value else text_without_secrets(value)
    if isinstance(value, list | tuple):
        return [_searched(one, secret=secret) for one in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[Any, Any] = {}
    for key, one in value.items():
        if isinstance(key, str) and _APPLIED.search(key):
            continue
        named = isinstance(key, str) and _SECRET_KEY.fullmatch(key) is not None
        if isinstance(one, str):
            # What is inlined below the name of a secret is one; a name elsewhere says only what the text is.
            hides = bool(one) and (named or (secret and (key in _INLINE or key == "value")))
            found[key] = HIDDEN if hides else text_without_secrets(one)
        elif key == "env" and isinstance(one, list):
            found[key] = [_variable(each) for each in one]
        else:
            found[key] = _searched(one, secret=secret or named)
    return found


def _variable(value: Any) -> Any:
    """A variable of a container or extension: its name, and of its value that there is one."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if key == "value" and one else _searched(one, secret=False) for key, one in value.items()}
    return value
