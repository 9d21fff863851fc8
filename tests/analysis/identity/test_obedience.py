"""Whom each cluster obeys, and the doubts: one answer for mutual TLS, routes, shifts, drift and control planes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.identity.meshes import MeshEvidence, meshes
from meshtop.analysis.identity.obedience import with_meshes
from meshtop.model.evidence import WhyUnknown
from meshtop.model.mesh import Obeyed
from tests.analysis.identity.test_meshes import primary, remote

DENIED = WhyUnknown.DENIED
ROOT: dict[str, Any] = {"roots": ("r",)}


def told(*clusters: MeshEvidence) -> dict[str, Obeyed]:
    own = {c.name: c.facts for c in clusters if c.facts is not None}
    resolved = with_meshes(own, meshes(clusters), clusters)
    return {name: facts.obeys for name, facts in resolved.items() if facts.obeys is not None}


def obeyed(*clusters: MeshEvidence) -> dict[str, str | None]:
    return {name: answer.cluster for name, answer in told(*clusters).items()}


def unread(cluster: MeshEvidence, *kinds: str) -> MeshEvidence:
    return structs.replace(cluster, unread_kinds=tuple((kind, DENIED) for kind in kinds), unread=DENIED)


def host(*config_of: str, **more: Any) -> MeshEvidence:
    return primary(
        "control", remotes=("east", "west"), cluster_id=None, config_of=config_of, **{"outside": True, **more}
    )


def test_a_cluster_obeys_the_one_whose_istiod_serves_it() -> None:
    found = told(primary("east", remotes=("west",)), remote("west"))
    assert found["west"] == Obeyed(cluster="east", servers=("east",))
    assert obeyed(primary("east", remotes=("west",)), remote("west")) == {"east": "east", "west": "east"}
    assert obeyed(primary("east", remotes=("west",)), primary("west")) == {"east": "east", "west": "west"}


def test_two_primaries_that_serve_a_cluster_leave_open_whom_it_obeys() -> None:
    both = (primary("a", remotes=("far",), **ROOT), primary("b", remotes=("far",), **ROOT))
    found = told(*both, remote("far"))["far"]
    assert (found.cluster, found.why) == (None, "Which primary far obeys cannot be told: a, b serve its mesh.")


def test_under_an_external_control_plane_all_obey_the_cluster_whose_configuration_it_reads() -> None:
    found = told(host("east"), remote("east"), remote("west"))
    assert {name: answer.cluster for name, answer in found.items()} == {
        "control": "east", "east": "east", "west": "east",
    }  # fmt: skip
    assert {answer.servers for answer in found.values()} == {("control",)}


def test_where_it_is_not_known_whom_a_control_plane_reads_nobody_obeys_it_for_certain() -> None:
    found = told(host(outside=None), remote("east"))
    assert found["control"].cluster is None
    assert "EXTERNAL_ISTIOD" in found["control"].why
    assert found["east"].cluster is None


def test_a_config_cluster_obeys_itself_where_its_control_plane_is_not_seen() -> None:
    assert obeyed(remote("east", config_cluster=True)) == {"east": "east"}


def test_the_annotation_decides_where_it_names_one() -> None:
    both = (primary("a", remotes=("far",), **ROOT), primary("b", remotes=("far",), **ROOT))
    assert obeyed(*both, remote("far", served_by=("b",)))["far"] == "b"
    assert obeyed(*both, remote("far", served_by=("*",)))["far"] is None
    gone = told(*both, remote("far", served_by=("z",)))["far"]
    assert (gone.cluster, "which is not for certain among the clusters that are read" in gone.why) == (None, True)


def test_an_id_that_another_cluster_may_have_as_well_names_nobody() -> None:
    served = remote("far", served_by=("a",))
    hidden = unread(primary("b", cluster_id=None), "Deployment")
    assert obeyed(primary("a"), primary("b", cluster_id="a"), served)["far"] is None
    assert obeyed(primary("a"), hidden, served)["far"] is None
    assert obeyed(primary("a"), primary("b"), served)["far"] == "a"


@pytest.mark.parametrize(
    ("clusters", "said"),
    [
        ((remote("far"),), "far is configured by a primary cluster that meshtop does not read."),
        ((primary("a", remotes=("far",)), unread(remote("far"), "Deployment")),
         "Which control plane far obeys is not known: Deployment of far cannot be read (denied)."),
        ((primary("a", remotes=("far",)), MeshEvidence(name="moon", unread=WhyUnknown.UNREACHABLE), remote("far")),
         "Which primary far obeys is not known: moon may serve it."),
        ((primary("a", remotes=("far",), **ROOT), unread(primary("b", **ROOT), "Secret"), remote("far")),
         "Which primary far obeys is not known: b may serve it."),
        ((primary("a", remotes=("far", "b")), unread(remote("b"), "Deployment"), remote("far")),
         "Which primary far obeys is not known: b may serve it."),
        ((primary("a", remotes=("far",), **ROOT),
          structs.replace(primary("b", **ROOT), unnamed_remotes=True), remote("far")),
         "Which primary far obeys is not known: b may serve it."),
    ],
)  # fmt: skip
def test_what_was_not_read_leaves_open_whom_a_cluster_obeys(clusters: tuple[MeshEvidence, ...], said: str) -> None:
    found = told(*clusters)["far"]
    assert (found.cluster, found.why) == (None, said)


def test_one_primary_needs_no_secrets_to_be_obeyed() -> None:
    assert obeyed(unread(primary("a", calls=(("far", "a"),)), "Secret"), remote("far", cluster_id="far"))["far"] == "a"


def test_a_cluster_in_no_mesh_has_nobody_else_to_obey() -> None:
    bare = MeshEvidence(name="bare", facts=structs.replace(remote("bare").facts, roles=()), meshless=True)  # type: ignore[type-var]
    assert obeyed(primary("a"), bare)["bare"] == "bare"
    found = told(primary("a"), unread(bare, "ConfigMap"))["bare"]
    assert (found.cluster, found.kind) == (None, DENIED)
