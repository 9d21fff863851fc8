"""Interpretation of labels and image names by Istio's rules, and an index of selectors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.inventory.untyped import items, mapping, maps, text
from meshtop.model.kube import Container

_APP = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_VERSION = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_VARIANT = re.compile(r"-(?:distroless|debug)$")
_PROXY = "istio-proxy"
_Label = tuple[str, str]


def canonical_name(labels: Mapping[str, str], workload: str) -> str:
    """The canonical service of a workload; its own name where no label sets one."""
    return next((labels[label] for label in _APP if labels.get(label)), workload)


def canonical_version(labels: Mapping[str, str]) -> str:
    """The canonical revision of a workload; "" where no label sets one; `latest` counts as none."""
    version = next((labels[label] for label in _VERSION if labels.get(label)), "")
    return "" if version == "latest" else version


def image_version(image: str) -> str | None:
    """The tag of an image without its variant (`1.30.1-distroless` is 1.30.1); None without a tag."""
    name = image.split("@", 1)[0].rsplit("/", 1)[-1]
    if ":" not in name:
        return None
    return _VARIANT.sub("", name.rsplit(":", 1)[1]) or None


def proxy_container(containers: Sequence[Container]) -> Container | None:
    """The sidecar (or a gateway's proxy) among a pod's containers and native sidecars."""
    return next((container for container in containers if container.name == _PROXY), None)


def is_istiod(labels: Mapping[str, str]) -> bool:
    """Whether labels are a control plane's."""
    return labels.get("app") == "istiod" or labels.get("istio") == "pilot"


def label_selector_holds(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a Kubernetes label selector (`matchLabels` and `matchExpressions`) matches labels.

    No selector and an empty one match everything; an expression with an unknown operator matches nothing.
    """
    spec = mapping(selector)
    wanted = mapping(spec.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression_holds(expression, labels) for expression in maps(spec.get("matchExpressions"))
    )


def _expression_holds(expression: Mapping[str, object], labels: Mapping[str, str]) -> bool:
    value = labels.get(text(expression.get("key")) or "")
    values = items(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False


class SelectorIndex:
    """Finds the Services that select given labels, without comparing every Service with every workload.

    Selectors are indexed by namespace and by their rarest pair; a selector without pairs selects nothing.
    """

    def __init__(self, selectors: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """`selectors` are (namespace, name, pairs)."""
        kept = [(namespace, name, pairs) for namespace, name, pairs in selectors if pairs]
        uses = Counter((namespace, pair) for namespace, _, pairs in kept for pair in pairs.items())
        self._by_pair: dict[tuple[str, _Label], list[tuple[str, Mapping[str, str]]]] = {}
        for namespace, name, pairs in kept:
            rarest = min(pairs.items(), key=lambda pair: (uses[(namespace, pair)], pair))
            self._by_pair.setdefault((namespace, rarest), []).append((name, pairs))

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The names whose selector is part of the labels, sorted."""
        by_pair = self._by_pair
        found = {
            name
            for pair in labels.items()
            for name, pairs in by_pair.get((namespace, pair), ())
            if all(labels.get(key) == value for key, value in pairs.items())
        }
        return tuple(sorted(found))
