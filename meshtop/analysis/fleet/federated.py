"""What federations put where: the objects that they propagate, for whom, and what they report (reference: Federation).

KubeFed and KubeSphere declare it in an object of a kind for each kind (FederatedService), Karmada in a binding for each
object (which its scheduler makes of a PropagationPolicy), Open Cluster Management in a ManifestWork for each member.
All are read into one shape here; drift asks it who should have an object, the kind `federated` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.fleet.registries import KARMADA, KUBEFED, KUBESPHERE, OCM
from meshtop.analysis.inventory.untyped import Condition, conditions, items, mapping, maps, text
from meshtop.model.constants import FEDERATED_KINDS
from meshtop.model.kube import ConfigObject, Inventory

EVERY_MEMBER = ""
"""Stands for all members, where an override or a complaint is about none in particular."""
_POLICY = "propagationpolicy.karmada.io/name"
_CLUSTER_POLICY = "clusterpropagationpolicy.karmada.io/name"
_POLICY_NAMESPACE = "propagationpolicy.karmada.io/namespace"
_REPLICA_SET = "work.open-cluster-management.io/manifestworkreplicaset"
_APPLIED = ("Applied", "Available")
"""Conditions of a ManifestWork, and of each manifest in it, of which False is a failure."""


class MemberReport(Struct, frozen=True):
    """What a registry says of an object in a member, in its own words; `good` is whether all is well there."""

    member: str
    good: bool
    words: str


class FederatedDeclaration(Struct, frozen=True, kw_only=True):
    """An object that a federation propagates, as one of its own objects declares it.

    `kind`, `namespace` and `name` are the object's, `group` its API group ("" where it is not said). `source` is the
    declaring object (`kind namespace/name`), `chosen_by` how its members were chosen, in a few words. `placed` are
    members by their names in the registry, `reports` what the registry says of them. `overrides` are pairs of a member
    (`EVERY_MEMBER` for all) and the JSON pointer that is set there; `complaints` are sentences, each with its member.
    """

    registry: str
    source_kind: str
    source: str
    kind: str
    group: str = ""
    namespace: str = ""
    name: str
    chosen_by: str = ""
    placed: tuple[str, ...] = ()
    reports: tuple[MemberReport, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    complaints: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object that is propagated."""
        return self.kind, self.namespace, self.name


def declarations(inventory: Inventory, names: Mapping[str, Sequence[str]]) -> Iterator[FederatedDeclaration]:
    """Everything that the federations of one host declare; `names` lists the members of each registry there."""
    config = inventory.config
    labels = _labels(config)
    for kind in FEDERATED_KINDS:
        for obj in config.get(kind, ()):
            yield _kubefed(obj, names, labels)
    policies = [o for kind in ("OverridePolicy", "ClusterOverridePolicy") for o in config.get(kind, ())]
    for kind in ("ResourceBinding", "ClusterResourceBinding"):
        for obj in config.get(kind, ()):
            found = _karmada(obj)
            if found is not None:
                yield _overridden(found, policies)
    for obj in config.get("ManifestWork", ()):
        yield from _works(obj)


def _labels(config: Mapping[str, Sequence[ConfigObject]]) -> dict[tuple[str, str], Mapping[str, str]]:
    """The labels of KubeFed's and KubeSphere's members, which selectors match."""
    kinds = ((KUBEFED, "KubeFedCluster"), (KUBESPHERE, "Cluster.cluster.kubesphere.io"))
    return {(registry, obj.meta.name): obj.meta.labels for registry, kind in kinds for obj in config.get(kind, ())}


def _names(entries: object) -> tuple[str, ...]:
    """The names of `[{name: …}]`."""
    return tuple(name for entry in items(entries) if (name := text(mapping(entry).get("name"))))


def _group(version: object) -> str:
    """The group of an apiVersion."""
    group, slash, _ = (text(version) or "").partition("/")
    return group if slash else ""


def _source(obj: ConfigObject) -> str:
    return f"{obj.kind} {obj.meta.namespace}/{obj.meta.name}" if obj.meta.namespace else f"{obj.kind} {obj.meta.name}"


def _kubefed(
    obj: ConfigObject, names: Mapping[str, Sequence[str]], labels: Mapping[tuple[str, str], Mapping[str, str]]
) -> FederatedDeclaration:
    kind = obj.kind.removeprefix("Federated")
    registry = KUBEFED if names.get(KUBEFED) else KUBESPHERE
    placed, chosen_by = _placed(mapping(obj.spec.get("placement")), registry, names, labels)
    reports: list[MemberReport] = []
    complaints: list[tuple[str, str]] = []
    for entry in maps(obj.status.get("clusters")):
        name, status = text(entry.get("name")), text(entry.get("status"))
        if name:
            good = status in (None, "OK")
            reports.append(MemberReport(name, good=good, words="OK" if good else str(status)))
            if not good:
                complaints.append((name, f"{name} is {status}"))
    whole = next((c for c in conditions(obj.status) if c.type == "Propagation"), None)
    if whole is not None and whole.status != "True":
        why = f" ({whole.reason})" if whole.reason else ""
        complaints.append((EVERY_MEMBER, f"Propagation is {whole.status}{why}"))
    return FederatedDeclaration(
        registry=registry,
        source_kind=obj.kind,
        source=_source(obj),
        kind=kind,
        group=_group(mapping(obj.spec.get("template")).get("apiVersion")),
        namespace="" if kind == "Namespace" or kind.startswith("Cluster") else obj.meta.namespace,
        name=obj.meta.name,
        chosen_by=chosen_by,
        placed=tuple(placed),
        reports=tuple(reports),
        overrides=tuple(
            (text(mapping(override).get("clusterName")) or EVERY_MEMBER, path)
            for override in items(obj.spec.get("overrides"))
            for change in items(mapping(override).get("clusterOverrides"))
            if (path := text(mapping(change).get("path")))
        ),
        complaints=tuple(complaints),
    )


def _placed(
    placement: Mapping[str, Any],
    registry: str,
    names: Mapping[str, Sequence[str]],
    labels: Mapping[tuple[str, str], Mapping[str, str]],
) -> tuple[Sequence[str], str]:
    """The members that a placement of KubeFed chooses, and how it does."""
    if "clusters" in placement:
        # Named clusters beat a selector even when none is named.
        return _names(placement["clusters"]), "named"
    if "clusterSelector" not in placement:
        return (), "placed nowhere"
    wanted = mapping(mapping(placement.get("clusterSelector")).get("matchLabels"))
    chosen = [
        name
        for name in names.get(registry, ())
        if all(labels.get((registry, name), {}).get(key) == value for key, value in wanted.items())
    ]
    return chosen, "labels " + ",".join(f"{key}={value}" for key, value in wanted.items()) if wanted else "all members"


def _karmada(obj: ConfigObject) -> FederatedDeclaration | None:
    resource = mapping(obj.spec.get("resource"))
    kind, name = text(resource.get("kind")), text(resource.get("name"))
    if not kind or not name:
        return None
    reports: list[MemberReport] = []
    complaints = [
        (EVERY_MEMBER, f"{c.type} is {c.status} ({c.reason})") for c in conditions(obj.status) if c.status == "False"
    ]
    for entry in maps(obj.status.get("aggregatedStatus")):
        member = text(entry.get("clusterName"))
        if not member:
            continue
        applied, health = entry.get("applied"), text(entry.get("health"))
        why = text(entry.get("appliedMessage")) or "not applied"
        if applied is False:
            complaints.append((member, f"{member}: {why}"))
            reports.append(MemberReport(member, good=False, words=why))
        elif applied is True:
            sick = health == "Unhealthy"
            reports.append(MemberReport(member, good=not sick, words="applied, unhealthy" if sick else "applied"))
    return FederatedDeclaration(
        registry=KARMADA,
        source_kind=obj.kind,
        source=_source(obj),
        kind=kind,
        group=_group(resource.get("apiVersion")),
        namespace=text(resource.get("namespace")) or "",
        name=name,
        chosen_by=_policy(obj),
        placed=_names(obj.spec.get("clusters")),
        reports=tuple(reports),
        complaints=tuple(complaints),
    )


def _policy(binding: ConfigObject) -> str:
    """The policy that a binding was made of, by the marks that Karmada leaves on it."""
    marks = {**binding.meta.labels, **binding.meta.annotations}
    if name := marks.get(_POLICY):
        namespace = marks.get(_POLICY_NAMESPACE) or binding.meta.namespace
        return f"PropagationPolicy {namespace}/{name}"
    name = marks.get(_CLUSTER_POLICY)
    return f"ClusterPropagationPolicy {name}" if name else "a policy that its binding does not name"


def _overridden(one: FederatedDeclaration, policies: Iterable[ConfigObject]) -> FederatedDeclaration:
    pairs = [pair for policy in policies if _selects(policy, one) for pair in _pointers(policy)]
    return structs.replace(one, overrides=(*one.overrides, *pairs)) if pairs else one


def _selects(policy: ConfigObject, one: FederatedDeclaration) -> bool:
    if policy.kind == "OverridePolicy" and policy.meta.namespace != one.namespace:
        return False
    for selector in maps(policy.spec.get("resourceSelectors")):
        if selector.get("kind") == one.kind and selector.get("name") in (None, "", one.name):
            return True
    return False


def _pointers(policy: ConfigObject) -> Iterator[tuple[str, str]]:
    """The JSON pointers that an override policy may set, with their members; an image override may set any image."""
    rules: list[Mapping[str, Any]] = [mapping(rule) for rule in items(policy.spec.get("overrideRules"))]
    for rule in rules or [policy.spec]:
        overriders = mapping(rule.get("overriders"))
        members = tuple(
            name for name in items(mapping(rule.get("targetCluster")).get("clusterNames")) if isinstance(name, str)
        )
        found = [path for change in maps(overriders.get("plaintext")) if (path := text(change.get("path")))]
        if items(overriders.get("imageOverrider")):
            found.append("/images")
        for path in found:
            for member in members or (EVERY_MEMBER,):
                yield member, path


def _works(work: ConfigObject) -> Iterator[FederatedDeclaration]:
    """The manifests of a ManifestWork, whose namespace is named after the member."""
    member = work.meta.namespace
    whole = conditions(work.status)
    of_manifests = _of_manifests(work)
    by = work.meta.labels.get(_REPLICA_SET)
    for manifest in maps(mapping(work.spec.get("workload")).get("manifests")):
        meta = mapping(manifest.get("metadata"))
        kind, name = text(manifest.get("kind")), text(meta.get("name"))
        if not kind or not name:
            continue
        namespace = text(meta.get("namespace")) or ""
        told = of_manifests.get((kind, namespace, name), ())
        failed = [c for c in (*whole, *told) if c.status == "False"]
        good = [c for c in (*whole, *told) if c.status == "True" and c.type in _APPLIED]
        yield FederatedDeclaration(
            registry=OCM,
            source_kind=work.kind,
            source=_source(work),
            kind=kind,
            group=_group(manifest.get("apiVersion")),
            namespace=namespace,
            name=name,
            chosen_by=f"ManifestWorkReplicaSet {by}" if by else f"ManifestWork {work.meta.name}",
            placed=(member,),
            reports=(_agent_report(member, failed or good),) if failed or good else (),
            complaints=tuple((member, f"{c.type} is {c.status} ({c.reason})") for c in dict.fromkeys(failed)),
        )


def _agent_report(member: str, told: Sequence[Condition]) -> MemberReport:
    good = all(condition.status == "True" for condition in told)
    return MemberReport(member, good=good, words=", ".join(f"{c.type} is {c.status}" for c in told))


def _of_manifests(work: ConfigObject) -> dict[tuple[str, str, str], tuple[Condition, ...]]:
    """What the agent reports of each manifest."""
    found: dict[tuple[str, str, str], tuple[Condition, ...]] = {}
    for entry in maps(mapping(work.status.get("resourceStatus")).get("manifests")):
        told = mapping(entry.get("resourceMeta"))
        kind, name = text(told.get("kind")), text(told.get("name"))
        if kind and name:
            found[kind, text(told.get("namespace")) or "", name] = conditions(entry)
    return found
