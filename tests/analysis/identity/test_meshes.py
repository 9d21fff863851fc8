from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.identity.meshes import (
    MeshEvidence,
    calls_between,
    mesh_evidence,
    meshes,
)
from meshtop.analysis.identity.obedience import with_meshes
from meshtop.model.evidence import WhyUnknown
from meshtop.model.kube import Container, Inventory, KindStatus, Meta, Pod, RemoteSecret
from meshtop.model.mesh import ControlPlane, MeshFacts
from meshtop.model.telemetry import Labels, Sample, Telemetry

PLANE = (ControlPlane(revision="default"),)
UNLINKED = ("whether it is one mesh with west",)


def primary(
    name: str, *, remotes: tuple[str, ...] = (), calls: tuple[tuple[str, str], ...] = (), **facts: object
) -> MeshEvidence:
    given_facts = {"cluster_id": name, "trust_domain": "cluster.local", "control_planes": PLANE, "roles": ("primary",)}
    return MeshEvidence(
        name=name,
        facts=MeshFacts(**{**given_facts, **facts}),  # type: ignore[arg-type]
        remotes=frozenset(remotes),
        calls=lambda: frozenset(calls),
    )


def remote(name: str, **facts: object) -> MeshEvidence:
    return MeshEvidence(name=name, facts=MeshFacts(roles=("remote",), **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("east", "west", "same"),
    [
        pytest.param({"remotes": ("west",)}, {}, True, id="a remote secret and one trust domain"),
        pytest.param({"roots": ("r1",)}, {"roots": ("r1", "r2")}, True, id="a shared root and one trust domain"),
        pytest.param({"calls": (("west", "east"),)}, {}, True, id="calls and one trust domain"),
        pytest.param({}, {"served_by": ("east",)}, True, id="the annotation and one trust domain"),
        pytest.param({"mesh_id": "m", "remotes": ("west",)}, {"mesh_id": "m"}, True, id="a remote secret and one ID"),
        pytest.param({}, {}, None, id="two installations of the default"),
        pytest.param({"mesh_id": "m"}, {"mesh_id": "m"}, None, id="one ID and no link"),
        pytest.param({"remotes": ("north",)}, {}, None, id="a remote secret for another cluster"),
        pytest.param({"mesh_id": "m"}, {"mesh_id": "n"}, False, id="two IDs"),
        pytest.param({"mesh_id": "m", "remotes": ("west",)}, {"mesh_id": "n"}, False, id="two IDs that are federated"),
        pytest.param({"trust_domain": "a"}, {"trust_domain": "b"}, False, id="two trust domains and no link"),
        pytest.param({"mesh_id": "m", "remotes": ("west",)}, {}, None, id="an ID that one side may have forgotten"),
        pytest.param({"trust_domain": None}, {}, None, id="no mesh config and no link"),
        pytest.param({"trust_domain": None, "remotes": ("west",)}, {}, True, id="no mesh config and a remote secret"),
        pytest.param({"trust_domain": None, "roots": ("r",)}, {"roots": ("r",)}, None, id="no mesh config, one root"),
        pytest.param(
            {"cluster_id": "Kubernetes", "remotes": ("Kubernetes",)}, {"cluster_id": "Kubernetes"}, None,
            id="one cluster id for both names neither",
        ),
    ],
)  # fmt: skip
def test_two_clusters(east: dict[str, object], west: dict[str, object], same: bool | None) -> None:
    told = meshes([primary("east", **east), primary("west", **west)])  # type: ignore[arg-type]
    assert told.same("east", "west") is same
    assert told.same("west", "east") is same
    assert told.peers("east") == (("east", "west") if same else ("east",))
    assert tuple(u.what for u in told.unknowns()) == (UNLINKED if same is None else ())


def test_remotes_of_one_primary_are_one_mesh_and_take_its_settings() -> None:
    clusters = [
        primary("east", remotes=("west", "north"), mesh_id="m", root_namespace="root", auto_mtls=True),
        remote("west"),
        remote("north", cluster_id="north"),
        remote("south"),
    ]
    told = meshes(clusters)
    assert told.peers("north") == ("east", "west", "north")
    assert told.perhaps("south") == ("east", "west", "north")
    facts = with_meshes({c.name: c.facts for c in clusters if c.facts}, told, clusters)
    assert {facts[name].mesh for name in ("east", "west", "north")} == {"m"}
    assert (facts["west"].root_namespace, facts["west"].trust_domain, facts["west"].auto_mtls) == (
        "root", "cluster.local", True,
    )  # fmt: skip
    assert facts["south"].root_namespace is None


def test_a_remote_of_two_meshes_is_of_neither_for_certain() -> None:
    told = meshes([primary("a", mesh_id="m", remotes=("r",)), primary("b", mesh_id="n", remotes=("r",)), remote("r")])
    assert told.same("a", "b") is False
    assert (told.same("a", "r"), told.same("b", "r")) == (None, None)


def test_a_cluster_that_was_not_read_may_be_of_any_mesh() -> None:
    told = meshes([primary("east", mesh_id="m"), mesh_evidence("west", None, None)])
    assert told.same("east", "west") is None
    assert told.unknowns("east")[0].why is WhyUnknown.UNREACHABLE


def test_names_of_meshes_tell_them_apart() -> None:
    told = meshes([primary("a", mesh_id="m"), primary("b", mesh_id="m"), primary("c"), primary("d", roots=("r",)),
                   primary("e", roots=("r",))])  # fmt: skip
    assert dict(told.names) == {
        "a": "m (a)", "b": "m (b)", "c": "cluster c", "d": "cluster.local", "e": "cluster.local",
    }  # fmt: skip


def test_evidence_of_an_inventory() -> None:
    secrets = (
        RemoteSecret(meta=Meta(name="istio-remote-secret-west")),
        RemoteSecret(meta=Meta(name="any"), cluster_id="north"),
    )
    inventory = Inventory(remote_secrets=secrets, kinds=(KindStatus(kind="Secret", state="denied"),))
    found = mesh_evidence("east", inventory, MeshFacts(), synced=["south"])
    assert found.remotes == {"west", "north", "south"}
    assert found.unread is WhyUnknown.NOT_READ  # Deployments


def test_calls_between_clusters() -> None:
    def seen(source: str, destination: str, value: float = 1.0) -> Sample:
        return Sample(Labels(source_cluster=source, destination_cluster=destination), value)

    told = Telemetry(
        at=0, window_seconds=1,
        requests=(seen("a", "b"), seen("a", "a"), seen("unknown", "a"), seen("a", ""), seen("a", "c", 0)),
        tcp_opened=(seen("b", "c"),),
    )  # fmt: skip
    assert calls_between(told) == {("a", "b"), ("b", "c")}
    assert calls_between(None) == frozenset()


NAMES = ("a", "b", "c", "d")
FACTS = st.builds(
    MeshFacts,
    cluster_id=st.sampled_from([None, "Kubernetes", *NAMES]),
    mesh_id=st.sampled_from([None, "m", "n"]),
    trust_domain=st.sampled_from([None, "cluster.local", "acme"]),
    roots=st.sets(st.sampled_from(["r1", "r2"])).map(lambda roots: tuple(sorted(roots))),
    served_by=st.sets(st.sampled_from(NAMES), max_size=1).map(tuple),
)
CALLS = st.frozensets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=2)


@st.composite
def fleets(draw: st.DrawFn) -> list[MeshEvidence]:
    fleet = []
    for name in NAMES:
        calls = draw(CALLS)
        fleet.append(
            MeshEvidence(
                name=name,
                facts=draw(FACTS),
                remotes=draw(st.frozensets(st.sampled_from(NAMES), max_size=2)),
                calls=lambda calls=calls: calls,  # type: ignore[misc]
                unread=draw(st.sampled_from([None, WhyUnknown.DENIED])),
            )
        )
    return fleet


def answers(fleet: list[MeshEvidence]) -> dict[frozenset[str], bool | None]:
    told = meshes(fleet)
    return {frozenset(pair): told.same(*pair) for pair in combinations(NAMES, 2)}


@given(fleets(), st.permutations(range(len(NAMES))))
@settings(max_examples=150, deadline=None)
def test_the_order_of_clusters_makes_no_difference(fleet: list[MeshEvidence], order: list[int]) -> None:
    assert answers([fleet[i] for i in order]) == answers(fleet)


@given(fleets())
@settings(max_examples=150, deadline=None)
def test_being_one_mesh_is_an_equivalence(fleet: list[MeshEvidence]) -> None:
    told = meshes(fleet)
    for name in NAMES:
        assert name in told.peers(name)
        for peer in told.peers(name):
            assert told.peers(peer) == told.peers(name)
            assert told.same(name, peer) is True


@given(fleets())
@settings(max_examples=150, deadline=None)
def test_without_evidence_nothing_is_claimed(fleet: list[MeshEvidence]) -> None:
    """Take every fact away, as where nothing may be read: no pair is one mesh, and none is two."""
    bare = [MeshEvidence(name=c.name, facts=MeshFacts(), unread=WhyUnknown.DENIED) for c in fleet]
    assert set(answers(bare).values()) == {None}


@given(fleets(), st.sampled_from(NAMES))
@settings(max_examples=200, deadline=None)
def test_a_source_that_is_no_longer_read_turns_no_unknown_into_two_meshes(
    fleet: list[MeshEvidence], silent: str
) -> None:
    before = answers(fleet)
    less = [
        structs.replace(c, remotes=frozenset(), calls=frozenset, unread=WhyUnknown.DENIED) if c.name == silent else c
        for c in fleet
    ]
    for pair, after in answers(less).items():
        if silent in pair and before[pair] is None:
            assert after is None or after is True


@given(fleets())
@settings(max_examples=150, deadline=None)
def test_a_mesh_never_joins_two_ids(fleet: list[MeshEvidence]) -> None:
    told = meshes(fleet)
    by_name = {c.name: c for c in fleet}
    for name in NAMES:
        ids = {
            facts.mesh_id or facts.trust_domain for p in told.peers(name) if (facts := by_name[p].facts) is not None
        } - {None}
        assert len(ids) <= 1


@given(fleets())
@settings(max_examples=150, deadline=None)
def test_other_names_for_clusters_tell_the_same(fleet: list[MeshEvidence]) -> None:
    """Where every cluster says its id, its context's name is nothing to go by."""
    said = [structs.replace(c, facts=structs.replace(c.facts, cluster_id=c.name)) for c in fleet if c.facts]
    renamed = [structs.replace(c, name=f"ctx/{c.name}") for c in said]
    told, other = meshes(said), meshes(renamed)
    for left, right in combinations(NAMES, 2):
        assert told.same(left, right) is other.same(f"ctx/{left}", f"ctx/{right}")


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param({}, False, id="everything was read and nothing is of a mesh"),
        pytest.param({"kinds": (KindStatus(kind="Pod"),)}, None, id="not all was read"),
        pytest.param({"webhooks": (Meta(name="istio-sidecar-injector"),)}, None, id="something injects"),
        pytest.param({"pods": (Pod(meta=Meta(name="p"), containers=(Container("istio-proxy"),)),)}, None, id="a proxy"),
    ],
)
def test_a_cluster_without_a_mesh_is_of_no_others(changed: dict[str, object], same: bool | None) -> None:
    bare = Inventory(**changed)  # type: ignore[arg-type]
    evidence = mesh_evidence("west", bare, mesh_facts(bare))
    assert meshes([primary("east", mesh_id="m"), evidence]).same("east", "west") is same
    assert meshes([primary("east", remotes=("west",)), evidence]).same("east", "west") is not False
