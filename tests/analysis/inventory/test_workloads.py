from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.inventory.workloads import workloads
from meshtop.model.kube import Container, Controller, Inventory, KindStatus, Meta, Namespace, Owner, Pod, Service
from meshtop.model.mesh import Proxy, Ready, Workload, sum_ready
from meshtop.model.state import Health, HealthStatus

NS = "shop"
APP = (Container("app", "app:1"),)
MESHED = (*APP, Container("istio-proxy", "proxyv2:1.30.1-distroless"))


def pod(name: str, owner: tuple[str, str] | None = None, **more: Any) -> Pod:
    labels, annotations = more.pop("labels", {}), more.pop("annotations", {})
    meta = Meta(
        name=name,
        namespace=more.pop("namespace", NS),
        labels=labels,
        annotations=annotations,
        owner=Owner(*owner) if owner else None,
        created=more.pop("created", 1.0),
    )
    return Pod(meta=meta, **{"phase": "Running", "ready": True, "containers": APP, **more})


def controller(kind: str, name: str, desired: int = 1, owner: tuple[str, str] | None = None, **more: Any) -> Controller:
    meta = Meta(name=name, namespace=NS, owner=Owner(*owner) if owner else None, created=more.pop("created", 5.0))
    return Controller(kind=kind, meta=meta, desired=desired, **more)


def only(*pods: Pod, controllers: tuple[Controller, ...] = (), **more: Any) -> Workload:
    found = workloads(Inventory(pods=pods, controllers=controllers, **more), "east")
    assert len(found) == 1
    return found[0]


HASHED = {"pod-template-hash": "abc"}


@pytest.mark.parametrize(
    ("labels", "owner", "known", "kind", "name"),
    [
        ({}, None, (), "Pod", "p-1"),
        ({}, ("Node", "node-1"), (), "Pod", "p-1"),
        (HASHED, ("ReplicaSet", "web-abc"), (), "Deployment", "web"),
        (HASHED, ("ReplicaSet", "web"), (), "ReplicaSet", "web"),
        ({}, ("ReplicaSet", "x-abc"), (controller("ReplicaSet", "x-abc", 1, ("Deployment", "w")),), "Deployment", "w"),
        ({}, ("ReplicaSet", "bare"), (controller("ReplicaSet", "bare"),), "ReplicaSet", "bare"),
        (HASHED, ("ReplicaSet", "r-abc"), (controller("ReplicaSet", "r-abc", 1, ("Rollout", "r")),), "Rollout", "r"),
        ({"rollouts-pod-template-hash": "z9"}, ("ReplicaSet", "roll-z9"), (), "Rollout", "roll"),
        ({}, ("StatefulSet", "db"), (), "StatefulSet", "db"),
        ({}, ("DaemonSet", "agent"), (), "DaemonSet", "agent"),
        ({}, ("Job", "once"), (), "Job", "once"),
        ({}, ("Job", "nightly-27953940"), (), "CronJob", "nightly"),
        ({"deploymentconfig": "dc"}, ("ReplicationController", "dc-3"), (), "DeploymentConfig", "dc"),
        ({"service.istio.io/workload-name": "named"}, None, (), "Pod", "named"),
        ({}, ("Workflow", "wf"), (), "Workflow", "wf"),
    ],
)  # fmt: skip
def test_the_workload_of_a_pod(
    labels: dict[str, str], owner: tuple[str, str] | None, known: tuple[Controller, ...], kind: str, name: str
) -> None:
    found = only(pod("p-1", owner, labels=labels), controllers=known)
    assert (found.kind, found.name, found.namespace, found.cluster) == (kind, name, NS, "east")


ZTUNNEL = Controller(
    kind="DaemonSet",
    meta=Meta(name="ztunnel", namespace="istio-system"),
    template_labels={"app": "ztunnel"},
    containers=(Container("istio-proxy", "ztunnel:1.30.2"),),
)
AMBIENT_NAMESPACE = Namespace(meta=Meta(name=NS, labels={"istio.io/dataplane-mode": "ambient"}))


@pytest.mark.parametrize(
    ("more", "proxy", "version"),
    [
        ({}, Proxy.NONE, None),
        ({"containers": MESHED}, Proxy.SIDECAR, "1.30.1"),
        ({"annotations": {"ambient.istio.io/redirection": "enabled"}}, Proxy.AMBIENT, "1.30.2"),
        ({"labels": {"istio.io/dataplane-mode": "ambient"}}, Proxy.AMBIENT, "1.30.2"),
        ({"labels": {"istio.io/dataplane-mode": "ambient"}, "host_network": True}, Proxy.NONE, None),
        ({"labels": {"istio.io/dataplane-mode": "ambient"}, "containers": MESHED}, Proxy.SIDECAR, "1.30.1"),
    ],
)
def test_how_a_workload_takes_part(more: dict[str, Any], proxy: Proxy, version: str | None) -> None:
    found = [
        w for w in workloads(Inventory(pods=(pod("p", **more),), controllers=(ZTUNNEL,)), "east") if w.namespace == NS
    ]
    assert (found[0].proxy, found[0].proxy_version) == (proxy, version)


@pytest.mark.parametrize(("mode", "proxy"), [(None, Proxy.AMBIENT), ("none", Proxy.NONE)])
def test_a_namespace_in_ambient_mode(mode: str | None, proxy: Proxy) -> None:
    labels = {"istio.io/dataplane-mode": mode} if mode else {}
    assert only(pod("p", labels=labels), namespaces=(AMBIENT_NAMESPACE,)).proxy is proxy


def test_ztunnel_itself_is_no_sidecar() -> None:
    tunnel = workloads(Inventory(controllers=(ZTUNNEL,)), "east")[0]
    assert (tunnel.proxy, tunnel.is_gateway) == (Proxy.NONE, False)


@pytest.mark.parametrize(
    ("labels", "annotations", "revision"),
    [
        ({"istio.io/rev": "canary"}, {"istio.io/rev": "injected"}, "injected"),
        ({}, {"istio.io/rev": "from-annotation"}, "from-annotation"),
        ({}, {"sidecar.istio.io/status": '{"revision": "default"}'}, "default"),
        ({}, {"sidecar.istio.io/status": "{"}, None),
        ({}, {"sidecar.istio.io/status": '{"revision": 3}'}, None),
        ({}, {"sidecar.istio.io/status": "[]"}, None),
        ({}, {}, None),
    ],
)
def test_revisions(labels: dict[str, str], annotations: dict[str, str], revision: str | None) -> None:
    assert only(pod("p", labels=labels, annotations=annotations)).revision == revision


PROXY_ONLY = (Container("istio-proxy", "proxyv2:1.30.1"),)


@pytest.mark.parametrize(
    ("labels", "containers", "gateway", "waypoint"),
    [
        ({"gateway.networking.k8s.io/gateway-name": "g"}, PROXY_ONLY, True, False),
        ({"istio": "ingressgateway"}, APP, True, False),
        ({"istio": "eastwestgateway"}, MESHED, True, False),
        ({"istio": "pilot"}, APP, False, False),
        ({}, PROXY_ONLY, True, False),
        ({}, MESHED, False, False),
        ({"gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
          "gateway.networking.k8s.io/gateway-name": "w"}, PROXY_ONLY, False, True),
        ({"gateway.istio.io/managed": "istio.io-mesh-controller"}, PROXY_ONLY, False, True),
    ],
)  # fmt: skip
def test_gateways_and_waypoints(
    labels: dict[str, str], containers: tuple[Container, ...], gateway: bool, waypoint: bool
) -> None:
    found = only(pod("p", labels=labels, containers=containers))
    assert (found.is_gateway, found.is_waypoint) == (gateway, waypoint)
    if waypoint:
        assert found.proxy is Proxy.AMBIENT


def web(ready: bool = True, **more: Any) -> Pod:
    number = more.pop("number", 0)
    return pod(f"web-abc-{number}", ("ReplicaSet", "web-abc"), labels=HASHED, ready=ready, **more)


@pytest.mark.parametrize(
    ("desired", "pods", "counted", "status", "reasons"),
    [
        (0, (), (0, 0), HealthStatus.IDLE, ("scaled to 0",)),
        (2, (web(number=1), web(number=2)), (2, 2), HealthStatus.HEALTHY, ()),
        (1, (web(number=1), web(number=2)), (2, 2), HealthStatus.HEALTHY, ()),
        (0, (web(number=1), web(number=2)), (2, 2), HealthStatus.HEALTHY, ()),
        (0, (web(False, problem="Terminating"),), (0, 1), HealthStatus.IDLE, ("scaled to 0",)),
        (2, (web(number=1),), (1, 1), HealthStatus.DEGRADED, ("1 of 2 ready",)),
        (2, (web(), web(False, number=1, problem="CrashLoopBackOff")), (1, 2), HealthStatus.DEGRADED,
         ("1 of 2 ready", "CrashLoopBackOff")),
        (3, (web(False, problem="X"), web(False, number=1, problem="X"), web(False, number=2)), (0, 3),
         HealthStatus.FAILING, ("none of 3 ready", "X (2 pods)", "not ready")),
        (2, (), (0, 0), HealthStatus.FAILING, ("none of 2 ready",)),
        (1, (web(), web(False, number=1, phase="Failed", problem="Evicted")), (1, 1), HealthStatus.HEALTHY, ()),
    ],
)  # fmt: skip
def test_readiness(
    desired: int, pods: tuple[Pod, ...], counted: tuple[int, int], status: HealthStatus, reasons: tuple[str, ...]
) -> None:
    found = only(*pods, controllers=(controller("Deployment", "web", desired),))
    assert found.pods == Ready(*counted)
    assert (found.readiness.status, found.readiness.reasons) == (status, reasons)


@pytest.mark.parametrize(
    ("phase", "status", "reason"),
    [
        ("Succeeded", HealthStatus.IDLE, "1 completed"),
        ("Failed", HealthStatus.FAILING, "none of 1 ready"),
        ("Running", HealthStatus.HEALTHY, None),
    ],
)
def test_a_jobs_end(phase: str, status: HealthStatus, reason: str | None) -> None:
    found = only(pod("p", ("Job", "j"), phase=phase, ready=phase == "Running"))
    assert found.readiness.status is status
    assert (found.readiness.reasons or (None,))[0] == reason


def test_without_pods_the_controller_is_believed() -> None:
    """Where pods may not be read, a Deployment still says how many of its own are ready."""
    found = only(
        controllers=(controller("Deployment", "web", 3, ready=3, template_labels={"app": "shop", "version": "2"}),),
        kinds=(KindStatus(kind="Pod", state="denied"),),
    )
    assert (found.pods, found.app, found.version) == (Ready(3, 3), "shop", "2")
    assert found.readiness.status is HealthStatus.HEALTHY
    assert found.created == 5.0


def test_a_rollout_is_the_sum_of_its_replica_sets() -> None:
    sets = tuple(controller("ReplicaSet", f"r-{i}", 2, ("Rollout", "r"), ready=i) for i in (1, 2))
    found = only(controllers=sets, kinds=(KindStatus(kind="Deployment"),))
    assert (found.kind, found.pods) == ("Rollout", Ready(3, 4))


def test_the_newest_pod_speaks_for_its_workload() -> None:
    labels = {**HASHED, "app": "web"}
    old = pod("a", ("ReplicaSet", "web-abc"), labels={**labels, "version": "1"}, created=1.0)
    new = pod("b", ("ReplicaSet", "web-abc"), labels={**labels, "version": "2"}, created=2.0, service_account="sa")
    found = only(new, old, controllers=(controller("Deployment", "web", 2),))
    assert (found.version, found.service_account, found.images) == ("2", "sa", ("app:1",))
    assert found.labels == (("app", "web"), ("version", "2"))


def service(name: str, selector: dict[str, str], namespace: str = NS) -> Service:
    return Service(meta=Meta(name=name, namespace=namespace), selector=selector)


def test_services_that_select_a_workload() -> None:
    found = only(
        pod("p", labels={"app": "web", "tier": "front"}),
        services=(
            service("web", {"app": "web"}),
            service("front", {"tier": "front", "app": "web"}),
            service("other", {"app": "web", "tier": "back"}),
            service("elsewhere", {"app": "web"}, "other"),
            service("headless-external", {}),
        ),
    )
    assert found.services == ("front", "web")


def test_a_workload_is_behind_a_service_with_those_of_its_pods_that_it_selects() -> None:
    """A rolled out Deployment has pods of two templates, and Services may select the ones, the others, or both."""
    old = [pod(f"a-{i}", ("ReplicaSet", "web-abc"), labels={**HASHED, "app": "web", "tier": "old"}) for i in range(2)]
    new = pod("b-0", ("ReplicaSet", "web-abc"), labels={"app": "web"}, created=9.0, ready=False)
    found = only(
        *old,
        new,
        controllers=(controller("ReplicaSet", "web-abc", 3, ("Deployment", "web")),),
        services=(
            service("web", {"app": "web"}),
            service("old", {"tier": "old"}),
            service("exact", HASHED),
            service("none", {"app": "web", "tier": "new"}),
        ),
    )
    assert found.services == ("exact", "old", "web")
    counts = {name: found.pods_behind(name) for name in (*found.services, "none")}
    assert counts == {"exact": Ready(2, 2), "old": Ready(2, 2), "web": Ready(2, 3), "none": Ready(0, 0)}


def pods_with(found: Workload, labels: dict[str, str]) -> Ready:
    """A workload's pods that a subset with these labels selects."""
    return sum_ready(one.pods for one in found.pod_sets if set(labels.items()).issubset(one.labels))


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("StatefulSet", [{"statefulset.kubernetes.io/pod-name": f"db-{i}", "app": "db"} for i in range(3)]),
        ("Rollout", [{"rollouts-pod-template-hash": h, "app": "db"} for h in ("x", "x", "y")]),
        ("Deployment", [{"pod-template-hash": h} for h in ("x", "y", "z")]),
    ],
)
def test_subsets_by_labels_of_single_pods(kind: str, labels: list[dict[str, str]]) -> None:
    pods = [pod(f"p-{i}", (kind, "db"), labels=one, ready=i > 0) for i, one in enumerate(labels)]
    found = only(*pods)
    for one in labels:
        mine = [p for p in pods if p.meta.labels == one]
        assert pods_with(found, one) == Ready(sum(p.ready for p in mine), len(mine))
    assert pods_with(found, {}) == found.pods == Ready(2, 3)


@pytest.mark.parametrize("ended", ["Succeeded", "Failed"])
def test_a_pod_that_ended_is_behind_nothing(ended: str) -> None:
    pods = (pod("a", ("CloneSet", "c"), labels={"app": "c"}), pod("b", ("CloneSet", "c"), phase=ended, ready=False))
    evicted = pod("e", ("CloneSet", "c"), phase="Failed", ready=False, problem="Evicted", labels={"app": "c"})
    found = only(*pods, evicted, services=(service("c", {"app": "c"}),))
    assert (found.pods, found.pods_behind("c")) == (Ready(1, 1), Ready(1, 1))
    assert only(evicted).pods == Ready(0, 0)
    assert only(evicted).readiness == Health(HealthStatus.IDLE, ("1 evicted",))


_LABELS = st.dictionaries(st.sampled_from(["app", "hash", "tier"]), st.sampled_from("xy"), max_size=3)


@given(st.lists(st.tuples(_LABELS, st.booleans(), st.sampled_from(["Running", "Failed", "Pending"])), min_size=1),
       _LABELS)  # fmt: skip
def test_every_pod_is_counted_by_its_own_labels(
    drawn: list[tuple[dict[str, str], bool, str]], selector: dict[str, str]
) -> None:
    pods = [
        pod(f"p-{i}", ("StatefulSet", "s"), labels=labels, ready=ready and phase == "Running", phase=phase)
        for i, (labels, ready, phase) in enumerate(drawn)
    ]
    inventory = Inventory(pods=tuple(pods), services=(service("s", selector),))
    (found,) = workloads(inventory, "east")
    alive = [p for p in pods if p.phase != "Failed"]
    chosen = [p for p in alive if selector.items() <= p.meta.labels.items()] if selector else []
    if alive:
        assert found.pods_behind("s") == Ready(sum(p.ready for p in chosen), len(chosen))
        assert (found.services == ("s",)) is bool(chosen)
        assert found.pods == Ready(sum(p.ready for p in alive), len(alive))


def test_the_order_of_pods_does_not_matter() -> None:
    pods = (web(number=1), web(number=2), pod("x"), pod("y", ("StatefulSet", "db")))
    controllers = (controller("Deployment", "web", 2), controller("StatefulSet", "db", 1))
    one = workloads(Inventory(pods=pods, controllers=controllers), "east")
    two = workloads(Inventory(pods=pods[::-1], controllers=controllers[::-1]), "east")
    assert one == two
    assert [w.name for w in one] == ["db", "web", "x"]
