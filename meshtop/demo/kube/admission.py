"""What the API server and Istio's webhook do to objects before they are stored: defaults, refusals."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any

from meshtop.demo.kube.resource import Json, Resource
from meshtop.demo.kube.status import denied_by_webhook

ISTIO_WEBHOOK = "validation.istio.io"


def _namespace(obj: Json) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _service(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
        metadata = obj["metadata"]
        digest = hashlib.sha256(f"{metadata.get('namespace')}/{metadata['name']}".encode()).digest()
        address = ipaddress.IPv4Address("10.96.0.0") + int.from_bytes(digest[:2]) + 10
        spec["clusterIP"] = str(address)
        spec["clusterIPs"] = [str(address)]
    obj.setdefault("status", {"loadBalancer": {}})


def _pod(obj: Json) -> None:
    obj.setdefault("status", {"phase": "Pending"})


def _replicated(obj: Json) -> None:
    obj.setdefault("spec", {}).setdefault("replicas", 1)


_DEFAULTS = {
    ("", "Namespace"): _namespace,
    ("", "Service"): _service,
    ("", "Pod"): _pod,
    ("apps", "Deployment"): _replicated,
    ("apps", "StatefulSet"): _replicated,
    ("apps", "ReplicaSet"): _replicated,
}


def fill_in(resource: Resource, obj: Json) -> None:
    """Set, in place, the few defaults of built-in kinds that readers depend on."""
    if default := _DEFAULTS.get(resource.key):
        default(obj)


def _weight_problems(route: Any) -> list[str]:
    destinations = route.get("route") if isinstance(route, dict) else None
    if not isinstance(destinations, list):
        return []
    weights = [item.get("weight") or 0 for item in destinations if isinstance(item, dict)]
    if not all(isinstance(weight, int) for weight in weights):
        return ["a weight is not a whole number"]
    problems = [f"weight {weight} < 0" for weight in weights if weight < 0]
    if len(weights) > 1 and sum(weights) == 0:
        problems.append("total destination weight = 0")
    return problems


def check_mesh_rules(resource: Resource, obj: Json) -> None:
    """Refuse, as Istio's validating webhook does, a VirtualService whose weights are negative or all zero.

    Source of the rules: istio pkg/config/validation, validateWeight and validateHTTPRouteDestinations.
    """
    if resource.key != ("networking.istio.io", "VirtualService"):
        return
    spec = obj.get("spec") or {}
    problems = [
        problem
        for protocol in ("http", "tcp", "tls")
        for route in spec.get(protocol) or ()
        for problem in _weight_problems(route)
    ]
    if not problems:
        return
    if len(problems) == 1:
        raise denied_by_webhook(ISTIO_WEBHOOK, f"configuration is invalid: {problems[0]}")
    listed = "\n\t* ".join(problems)
    text = f"{len(problems)} errors occurred:\n\t* {listed}\n\n"
    raise denied_by_webhook(ISTIO_WEBHOOK, f"configuration is invalid: {text}")
