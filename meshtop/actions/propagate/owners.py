"""Other owners of objects: a controller or federation will revert changes to objects that it manages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.kube import config_object
from meshtop.actions.propagate.apply import lease_place
from meshtop.actions.propagate.objects import ObjectRef
from meshtop.analysis.canary.owners import FLAGGER, GITOPS, NOBODY, route_owner
from meshtop.analysis.inventory.untyped import items, mapping

_FEDERATIONS = {
    "karmada.io/managed": "Karmada",
    "work.karmada.io/name": "Karmada",
    "work.karmada.io/permanent-id": "Karmada",
    "propagationpolicy.karmada.io/name": "Karmada",
    "propagationpolicy.karmada.io/permanent-id": "Karmada",
    "clusterpropagationpolicy.karmada.io/name": "Karmada",
    "clusterpropagationpolicy.karmada.io/permanent-id": "Karmada",
    "kubefed.io/managed": "KubeFed",
    "objectset.rio.cattle.io/id": "Rancher Fleet",
}
"""Labels and annotations of federations on objects that they place in members."""
_PREFIXES = {
    "kustomize.toolkit.fluxcd.io/": "Flux",
    "helm.toolkit.fluxcd.io/": "Flux",
}
_OWNER_KINDS = {"AppliedManifestWork": "Open Cluster Management", "Canary": FLAGGER}
_WORDS = {
    "Argo CD": ("argo",),
    "Flux": ("flux",),
    "Karmada": ("karmada",),
    "KubeFed": ("kubefed",),
    "Rancher Fleet": ("fleet", "rancher"),
    "Open Cluster Management": ("ocm", "open cluster"),
}


def object_owner(cluster: str, ref: ObjectRef, live: Mapping[str, Any]) -> str:
    """The system that will revert changes to an object, in words; empty without such a mark."""
    metadata = mapping(live.get("metadata"))
    marks = {**mapping(metadata.get("annotations")), **mapping(metadata.get("labels"))}
    for one in items(metadata.get("ownerReferences")):
        system = _OWNER_KINDS.get(str(mapping(one).get("kind")))
        if system:
            return system
    for mark, system in _FEDERATIONS.items():
        if mark in marks and str(marks[mark]).lower() != "false":
            return system
    for mark in marks:
        system = next((name for prefix, name in _PREFIXES.items() if mark.startswith(prefix)), None)
        if system:
            return f"{system} {marks[mark]}" if mark.endswith("/name") else system
    found = route_owner(config_object(lease_place(cluster, ref), dict(live)), {})
    if found.controller == NOBODY:
        return ""
    if found.controller == GITOPS:
        # Its name says the tool and the application.
        return found.name or GITOPS
    return f"{found.controller} {found.name or ''}".rstrip()


def require_unowned(cluster: str, ref: ObjectRef, live: Mapping[str, Any], override: str) -> None:
    """Raise ActionError (conflict) for an object with another owner, unless the text `override` names that owner."""
    owner = object_owner(cluster, ref, live)
    if not owner or _names(override, owner):
        return
    raise ActionError(
        ErrorKind.CONFLICT,
        f"{owner} owns {ref.title} in {cluster} and will revert the change.",
        cluster=cluster,
        remedy=f'Change it there, or add --override "{owner} owns it".',
    )


def _names(override: str, owner: str) -> bool:
    said = override.lower()
    known = next((words for system, words in _WORDS.items() if owner.startswith(system)), ())
    words = (*known, *re.split(r"[\s/:-]", owner.lower())[:1])
    return any(word and word in said for word in words)
