"""The setting `keymap`: which ids and keys there are, and what is wrong with those that are given."""

from __future__ import annotations

import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta", "cmd")
_PARTS = ("screens", "widgets")
_ASCII = range(0x21, 0x7F)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def key_ids() -> frozenset[str]:
    """The ids of all keys that settings can give to others; imports every screen."""
    for part in _PARTS:
        package = import_module(f"meshtop.console.{part}")
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
    import_module("meshtop.console.app")
    return frozenset(
        binding.id
        for kind in _subclasses(DOMNode)
        if kind.__module__.startswith("meshtop.")
        for binding in kind.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id is not None
    )


def _subclasses(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def key_names() -> frozenset[str]:
    """The names of keys without modifiers: as Textual has them, and those of ASCII's characters."""
    named = {key.value for key in Keys if "+" not in key.value and not key.value.startswith("<")}
    signs = {unicodedata.name(chr(code)).lower().replace(" ", "_").replace("-", "_") for code in _ASCII}
    return frozenset({*named, *signs, *(KEY_NAME_REPLACEMENTS.get(sign, sign) for sign in signs), "space"})


def is_key(key: str) -> bool:
    """Whether there is such a key: a character, or a name; modifiers stand before it (`ctrl+f`)."""
    *modifiers, base = key.split("+") if len(key) > 1 else [key]
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return False
    return (len(base) == 1 and base.isprintable()) or base in key_names()


def keymap_problems(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a keymap, a sentence for each id and key that there is not."""
    if not keymap:
        return []
    ids = key_ids()
    found = []
    for identity, keys in keymap.items():
        if identity not in ids:
            found.append(f"keymap: there is no key id {identity}{_nearest(identity, ids)}")
        for key in (one.strip() for one in keys.split(",")):
            if not is_key(key):
                said = _nearest(key, [*key_names(), *(f"{m}+{c}" for m in _MODIFIERS[:3] for c in _LETTERS)])
                found.append(f"keymap: {identity}: there is no key {key or '(empty)'}{said}")
    return found


def _nearest(wrong: str, names: Iterable[str]) -> str:
    close = get_close_matches(wrong, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "."
