"""Printer columns of the built-in kinds, as ``kubectl get`` shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from meshtop.demo.kube import jsonpath
from meshtop.demo.kube.resource import Json, PrinterColumn

Cell = Callable[[Json, float], Any]


def seconds_of(timestamp: str) -> float:
    """Unix seconds of an RFC 3339 time. Raises ValueError."""
    return datetime.fromisoformat(timestamp).timestamp()


def timestamp(seconds: float) -> str:
    """An RFC 3339 time in whole seconds, as Kubernetes writes it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def human_duration(seconds: float) -> str:
    """Short text for a time span in the units of Kubernetes' duration.HumanDuration, such as ``3d4h``."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    total = max(total, 0)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def age_of(value: Any, now: float) -> str:
    """The age of a timestamp; ``<unknown>`` where there is none."""
    try:
        return human_duration(now - seconds_of(value))
    except (TypeError, ValueError):
        return "<unknown>"


def _at(path: str, default: Any = "") -> Cell:
    def cell(obj: Json, _now: float) -> Any:
        found = jsonpath.find(obj, path)
        return found[0] if found and found[0] is not None else default

    return cell


def _joined(path: str, default: str = "<none>") -> Cell:
    return lambda obj, _now: ",".join(str(item) for item in jsonpath.find(obj, path)) or default


def _age(obj: Json, now: float) -> str:
    return age_of(obj["metadata"].get("creationTimestamp"), now)


def _pairs(path: str) -> Cell:
    def cell(obj: Json, _now: float) -> str:
        found = jsonpath.find(obj, path)
        pairs = found[0] if found and isinstance(found[0], dict) else {}
        return ",".join(f"{key}={value}" for key, value in pairs.items()) or "<none>"

    return cell


def _count(path: str) -> Cell:
    return lambda obj, _now: len(jsonpath.find(obj, path))


def _ratio(have: str, want: str, default: int = 1) -> Cell:
    return lambda obj, now: f"{_at(have, 0)(obj, now)}/{_at(want, default)(obj, now)}"


def _pod_ready(obj: Json, _now: float) -> str:
    ready = [state.get("ready") for state in jsonpath.find(obj, ".status.containerStatuses[*]")]
    return f"{sum(map(bool, ready))}/{len(jsonpath.find(obj, '.spec.containers[*]'))}"


def _pod_status(obj: Json, _now: float) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for state in jsonpath.find(obj, ".status.containerStatuses[*].state"):
        for word in ("waiting", "terminated"):
            if reason := state.get(word, {}).get("reason"):
                return str(reason)
    status = obj.get("status") or {}
    return str(status.get("reason") or status.get("phase") or "Unknown")


def _pod_restarts(obj: Json, _now: float) -> str:
    return str(sum(jsonpath.find(obj, ".status.containerStatuses[*].restartCount")))


def _node_status(obj: Json, _now: float) -> str:
    ready = jsonpath.find(obj, '.status.conditions[?(@.type=="Ready")].status')
    words = ["Ready" if ready and ready[0] == "True" else "NotReady" if ready else "Unknown"]
    if jsonpath.find(obj, ".spec.unschedulable") == [True]:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(obj: Json, _now: float) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))) or "<none>"


def _node_address(kind: str) -> Cell:
    return _at(f'.status.addresses[?(@.type=="{kind}")].address', "<none>")


def _service_ports(obj: Json, _now: float) -> str:
    texts = []
    for port in jsonpath.find(obj, ".spec.ports[*]"):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or "<none>"


def _service_external(obj: Json, now: float) -> str:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", "<none>"))
    found = [
        *(item.get("ip") or item.get("hostname", "") for item in jsonpath.find(obj, ".status.loadBalancer.ingress[*]")),
        *(spec.get("externalIPs") or []),
    ]
    return ",".join(found) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _endpoints(obj: Json, _now: float) -> str:
    texts = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in jsonpath.find(obj, ".subsets[*]")
        for port in subset.get("ports") or []
        for address in subset.get("addresses") or []
    ]
    more = f" + {len(texts) - 3} more..." if len(texts) > 3 else ""
    return ",".join(texts[:3]) + more if texts else "<none>"


def _event_object(obj: Json, _now: float) -> str:
    involved = obj.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _last_seen(obj: Json, now: float) -> str:
    return age_of(obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp"), now)


def _role(obj: Json, _now: float) -> str:
    reference = obj.get("roleRef") or {}
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _selector(obj: Json, now: float) -> Any:
    return _pairs(".spec.selector.matchLabels")(obj, now)


NAME = PrinterColumn(
    "Name", _at(".metadata.name"), format="name", description="Name of the object, unique in its namespace."
)
AGE = PrinterColumn("Age", _age, description="Time since the object was created.")
CREATED = PrinterColumn("Created At", _at(".metadata.creationTimestamp"), description="When the object was created.")

_WIDE_WORKLOAD = (
    PrinterColumn("Containers", _joined(".spec.template.spec.containers[*].name"), priority=1),
    PrinterColumn("Images", _joined(".spec.template.spec.containers[*].image"), priority=1),
    PrinterColumn("Selector", _selector, priority=1),
)

BUILTIN_COLUMNS: Mapping[str, tuple[PrinterColumn, ...]] = {
    "Namespace": (NAME, PrinterColumn("Status", _at(".status.phase", "Active")), AGE),
    "Node": (
        NAME,
        PrinterColumn("Status", _node_status),
        PrinterColumn("Roles", _node_roles),
        AGE,
        PrinterColumn("Version", _at(".status.nodeInfo.kubeletVersion")),
        PrinterColumn("Internal-IP", _node_address("InternalIP"), priority=1),
        PrinterColumn("External-IP", _node_address("ExternalIP"), priority=1),
        PrinterColumn("OS-Image", _at(".status.nodeInfo.osImage", "<unknown>"), priority=1),
        PrinterColumn("Kernel-Version", _at(".status.nodeInfo.kernelVersion", "<unknown>"), priority=1),
        PrinterColumn("Container-Runtime", _at(".status.nodeInfo.containerRuntimeVersion", "<unknown>"), priority=1),
    ),
    "Pod": (
        NAME,
        PrinterColumn("Ready", _pod_ready),
        PrinterColumn("Status", _pod_status),
        PrinterColumn("Restarts", _pod_restarts),
        AGE,
        PrinterColumn("IP", _at(".status.podIP", "<none>"), priority=1),
        PrinterColumn("Node", _at(".spec.nodeName", "<none>"), priority=1),
        PrinterColumn("Nominated Node", _at(".status.nominatedNodeName", "<none>"), priority=1),
        PrinterColumn("Readiness Gates", lambda _obj, _now: "<none>", priority=1),
    ),
    "Service": (
        NAME,
        PrinterColumn("Type", _at(".spec.type", "ClusterIP")),
        PrinterColumn("Cluster-IP", _at(".spec.clusterIP", "<none>")),
        PrinterColumn("External-IP", _service_external),
        PrinterColumn("Port(s)", _service_ports),
        AGE,
        PrinterColumn("Selector", _pairs(".spec.selector"), priority=1),
    ),
    "Endpoints": (NAME, PrinterColumn("Endpoints", _endpoints), AGE),
    "ConfigMap": (NAME, PrinterColumn("Data", _count(".data.*"), "integer"), AGE),
    "Secret": (
        NAME,
        PrinterColumn("Type", _at(".type", "Opaque")),
        PrinterColumn("Data", _count(".data.*"), "integer"),
        AGE,
    ),
    "ServiceAccount": (NAME, PrinterColumn("Secrets", _count(".secrets[*]"), "integer"), AGE),
    "Event": (
        PrinterColumn("Last Seen", _last_seen),
        PrinterColumn("Type", _at(".type")),
        PrinterColumn("Reason", _at(".reason")),
        PrinterColumn("Object", _event_object),
        PrinterColumn("Subobject", _at(".involvedObject.fieldPath"), priority=1),
        PrinterColumn("Source", _at(".source.component"), priority=1),
        PrinterColumn("Message", _at(".message")),
        PrinterColumn("First Seen", lambda obj, now: age_of(obj.get("firstTimestamp"), now), priority=1),
        PrinterColumn("Count", _at(".count", 1), "integer", priority=1),
        PrinterColumn("Name", _at(".metadata.name"), format="name", priority=1),
    ),
    "Deployment": (
        NAME,
        PrinterColumn("Ready", _ratio(".status.readyReplicas", ".spec.replicas")),
        PrinterColumn("Up-to-date", _at(".status.updatedReplicas", 0), "integer"),
        PrinterColumn("Available", _at(".status.availableReplicas", 0), "integer"),
        AGE,
        *_WIDE_WORKLOAD,
    ),
    "StatefulSet": (
        NAME,
        PrinterColumn("Ready", _ratio(".status.readyReplicas", ".spec.replicas")),
        AGE,
        *_WIDE_WORKLOAD[:2],
    ),
    "DaemonSet": (
        NAME,
        PrinterColumn("Desired", _at(".status.desiredNumberScheduled", 0), "integer"),
        PrinterColumn("Current", _at(".status.currentNumberScheduled", 0), "integer"),
        PrinterColumn("Ready", _at(".status.numberReady", 0), "integer"),
        PrinterColumn("Up-to-date", _at(".status.updatedNumberScheduled", 0), "integer"),
        PrinterColumn("Available", _at(".status.numberAvailable", 0), "integer"),
        PrinterColumn("Node Selector", _pairs(".spec.template.spec.nodeSelector")),
        AGE,
        *_WIDE_WORKLOAD,
    ),
    "ReplicaSet": (
        NAME,
        PrinterColumn("Desired", _at(".spec.replicas", 1), "integer"),
        PrinterColumn("Current", _at(".status.replicas", 0), "integer"),
        PrinterColumn("Ready", _at(".status.readyReplicas", 0), "integer"),
        AGE,
        *_WIDE_WORKLOAD,
    ),
    "EndpointSlice": (
        NAME,
        PrinterColumn("AddressType", _at(".addressType")),
        PrinterColumn("Ports", _joined(".ports[*].port", "<unset>")),
        PrinterColumn("Endpoints", _joined(".endpoints[*].addresses[*]", "<unset>")),
        AGE,
    ),
    "Lease": (NAME, PrinterColumn("Holder", _at(".spec.holderIdentity")), AGE),
    "Role": (NAME, CREATED),
    "ClusterRole": (NAME, CREATED),
    "RoleBinding": (NAME, PrinterColumn("Role", _role), AGE),
    "ClusterRoleBinding": (NAME, PrinterColumn("Role", _role), AGE),
    "CustomResourceDefinition": (NAME, CREATED),
    "MutatingWebhookConfiguration": (NAME, PrinterColumn("Webhooks", _count(".webhooks[*]"), "integer"), AGE),
    "ValidatingWebhookConfiguration": (NAME, PrinterColumn("Webhooks", _count(".webhooks[*]"), "integer"), AGE),
    "ValidatingAdmissionPolicy": (NAME, PrinterColumn("Validations", _count(".spec.validations[*]"), "integer"), AGE),
    "ValidatingAdmissionPolicyBinding": (NAME, PrinterColumn("PolicyName", _at(".spec.policyName")), AGE),
}
