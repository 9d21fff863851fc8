"""The column of an item's owner: the tenants of its namespace."""

from __future__ import annotations

from typing import Protocol

from meshtop.views.frame.columns import NOTHING, text_cell
from meshtop.views.frame.table import Cell, Column, Tone


class Owned(Protocol):
    """An item with the tenants of its namespace; `tenant` is their text."""

    @property
    def tenant(self) -> str | None:
        """The tenant, or several joined by `|`; None without a mark."""

    @property
    def tenants(self) -> tuple[str, ...]:
        """Every tenant that a mark names."""


def tenant_text(tenants: tuple[str, ...]) -> str | None:
    """The tenant, or several joined by `|` where marks disagree; None without a mark."""
    return "|".join(tenants) or None


def tenant_column(*, priority: int = 3, wide: bool = False) -> Column[Owned]:
    """The column of tenants; a filter matches any of several."""
    return Column(
        name="tenant",
        title="TENANT",
        help="Who owns the namespace, by the marks on it; several where the marks disagree.",
        value=lambda item: item.tenants,
        cell=_cell,
        priority=priority,
        wide=wide,
        max_width=24,
    )


def _cell(item: Owned) -> Cell:
    if not item.tenants:
        return NOTHING
    return text_cell(item.tenant, Tone.DEGRADED if len(item.tenants) > 1 else Tone.PLAIN)
