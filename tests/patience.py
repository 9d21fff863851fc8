"""How long tests wait for what they wait for."""

from __future__ import annotations

PATIENCE_SECONDS = 300.0
"""After so long a test says what did not come. No statement about speed: half of what pytest gives a whole test."""
