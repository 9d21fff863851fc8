"""Tenants as a column: a namespace whose marks disagree shows all that they say."""

from __future__ import annotations

from typing import Any

from meshtop.views.columns import NOTHING, text_cell
from meshtop.views.table import Cell, Column, Tone


def tenant_text(tenants: tuple[str, ...]) -> str | None:
    """The tenant, or several joined by `|` where marks disagree; None where nothing is marked."""
    return "|".join(tenants) or None


def tenant_column(*, priority: int = 3, wide: bool = False) -> Column:
    """The column for items with `tenant` and `tenants`; a filter looks at each of several."""

    def cell(item: Any) -> Cell:
        if not item.tenants:
            return NOTHING
        return text_cell(item.tenant, Tone.DEGRADED if len(item.tenants) > 1 else Tone.PLAIN)

    return Column(
        name="tenant",
        title="TENANT",
        help="Who owns the namespace, by the marks on it; several where the marks disagree.",
        value=lambda item: item.tenants,
        cell=cell,
        priority=priority,
        wide=wide,
        max_width=24,
    )
