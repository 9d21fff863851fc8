"""Reading a cluster's API server: lists in pages, then watches, into a frozen Inventory."""

from __future__ import annotations

from meshtop.sources.kubernetes.source import KubernetesSource

__all__ = ["KubernetesSource"]
