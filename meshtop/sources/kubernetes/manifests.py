"""Objects out of manifests, decoded as they are when an API server sends them.

A file becomes an Inventory like a cluster's, so that whatever judges a cluster judges files as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from meshtop.analysis.findings.credentials import credential_flaw, key_fits
from meshtop.analysis.findings.revisions import MisreadObject
from meshtop.analysis.identity.control_planes import is_injector
from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.kube import ConfigObject, Credential, Inventory, Meta
from meshtop.model.yaml_input import load_yaml_documents
from meshtop.model.yaml_text import dump_yaml
from meshtop.sources.kubernetes import convert, wire
from meshtop.sources.kubernetes.kinds import ADMISSION, BUILTIN, CONFIG, IDENTITY, JUDGED, REGISTRIES, ApiKind, codec
from meshtop.sources.problem import NOT_UNDERSTOOD, ODD_SHAPE, error_text

_KINDS: Mapping[tuple[str, str], ApiKind] = {
    (kind.group, kind.name): kind for kind in (*BUILTIN, *CONFIG, *IDENTITY, *JUDGED, *REGISTRIES)
}
_OF_THE_INVENTORY = {
    "Service": "services",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Pod": "pods",
    "Deployment": "controllers",
    "StatefulSet": "controllers",
    "DaemonSet": "controllers",
    "ReplicaSet": "controllers",
    "EndpointSlice": "endpoint_slices",
}
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
_META = msgspec.json.Decoder(wire.PartialObjectMetadata)
_CONFIG_MAP = msgspec.json.Decoder(wire.ConfigMapObject)


class Manifests(Struct, frozen=True, kw_only=True):
    """What manifests hold; `passed_over` are the kinds that nothing judges, and `misread` what is no object."""

    inventory: Inventory = Inventory()
    misread: tuple[MisreadObject, ...] = ()
    passed_over: tuple[str, ...] = ()


class _Collected(Struct):
    parts: dict[str, list[Any]] = field(default_factory=dict)
    config: dict[str, list[ConfigObject]] = field(default_factory=dict)
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    credentials: list[Credential] = field(default_factory=list)
    webhooks: list[Meta] = field(default_factory=list)
    misread: list[MisreadObject] = field(default_factory=list)
    passed_over: dict[str, None] = field(default_factory=dict)


DEFAULT_GATEWAY = """\
apiVersion: v1
kind: Pod
metadata:
  name: istio-ingressgateway
  namespace: istio-system
  labels: {app: istio-ingressgateway, istio: ingressgateway}
spec: {containers: [{name: istio-proxy, image: auto-installed}]}
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system, labels: {istio: ingressgateway}}
spec:
  selector: {app: istio-ingressgateway, istio: ingressgateway}
  ports:
  - {name: status-port, port: 15021, targetPort: 15021}
  - {name: http2, port: 80, targetPort: 8080}
  - {name: https, port: 443, targetPort: 8443}
"""
"""The ingress gateway of Istio's default profile, which files without a cluster are taken to be meant for."""


def manifests(
    texts: Iterable[bytes | str], *, namespace: str = "", now: float = 0.0, default_gateway: bool = False
) -> Manifests:
    """The objects of some YAML or JSON texts; those without a namespace are in `namespace`.

    `now` (Unix seconds) is when certificates have to be valid. With `default_gateway`, the ingress gateway of Istio's
    default profile is there too. Raises YamlRefused for text that is no YAML.
    """
    found = _Collected()
    if default_gateway:
        texts = (*texts, DEFAULT_GATEWAY)
    for text in texts:
        for document in load_yaml_documents(text):
            _take(found, document, namespace, now)
    parts: dict[str, Any] = {name: tuple(objects) for name, objects in found.parts.items()}
    return Manifests(
        inventory=Inventory(
            config={kind: tuple(objects) for kind, objects in found.config.items()},
            config_maps=found.config_maps,
            credentials=tuple(found.credentials),
            webhooks=tuple(found.webhooks),
            **parts,
        ),
        misread=tuple(found.misread),
        passed_over=tuple(found.passed_over),
    )


def _take(found: _Collected, document: Any, namespace: str, now: float) -> None:
    if not isinstance(document, dict):
        found.misread.append(MisreadObject(kind="Document", namespace="", name="", why="it is no object of Kubernetes"))
        return
    kind = document.get("kind")
    if kind is None and _is_settings(found, document):
        return
    if isinstance(kind, str) and kind.endswith("List") and _is_list(document):
        listed = document.get("items", ...)
        if listed is ... or not isinstance(listed, list | None):
            _misread(found, document, "a list has to have items, one object each")
        for item in listed if isinstance(listed, list) else ():
            _take(found, item, namespace, now)
        return
    version = document.get("apiVersion")
    metadata = document.get("metadata")
    if not isinstance(kind, str) or not isinstance(version, str) or not isinstance(metadata, dict):
        _misread(found, document, "apiVersion, kind and metadata have to be there")
        return
    group, _, version = version.rpartition("/")
    api = _KINDS.get((group, kind))
    if api is None or api.namespaced:
        document = {**document, "metadata": {"namespace": namespace, **metadata}}
    try:
        body = msgspec.json.encode(document)
        _decode(found, api, (group, kind), version, body, document, now)
    except ODD_SHAPE as error:
        _misread(found, document, error_text(error))
    except NOT_UNDERSTOOD as error:
        _misread(found, document, error_text(error))
    except (TypeError, RecursionError) as error:
        _misread(found, document, str(error))


def _is_list(document: Mapping[str, Any]) -> bool:
    """Whether a document of a kind that is called so is a list of objects: only an object has a name."""
    metadata = document.get("metadata")
    named = isinstance(metadata, Mapping) and "name" in metadata
    return isinstance(document.get("items"), list) or not named


_SETTINGS = frozenset({"defaultConfig", "extensionProviders", "rootNamespace", "trustDomain", "enableAutoMtls",
                       "defaultProviders", "outboundTrafficPolicy", "meshMTLS", "accessLogFile"})  # fmt: skip
"""Fields by which a MeshConfig is known that stands in a file by itself, as istioctl takes it."""


def _is_settings(found: _Collected, document: dict[str, Any]) -> bool:
    """Whether a document is a MeshConfig or MeshNetworks and no object; it is kept where istiod would have it."""
    networks = isinstance(document.get("networks"), dict) and "apiVersion" not in document
    if not networks and not _SETTINGS & set(document):
        return False
    data = found.config_maps.setdefault(f"{ISTIO_NAMESPACE}/istio", {})
    data["meshNetworks" if networks else "mesh"] = dump_yaml(document)
    return True


def _decode(
    found: _Collected,
    api: ApiKind | None,
    named: tuple[str, str],
    version: str,
    body: bytes,
    document: Mapping[str, Any],
    now: float,
) -> None:
    kind = named[1]
    if named == ("", "ConfigMap"):
        meta = convert.metadata(_META.decode(body))
        found.config_maps["/".join(meta.key)] = _CONFIG_MAP.decode(body).data or {}
    elif named == ("", "Secret"):
        meta = convert.metadata(_META.decode(body))
        data = _secret_data(document)
        found.credentials.append(
            Credential(meta=meta, keys=tuple(data), flaw=credential_flaw(data, now), key_fits=key_fits(data))
        )
    elif named == _CRD:
        meta = convert.metadata(_META.decode(body))
        spec = document.get("spec")
        found.config.setdefault(kind, []).append(
            ConfigObject(
                group=named[0], version=version, kind=kind, meta=meta, spec=spec if isinstance(spec, dict) else {}
            )
        )
    elif api is None:
        found.passed_over[kind] = None
    else:
        which = codec(api, version)
        obj = which.convert(which.one.decode(body))
        if kind in _OF_THE_INVENTORY and api.builtin:
            found.parts.setdefault(_OF_THE_INVENTORY[kind], []).append(obj)
        else:
            found.config.setdefault(api.key, []).append(obj)
        if api.group == ADMISSION and kind.startswith("Mutating") and is_injector(obj.meta):
            found.webhooks.append(obj.meta)


def _misread(found: _Collected, document: Mapping[str, Any], why: str) -> None:
    metadata = document.get("metadata")
    place = metadata if isinstance(metadata, Mapping) else {}

    def said(value: object) -> str:
        return value if isinstance(value, str) else ""

    found.misread.append(
        MisreadObject(
            kind=said(document.get("kind")) or "Document",
            namespace=said(place.get("namespace")),
            name=said(place.get("name")),
            why=why,
        )
    )


def _secret_data(document: Mapping[str, Any]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    data, plain = document.get("data"), document.get("stringData")
    for name, value in data.items() if isinstance(data, Mapping) else ():
        try:
            found[str(name)] = base64.b64decode(value, validate=False) if isinstance(value, str) else b""
        except (binascii.Error, ValueError):
            found[str(name)] = b""
    for name, value in plain.items() if isinstance(plain, Mapping) else ():
        found[str(name)] = str(value).encode()
    return found
