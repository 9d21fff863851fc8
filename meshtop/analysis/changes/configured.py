"""Changes of configuration: objects that were written, created or are going, and what they are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtop.analysis.changes.marks import Mark
from meshtop.analysis.changes.written_fields import shortened
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.changes import Change, ChangeHow
from meshtop.model.kube import ConfigObject, Inventory

TOGETHER_SECONDS = 30.0
"""Several managers that write one object so close together do one thing."""
_GATEWAY_API = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
_SELECTING = frozenset(
    {
        *("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Sidecar", "EnvoyFilter"),
        *("WasmPlugin", "Telemetry", "ProxyConfig", "Gateway"),
    }
)
_WHOLE_CLUSTER = frozenset(
    {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "GatewayClass", "ClusterSPIFFEID"}
)
_ROOT_MAP = "istio-ca-root-cert"
_CERTIFICATE = re.compile(r"(tls|ca|cert(-chain)?|root-cert|ca-cert)[.](crt|pem|key)|\bcacert\b")
_CA_SECRETS = frozenset({"cacerts", "istio-ca-secret"})
REMOTE_SECRET = "istio-remote-secret-"


def changes_of_objects(cluster: str, domain: str, inventory: Inventory, marks: Iterable[Mark]) -> list[Change]:
    """A change for each write of an object, those of several managers at one moment taken together."""
    groups: dict[tuple[str, str, str], list[list[Mark]]] = {}
    for mark in sorted(marks, key=lambda one: one.at):
        of_object = groups.setdefault((mark.trace.kind, mark.trace.namespace, mark.trace.name), [])
        if of_object and mark.at - of_object[-1][0].at <= TOGETHER_SECONDS:
            of_object[-1].append(mark)
        else:
            of_object.append([mark])
    about = _About(domain, inventory)
    return [_change(cluster, about, together) for groups_of_object in groups.values() for together in groups_of_object]


def _change(cluster: str, about: _About, marks: Sequence[Mark]) -> Change:
    trace = marks[0].trace
    kind, namespace, name = trace.kind, trace.namespace, trace.name
    paths = tuple(path for mark in marks for path in mark.paths)
    how = about.how(kind, namespace, name, marks)
    who = next((mark.who for mark in marks if mark.who), "")
    label = kind.partition(".")[0]
    by = f" by {who}" if who else ""
    done = {
        ChangeHow.CREATE: f"{label} {name} created in {cluster}{by}",
        ChangeHow.DELETE: f"{label} {name} is being deleted in {cluster}",
        ChangeHow.WEIGHTS: f"weights of {label} {name} set in {cluster}{by}",
        ChangeHow.CERTIFICATE: f"{label} {name} with certificates written in {cluster}{by}",
        ChangeHow.MEMBERSHIP: f"{label} {name} written in {cluster}{by}",
    }
    workloads, wide = about.workloads(kind, namespace, name)
    return Change(
        at=marks[0].at,
        clusters=(cluster,),
        namespace=namespace,
        kind=label,
        name=name,
        how=how,
        title=done.get(how, f"{label} {name} changed in {cluster}{by}"),
        who=who,
        what=shortened(paths),
        workloads=workloads,
        services=about.services(kind, namespace, name),
        plane=kind in ("ConfigMap", "Secret"),
        wide=wide,
    )


class _About:
    """What the objects of a cluster are about: which services and workloads obey them."""

    def __init__(self, domain: str, inventory: Inventory) -> None:
        self._domain = domain
        self._inventory = inventory
        self._homes = {
            c.meta.namespace for c in inventory.controllers if is_istiod(c.meta.labels) or is_istiod(c.template_labels)
        } or {"istio-system"}

    def _object(self, kind: str, namespace: str, name: str) -> ConfigObject | None:
        found = self._inventory.config.get(kind, ())
        return next((obj for obj in found if obj.meta.key == (namespace, name)), None)

    def how(self, kind: str, namespace: str, name: str, marks: Sequence[Mark]) -> ChangeHow:
        if any(mark.deleted for mark in marks):
            return ChangeHow.DELETE
        if name.startswith(REMOTE_SECRET):
            return ChangeHow.MEMBERSHIP
        if name in (_ROOT_MAP, *_CA_SECRETS) or (kind == "Secret" and any(map(_writes_certificates, marks))):
            return ChangeHow.CERTIFICATE
        if any(mark.created for mark in marks):
            return ChangeHow.CREATE
        obj = self._object(kind, namespace, name)
        if obj is not None and any(_touches_routes(mark) for mark in marks) and _is_weighted(obj):
            return ChangeHow.WEIGHTS
        return ChangeHow.EDIT

    def services(self, kind: str, namespace: str, name: str) -> tuple[tuple[str, str], ...]:
        """The Services (namespace, name) that an object is about."""
        if kind == "Service":
            return ((namespace, name),)
        obj = self._object(kind, namespace, name)
        if obj is None:
            return ()
        if kind in _GATEWAY_API:
            return tuple(dict.fromkeys(_of_gateway_api(obj.spec, namespace)))
        hosts = [*texts(obj.spec.get("hosts")), text(obj.spec.get("host")) or ""]
        return tuple(dict.fromkeys(filter(None, (self._service(host, namespace) for host in hosts))))

    def _service(self, host: str, namespace: str) -> tuple[str, str] | None:
        whole = full_host(host, namespace, self._domain)
        short, svc, _ = whole.partition(".svc.")
        service, dot, where = short.partition(".")
        return (where, service) if svc and dot else None

    def workloads(self, kind: str, namespace: str, name: str) -> tuple[tuple[tuple[str, str], ...], bool]:
        """The workloads (namespace, name) that obey an object, and whether the whole cluster does."""
        if kind in ("Deployment", "StatefulSet", "DaemonSet", "HorizontalPodAutoscaler", "CronJob"):
            return ((namespace, name),), False
        if kind in _WHOLE_CLUSTER or (kind in ("ConfigMap", "Secret") and namespace in self._homes):
            return (), True
        if kind == "Namespace":
            return self._in_namespace(name, {}), False
        if kind not in _SELECTING:
            return (), False
        obj = self._object(kind, namespace, name)
        spec: Mapping[str, Any] = obj.spec if obj is not None else {}
        selector = mapping(spec.get("selector"))
        labels = mapping(selector.get("matchLabels")) or mapping(mapping(spec.get("workloadSelector")).get("labels"))
        if kind == "Gateway" and not labels:
            labels = selector
        if namespace in self._homes and not labels:
            return (), True
        return self._in_namespace(namespace, labels), False

    def _in_namespace(self, namespace: str, labels: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        wanted = labels.items()
        return tuple(
            c.meta.key
            for c in self._inventory.controllers
            if c.kind != "ReplicaSet" and c.meta.namespace == namespace and wanted <= c.template_labels.items()
        )


def _writes_certificates(mark: Mark) -> bool:
    """Whether keys of a Secret are named as certificates are; what they hold is never read."""
    return any(path.startswith("data") and _CERTIFICATE.search(path) for path in mark.paths)


def _touches_routes(mark: Mark) -> bool:
    return any(mark.touches(f"spec.{name}") for name in ("http", "tcp", "tls", "rules")) or mark.paths == ("spec",)


def _is_weighted(obj: ConfigObject) -> bool:
    """Whether a route splits what it gets between several destinations by weight."""
    routes = [route for name in ("http", "tcp", "tls", "rules") for route in maps(obj.spec.get(name))]
    return any(len(maps(route.get("route")) or maps(route.get("backendRefs"))) > 1 for route in routes)


def _of_gateway_api(spec: Mapping[str, Any], namespace: str) -> Iterable[tuple[str, str]]:
    """The Services that a route of Gateway API leads to, or stands before."""
    references = [*maps(spec.get("parentRefs"))]
    references += [ref for rule in maps(spec.get("rules")) for ref in maps(rule.get("backendRefs"))]
    for reference in references:
        # A parent is a Gateway unless it says that it is a Service; a backend is a Service unless it says otherwise.
        kind = text(reference.get("kind")) or ("Service" if "weight" in reference or "port" in reference else "")
        if kind == "Service" and (name := text(reference.get("name"))):
            yield text(reference.get("namespace")) or namespace, name
