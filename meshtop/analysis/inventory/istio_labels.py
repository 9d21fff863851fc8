"""What labels and image names say, by Istio's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from meshtop.model.kube import Container

_APP = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_VERSION = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_VARIANT = re.compile(r"-(?:distroless|debug)$")
_PROXY = "istio-proxy"


def canonical_name(labels: Mapping[str, str], workload: str) -> str:
    """The canonical service of a workload; its own name where no label says one."""
    return next((labels[label] for label in _APP if labels.get(label)), workload)


def canonical_version(labels: Mapping[str, str]) -> str:
    """The canonical revision of a workload; "" where no label says one, and `latest` is none."""
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
