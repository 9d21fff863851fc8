"""The one way in for YAML: bounded in size, depth and aliases, before a loader in C sees it.

libyaml's loader follows nesting on the stack of the process, and a hundred thousand brackets end it; a few aliases of
aliases are a tree of billions of nodes for whoever walks it. Files, registries and ConfigMaps are read by these
functions, and by nothing else.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

MAX_BYTES = 32 * 1024 * 1024
"""The largest file of all, a kubeconfig with certificates for a thousand clusters, has a tenth of it."""
MAX_DEPTH = 100
MAX_NODES = 500_000
"""Nodes of the whole tree, what an alias stands for counted each time."""
_SHALLOW = 200
"""So many brackets, or so many columns of indentation, are no danger to any loader."""
_INDENTED = re.compile(rf"^[ \t?:-]{{{_SHALLOW},}}", re.MULTILINE)


class YamlRefused(ValueError):
    """Text that is not read: why, as the end of a sentence that begins with its name, and its line where known."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


def read_bounded(path: Path, *, most: int = MAX_BYTES) -> bytes:
    """A file's bytes, and never more than `most`, whatever the file is. Raises OSError and YamlRefused."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise YamlRefused(f"is larger than {most // 1024 // 1024} MB, which is more than a file of this kind should be")
    return data


def text_of_yaml(data: bytes) -> str:
    """UTF-8 text, with or without a byte order mark. Raises YamlRefused with the line where it is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise YamlRefused("is not UTF-8 text; save the file as UTF-8", line) from None


def load_yaml(data: bytes | str) -> Any:
    """Plain data out of YAML; moments stay the text that they are. Raises YamlRefused for whatever cannot be read."""
    import yaml

    text = text_of_yaml(data) if isinstance(data, bytes) else data
    try:
        check_yaml(text)
        return yaml.load(text, Loader=_loader())
    except YamlRefused:
        raise
    except yaml.YAMLError as error:
        raise yaml_refusal(error) from None
    except Exception as error:  # noqa: BLE001 - constructors raise anything for odd scalars: !!int "", 1e99 digits
        raise YamlRefused(
            f"is not YAML ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from None


def load_yaml_documents(data: bytes | str) -> list[Any]:
    """The documents of a YAML stream as plain data, empty ones left out. Raises YamlRefused as `load_yaml` does."""
    import yaml

    text = text_of_yaml(data) if isinstance(data, bytes) else data
    try:
        check_yaml(text)
        return [found for found in yaml.load_all(text, Loader=_loader()) if found is not None]
    except YamlRefused:
        raise
    except yaml.YAMLError as error:
        raise yaml_refusal(error) from None
    except Exception as error:  # noqa: BLE001 - as in load_yaml
        raise YamlRefused(
            f"is not YAML ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from None


def yaml_refusal(error: Any) -> YamlRefused:
    """A YAMLError with its line."""
    mark = getattr(error, "problem_mark", None)
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
    return YamlRefused(f"is not YAML: {why}", None if mark is None else mark.line + 1)


def check_yaml(text: str) -> None:
    """Raise YamlRefused for text that is too large, nested too deep, or whose aliases stand for too much.

    Ordinary files are told by a look at their text; what may be deep or has aliases is walked event by event, which
    takes no stack. Raises yaml.YAMLError for what is no YAML there.
    """
    if len(text) > MAX_BYTES:
        raise YamlRefused(f"is larger than {MAX_BYTES // 1024 // 1024} MB")
    deep = text.count("[") + text.count("{") >= _SHALLOW or _INDENTED.search(text) is not None
    if deep or ("&" in text and "*" in text):
        _walk(text)


def _walk(text: str) -> None:
    import yaml

    sizes: dict[str, int] = {}
    total = 0
    above: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_parser()):
        if isinstance(event, yaml.CollectionStartEvent):
            above.append((event.anchor, total))
            total += 1
            if len(above) > MAX_DEPTH:
                raise YamlRefused(f"is nested more than {MAX_DEPTH} deep", _line_of(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = above.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in above):
                raise YamlRefused("has an anchor that holds itself; write it out", _line_of(event))
            total += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if total > MAX_NODES:
            raise YamlRefused("has aliases that stand for too much; write it out", _line_of(event))


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _parser() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _loader() -> Any:
    return with_plain_moments(_parser())


def with_plain_moments(base: Any) -> Any:
    """A loader that leaves moments as text: `2026-13-45` is a name that somebody chose, and no error."""

    class Loader(base):  # type: ignore[misc]
        pass

    Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
    return Loader
