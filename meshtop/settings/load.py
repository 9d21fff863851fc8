"""Merging settings: flags take precedence over the environment, then the file, then the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from meshtop.settings.checked import all_errors, causes_of, field_problem_text, hint, keys_of, sentence
from meshtop.settings.defaults import DEFAULTS
from meshtop.settings.document import ConfigError, KeyPath, YamlFile, read_document
from meshtop.settings.durations import positive_duration
from meshtop.settings.environment import read_environment, settings_path

if TYPE_CHECKING:
    from pydantic import ValidationError

    from meshtop.settings.schema import Settings

DEFAULT = "default"

_FLAGS = {
    "window": "window",
    "timeout": "timeout",
    "readOnly": "read_only",
    "color": "color",
    "ascii": "ascii",
    "remember": "remember",
}
"""Keys that flags set, and their fields."""
_DURATIONS = frozenset({"window", "timeout"})
_FILES = frozenset(
    {"kubeconfig", "bearerTokenFile", "passwordFile", "caFile", "clientCertFile", "clientKeyFile", "policy", "tenancy"}
)
"""Keys that name a file; a relative one is read from the folder of the settings file."""


class Loaded:
    """Settings and where each came from; `data` holds what was set, checked and converted.

    Where no more was set than flags do, which the command line has checked, the schema is not touched.
    """

    def __init__(
        self,
        data: dict[str, Any],
        origins: dict[KeyPath, str],
        file: Path | None = None,
        notes: tuple[str, ...] = (),
        *,
        checked: bool = False,
    ) -> None:
        self._checked = checked
        self.data = data
        self.origins = origins
        self.file = file
        self.notes = notes
        """Warnings, one sentence each."""

    @property
    def is_checked(self) -> bool:
        """Whether the command line has checked all that was set."""
        return self._checked

    @cached_property
    def settings(self) -> Settings:
        """The checked settings."""
        if self._checked:
            # It has all the fields of Settings, and only their values can be told from it.
            return cast("Settings", structs.replace(DEFAULTS, **{_FLAGS[key]: v for key, v in self.data.items()}))
        return self.validated

    @cached_property
    def validated(self) -> Settings:
        """The settings as the schema has them, for what needs more of it than their values."""
        from meshtop.settings.schema import Settings

        return Settings.model_validate(self.data)

    def files(self) -> Iterator[tuple[KeyPath, Path]]:
        """Every file that the settings name, with the key that names it."""
        yield from _files(self.data, ())

    def origin(self, path: KeyPath) -> str:
        """Where a key's value came from: `--window`, `MESHTOP_WINDOW`, `FILE:LINE` or `default`."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return DEFAULT


def load_settings(
    *,
    config: str | None = None,
    environ: Mapping[str, str],
    flags: Mapping[str, tuple[KeyPath, Any]] | None = None,
) -> Loaded:
    """Read and check all settings; `flags` maps a flag as typed (`--window`) to the key it sets and its value.

    Raises ConfigError, one sentence, when something is wrong: with file, line and key, or with the variable's or
    flag's name.
    """
    path = settings_path(config, environ)
    document = None if path is None else read_document(path)
    data: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    if document is not None:
        data = _beside(document.data, document.path.parent)
        origins = {at: f"{document.path}:{line}" for at, line in document.lines.items()}
    variables, notes = read_environment(environ)
    if document is None and not variables:
        return _of_flags(flags or {}, path, notes)
    for name, (at, value) in {**variables, **(flags or {})}.items():
        _set(data, origins, at, value, name)
    loaded = Loaded(data, origins, path, tuple(notes))
    if data:
        _check(loaded, document)
    return loaded


def _of_flags(flags: Mapping[str, tuple[KeyPath, Any]], path: Path | None, notes: list[str]) -> Loaded:
    """The settings where nothing is set but by flags. Raises ConfigError."""
    data: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    for name, (at, value) in flags.items():
        _set(data, origins, at, value, name)
    loaded = Loaded(data, origins, path, tuple(notes), checked=data.keys() <= _FLAGS.keys())
    try:
        for key in _DURATIONS & data.keys():
            data[key] = positive_duration(data[key])
    except ValueError:
        loaded = Loaded(data, origins, path, tuple(notes))
    if not loaded.is_checked:
        _check(loaded, None)
    return loaded


def _set(data: dict[str, Any], origins: dict[KeyPath, str], at: KeyPath, value: Any, name: str) -> None:
    """Set a value at a path, overriding what is there; a section that is not a mapping is replaced by one."""
    place: Any = data
    for part in at[:-1]:
        if not isinstance(place.get(part), dict):
            place[part] = {}
        place = place[part]
    place[at[-1]] = value
    for below in [path for path in origins if path[: len(at)] == at]:
        del origins[below]
    origins[at] = name


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The data with relative file names made absolute, from the settings file's own folder."""

    def resolve(value: Any, key: str | None) -> Any:
        if isinstance(value, dict):
            return {k: resolve(v, k if isinstance(k, str) else None) for k, v in value.items()}
        if isinstance(value, list):
            return [resolve(v, None) for v in value]
        if key in _FILES and isinstance(value, str) and value:
            return str(folder.absolute() / Path(value).expanduser())
        return value

    result: dict[str, Any] = {}
    for key, value in data.items():
        inline = key in ("tenancy", "keymap") and isinstance(value, dict)
        result[key] = value if inline else resolve(value, key)
    return result


def _files(value: Any, at: KeyPath) -> Iterator[tuple[KeyPath, Path]]:
    if isinstance(value, dict) and at != ("tenancy",):
        for key, below in value.items():
            if key in _FILES and isinstance(below, str):
                yield (*at, key), Path(below)
            else:
                yield from _files(below, (*at, key))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _files(below, (*at, index))


def _check(loaded: Loaded, document: YamlFile | None) -> None:
    from pydantic import ValidationError

    try:
        loaded.data = loaded.validated.model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        raise _errors(error, loaded, document) from error
    if isinstance(loaded.data.get("tenancy"), dict):
        from meshtop.settings.tenancy import check_tenancy

        check_tenancy(loaded.data["tenancy"], lambda path: _where(("tenancy", *path), loaded, document), ("tenancy",))


def _where(path: KeyPath, loaded: Loaded, document: YamlFile | None) -> str:
    """Place of a key: `FILE, line N`, or the variable or flag that set it."""
    where = loaded.origin(path)
    if document is not None and (where == DEFAULT or where.startswith(f"{document.path}:")):
        return f"{document.path}, line {document.line(path)}"
    return where


def _errors(error: ValidationError, loaded: Loaded, document: YamlFile | None) -> ConfigError:
    """All that is wrong with the settings, each in one sentence."""
    from meshtop.settings.schema import Settings

    found = []
    for problem in causes_of(error):
        path, rest = _known(tuple(problem["loc"]), loaded.data)
        message = field_problem_text(problem)
        if problem["type"] == "extra_forbidden":
            message = "there is no such setting" + hint(path[-1], sorted(keys_of(Settings, path[:-1])))
        elif problem["type"] == "missing":
            path = (*path, *rest)
        found.append(sentence(_where(path, loaded, document), path, message))
    return all_errors(found)


def _known(loc: tuple[str | int, ...], data: Any) -> tuple[KeyPath, KeyPath]:
    """Split an error's location into the part that exists in the data, and the rest.

    pydantic puts the names of union members between the keys (`tenancy.str`).
    """
    path: list[str | int] = []
    place = data
    for index, part in enumerate(loc):
        has_key = isinstance(place, dict) and part in place
        has_index = isinstance(place, list) and isinstance(part, int) and part < len(place)
        if not has_key and not has_index:
            return tuple(path), loc[index:]
        place = place[part]
        path.append(part)
    return tuple(path), ()
