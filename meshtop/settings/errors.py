"""What is raised when a setting is wrong."""

from __future__ import annotations

from meshtop.model.errors import MeshtopError


class ConfigError(MeshtopError):
    """A setting that cannot be used: one sentence that names where it stands, its key, and what to do."""
