"""meshtop: one terminal for every mesh."""

__version__ = "0.2.0"
