"""The setting `keymap`: which ids and keys there are, and what is wrong with those that are given."""

from __future__ import annotations

import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from types import FunctionType

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.screen import Screen
from textual.widget import Widget

_MODIFIERS = ("ctrl", "alt", "shift", "super", "hyper", "meta", "cmd")
_PARTS = ("screens", "widgets")
_ASCII = range(0x21, 0x7F)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def key_ids() -> frozenset[str]:
    """The ids of all keys that settings can give to others; imports every screen."""
    return frozenset(_keys_at_first())


def without_taken_keys(keymap: Mapping[str, str]) -> dict[str, str]:
    """A keymap in which a key that it gives away is taken from whom it was, as long as others are left there.

    The widget that has the keyboard is asked first: without this, a table's `ctrl+f` would win over the one that the
    settings give to the filter.
    """
    given = {_as_named(key) for keys in keymap.values() for key in keys.split(",")}
    whole = dict(keymap)
    for identity, every in _keys_at_first().items():
        left = [key for key in every if _as_named(key) not in given]
        if identity not in keymap and left and len(left) < len(every):
            whole[identity] = ",".join(left)
    return whole


def _as_named(key: str) -> str:
    """A key as bindings name it: `ctrl+f`, `slash`."""
    key = key.strip()
    if len(key) != 1 or key.isalnum():
        return key
    name = unicodedata.name(key, key).lower().replace(" ", "_").replace("-", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _keys_at_first() -> dict[str, tuple[str, ...]]:
    """The keys of each id as they are without settings; imports every screen."""
    for part in _PARTS:
        package = import_module(f"meshtop.console.{part}")
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
    import_module("meshtop.console.app")
    found: dict[str, dict[str, None]] = {}
    for kind in _subclasses(DOMNode):
        for binding in kind.__dict__.get("BINDINGS", ()) if kind.__module__.startswith("meshtop.") else ():
            if isinstance(binding, Binding) and binding.id is not None:
                found.setdefault(binding.id, {}).update(dict.fromkeys(binding.key.split(",")))
    return {identity: tuple(keys) for identity, keys in found.items()}


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
    """What is wrong with a keymap: a sentence for each id and key that there is not, or that is another's only one."""
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
    return [*found, *_only_keys_given_away(keymap)]


def _only_keys_given_away(keymap: Mapping[str, str]) -> list[str]:
    """Which keys the settings give to one thing that are all that another has where both are on screen.

    Such a key is not taken from whom it was (`without_taken_keys`), and one of the two cannot be reached by it.
    """
    keys = {identity: frozenset(map(_as_named, every)) for identity, every in _keys_at_first().items()}
    given = {identity: frozenset(_as_named(key) for key in text.split(",")) for identity, text in keymap.items()}
    keys |= given
    everything = frozenset[str]().union(*given.values())
    lost: dict[frozenset[str], str] = {}
    for together in _ids_together():
        for identity in sorted(given.keys() & together):
            for other in sorted(together - {identity}):
                shared = keys.get(other, frozenset()) & given[identity]
                if shared and keys[other] <= everything and (other not in given or keys[other] <= given[identity]):
                    many = ",".join(sorted(shared))
                    said = f"keymap: {identity}: {many} is the only key of {other}; give that another"
                    lost.setdefault(frozenset((identity, other)), f"{said}, or one of both cannot be reached.")
    return list(lost.values())


def _ids_together() -> Iterator[frozenset[str]]:
    """For each screen the ids of the keys that are there: of its widgets, its own, and those of the console."""
    widgets = {kind.__name__: kind for kind in _subclasses(Widget) if kind.__module__.startswith("meshtop.")}
    apps = (kind for kind in _subclasses(App) if kind.__module__.startswith("meshtop."))
    everywhere = frozenset[str]().union(*map(_ids_of, apps))
    for screen in _subclasses(Screen):
        if not screen.__module__.startswith("meshtop."):
            continue
        # What a screen is made of, it names where it is composed.
        makers = (kind.__dict__.get(name) for kind in screen.__mro__ for name in ("body", "compose"))
        named = {name for make in makers if isinstance(make, FunctionType) for name in make.__code__.co_names}
        inside = (_ids_of(widgets[name]) for name in sorted(named & widgets.keys()))
        yield everywhere.union(_ids_of(screen), *inside)


def _ids_of(kind: type[DOMNode]) -> frozenset[str]:
    """The ids of the keys of a class and of those above it; one that repeats those of every screen inherits none."""
    found: set[str] = set()
    for above in kind.__mro__:
        own = {one.id for one in above.__dict__.get("BINDINGS", ()) if isinstance(one, Binding) and one.id is not None}
        found |= own
        if "console.back" in own:
            break
    return frozenset(found)


def _nearest(wrong: str, names: Iterable[str]) -> str:
    close = get_close_matches(wrong, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "."
