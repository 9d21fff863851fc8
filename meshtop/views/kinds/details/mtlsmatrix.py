"""A pair of namespaces opened: every call between them."""

from __future__ import annotations

from meshtop.views.frame.detail import Detail, Section, fact, related
from meshtop.views.frame.numbers import quantity
from meshtop.views.kinds.mtlsmatrix import ELSEWHERE, MtlsPair, pair_cell
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: MtlsPair, key: str) -> Detail:
    """Everything about one pair of namespaces."""
    left = (item.source_cluster, item.source_namespace)
    right = (item.destination_cluster, item.destination_namespace)
    return Detail(
        kind="mtlsmatrix",
        key=key,
        title=f"{'/'.join(filter(None, left))} → {'/'.join(filter(None, right))}",
        health=None,
        sections=(
            Section(
                "Mutual TLS",
                (
                    fact("seen", pair_cell(item)),
                    fact("worst outcome", item.outcome),
                    fact("requests", f"{quantity(item.requests_per_second)}/s"),
                    fact("in plaintext", f"{quantity(item.plaintext_per_second)}/s"),
                ),
            ),
        ),
        related=(
            related(
                picture,
                "mtlsedges",
                "Calls",
                lambda e: (
                    (e.source.cluster, e.source.namespace or ELSEWHERE) == left
                    and (e.destination.cluster, e.destination.namespace or ELSEWHERE) == right
                ),
                "There are no calls.",
            ),
        ),
        charts=(),
    )
