"""The signs of mutual TLS, the same in the graph and in every table that shows edges."""

from __future__ import annotations

LOCKED, OPEN = "🔒", "🔓"
LOCKED_ASCII, OPEN_ASCII = "mTLS", "plain"
"""What the graph writes where only ASCII may be drawn; tables, whose columns are narrow, write `ok` and `!!`."""


def mark(ratio: float | None) -> str:
    """The sign for a share of mutual TLS (0 to 1): all of it, not all of it, or nothing where nobody knows."""
    if ratio is None:
        return ""
    return LOCKED if ratio >= 1 else OPEN
