# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Pods, Services and EndpointSlices as a real cluster shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from meshtop.demo.world import naming
from meshtop.demo.world.company import REGISTRY
from meshtop.demo.world.plan import Cluster, Workload

Json = dict[str, Any]
DAY = 86_400.0


class Builder:
    """Builds the objects of one cluster; `today` is a midnight (Unix seconds) that ages are counted from."""

    def __init__(self, seed: int, cluster: Cluster, today: float) -> None:
        self.seed = seed
        self.cluster = cluster
        self.today = today

    def meta(
        self, name: str, namespace: str = "", labels: Json | None = None, annotations: Json | None = None,
        owner: Json | None = None, days: float = 0.0, kind: str = "",
    ) -> Json:  # fmt: skip
        """Metadata with an age that follows from the name, or of so many days."""
        aged = days or 3 + 180 * naming.unit(self.seed, self.cluster.name, namespace, kind, name)
        found: Json = {"name": name, "creationTimestamp": naming.timestamp(self.today - aged * DAY)}
        found["uid"] = self.uid(kind, namespace, name)
        if namespace:
            found["namespace"] = namespace
        if labels:
            found["labels"] = labels
        if annotations:
            found["annotations"] = annotations
        if owner:
            found["ownerReferences"] = [owner]
        return found

    def uid(self, kind: str, namespace: str, name: str) -> str:
        """The uid of an object, the same for the same seed."""
        parts = [naming.digest(self.seed, self.cluster.name, kind, namespace, name, half) for half in (0, 1)]
        text = f"{parts[0]:016x}{parts[1]:016x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"

    def owner(self, kind: str, namespace: str, name: str) -> Json:
        """A controller reference to an object of the apps group, a Rollout or a Canary."""
        return {
            "apiVersion": {"Rollout": "argoproj.io/v1alpha1", "Canary": "flagger.app/v1beta1"}.get(kind, "apps/v1"), "kind": kind, "name": name, "uid": self.uid(kind, namespace, name),
            "controller": True, "blockOwnerDeletion": True,
        }  # fmt: skip

    def workload(self, workload: Workload, place: int, replicas: int | None = None, trouble: int = 0) -> Iterator[Json]:
        """A workload's controller and pods; `trouble` of its pods crash."""
        count = workload.replicas if replicas is None else replicas
        yield from self.controllers(workload, count, count - trouble)
        for ordinal in range(count):
            yield self.pod(workload, place, ordinal, broken=ordinal >= count - trouble)

    def controllers(self, workload: Workload, replicas: int, ready: int) -> Iterator[Json]:
        """The Deployment and its ReplicaSet, or the StatefulSet or DaemonSet."""
        labels = self.template_labels(workload)
        template = {
            "metadata": {"labels": labels},
            "spec": {"serviceAccountName": workload.account, "containers": self._containers(workload)},
        }
        selector = {"matchLabels": workload.labels}
        meta = self.meta(
            workload.name,
            workload.namespace,
            {**workload.labels, "app.kubernetes.io/part-of": workload.namespace},
            kind=workload.kind,
        )
        if workload.kind == "DaemonSet":
            status: Json = {
                "desiredNumberScheduled": replicas, "currentNumberScheduled": replicas, "numberReady": ready, "numberAvailable": ready,
                "updatedNumberScheduled": replicas, "numberMisscheduled": 0, "observedGeneration": 1,
            }  # fmt: skip
            yield {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": meta,
                "spec": {"selector": selector, "template": template},
                "status": status,
            }
            return
        status = {
            "replicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": replicas,
            "observedGeneration": 1,
        }
        if ready < replicas:
            status["unavailableReplicas"] = replicas - ready
        spec: Json = {"replicas": replicas, "selector": selector, "template": template}
        if workload.kind == "StatefulSet":
            status["currentReplicas"] = replicas
            yield {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": meta,
                "spec": {**spec, "serviceName": workload.service},
                "status": status,
            }
            return
        available = "True" if ready else "False"
        conditions = [
            {
                "type": "Available",
                "status": available,
                "reason": "MinimumReplicasAvailable" if ready else "MinimumReplicasUnavailable",
            },
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ]
        meta["annotations"] = {"deployment.kubernetes.io/revision": "4"}
        if not workload.rollout:
            yield {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": meta,
                "spec": spec,
                "status": {**status, "conditions": conditions},
            }
        name = naming.replica_set_name(self.seed, workload)
        hashed = labels if workload.rollout else {**labels, "pod-template-hash": name.rpartition("-")[2]}
        yield {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": self.meta(
                name,
                workload.namespace,
                hashed,
                owner=self.owner(workload.kind, workload.namespace, workload.controller),
                kind="ReplicaSet",
            ),
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": hashed},
                "template": {**template, "metadata": {"labels": hashed}},
            },
            "status": {
                "replicas": replicas,
                "readyReplicas": ready,
                "availableReplicas": ready,
                "fullyLabeledReplicas": replicas,
                "observedGeneration": 1,
            },
        }

    def template_labels(self, workload: Workload) -> Json:
        """The labels that a controller's template gives its pods."""
        return dict(workload.labels)

    def pod(self, workload: Workload, place: int, ordinal: int, broken: bool = False) -> Json:
        """One pod, injected according to its namespace."""
        cluster = self.cluster
        name = naming.pod_name(self.seed, workload, ordinal)
        labels = self.template_labels(workload)
        annotations: Json = {}
        if workload.kind in ("Deployment", "Rollout"):
            set_name = naming.replica_set_name(self.seed, workload)
            if not workload.rollout:
                labels["pod-template-hash"] = set_name.rpartition("-")[2]
            owner = self.owner("ReplicaSet", workload.namespace, set_name)
        else:
            owner = self.owner(workload.kind, workload.namespace, workload.name)
            if workload.kind == "StatefulSet":
                labels |= {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
        containers = self._containers(workload)
        init: list[Json] = []
        if workload.proxy == "sidecar" and workload.namespace != cluster.mesh.system:
            self._inject(workload, labels, annotations, containers, init)
        elif workload.proxy == "ambient":
            annotations["ambient.istio.io/redirection"] = "enabled"
        node = (place + ordinal) % self.cluster.nodes
        if cluster.mesh.template == "legacy" and node == cluster.nodes - 1:
            node = 0
        address = naming.pod_address(cluster, place, ordinal)
        started = naming.timestamp(self.today - DAY * (1 + 20 * naming.unit(self.seed, name)))
        waiting = {
            "waiting": {
                "reason": "CrashLoopBackOff",
                "message": f"back-off 5m0s restarting failed container={workload.app} pod={name}",
            }
        }
        running = {"running": {"startedAt": started}}
        statuses = [
            {
                "name": c["name"], "image": c["image"], "imageID": f"{c['image']}@sha256:{naming.digest(c['image']):064x}",
                "ready": not (broken and i == 0), "started": not (broken and i == 0), "restartCount": 27 if broken and i == 0 else 0,
                "state": waiting if broken and i == 0 else running,
            }
            for i, c in enumerate(containers)
        ]  # fmt: skip
        inits = [
            {"name": c["name"], "image": c["image"], "imageID": "", "ready": True, "restartCount": 0,
             "state": running if c.get("restartPolicy") else {"terminated": {"exitCode": 0, "reason": "Completed"}}}
            for c in init
        ]  # fmt: skip
        ready = "False" if broken else "True"
        spec: Json = {
            "serviceAccountName": workload.account,
            "nodeName": naming.node_name(cluster, node),
            "containers": containers,
        }
        if init:
            spec["initContainers"] = init
        status: Json = {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": f"10.{16 + cluster.index}.0.{10 + node}",
            "startTime": started, "qosClass": "Burstable", "containerStatuses": statuses,
            "conditions": [{"type": kind, "status": ready if "eady" in kind and kind != "PodReadyToStartContainers" else "True",
                            "lastTransitionTime": started}
                           for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")],
        }  # fmt: skip
        if inits:
            status["initContainerStatuses"] = inits
        days = 1 + 20 * naming.unit(self.seed, name)
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": self.meta(name, workload.namespace, labels, annotations, owner, days, "Pod"),
            "spec": spec,
            "status": status,
        }

    def revision(self, namespace: str) -> str:
        """The control-plane revision whose proxies a namespace runs."""
        return self.cluster.revisions.running(namespace).name

    def proxy_version(self, namespace: str) -> str:
        """The version of the proxies in a namespace."""
        return self.cluster.revisions.running(namespace).release

    def _inject(
        self, workload: Workload, labels: Json, annotations: Json, containers: list[Json], init: list[Json]
    ) -> None:
        revision = self.revision(workload.namespace)
        image = f"docker.io/istio/proxyv2:{self.proxy_version(workload.namespace)}"
        native = self.cluster.native_sidecars
        labels |= {
            "security.istio.io/tlsMode": "istio",
            "service.istio.io/canonical-name": workload.app,
            "service.istio.io/canonical-revision": workload.version or "latest",
            "topology.istio.io/network": self.cluster.network,
        }
        status = {
            "initContainers": ["istio-init", "istio-proxy"] if native else ["istio-init"],
            "containers": None if native else ["istio-proxy"],
            "volumes": [
                "workload-socket",
                "credential-socket",
                "workload-certs",
                "istio-envoy",
                "istio-data",
                "istio-podinfo",
                "istio-token",
                "istiod-ca-cert",
            ],
            "imagePullSecrets": None,
            "revision": revision,
        }
        annotations |= {
            "sidecar.istio.io/status": json.dumps(status, separators=(",", ":")),
            "istio.io/rev": revision,
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "15020",
            "prometheus.io/path": "/stats/prometheus",
            "kubectl.kubernetes.io/default-container": workload.app,
        }
        labels["istio.io/rev"] = revision
        proxy: Json = {
            "name": "istio-proxy", "image": image, "args": ["proxy", "sidecar", "--domain", f"$(POD_NAMESPACE){self.cluster.mesh.suffix}"],
            "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
            "env": [{"name": "ISTIO_META_CLUSTER_ID", "value": self.cluster.name}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        }  # fmt: skip
        init.append({"name": "istio-init", "image": image})
        if native:
            init.append({**proxy, "restartPolicy": "Always"})
        else:
            containers.append(proxy)

    def _containers(self, workload: Workload) -> list[Json]:
        if workload.namespace == self.cluster.mesh.system or workload.app == "waypoint":
            names = {
                "istiod": ("discovery", "pilot"),
                "ztunnel": ("istio-proxy", "ztunnel"),
                "istio-cni-node": ("install-cni", "install-cni"),
            }
            if workload.app == "prometheus":
                return [
                    {"name": "prometheus-server", "image": "prom/prometheus:v3.5.0", "ports": [{"containerPort": 9090}]}
                ]
            name, image = names.get(workload.app, ("istio-proxy", "proxyv2"))
            env = [{"name": "CLUSTER_ID", "value": self.cluster.istiod_id}]
            if workload.app == "istiod" and self.cluster.serves_others:
                env.append({"name": "EXTERNAL_ISTIOD", "value": "true"})
            if self.cluster.hosting:
                env.append({"name": "LOCAL_CLUSTER_SECRET_WATCHER", "value": "true"})
            return [{"name": name, "image": f"docker.io/istio/{image}:{workload.serving.release}", "env": env}]
        stock = {
            "postgres": "docker.io/library/postgres",
            "redis": "docker.io/library/redis",
            "kafka": "docker.io/apache/kafka",
            "rabbitmq": "docker.io/library/rabbitmq",
        }
        base = stock.get(workload.app)
        tag = workload.version.lstrip("v") if base else workload.serving.release
        image = f"{base or f'{REGISTRY}/{workload.namespace}/{workload.app}'}:{tag}"
        return [{
            "name": workload.app, "image": image, "ports": [{"containerPort": workload.port}],
            "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        }]  # fmt: skip


def service(
    builder: Builder, name: str, namespace: str, ports: Iterable[Json], selector: Json, address: str,
    kind: str = "ClusterIP", labels: Json | None = None, external: str = "",
) -> Json:  # fmt: skip
    """A Service; `external` is a load balancer's address."""
    spec: Json = {
        "type": kind,
        "clusterIP": address,
        "clusterIPs": [address],
        "ports": list(ports),
        "selector": selector,
        "sessionAffinity": "None",
    }
    status: Json = {"loadBalancer": {"ingress": [{"ip": external}]} if external else {}}
    meta = builder.meta(name, namespace, labels or {"app": name}, kind="Service")
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": status}


def endpoint_slice(
    builder: Builder, name: str, namespace: str, ports: list[Json], endpoints: list[Json], extra: Json | None = None
) -> Json:
    """The EndpointSlice of a service."""
    labels = {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        **(extra or {}),
    }
    meta = builder.meta(
        f"{name}-{naming.letters(5, builder.seed, builder.cluster.name, namespace, name)}",
        namespace,
        labels,
        kind="EndpointSlice",
    )
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta,
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": endpoints,
    }


def endpoint(builder: Builder, pod: Json) -> Json:
    """A pod as an endpoint."""
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
    node = pod["spec"]["nodeName"]
    ordinal = next((i for i in range(builder.cluster.nodes) if naming.node_name(builder.cluster, i) == node), 0)
    return {
        "addresses": [pod["status"]["podIP"]], "conditions": {"ready": ready, "serving": ready, "terminating": False}, "nodeName": node,
        "zone": naming.zone(builder.cluster, ordinal),
        "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"], "uid": pod["metadata"]["uid"]},
    }  # fmt: skip
