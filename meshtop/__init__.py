"""meshtop: one terminal for every mesh."""

__version__ = "0.1.0"
