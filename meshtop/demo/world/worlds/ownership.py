"""Controllers that own routes: which of them owns a service's, and what they call its versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Controller = Literal["rollouts", "flagger", "argocd", "flux"]


@dataclass(frozen=True)
class Ownership:
    """Who owns a service's routes.

    `tracks` gives, for each version of the company's, what its controller knows the pods by: Argo Rollouts a
    pod-template hash within one Rollout, Flagger `primary` and `canary` as Deployments and Services of their own.
    GitOps leaves versions as they are.
    """

    controller: Controller
    tracks: Mapping[str, str] = field(default_factory=dict)


OWNED = {
    "catalog": Ownership("rollouts", {"v1": "6d8f9c7b5", "v2": "79c5b4f6d8"}),
    "checkout": Ownership("flagger", {"v1": "primary", "v2": "canary"}),
    "reviews": Ownership("argocd"),
    "fraud": Ownership("flux"),
}
"""By service; the routes of `search` are nobody's."""
