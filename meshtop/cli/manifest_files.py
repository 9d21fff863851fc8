"""Manifests that a command is given: files, folders and stdin, and what is wrong with them in one sentence each."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.cli.exits import CommandError, say

if TYPE_CHECKING:
    from meshtop.analysis.findings.revisions import MisreadObject
    from meshtop.model.kube import Inventory

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


class GivenObjects(Struct, frozen=True, kw_only=True):
    """The objects of some files; `passed_over` are kinds that nothing reads, `misread` what is no object."""

    inventory: Inventory
    misread: tuple[MisreadObject, ...] = ()
    passed_over: tuple[str, ...] = ()


def listed_files(path: str, written: str = "") -> list[str]:
    """A file itself, and of a folder the manifests in it. Raises CommandError for a folder without any."""
    if path == STDIN or not Path(path).is_dir():
        return [path]
    found = sorted(str(one) for one in Path(path).rglob("*") if one.suffix in SUFFIXES and one.is_file())
    if not found:
        raise CommandError(f"{written or path} holds no file that ends with {', '.join(SUFFIXES)}.")
    return found


def bytes_of(path: str) -> bytes:
    """What a file, or stdin (`-`), holds. Raises CommandError for one that cannot be read or is too large."""
    from meshtop.model.yaml_input import MAX_BYTES, YamlRefused, read_bounded

    if path == STDIN:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CommandError(f"stdin is larger than {MAX_BYTES // 1024 // 1024} MB.")
        return data
    try:
        return read_bounded(Path(path))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
    except YamlRefused as error:
        raise CommandError(f"{path} {error.why}.") from error


def file_name(path: str) -> str:
    """What a file is called in sentences."""
    return "stdin" if path == STDIN else path


def home_of(namespaces: tuple[str, ...]) -> str:
    """The namespace of objects that name none: the one of `-n`, else `default`, as kubectl has it."""
    return namespaces[0] if len(namespaces) == 1 and not set(namespaces[0]) & set("*?[") else "default"


def given_objects(
    paths: Iterable[str], home: str, *, more: Iterable[bytes] = (), default_gateway: bool = False
) -> GivenObjects:
    """The objects of files; those without a namespace are in `home`. Raises CommandError for what is no YAML.

    `more` are texts that belong to no file. A file without an object is named.
    """
    from meshtop.model.yaml_input import YamlRefused
    from meshtop.sources.kubernetes.manifests import Manifests, manifests

    texts: list[bytes] = []
    misread: list[MisreadObject] = []
    for file in paths:
        data = bytes_of(file)
        try:
            # Each file for itself, so that what is wrong is told by the name of its file.
            alone = manifests([data], namespace=home)
        except YamlRefused as error:
            line = f" (line {error.line})" if error.line else ""
            raise CommandError(f"{file_name(file)} {error.why}{line}.") from error
        if alone == Manifests():
            say(f"meshtop: {file_name(file)} holds no object.")
        misread += [_in_file(one, file) for one in alone.misread]
        texts.append(data)
    read = manifests([*texts, *more], namespace=home, now=time.time(), default_gateway=default_gateway)
    return GivenObjects(inventory=read.inventory, misread=tuple(misread), passed_over=read.passed_over)


def _in_file(one: MisreadObject, file: str) -> MisreadObject:
    """What could not be read, with its file where it has no name by which it could be looked for."""
    from msgspec import structs

    return one if one.name else structs.replace(one, why=f"{one.why} ({file_name(file)})")
