"""Where the settings file is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshtop.settings.errors import ConfigError

FILE_NAME = "meshtop.yaml"
NO_FILE = "none"
"""The value of --config or MESHTOP_CONFIG that stands for no settings file at all."""


def default_path(environ: Mapping[str, str]) -> Path:
    """`meshtop.yaml` in `$XDG_CONFIG_HOME/meshtop/`, else in `~/.config/meshtop/` (XDG Base Directory rules)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(base) if base.startswith("/") else home / ".config") / "meshtop" / FILE_NAME


def settings_path(flag: str | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file to read: the flag's, else MESHTOP_CONFIG's, else the default one where it exists.

    None when there is none, or when `none` is asked for. Raises ConfigError when a file that was asked for is missing.
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
