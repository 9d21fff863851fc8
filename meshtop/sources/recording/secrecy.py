"""A last look at what goes into a recording: no secret, wherever somebody put one.

The model keeps no data of Secrets, no kubeconfig, and no variables of containers but istiod's own. What is left are
texts that people wrote: specs, annotations, ConfigMaps of Istio, sentences of servers. The hints of `model.secrecy` are
looked for in everything; where there is one, the object is searched string by string.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from meshtop.model.secrecy import SECRET_HINTS, tree_without_secrets

_LOGIN = re.compile(rb"[\w.%+-]:[^\x00-\x20\x80-\xff/:@\"'<>()]+@[\w.-]")
_encode = msgspec.msgpack.Encoder().encode


def told_without_secrets(thing: Any) -> Any:
    """The same thing, or, where it holds what may be a secret, its plain form with `(hidden)` in that place."""
    if thing is None or not _may_hold_one(thing):
        return thing
    return tree_without_secrets(msgspec.to_builtins(thing, builtin_types=(bytes,)))


def _may_hold_one(thing: Any) -> bool:
    try:
        body = _encode(thing).lower()
    except (OverflowError, UnicodeEncodeError):
        return True
    if any(hint in body for hint in SECRET_HINTS):
        return True
    # A float holds an @ too, so a login has to look like one.
    return b"@" in body and (b"://" in body or _LOGIN.search(body) is not None)
