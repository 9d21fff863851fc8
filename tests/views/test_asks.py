"""A view says all that it is worked out from: with no more than that asked, its items are the same, byte for byte."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from meshtop.analysis.tenancy.starter import first_tenancy
from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from meshtop.model.asked import EVERYTHING_ASKED, EVERYTHING_WITH_FINDINGS, Asked
from meshtop.model.evidence import WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import Telemetry
from meshtop.observatory.narrowing import WhatIsRead, narrowed
from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, IDENTITY, JUDGED, REGISTRIES
from meshtop.sources.kubernetes.manifests import manifests
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.asks import (
    ANALYZE,
    DIFF,
    DOCTOR,
    EVACUATE,
    FIRST_SETTINGS,
    GRAPH,
    OWNERS,
    REACH,
    STRICT,
    SUGGEST,
    asked_for,
)
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of
from meshtop.views.picture.query import Query
from meshtop.views.reports.analyze import ReadFiles, analyze_changes, analyze_clusters, laid_over
from meshtop.views.reports.attention.notice import canaries
from meshtop.views.reports.doctor import examine
from meshtop.views.reports.evacuate import evacuate_answer, evacuation_document
from meshtop.views.reports.graph import BY_CLUSTER, Sight, service_graph
from meshtop.views.reports.moments_compared import MomentsCompared, compare_moments
from meshtop.views.reports.reach import reach_document, reach_of, who_may_call
from meshtop.views.reports.suggest import suggestion_document, suggestion_of
from meshtop.views.reports.whatif import strict_answer, strict_document, strict_unknowns
from tests.judgement.simulated import SimulatedWorld

WORLDS = (
    ("everyday", "", "none"),
    ("drifted-config", "", "karmada"),
    ("plaintext-intruder", "", "ocm"),
    ("everyday", "external", "none"),
    ("everyday", "ambient", "none"),
    ("expiring-certificate", "", "none"),
    ("lagging-control-plane", "", "none"),
)
pytestmark = pytest.mark.xdist_group("views-asks")
"""One worker simulates the worlds, which takes much longer than most tests on them."""
LATER_SECONDS = 900.0
"""After how long a world is looked at: what is wrong in it takes a while to show in its figures."""
CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
FIELDS = {
    "nodes": ("Node",),
    "namespaces": ("Namespace",),
    "services": ("Service",),
    "endpoint_slices": ("EndpointSlice",),
    "pods": ("Pod",),
    "controllers": CONTROLLERS,
    "config_maps": ("ConfigMap",),
    "remote_secrets": ("Secret",),
    "webhooks": ("MutatingWebhookConfiguration",),
}
"""The fields of an Inventory, and the kinds that fill them."""
KNOWN = {kind.key for kind in (*BUILTIN, *CONFIG, *IDENTITY, *JUDGED, *REGISTRIES)} | {
    kind for kinds in FIELDS.values() for kind in kinds
}
QUERIES = {*(metric.field for metric in TRAFFIC), *(group.query for group in CONTROL)}


async def _look(scenario: str, world: str, registry: str) -> Snapshot:
    simulated = SimulatedWorld(scenario, services=3, asked=EVERYTHING_WITH_FINDINGS)
    options = Options(3, 3, 1, registry, **({"world": world} if world else {}))
    simulated.world = World(options, lambda: simulated.now, scenario, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        async with simulated.observed(Path(folder)) as observatory:
            simulated.now += LATER_SECONDS
            return await simulated.look(observatory)


@pytest.fixture(scope="module")
def worlds() -> list[Snapshot]:
    return [asyncio.run(_look(*world)) for world in WORLDS]


class WatchedConfig(dict[str, Any]):
    """The objects of an Inventory, which notes what kinds anybody looks for; `*` for all of them."""

    seen: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self.seen.add("*")
        return super().__iter__()

    def items(self) -> Any:
        self.seen.add("*")
        return super().items()

    def values(self) -> Any:
        self.seen.add("*")
        return super().values()


def watched(snapshot: Snapshot, seen: set[str]) -> Snapshot:
    """The snapshot, with inventories and telemetry that note what is looked at."""

    class WatchedInventory(Inventory, frozen=True):
        def __getattribute__(self, name: str) -> Any:
            seen.update(FIELDS.get(name, ()))
            return super().__getattribute__(name)

        def evidence(self, kind: str, namespace: str | None = None) -> Any:
            seen.add(kind)
            return super().evidence(kind, namespace)

    class WatchedTelemetry(Telemetry, frozen=True):
        def __getattribute__(self, name: str) -> Any:
            if name in QUERIES:
                seen.add(name)
            return super().__getattribute__(name)

    def one(cluster: ClusterSnapshot) -> ClusterSnapshot:
        inventory, telemetry = cluster.inventory, cluster.telemetry
        if inventory is not None:
            config = WatchedConfig(inventory.config)
            config.seen = seen
            inventory = WatchedInventory(**{**structs.asdict(inventory), "config": config})
        if telemetry is not None:
            telemetry = WatchedTelemetry(**structs.asdict(telemetry))
        return structs.replace(cluster, inventory=inventory, telemetry=telemetry)

    return structs.replace(snapshot, clusters=tuple(map(one, snapshot.clusters)))


def only(snapshot: Snapshot, asked: Asked) -> Snapshot:
    """The snapshot as it is when no more than that was asked."""
    return narrowed(snapshot, WhatIsRead(asked=asked, canaries=True, courses=True, traced=True, plaintext=True))


def _rows(kind: str) -> Callable[[Picture], object]:
    def rows(picture: Picture) -> object:
        items = view(kind).all_items(picture)
        return items, view(kind).all_unknowns(picture, Query()), view(kind).lost(picture)

    return rows


def _strict(picture: Picture) -> object:
    answer = strict_answer(picture, "mesh")
    return strict_document(picture, answer, "5m"), strict_unknowns(picture, answer)


def _evacuate(picture: Picture) -> object:
    leaving = picture.snapshot.clusters[0].name
    answer = evacuate_answer(picture, leaving)
    return evacuation_document(picture, answer, "5m"), answer.unknowns


def _suggested(picture: Picture) -> object:
    namespaces = sorted({workload.namespace for workload in picture.workloads})
    return [suggestion_document(picture, suggestion_of(picture, name), "5m") for name in namespaces]


def _reached(picture: Picture) -> object:
    parties = list(mesh_of(picture).parties)[:6]
    return [
        reach_document(picture, question, "", find(picture, parties), "5m")
        for question, find in (("who", who_may_call), ("reach", reach_of))
    ]


def _owned(picture: Picture) -> object:
    return first_tenancy(picture.owners), sorted(picture.owners.all_known())


CHANGE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: nowhere, namespace: shop}
spec: {hosts: [nowhere], http: [{route: [{destination: {host: gone, subset: none}}]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader, labels: {istio.io/rev: other}}
rules: []
"""


def _analyzed(picture: Picture) -> object:
    read = [ReadFiles(cluster="", inventory=manifests([CHANGE]).inventory)]
    after = Picture(laid_over(picture.snapshot, read))
    return analyze_clusters(picture, Query()), analyze_changes(picture, after, read, Query())


NARROW = {
    **{
        kind.name: (asked_for(kind.name), _rows(kind.name))
        for kind in KINDS
        if asked_for(kind.name) not in (EVERYTHING_ASKED, EVERYTHING_WITH_FINDINGS)
    },
    "graph": (GRAPH, lambda picture: service_graph(picture, Query(), Sight(grouping=BY_CLUSTER))),
    "whatif strict": (STRICT, _strict),
    "whatif evacuate": (EVACUATE, _evacuate),
    "suggest policies": (SUGGEST, _suggested),
    "access who and reach": (REACH, _reached),
    "access": (OWNERS, _owned),
    "config init": (FIRST_SETTINGS, _owned),
    "analyze": (ANALYZE, _analyzed),
}
ONLY_COMPARED = {"whatif strict", "findings", "analyze"}
"""What goes through a whole configuration, or through calls with all their figures, whatever comes of it."""


@pytest.mark.parametrize("name", [name for name in NARROW if name not in ONLY_COMPARED])
def test_nothing_is_looked_at_that_was_not_asked_for(name: str, worlds: list[Snapshot]) -> None:
    asked, show = NARROW[name]
    seen: set[str] = set()
    for snapshot in worlds:
        show(Picture(watched(snapshot, seen)))
    assert [kind for kind in seen - QUERIES if not asked.asks_kind(kind)] == []
    assert [query for query in seen & QUERIES if not asked.asks_query(query)] == []


@pytest.mark.parametrize("name", NARROW)
def test_the_answer_is_the_same_with_no_more_asked(name: str, worlds: list[Snapshot]) -> None:
    asked, show = NARROW[name]
    for snapshot in worlds:
        whole, narrow = Picture(snapshot), Picture(only(snapshot, asked))
        assert msgspec.json.encode(show(narrow)) == msgspec.json.encode(show(whole))


def test_two_moments_differ_in_the_same_with_no_more_asked(worlds: list[Snapshot]) -> None:
    def compared(before: Snapshot, after: Snapshot) -> MomentsCompared:
        return compare_moments(Picture(before), Picture(after), Query(), ("then", "now"))

    told: set[str] = set()
    for before, after in pairwise(worlds):
        whole = compared(before, after)
        assert msgspec.json.encode(compared(only(before, DIFF), only(after, DIFF))) == msgspec.json.encode(whole)
        told |= {item.what for item in whole.items}
    assert told == {"cluster", "weights", "object", "workload", "call"}


def test_findings_are_worked_out_from_all_kinds_but_those_of_roles() -> None:
    """Any object may not be of its kind's form; a role has none that a rule knows."""
    assert asked_for("findings").kinds == frozenset(KNOWN - {kind.key for kind in IDENTITY})
    assert asked_for("findings").findings


def test_findings_tell_of_all_that_is_worked_out_from_what_they_ask(worlds: list[Snapshot]) -> None:
    """None of the worlds would be right by having nothing to tell."""
    for world in worlds:
        assert view("findings").all_items(Picture(world))
    codes = {item.code for world in worlds for item in view("findings").all_items(Picture(only(world, ANALYZE)))}
    assert {code.rstrip("0123456789").partition("-")[0] for code in codes} >= {"CERT", "IST", "MTLS"}


def test_doctor_asks_everything_as_its_answer_is_what_could_be_asked(worlds: list[Snapshot]) -> None:
    def report(snapshot: Snapshot) -> bytes:
        return msgspec.json.encode(examine(snapshot, dict))

    world = worlds[1]
    whole = report(only(world, DOCTOR))
    inventories = [cluster.inventory for cluster in world.clusters if cluster.inventory is not None]
    kinds = {status.kind for inventory in inventories for status in inventory.kinds} & KNOWN
    findings_only = {kind.key for kind in JUDGED if kind.key not in FIELDS["webhooks"]}
    always = {"Namespace", "Service"}
    for kind in kinds - findings_only - always:
        assert report(only(world, Asked(frozenset(KNOWN - {kind})))) != whole, kind
    told = [cluster.telemetry for cluster in world.clusters if cluster.telemetry is not None]
    metrics = {sample.metric for telemetry in told for sample in telemetry.control}
    answered = {m.field for m in TRAFFIC if any(getattr(telemetry, m.field) for telemetry in told)}
    answered |= {group.query for group in CONTROL if metrics.intersection(group.names)}
    for query in answered:
        assert report(only(world, Asked(queries=frozenset(QUERIES - {query})))) != whole, query
    assert answered >= {"requests", "duration_buckets", "control_certificates"}


@pytest.mark.parametrize("name", NARROW)
def test_what_is_asked_exists(name: str) -> None:
    asked, _ = NARROW[name]
    assert (asked.kinds or KNOWN) <= KNOWN
    assert asked.queries is not None
    assert asked.queries <= QUERIES


def test_a_view_of_more_than_was_asked_is_not_worked_out(worlds: list[Snapshot]) -> None:
    picture = Picture(only(worlds[0], asked_for("namespaces")))
    assert view("namespaces").all_items(picture)
    with pytest.raises(AssertionError, match="more than was asked"):
        view("mtls").all_items(picture)


def test_a_kind_that_was_not_asked_for_is_not_absent(worlds: list[Snapshot]) -> None:
    narrow = only(worlds[0], asked_for("namespaces")).clusters[0].inventory
    assert narrow is not None
    assert narrow.unread("VirtualService") == (("VirtualService", WhyUnknown.NOT_READ),)


def test_what_is_asked_for_several_is_asked_for_each() -> None:
    one, other = asked_for("clusters"), asked_for("mtls")
    assert (one | other).covers(one)
    assert (one | other).covers(other)
    assert not one.covers(other)
    assert one | EVERYTHING_ASKED == EVERYTHING_ASKED
    assert not one.covers(EVERYTHING_ASKED)


def test_what_needs_attention_is_the_same_with_canaries_in_brief(
    worlds: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intervals take most of the work on a canary, and nobody reads those of one that is well."""
    brief = [msgspec.json.encode(view("attention").all_items(Picture(world))) for world in worlds]
    monkeypatch.setattr(canaries, "rows_in_brief", view("canaries").all_items)
    assert [msgspec.json.encode(view("attention").all_items(Picture(world))) for world in worlds] == brief
    assert any(b"canaries" in told for told in brief)
