"""The changes of one cluster: each told once, by its marks, revisions and Events."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from meshtop.analysis.changes.cluster_changes import ChangedCluster, changes_in
from meshtop.model.changes import Change, ChangeHow, FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.kube import ConfigObject, Container, Controller, Inventory, Meta, Node, Owner, Pod
from tests.worlds import AT

NOW = AT


def meta(name: str, *, namespace: str = "shop", created: float = 0.0, **more: object) -> Meta:
    return Meta(name=name, namespace=namespace, uid=name, created=created, **more)  # type: ignore[arg-type]


def write(manager: str, at: float, fields: object, subresource: str = "") -> FieldWrite:
    return FieldWrite(
        manager=manager, operation="Update", time=at, fields=json.dumps(fields).encode(), subresource=subresource
    )


def trace(kind: str, name: str, *writes: FieldWrite, namespace: str = "shop", created: float = 0.0) -> ObjectTrace:
    return ObjectTrace(kind=kind, namespace=namespace, name=name, created=created, writes=writes)


def replica_set(name: str, revision: int, image: str, created: float, replicas: int = 0) -> Controller:
    return Controller(
        kind="ReplicaSet",
        meta=meta(
            name,
            created=created,
            annotations={"deployment.kubernetes.io/revision": str(revision)},
            owner=Owner("Deployment", "web", "apps/v1"),
        ),
        desired=replicas,
        containers=(Container("web", image),),
    )


WEB = Controller(kind="Deployment", meta=meta("web"), desired=2, containers=(Container("web", "r/web:2"),))
TEMPLATE = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}}
SCALED = {"f:spec": {"f:replicas": {}}}


def scaling(message: str, at: float, name: str = "web") -> KubeEvent:
    return KubeEvent(
        reason="ScalingReplicaSet", kind="Deployment", namespace="shop", name=name, message=message, first=at, last=at
    )


def changes(inventory: Inventory, *traces: ObjectTrace, events: tuple[KubeEvent, ...] = ()) -> tuple[Change, ...]:
    inventory = structs.replace(inventory, traces=Traces(objects=traces, events=events))
    return changes_in(ChangedCluster(name="east", inventory=inventory, domain="cluster.local"), NOW)


def test_a_rollout_is_one_change_with_what_differs_and_who_wrote_it() -> None:
    at = NOW - 600
    inventory = Inventory(
        controllers=(WEB, replica_set("web-1", 3, "r/web:1", 0.0), replica_set("web-2", 4, "r/web:2", at, 2))
    )
    pod = Pod(meta=meta("web-2-a", created=at + 1, owner=Owner("ReplicaSet", "web-2")), phase="Running")
    events = (
        scaling("Scaled up replica set web-2 to 1", at + 1),
        scaling("Scaled down replica set web-1 to 1 from 2", at + 20),
        scaling("Scaled up replica set web-2 to 2 from 1", at + 21),
        KubeEvent(reason="BackOff", kind="Pod", namespace="shop", name="web-2-a", first=at + 40, last=at + 90, count=9),
    )
    found = changes(
        structs.replace(inventory, pods=(pod,)),
        trace("Deployment", "web", write("argocd", at - 1, TEMPLATE)),
        events=events,
    )
    assert [(one.how, one.who, one.what) for one in found] == [
        (ChangeHow.ROLLOUT, "argocd", ("revision 4", "image 1 → 2"))
    ]
    assert found[0].title == "web rollout in east: image 1 → 2"
    assert found[0].at == at - 1
    assert found[0].workloads == (("shop", "web"),)


def test_a_template_that_goes_back_to_an_old_replica_set_is_a_rollout_too() -> None:
    inventory = Inventory(
        controllers=(WEB, replica_set("web-1", 5, "r/web:1", 10.0, 2), replica_set("web-2", 4, "r/web:2", 20.0))
    )
    found = changes(inventory, trace("Deployment", "web", write("kubectl-rollout", NOW - 60, TEMPLATE)))
    assert [(one.how, one.who) for one in found] == [(ChangeHow.ROLLOUT, "kubectl-rollout")]
    assert found[0].what == ("containers[name=web].image",)


def test_a_rollout_of_argo_is_told_by_its_replica_sets_too() -> None:
    at = NOW - 300

    def of_argo(name: str, revision: int, image: str, created: float) -> Controller:
        found = replica_set(name, revision, image, created)
        annotations = {"rollout.argoproj.io/revision": str(revision)}
        owner = Owner("Rollout", "web", "argoproj.io/v1alpha1")
        return structs.replace(found, meta=structs.replace(found.meta, annotations=annotations, owner=owner))

    inventory = Inventory(controllers=(of_argo("web-1", 10, "r/web:1", 0.0), of_argo("web-2", 9, "r/web:0", 0.0),
                                       of_argo("web-3", 11, "r/web:2", at)))  # fmt: skip
    found = changes(inventory, trace("Rollout", "web", write("argocd", at - 2, TEMPLATE)))
    assert [(one.kind, one.who, one.what) for one in found] == [("Rollout", "argocd", ("revision 11", "image 1 → 2"))]


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Scaled up replica set web-2 from 2 to 40", "replicas 2 → 40"),
        ("Scaled up replica set web-2 to 40 from 2", "replicas 2 → 40"),
        ("Scaled up replica set web-2 to 40", "replicas ? → 40"),
    ],
)
def test_a_scaling_is_one_change_by_whatever_words_the_controller_uses(message: str, what: str) -> None:
    at = NOW - 300
    found = changes(
        Inventory(controllers=(WEB,)),
        trace("Deployment", "web", write("nightly", at - 1, SCALED, "scale")),
        events=(scaling(message, at),),
    )
    assert [(one.how, one.who, one.what) for one in found] == [(ChangeHow.SCALE, "nightly", (what,))]


def test_steps_of_one_scaling_are_one_change() -> None:
    steps = tuple(scaling(f"Scaled up replica set web-2 from {n} to {n + 4}", NOW - 300 + 10 * n) for n in (2, 6, 10))
    found = changes(Inventory(controllers=(WEB,)), events=steps)
    assert [one.what for one in found] == [("replicas 2 → 14",)]


def test_a_write_without_events_says_what_it_owns_and_not_what_it_held() -> None:
    found = changes(
        Inventory(controllers=(WEB,)), trace("Deployment", "web", write("kubectl-scale", NOW - 60, SCALED, "scale"))
    )
    assert [(one.how, one.what, one.fields) for one in found] == [(ChangeHow.SCALE, ("replicas",), ())]


@pytest.mark.parametrize(
    ("kind", "who", "fields", "subresource"),
    [
        ("Deployment", "kube-controller-manager", {"f:status": {"f:replicas": {}}}, "status"),
        ("Deployment", "kube-controller-manager",
         {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}, ""),
        ("VirtualService", "pilot-discovery", {"f:status": {"f:conditions": {}}}, ""),
        ("MutatingWebhookConfiguration", "pilot-discovery",
         {"f:webhooks": {'k:{"name":"a"}': {"f:clientConfig": {"f:caBundle": {}}}}}, ""),
        ("Service", "kube-controller-manager", {"f:metadata": {"f:finalizers": {}}}, ""),
    ],
)  # fmt: skip
def test_what_controllers_note_as_they_go_is_no_change(kind: str, who: str, fields: object, subresource: str) -> None:
    assert changes(Inventory(), trace(kind, "x", write(who, NOW - 60, fields, subresource))) == ()


def test_an_object_that_is_new_is_created_once() -> None:
    at = NOW - 60
    found = changes(
        Inventory(),
        trace("DestinationRule", "web", write("kubectl", at, {"f:spec": {"f:host": {}}}),
              write("helm", at + 1, {"f:metadata": {"f:labels": {"f:a": {}}}}), created=at),
    )  # fmt: skip
    assert [(one.how, one.who) for one in found] == [(ChangeHow.CREATE, "kubectl")]


@pytest.mark.parametrize(
    ("name", "keys", "how"),
    [
        ("public-cert", ("tls.crt", "tls.key"), ChangeHow.CERTIFICATE),
        ("cacerts", ("ca-cert.pem", "root-cert.pem"), ChangeHow.CERTIFICATE),
        ("sh.helm.release.v1.istiod.v5", ("release",), ChangeHow.EDIT),
        ("istio-remote-secret-west", ("west",), ChangeHow.MEMBERSHIP),
    ],
)
def test_secrets_are_told_apart_by_their_names_and_keys(name: str, keys: tuple[str, ...], how: ChangeHow) -> None:
    fields = {"f:data": {f"f:{key}": {} for key in keys}}
    (found,) = changes(Inventory(), trace("Secret", name, write("helm", NOW - 60, fields), namespace="istio-system"))
    assert (found.how, found.wide) == (how, True)


def test_of_a_node_only_that_it_takes_no_pods_is_a_change() -> None:
    labelled = {"f:metadata": {"f:labels": {"f:feature.node.kubernetes.io/cpu": {}}}}
    cordoned = {"f:spec": {"f:unschedulable": {}}}
    marks = (write("nfd-master", NOW - 60, labelled), write("kubectl-cordon", NOW - 600, cordoned))
    found = changes(Inventory(), trace("Node", "n1", *marks, namespace=""))
    assert [(one.who, one.what) for one in found] == [("kubectl-cordon", ("spec.unschedulable",))]


def test_two_managers_at_one_moment_do_one_thing() -> None:
    found = changes(
        Inventory(),
        trace("DestinationRule", "web", write("kubectl", NOW - 60, {"f:spec": {"f:host": {}}}),
              write("helm", NOW - 50, {"f:spec": {"f:subsets": {}}})),
    )  # fmt: skip
    assert [one.what for one in found] == [("spec.host", "spec.subsets")]


def test_weights_are_told_from_other_edits_and_by_the_service_they_are_of() -> None:
    def route(*weights: int) -> ConfigObject:
        routes = [{"destination": {"host": "web"}, "weight": weight} for weight in weights]
        return ConfigObject(group="networking.istio.io", version="v1", kind="VirtualService", meta=meta("web"),
                            spec={"hosts": ["web"], "http": [{"route": routes}]})  # fmt: skip

    mark = trace("VirtualService", "web", write("kubectl-edit", NOW - 60, {"f:spec": {"f:http": {}}}))
    (weighted,) = changes(Inventory(config={"VirtualService": (route(90, 10),)}), mark)
    (plain,) = changes(Inventory(config={"VirtualService": (route(100),)}), mark)
    assert (weighted.how, plain.how) == (ChangeHow.WEIGHTS, ChangeHow.EDIT)
    assert weighted.services == (("shop", "web"),)


def test_a_policy_is_about_the_workloads_that_it_selects() -> None:
    policy = ConfigObject(group="security.istio.io", version="v1", kind="AuthorizationPolicy", meta=meta("p"),
                          spec={"selector": {"matchLabels": {"app": "web"}}})  # fmt: skip
    web = structs.replace(WEB, template_labels={"app": "web"})
    other = structs.replace(WEB, meta=meta("api"), template_labels={"app": "api"})
    found = changes(
        Inventory(config={"AuthorizationPolicy": (policy,)}, controllers=(web, other)),
        trace("AuthorizationPolicy", "p", write("kubectl", NOW - 60, {"f:spec": {"f:rules": {}}})),
    )
    assert [one.workloads for one in found] == [(("shop", "web"),)]


def test_restarts_are_told_by_workload_and_reason() -> None:
    pods = tuple(
        Pod(
            meta=meta(f"web-2-{n}", owner=Owner("ReplicaSet", "web-2")),
            restarted_at=NOW - 100 + n,
            restart_reason="OOMKilled",
        )
        for n in range(3)
    )
    inventory = Inventory(controllers=(WEB, replica_set("web-2", 4, "r/web:2", 1.0)), pods=pods)
    found = changes(inventory)
    assert [(one.how, one.title, one.at) for one in found] == [
        (ChangeHow.RESTART, "3 containers of web in east restarted (OOMKilled)", NOW - 100)
    ]


def test_a_node_that_is_not_ready_is_told_with_what_runs_there() -> None:
    node = Node(meta=meta("n1", namespace=""), ready=False, changed_at=NOW - 90)
    pod = Pod(meta=meta("web-2-a", owner=Owner("ReplicaSet", "web-2")), node="n1")
    event = KubeEvent(reason="NodeNotReady", kind="Node", namespace="", name="n1", first=NOW - 85, last=NOW - 85)
    inventory = Inventory(nodes=(node,), pods=(pod,), controllers=(WEB, replica_set("web-2", 4, "r/web:2", 1.0)))
    (found,) = changes(inventory, events=(event,))
    assert (found.how, found.at, found.workloads) == (ChangeHow.NODE, NOW - 90, (("shop", "web"),))


def test_nothing_after_the_moment_and_nothing_older_than_a_day_is_told() -> None:
    def rule(name: str, at: float) -> ObjectTrace:
        return trace("DestinationRule", name, write("kubectl", at, {"f:spec": {}}))

    found = changes(Inventory(), rule("old", NOW - 90_000), rule("now", NOW - 5), rule("later", NOW + 5))
    assert [one.name for one in found] == ["now"]


def test_hostile_words_stay_what_they_are_and_are_cleaned_where_they_are_drawn() -> None:
    name = "web\x1b[2J\u202e"
    (found,) = changes(Inventory(), trace("Service", name, write("k\x07", NOW - 5, {"f:spec": {"f:type\n": {}}})))
    assert (found.name, found.who) == (name, "k\x07")
