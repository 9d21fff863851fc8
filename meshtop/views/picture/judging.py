"""How canaries are judged, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.canary.judging import Judging

if TYPE_CHECKING:
    from meshtop.settings.schema import Settings


def judging(settings: Settings) -> Judging:
    """The settings' section `canary` as the analysis takes it."""
    guard = settings.canary.guard
    return Judging(
        alpha=guard.alpha,
        minimum_requests=settings.canary.minimum_requests,
        latency_ms=guard.latency_ms,
        errors=guard.errors,
    )
