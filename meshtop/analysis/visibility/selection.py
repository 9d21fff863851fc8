"""How Istio's objects select workloads, and in which order istiod reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtop.model.kube import ConfigObject


def match_labels(spec: Mapping[str, Any], field: str = "selector") -> dict[str, str]:
    """The labels a spec selects by; an empty or absent `matchLabels` is no selector (istio.md, rule 4)."""
    selector = spec.get(field)
    labels = selector.get("matchLabels") if isinstance(selector, Mapping) else None
    return {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}


def selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a workload with these labels is selected."""
    return all(labels.get(key) == value for key, value in wanted.items())


def oldest_first(objects: Iterable[ConfigObject]) -> list[ConfigObject]:
    """The order in which istiod reads objects: by creation, then by name, then by namespace (istio.md, rule 3)."""
    return sorted(objects, key=lambda o: (o.meta.created, o.meta.name, o.meta.namespace))


def title(obj: ConfigObject) -> str:
    """Name of an object for users: `PeerAuthentication shop/default`."""
    return f"{obj.kind} {obj.meta.namespace}/{obj.meta.name}"
