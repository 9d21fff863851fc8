"""Finds a cluster's control planes: istiod's namespaces, revisions and tags, and their ConfigMaps.

istiod may run in any namespace, under one revision or several (reference: Istio, "What to read in a cluster"), so it
is found by its labels; no namespace is assumed unless nothing was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtop.analysis.inventory.labels import image_version, is_istiod
from meshtop.analysis.inventory.revisions import DEFAULT_REVISION, revision_of_tag
from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.kube import Controller, Meta, Namespace, Pod
from meshtop.model.mesh import ControlPlane, Ready

CONTROLLED_BY = "topology.istio.io/controlPlaneClusters"
ROOT_CERTIFICATE = "istio-ca-root-cert"

_REVISION = "istio.io/rev"
_TAG = "istio.io/tag"
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
_VERSION_LABELS = ("operator.istio.io/version", "app.kubernetes.io/version")


def istiods(controllers: Iterable[Controller], pods: Iterable[Pod], webhooks: Iterable[Meta]) -> list[Controller]:
    """The control planes of a cluster; the first one's settings apply to the cluster.

    It is the revision with the tag `default`, else the revision `default`, else the first by name; one that serves only
    other clusters (EXTERNAL_ISTIOD) comes last. Where no Deployment is istiod (they cannot be read, or another
    controller runs its pods), stand-ins are made from istiod's pods.
    """
    found = [c for c in controllers if c.kind == "Deployment" and is_istiod(labels_of(c))]
    if not found:
        found = _of_pods(pods)
    tagged = {revision for revision, names in tags_of(webhooks).items() if DEFAULT_REVISION in names}

    def rank(istiod: Controller) -> tuple[bool, bool, bool, str, tuple[str, str]]:
        revision = revision_of(istiod)
        serves_others = istiod.environment.get("EXTERNAL_ISTIOD", "").lower() == "true"
        default = revision == DEFAULT_REVISION
        return (serves_others, revision not in tagged, not default, revision, istiod.meta.key)

    return sorted(found, key=rank)


def control_planes(found: Iterable[Controller], webhooks: Iterable[Meta]) -> tuple[ControlPlane, ...]:
    """One ControlPlane for each revision with its version, pods and tags, by name."""
    tags = tags_of(webhooks)
    planes: dict[str, ControlPlane] = {}
    for istiod in found:
        revision = revision_of(istiod)
        before = planes.get(revision)
        pods = before.pods if before is not None else Ready()
        planes[revision] = ControlPlane(
            revision=revision,
            namespace=before.namespace if before is not None else istiod.meta.namespace,
            version=before.version if before is not None and before.version else _version(istiod),
            pods=Ready(ready=pods.ready + istiod.ready, total=pods.total + istiod.desired),
            tags=tuple(sorted(tags.get(revision, ()))),
        )
    return tuple(planes[revision] for revision in sorted(planes))


def labels_of(controller: Controller) -> dict[str, str]:
    """The labels of a controller and of its pod template; its own take precedence."""
    return {**controller.template_labels, **controller.meta.labels}


def revision_of(istiod: Controller) -> str:
    """The revision that an istiod serves."""
    return labels_of(istiod).get(_REVISION) or istiod.environment.get("REVISION") or DEFAULT_REVISION


def tags_of(webhooks: Iterable[Meta]) -> dict[str, set[str]]:
    """The tags of each revision."""
    tags: dict[str, set[str]] = {}
    for tag, revision in revision_of_tag(webhooks).items():
        tags.setdefault(revision, set()).add(tag)
    return tags


def is_injector(webhook: Meta) -> bool:
    """Whether a MutatingWebhookConfiguration is a sidecar injector, of a revision or a tag."""
    return bool(
        _TAG in webhook.labels
        or _REVISION in webhook.labels
        or webhook.name.startswith(("istio-sidecar-injector", "istio-revision-tag"))
    )


def homes(found: Iterable[Controller], namespaces: Iterable[Namespace], webhooks: Iterable[Meta]) -> tuple[str, ...]:
    """The namespaces of a control plane, as `known_homes`; Istio's own default where nothing tells of one."""
    return known_homes(found, namespaces, webhooks) or (ISTIO_NAMESPACE,)


def known_homes(
    found: Iterable[Controller], namespaces: Iterable[Namespace], webhooks: Iterable[Meta]
) -> tuple[str, ...]:
    """The namespaces in which a control plane lives, or keeps what a cluster without one has of it; the first counts.

    A cluster that another one serves says so by an annotation of that namespace; else its webhook says where its chart
    was installed; else there is none that is known.
    """
    own = dict.fromkeys(istiod.meta.namespace for istiod in found)
    if not own:
        own = dict.fromkeys(n.meta.name for n in namespaces if CONTROLLED_BY in n.meta.annotations)
    if not own:
        told = (w.annotations.get(_RELEASE_NAMESPACE) for w in webhooks if is_injector(w))
        own = dict.fromkeys(namespace for namespace in told if namespace)
    return tuple(own)


def settings_of(istiod: Controller) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str] | None]:
    """The ConfigMaps (namespace, name) of an istiod: mesh config, values, and the shared mesh config, if any."""
    namespace, revision = istiod.meta.namespace, revision_of(istiod)
    suffix = "" if revision == DEFAULT_REVISION else f"-{revision}"
    shared = istiod.environment.get("SHARED_MESH_CONFIG")
    return (namespace, f"istio{suffix}"), (namespace, f"values{suffix}"), (namespace, shared) if shared else None


def config_maps_to_read(
    found: Iterable[Controller], namespaces: Iterable[Namespace], webhooks: Iterable[Meta]
) -> tuple[tuple[str, str], ...]:
    """The ConfigMaps (namespace, name) with a cluster's mesh settings: those of every control plane and its root."""
    found = list(found)
    places: dict[tuple[str, str], None] = {}
    # What a cluster that another one serves keeps is named after the revision that injects its proxies.
    revisions = {} if found else dict.fromkeys(w.labels.get(_REVISION, "") for w in webhooks if is_injector(w))
    suffixes = ("", *(f"-{revision}" for revision in revisions if revision not in ("", DEFAULT_REVISION)))
    for home in homes(found, namespaces, webhooks):
        kept = (*(f"{name}{suffix}" for suffix in suffixes for name in ("istio", "values")), ROOT_CERTIFICATE)
        places.update(dict.fromkeys((home, name) for name in kept))
    for istiod in found:
        places.update(dict.fromkeys(place for place in settings_of(istiod) if place is not None))
    return tuple(places)


def _of_pods(pods: Iterable[Pod]) -> list[Controller]:
    """A stand-in Deployment for each revision of each namespace where only istiod's pods are known."""
    groups: dict[tuple[str, str], list[Pod]] = {}
    for pod in pods:
        if is_istiod(pod.meta.labels) and pod.phase not in ("Succeeded", "Failed"):
            revision = pod.meta.labels.get(_REVISION) or DEFAULT_REVISION
            groups.setdefault((pod.meta.namespace, revision), []).append(pod)
    return [
        Controller(
            kind="Pod",
            meta=Meta(name=members[0].meta.name, namespace=namespace, labels=members[0].meta.labels),
            desired=len(members),
            ready=sum(pod.ready for pod in members),
            containers=members[0].containers,
        )
        for (namespace, _), members in sorted(groups.items())
    ]


def _version(istiod: Controller) -> str | None:
    containers = sorted(istiod.containers, key=lambda container: container.name != "discovery")
    tag = image_version(containers[0].image) if containers else None
    if tag and tag[:1].isdigit():
        return tag
    labels: Mapping[str, str] = labels_of(istiod)
    return next((labels[label] for label in _VERSION_LABELS if labels.get(label)), tag)
