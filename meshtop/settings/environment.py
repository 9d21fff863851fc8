"""Settings from environment variables: which file to read, and single settings such as `MESHTOP_READ_ONLY=true`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshtop.settings.document import ConfigError, KeyPath

if TYPE_CHECKING:
    from pydantic import BaseModel

FILE_NAME = "meshtop.yaml"
NO_FILE = "none"
"""The value of --config or MESHTOP_CONFIG that means "no settings file"."""
PREFIX = "MESHTOP_"
NOT_SETTINGS = frozenset({"MESHTOP_CONFIG", "MESHTOP_DEBUG", "MESHTOP_COMPLETE"})
"""Variables that meshtop reads but that do not correspond to keys of the settings file."""


def home_folder(environ: Mapping[str, str]) -> Path:
    """The user's home: `$HOME`, else the one of the accounts; `/` for a user without either, as in many containers."""
    if environ.get("HOME"):
        return Path(environ["HOME"])
    import pwd  # here, as hardly anybody has no HOME

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/")


def default_path(environ: Mapping[str, str]) -> Path:
    """`meshtop.yaml` in `$XDG_CONFIG_HOME/meshtop/`, else in `~/.config/meshtop/` (XDG Base Directory rules)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    home = home_folder(environ)
    return (Path(base) if base.startswith("/") else home / ".config") / "meshtop" / FILE_NAME


def state_folder(environ: Mapping[str, str]) -> Path:
    """Folder for persistent state: `$XDG_STATE_HOME/meshtop/`, else `~/.local/state/meshtop/` (XDG rules)."""
    base = environ.get("XDG_STATE_HOME", "")
    home = home_folder(environ)
    return (Path(base) if base.startswith("/") else home / ".local" / "state") / "meshtop"


def discovery_folder(environ: Mapping[str, str]) -> Path:
    """Folder for API discovery kept between runs: in `$XDG_CACHE_HOME/meshtop/`, else in `~/.cache/meshtop/` (XDG)."""
    base = environ.get("XDG_CACHE_HOME", "")
    home = home_folder(environ)
    return (Path(base) if base.startswith("/") else home / ".cache") / "meshtop" / "discovery"


def settings_path(flag: str | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file to read: from the flag, else from MESHTOP_CONFIG, else the default one if it exists.

    None when there is none, or when `none` is given. Raises ConfigError when a file that was named does not exist.
    """
    asked, by = (flag, "--config") if flag else (environ.get("MESHTOP_CONFIG"), "MESHTOP_CONFIG")
    if not asked:
        path = default_path(environ)
        return path if path.exists() else None
    if asked == NO_FILE:
        return None
    path = Path(asked).expanduser()
    if not path.exists():
        raise ConfigError(f"The settings file {path} ({by}) does not exist; name another one, or leave {by} out.")
    return path


def setting_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with meshtop's prefix; an empty one counts as not set."""
    return {n: v for n, v in environ.items() if n.startswith(PREFIX) and n not in NOT_SETTINGS and v != ""}


def variables() -> dict[str, KeyPath]:
    """Every variable that is a setting, and the key that it sets; `__` steps into a section."""
    from meshtop.settings.schema import Settings

    return {PREFIX + "__".join(part.upper() for part in names): path for names, path in _fields(Settings, (), ())}


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, tuple[KeyPath, Any]], list[str]]:
    """Settings by variable, as (key, value), and a warning for each variable that looks like a typo.

    `MESHTOP_CANARY__MINIMUM_REQUESTS=500` sets canary.minimumRequests. Values are text; one that begins with `[` or
    `{` is YAML. A variable that resembles no setting is ignored: Kubernetes itself sets MESHTOP_SERVICE_HOST
    and its like in pods beside a Service of that name.
    """
    given = setting_variables(environ)
    if not given:
        return {}, []
    from difflib import get_close_matches  # here, as few give any

    known = variables()
    found: dict[str, tuple[KeyPath, Any]] = {}
    notes = []
    for name in sorted(given):
        if name in known:
            found[name] = (known[name], _value(given[name]))
        elif close := get_close_matches(name, known, n=1, cutoff=0.85):
            notes.append(f"The environment variable {name} is not a setting; did you mean {close[0]}?")
    return found, notes


def _value(text: str) -> Any:
    if text.lstrip()[:1] not in ("[", "{"):
        return text
    from meshtop.model.yaml_input import YamlRefused, load_yaml

    try:
        return load_yaml(text)
    except YamlRefused:
        return text


def _fields(model: type[BaseModel], names: tuple[str, ...], path: KeyPath) -> Iterator[tuple[tuple[str, ...], KeyPath]]:
    for name, field in model.model_fields.items():
        here, at = (*names, name), (*path, field.alias or name)
        yield here, at
        for section in _sections(field.annotation):
            yield from _fields(section, here, at)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The settings sections in a field's type, optional ones included; sections in lists have no variables."""
    from types import NoneType, UnionType
    from typing import Union, get_args, get_origin

    from pydantic import BaseModel

    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for part in parts:
        if part is not NoneType and isinstance(part, type) and issubclass(part, BaseModel):
            yield part
