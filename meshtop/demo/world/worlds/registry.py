# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""The worlds there are: each is an installation that real clusters have, with the same company in it."""

from __future__ import annotations

from meshtop.demo.world.worlds.installation import Installation
from meshtop.demo.world.worlds.ownership import OWNED
from meshtop.demo.world.worlds.revisions import SEVERAL, SINGLE

_ALL = ("shop", "checkout", "logistics", "loyalty", "platform", "data", "analytics")

WORLDS = {
    world.name: world
    for world in (
        Installation("multi-primary", "two primaries of one mesh, and a mesh of its own on premises"),
        Installation(
            "primary-remote", "the second cluster has no istiod: the first one's serves it, and the configuration is there only",
            control="primary", first=SINGLE, modes={"loyalty": "sidecar"},
        ),
        Installation(
            "external", "a cluster of its own runs istiod for the others, and no workload of the mesh",
            control="external", system="external-istiod", root="external-istiod", first=SINGLE, modes={"loyalty": "sidecar"},
        ),
        Installation("no-mesh-id", "nobody wrote down a mesh ID: evidence alone tells what is one mesh", mesh_ids=False),
        Installation(
            "own-root", "a root namespace, a trust domain and a cluster domain of its own: nothing has Istio's default names",
            system="mesh-control", root="mesh-root", domain="corp.internal", trust_domain="mesh.halyard.example", everywhere=True,
        ),
        Installation(
            "revisions", "three revisions and their tags, a canary of the control plane, and pods that were not restarted",
            first=SEVERAL, others=SEVERAL,
        ),
        Installation("owners", "Argo Rollouts, Flagger and GitOps own routes", owners=OWNED),
        Installation("one-namespace", "the user has rights in the namespace shop, and nowhere else", confined="shop"),
        Installation(
            "ambient", "no sidecars: ztunnel everywhere, waypoints where somebody wants more than TCP",
            modes=dict.fromkeys(_ALL, "ambient"), waypoints=frozenset({"shop", "checkout", "loyalty"}),
        ),
    )
}  # fmt: skip
USUAL = "multi-primary"


def world_named(name: str) -> Installation:
    """The world of that name. Raises ValueError with the names there are."""
    found = WORLDS.get(name)
    if found is None:
        raise ValueError(f"--world {name}: there is no such world; choose one of {', '.join(WORLDS)}")
    return found
