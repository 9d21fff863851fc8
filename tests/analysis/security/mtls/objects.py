"""Istio objects for tests, written as short as they are thought."""

from __future__ import annotations

from typing import Any

from meshtop.model.kube import ConfigObject, Meta


def peer_authentication(namespace: str, name: str = "default", *, created: float = 0.0, **spec: Any) -> ConfigObject:
    """A PeerAuthentication; `created` in Unix seconds."""
    return config("PeerAuthentication", namespace, name, spec, created=created, group="security.istio.io")


def destination_rule(namespace: str, name: str, host: str, *, created: float = 0.0, **spec: Any) -> ConfigObject:
    """A DestinationRule for a host."""
    return config("DestinationRule", namespace, name, {"host": host, **spec}, created=created)


def config(
    kind: str,
    namespace: str,
    name: str,
    spec: dict[str, Any],
    *,
    created: float = 0.0,
    group: str = "networking.istio.io",
) -> ConfigObject:
    """Any object of Istio."""
    meta = Meta(name=name, namespace=namespace, created=created)
    return ConfigObject(group=group, version="v1", kind=kind, meta=meta, spec=spec)
