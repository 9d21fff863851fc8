"""The revision of Istio that a pod has, and the one that its labels request (istio/istio: the injector's webhooks)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from meshtop.analysis.inventory.labels import proxy_container
from meshtop.model.kube import Inventory, Meta, Pod

DEFAULT_REVISION = "default"

_REVISION = "istio.io/rev"
_TAG = "istio.io/tag"
_INJECTION = "istio-injection"
_INJECT = "sidecar.istio.io/inject"
_SIDECAR_STATUS = "sidecar.istio.io/status"


class Revisions:
    """The revisions of one cluster's pods."""

    def __init__(self, inventory: Inventory) -> None:
        self._namespaces = {n.meta.name: n.meta.labels for n in inventory.namespaces}
        self._tags = revision_of_tag(inventory.webhooks)

    def of(self, namespace: str, labels: Mapping[str, str], pod: Pod | None) -> str | None:
        """The revision of a pod, or (`pod` None) of future pods of a template with these labels.

        The injector's annotation takes precedence: labels show the request, which may have changed since. A pod without
        a proxy has none.
        """
        if pod is not None:
            annotations = pod.meta.annotations
            told = _injected(annotations.get(_SIDECAR_STATUS, "")) or annotations.get(_REVISION)
            if told:
                return told
            if proxy_container(pod.containers) is None:
                return None
        asked = asked_revision(self._namespaces.get(namespace, {}), labels)
        return self._tags.get(asked, asked) if asked is not None else labels.get(_REVISION) or None


def asked_revision(namespace: Mapping[str, str], pod: Mapping[str, str]) -> str | None:
    """The revision or tag whose webhook injects a pod with these labels in this namespace; None if none does.

    `istio-injection` of the namespace wins over its `istio.io/rev`, and either over the pod's own labels.
    """
    if pod.get(_INJECT) == "false":
        return None
    if _INJECTION in namespace:
        return DEFAULT_REVISION if namespace[_INJECTION] == "enabled" else None
    if namespace.get(_REVISION):
        return namespace[_REVISION]
    if pod.get(_REVISION):
        return pod[_REVISION]
    return DEFAULT_REVISION if pod.get(_INJECT) == "true" else None


def revision_of_tag(webhooks: Iterable[Meta]) -> dict[str, str]:
    """The revision that each tag points to; a tag is a MutatingWebhookConfiguration with the label `istio.io/tag`."""
    return {
        webhook.labels[_TAG]: webhook.labels.get(_REVISION) or DEFAULT_REVISION
        for webhook in webhooks
        if webhook.labels.get(_TAG)
    }


@lru_cache(maxsize=1024)
def _injected(status: str) -> str | None:
    """The revision in the injection annotation; cached, as thousands of pods have the same annotation."""
    try:
        revision = json.loads(status)["revision"] if status else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return revision if isinstance(revision, str) and revision else None
