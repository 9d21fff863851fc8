"""The signs of mutual TLS in the graph."""

from __future__ import annotations

LOCKED, OPEN = "🔒", "🔓"
LOCKED_ASCII, OPEN_ASCII = "mTLS", "plain"
"""What the graph writes where only ASCII may be drawn."""
