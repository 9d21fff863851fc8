"""A YAML file as plain data with the line of each key, and the error that refers to such a line."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from meshtop.model.errors import MeshtopError
from meshtop.model.yaml_input import YamlRefused, check_yaml, read_bounded, text_of_yaml, with_plain_moments

KeyPath = tuple[str | int, ...]

MAX_BYTES = 4 * 1024 * 1024


class ConfigError(MeshtopError):
    """Invalid settings: the first in one sentence with its place, its key, and what to do; `every` has all of them."""

    def __init__(self, message: str, *, every: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.every = tuple(every) or (message,)


class YamlFile(Struct, frozen=True):
    """The data of a file and, by the path of keys and list indices, the line (from 1) of every key."""

    path: Path
    data: dict[str, Any]
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest one above it that the file holds."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def dotted(path: KeyPath) -> str:
    """A path as people write it: `clusters[0].prometheus.url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_document(path: Path, what: str = "settings file") -> YamlFile:
    """Read a YAML mapping; an empty file is an empty one. `what` names it in errors.

    Raises ConfigError for a file that cannot be read, is not YAML, is not a mapping, or names a key twice.
    """
    try:
        text = text_of_yaml(read_bounded(path, most=MAX_BYTES))
    except YamlRefused as refusal:
        at = f"{path}, line {refusal.line}: this {refusal.why}" if refusal.line else f"The {what} {path} {refusal.why}"
        raise ConfigError(at if at.endswith("?") else f"{at}.") from refusal
    except OSError as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else (error.strerror or str(error)).lower()
        raise ConfigError(f"The {what} {path} cannot be read: {why}.") from error
    return parse_document(text, path)


def parse_document(text: str, path: Path, *, example: str = "refresh: 5s") -> YamlFile:
    """A YAML mapping from text that was read already; `path` and `example`, a line of it, are only for messages.

    Raises ConfigError where it is not YAML, is not a mapping, or names a key twice.
    """
    import yaml

    try:
        with contextlib.suppress(yaml.YAMLError):  # which the loader tells better
            check_yaml(text)
        loader = with_plain_moments(yaml.SafeLoader)(text)
    except YamlRefused as refusal:
        at = f", line {refusal.line}" if refusal.line else ""
        raise ConfigError(f"{path}{at}: this {refusal.why}.") from refusal
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(f"{path}, line {line}: there is a control character here; remove it.") from error
    try:
        root = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        if root is not None:
            _walk(root, (), lines, path, frozenset())
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise ConfigError(f"{path}, line {line}: this is not YAML ({what}).") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path}: this is not valid YAML ({what}).") from error
    finally:
        loader.dispose()
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}, line 1: the file must hold keys and values, such as `{example}`.")
    return YamlFile(path=path, data=data, lines=lines)


def _walk(node: Any, at: KeyPath, lines: dict[KeyPath, int], path: Path, above: frozenset[int]) -> None:
    """Record each key's line; an alias is followed where it is used, and one that contains itself is rejected."""
    import yaml

    if id(node) in above:
        raise ConfigError(f"{path}, line {node.start_mark.line + 1}: this anchor contains itself; write its value out.")
    inside = above | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            lines[(*at, index)] = child.start_mark.line + 1
            _walk(child, (*at, index), lines, path, inside)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{path}, line {line}: a key must be a plain word.")
            name = str(key.value)
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag == "tag:yaml.org,2002:bool":
                # YAML 1.1 takes the words on, off, yes and no for truth values; a key is a word.
                key.tag = "tag:yaml.org,2002:str"
            if name in seen:
                where = dotted((*at, name))
                raise ConfigError(
                    f"{path}, line {line}: {where} is already set on line {seen[name]}; keep one of them."
                )
            if key.tag != "tag:yaml.org,2002:str":
                raise ConfigError(f'{path}, line {line}: the key {name} must be in quotes: "{name}".')
            seen[name] = line
            lines[(*at, name)] = line
            _walk(value, (*at, name), lines, path, inside)
