"""Fixes as YAML: the existing object with one setting changed. They are shown, never applied."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

import msgspec

from meshtop.analysis.security.mtls.client import TlsMode
from meshtop.analysis.security.mtls.server import Mode
from meshtop.model.kube import ConfigObject
from meshtop.model.yaml_text import dump_yaml

Tree = dict[str, Any]


def manifest_yaml(api: str, kind: str, namespace: str, name: str, spec: Tree) -> str:
    """An object as `kubectl apply -f -` takes it."""
    document = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return _text(msgspec.msgpack.encode(document))


@lru_cache(maxsize=4096)
def _text(document: bytes) -> str:
    """A document as YAML; cached, as writing takes a millisecond and the same fixes are proposed at every refresh."""
    return dump_yaml(msgspec.msgpack.decode(document), width=100)


def with_client_tls(rule: ConfigObject, *, port: int | None, subset: str | None, mode: TlsMode | None) -> str:
    """The DestinationRule with this TLS mode for a port and subset; None removes the setting (auto mTLS decides)."""
    spec = deepcopy(rule.spec)
    for policy in _policies(spec, subset):
        for place in (*_port_entries(policy, port), policy):
            if "tls" in place:
                if mode is None:
                    del place["tls"]
                else:
                    place["tls"] = {"mode": mode.value}
                return _again(rule, spec)
    spec.setdefault("trafficPolicy", {})["tls"] = {"mode": (mode or TlsMode.ISTIO_MUTUAL).value}
    return _again(rule, spec)


def _policies(spec: Tree, subset: str | None) -> list[Tree]:
    """The traffic policies that may decide, in order of precedence."""
    subsets = [s for s in spec.get("subsets") or () if subset and isinstance(s, dict) and s.get("name") == subset]
    found = [s.get("trafficPolicy") for s in subsets] + [spec.get("trafficPolicy")]
    return [policy for policy in found if isinstance(policy, dict)]


def _port_entries(policy: Tree, port: int | None) -> list[Tree]:
    entries = policy.get("portLevelSettings")
    return [
        entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and port is not None and (entry.get("port") or {}).get("number") == port
    ]


def with_server_mode(policy: ConfigObject, mode: Mode, port: int | None = None) -> str:
    """The PeerAuthentication with this mode, for one workload port or as a whole."""
    spec = deepcopy(policy.spec)
    ports = spec.get("portLevelMtls")
    key = next((k for k in ports if str(k) == str(port)), None) if isinstance(ports, dict) else None
    if isinstance(ports, dict) and key is not None:
        ports[key] = {"mode": mode.value}
    else:
        spec["mtls"] = {"mode": mode.value}
    return _again(policy, spec)


def without_ports(policy: ConfigObject, unused: set[int]) -> str:
    """The PeerAuthentication without port settings that have no effect."""
    spec = deepcopy(policy.spec)
    left = {k: v for k, v in spec.get("portLevelMtls", {}).items() if not (str(k).isdigit() and int(k) in unused)}
    if left:
        spec["portLevelMtls"] = left
    else:
        spec.pop("portLevelMtls", None)
    return _again(policy, spec)


def peer_authentication(namespace: str, name: str, mode: Mode, labels: Mapping[str, str] | None = None) -> str:
    """A new PeerAuthentication for a namespace, or for the workloads with these labels."""
    spec: Tree = {"selector": {"matchLabels": dict(labels)}} if labels else {}
    return manifest_yaml(
        "security.istio.io/v1", "PeerAuthentication", namespace, name, {**spec, "mtls": {"mode": mode.value}}
    )


def destination_rule_yaml(namespace: str, name: str, host: str, mode: TlsMode) -> str:
    """A new DestinationRule that sets a host's TLS."""
    spec: Tree = {"host": host, "trafficPolicy": {"tls": {"mode": mode.value}}}
    return manifest_yaml("networking.istio.io/v1", "DestinationRule", namespace, name, spec)


def injected(namespace: str) -> str:
    """The namespace labelled for sidecar injection; its workloads have to be restarted afterwards."""
    document = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {"istio-injection": "enabled"}},
    }
    return dump_yaml(document)


UNPROXIED = (
    "Pods on their node's network get no proxy: take hostNetwork away, then give them one; or except them from STRICT"
    " (a PeerAuthentication that selects them, PERMISSIVE), so that nobody relies on it."
)
"""What can be done about STRICT on pods with `hostNetwork`, which injection and ambient mode leave out."""


def _again(obj: ConfigObject, spec: Tree) -> str:
    api = f"{obj.group}/{obj.version}" if obj.group else obj.version
    return manifest_yaml(api, obj.kind, obj.meta.namespace, obj.meta.name, spec)
