"""The board on inventories made by hand: shares, pods, observed splits, owners, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.canary.board import Board, CanaryRow
from meshtop.analysis.canary.judging import Judgements, Judging
from meshtop.analysis.canary.survey import BoardCluster, Survey
from meshtop.analysis.canary.verdict import Comparison, Honesty
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.inventory.workloads import workloads
from meshtop.model.canary import RouteCounts
from meshtop.model.kube import ConfigObject, Manager, Meta, Owner, Service
from meshtop.model.mesh import Obeyed
from meshtop.model.state import Severity
from meshtop.model.telemetry import Labels, Sample
from tests import worlds

AT = worlds.AT
RECENT = (Manager("kubectl-edit", "Update", AT - 1800),)


def obj(kind: str, spec: Mapping[str, Any], name: str = "reviews", **more: Any) -> ConfigObject:
    meta = more.pop("meta", Meta(name=name, namespace="shop", resource_version="7"))
    group = "gateway.networking.k8s.io" if kind.endswith("Route") else "networking.istio.io"
    return ConfigObject(group=group, version="v1", kind=kind, meta=meta, spec=dict(spec), **more)


def route(*parts: tuple[str, int | None]) -> list[dict[str, Any]]:
    return [
        {"destination": {"host": "reviews", "subset": subset}, **({} if weight is None else {"weight": weight})}
        for subset, weight in parts
    ]


def service(*parts: tuple[str, int | None], **more: Any) -> ConfigObject:
    spec = {"hosts": ["reviews"], "http": [{"route": route(*parts)}]}
    return obj("VirtualService", spec, **{"managers": RECENT, **more})


RULE = obj(
    "DestinationRule",
    {"host": "reviews", "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]},
)


def sample(version: str, value: float, **more: str) -> Sample:
    labels = Labels(
        reporter="source",
        source_cluster="east",
        source_workload_namespace="shop",
        source_workload="web-v1",
        destination_workload_namespace="shop",
        destination_workload=f"reviews-{version}" if version else "unknown",
        destination_version=version or "unknown",
        destination_service=worlds.REVIEWS_HOST,
        request_protocol="http",
        response_code="200",
        response_flags="-",
    )
    return Sample(structs.replace(labels, **more), value)


def counts(*samples: Sample, label: str = "shop/reviews#0", seconds: float = 1780.0) -> RouteCounts:
    return RouteCounts(labels=(label,), since=AT - seconds, at=AT, identity="p", requests=samples)


def cluster(
    *objects: ConfigObject, name: str = "east", counted: Sequence[RouteCounts] = (), sick: bool = False
) -> BoardCluster:
    config: dict[str, tuple[ConfigObject, ...]] = {}
    for one in objects:
        config[one.kind] = (*config.get(one.kind, ()), one)
    inventory = structs.replace(worlds.inventory(cluster_id=name, sick=sick), config=config, kinds=())
    return BoardCluster(
        name=name,
        inventory=inventory,
        facts=structs.replace(mesh_facts(inventory), roles=("primary",)),
        workloads=workloads(inventory, name),
        counts=tuple(counted),
    )


def board(*clusters: BoardCluster) -> tuple[CanaryRow, ...]:
    return Board(Judgements(Survey(clusters), Judging()), now=AT).rows()


def codes(row: CanaryRow) -> list[str]:
    return [finding.code.removeprefix("CANARY-") for finding in row.findings]


def test_a_row_says_what_is_set_what_is_seen_and_what_is_behind() -> None:
    counted = counts(sample("v1", 8000.0), sample("v2", 1900.0), sample("v2", 100.0, response_code="503"))
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    assert (row.id, row.host, row.service) == ("east/shop/reviews#0", worlds.REVIEWS_HOST, worlds.REVIEWS_HOST)
    assert [(d.weight, d.share, d.version, d.pods.ready) for d in row.destinations] == [
        (80, 0.8, "v1", 2),
        (20, 0.2, "v2", 2),
    ]
    assert [d.observed_share for d in row.destinations] == [0.8, 0.2]
    assert row.destinations[1].traffic.error_ratio == pytest.approx(0.05)
    assert (row.honesty.verdict, row.verdict.verdict) == (Honesty.HONOURED, Comparison.WORSE)
    assert row.last_change is not None
    assert row.last_change.who == "kubectl-edit"
    assert codes(row) == ["WORSE"]
    assert row.verdict.summary in row.findings[0].message
    shares, errors = row.destinations[1].share_interval, row.destinations[1].error_interval
    assert shares is not None
    assert errors is not None
    assert (shares.low < 0.2 < shares.high, errors.low < 0.05 < errors.high) == (True, True)


def test_alpha_is_shared_by_the_questions_the_clusters_and_the_canaries() -> None:
    counted = counts(sample("v1", 8000.0), sample("v2", 2000.0))
    parts = ("v1", 80), ("v2", 20)
    here = cluster(service(*parts), RULE, counted=[counted])
    (alone,), (east, _) = board(here), board(here, cluster(service(*parts), RULE, name="west", counted=[counted]))
    assert alone.verdict.e_value_needed == pytest.approx(3 / 0.05), "split, errors and slow answers"
    assert east.verdict.e_value_needed == pytest.approx(6 / 0.05), "the same in two clusters of the mesh"


def test_without_counts_nothing_is_claimed() -> None:
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE))
    assert row.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert [d.observed_share for d in row.destinations] == [None, None]
    assert row.destinations[0].traffic.requests_per_second is None


def test_no_traffic_is_said() -> None:
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counts()]))
    assert row.honesty.verdict is Honesty.NO_TRAFFIC


def test_where_nobody_scrapes_the_proxies_no_traffic_is_not_claimed() -> None:
    silent = structs.replace(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counts()]), silent=True)
    (row,) = board(silent)
    assert row.honesty.verdict is Honesty.NOT_ENOUGH_DATA
    assert row.honesty.words == row.verdict.words == "not known"
    (finding,) = row.findings
    assert finding.code == "CANARY-NOT-JUDGED"
    assert "no Prometheus holds a series of the proxies of east" in finding.message
    # What was counted all the same is judged.
    counted = counts(sample("v1", 8000.0), sample("v2", 2000.0))
    (seen,) = board(structs.replace(silent, counts=(counted,)))
    assert seen.honesty.verdict is Honesty.HONOURED


def test_a_split_that_is_another_is_not_honoured() -> None:
    counted = counts(sample("v1", 9000.0), sample("v2", 1000.0))
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    assert row.honesty.verdict is Honesty.NOT_HONOURED
    assert "NOT-HONOURED" in codes(row)


@pytest.mark.parametrize(
    "other",
    [
        {"destination_service": "reviews-shadow.shop.svc.cluster.local"},
        {"source_workload": "unknown", "source_workload_namespace": "unknown", "reporter": "destination"},
        {"source_cluster": "elsewhere"},
        {"reporter": "somebody"},
    ],
)
def test_what_is_not_split_by_the_route_is_left_out(other: dict[str, str]) -> None:
    stray = sample("v2", 50_000.0, **other)
    counted = counts(sample("v1", 8000.0), sample("v2", 2000.0), stray)
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    assert [d.observed_share for d in row.destinations] == [0.8, 0.2]


def test_errors_are_counted_from_both_ends_and_for_grpc() -> None:
    grpc = {"request_protocol": "grpc"}
    counted = counts(
        sample("v1", 8000.0, **grpc),
        sample("v2", 1960.0, **grpc),
        sample("v2", 40.0, **grpc, response_code="0", response_flags="UF"),
        sample("v2", 1900.0, **grpc, reporter="destination"),
        sample("v2", 60.0, **grpc, reporter="destination", grpc_response_status="13"),
    )
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    assert row.destinations[1].traffic.error_ratio == pytest.approx(60 / 2000)


def test_what_is_mirrored_is_no_part_of_the_split() -> None:
    """A mirrored request is counted by the server alone: nobody waits for its answer."""
    rule = {"route": route(("v1", 90), ("v2", 10)), "mirror": {"host": "reviews", "subset": "v2"}}
    mirrored = obj("VirtualService", {"hosts": ["reviews"], "http": [rule]}, managers=RECENT)
    counted = counts(
        sample("v1", 9000.0),
        sample("v2", 1000.0),
        sample("v1", 9000.0, reporter="destination"),
        sample("v2", 11000.0, reporter="destination"),
    )
    (row,) = board(cluster(mirrored, RULE, counted=[counted]))
    assert [d.observed_share for d in row.destinations] == [0.9, 0.1]
    assert row.honesty.verdict is Honesty.HONOURED


def test_tcp_is_split_by_connections() -> None:
    spec = {"hosts": ["reviews"], "tcp": [{"route": route(("v1", 80), ("v2", 20))}]}
    more = {"request_protocol": "tcp", "response_code": ""}
    opened = (sample("v1", 8000.0, **more), sample("v2", 2000.0, **more))
    counted = structs.replace(counts(), connections=opened)
    (row,) = board(cluster(obj("VirtualService", spec, managers=RECENT), RULE, counted=[counted]))
    assert row.protocol == "tcp"
    assert [d.observed_share for d in row.destinations] == [0.8, 0.2]
    assert row.honesty.verdict is Honesty.HONOURED


def test_a_route_that_flagger_writes_is_flaggers_and_goes_from_service_to_service() -> None:
    names = ("reviews-primary", "reviews-canary")
    parts = [{"destination": {"host": name}, "weight": part} for name, part in zip(names, (90, 10), strict=True)]
    spec = {"hosts": ["reviews"], "http": [{"route": parts}]}
    meta = Meta(name="reviews", namespace="shop", owner=Owner("Canary", "reviews", "flagger.app/v1beta1"))
    behind = {"reviews-primary": "v1", "reviews-canary": "v2"}
    made = tuple(
        Service(meta=Meta(name=name, namespace="shop"), selector={"app": "reviews", "version": version})
        for name, version in behind.items()
    )
    counted = counts(*(
        sample(version, count, destination_service=f"{name}.shop.svc.cluster.local")
        for (name, version), count in zip(behind.items(), (9000.0, 1000.0), strict=True)))  # fmt: skip
    home = cluster(obj("VirtualService", spec, meta=meta, managers=RECENT), counted=[counted])
    home = structs.replace(home, inventory=structs.replace(home.inventory, services=(*home.inventory.services, *made)))
    home = structs.replace(home, workloads=workloads(home.inventory, "east"))
    (row,) = board(home)
    assert [d.observed_share for d in row.destinations] == [0.9, 0.1]
    assert [d.pods.ready for d in row.destinations] == [2, 2]
    assert (row.owner.controller, row.owner.name) == ("flagger", "shop/reviews")
    assert codes(row) == []


def test_codes_that_were_taken_out_of_the_metrics_are_no_proof_of_good_answers() -> None:
    bare = {"response_code": "", "response_flags": ""}
    counted = counts(sample("v1", 8000.0, **bare), sample("v2", 2000.0, **bare))
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    assert [d.traffic.error_ratio for d in row.destinations] == [None, None]
    assert row.verdict.errors is not None
    assert row.verdict.errors.verdict is Comparison.NOT_ENOUGH_DATA


def test_what_found_nobody_is_laid_at_the_door_of_the_version_without_pods() -> None:
    missing = sample("", 500.0, response_code="503", response_flags="NC")
    counted = counts(sample("v1", 500.0), missing)
    (row,) = board(cluster(service(("v1", 50), ("v3", 50)), RULE, counted=[counted]))
    assert [d.observed_share for d in row.destinations] == [0.5, 0.5]
    assert codes(row)[:2] == ["NO-SUBSET", "WORSE"]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([service(("v1", 0), ("v2", 0))], "ZERO-SUM"),
        ([service(("v1", 100), ("v2", -1))], "NEGATIVE"),
        ([service(("v1", 80), ("v9", 20))], "NO-SUBSET"),
        ([obj("VirtualService", {"hosts": ["reviews"], "http": [{"route": [
            {"destination": {"host": "reviews", "subset": "v1"}, "weight": 50}, {"destination": {}, "weight": 50}]}]})],
         "EMPTY-HOST"),
        ([obj("HTTPRoute", {"parentRefs": [{"kind": "Service", "name": "reviews"}], "rules": [{"backendRefs": [
            {"name": "reviews", "port": 1}, {"name": "nowhere", "port": 1}]}]})], "NO-SERVICE"),
        ([service(("v1", 80), ("v2", 20)), service(("v1", 80), ("v2", 20), name="again")], "TWO-ROUTES"),
        ([obj("VirtualService", {"hosts": ["reviews"], "http": [
            {"match": [{"headers": {}}], "route": [{"destination": {"host": "reviews", "subset": "v2"}}]},
            {"route": route(("v1", 80), ("v2", 20))}]})], "MIXED"),
        ([service(("v1", 80), ("v2", 20),
                  meta=Meta(name="reviews", namespace="shop", owner=Owner("Canary", "reviews"))),
          obj("Canary", {"targetRef": {"name": "reviews"}}, status={"phase": "Failed", "canaryWeight": 0})], "ABORTED"),
        ([service(("v1", 80), ("v2", 20)),
          obj("Rollout",
              {"strategy": {"canary": {"trafficRouting": {"istio": {"virtualService": {"name": "reviews"}}}}}},
              status={"canary": {"weights": {"canary": {"weight": 60}}}})], "STATUS-APART"),
        ([service(("v1", 80), ("v2", 20), managers=(Manager("meshtop", "Update", AT - 900),
                                                    Manager("argocd-controller", "Apply", AT - 880)))], "FIGHT"),
    ],
)  # fmt: skip
def test_findings(objects: list[ConfigObject], expected: str) -> None:
    rows = board(cluster(*objects, RULE))
    found = [code for row in rows for code in codes(row)]
    assert expected in found
    assert all(finding.fix for row in rows for finding in row.findings)


@pytest.mark.parametrize(
    ("errors", "days", "stuck"), [(0.0, 3.0, True), (0.0, 0.5, False), (900.0, 3.0, False), (None, 3.0, False)]
)
def test_only_a_canary_that_is_not_worse_is_stuck(errors: float | None, days: float, stuck: bool) -> None:
    managers = (Manager("kubectl", "Update", AT - days * 86_400),)
    counted = []
    if errors is not None:
        bad = [sample("v2", errors, response_code="500")] if errors else []
        counted = [counts(sample("v1", 80_000.0), sample("v2", 20_000.0 - errors), *bad, seconds=3600.0)]
    (row,) = board(cluster(service(("v1", 80), ("v2", 20), managers=managers), RULE, counted=counted))
    assert ("STUCK" in codes(row)) is stuck, (row.verdict.summary, codes(row))


def test_a_version_whose_pods_are_gone() -> None:
    sick = cluster(service(("v1", 80), ("v2", 20)), RULE)
    gone = tuple(
        structs.replace(w, pods=structs.replace(w.pods, ready=0)) if w.version == "v2" else w for w in sick.workloads
    )
    (row,) = board(structs.replace(sick, workloads=gone))
    assert codes(row) == ["NO-PODS"]
    assert row.findings[0].severity is Severity.ERROR


@pytest.mark.parametrize("perhaps", [None, 0, 1])
def test_a_version_without_pods_here_may_have_some_where_it_is_not_known_whether_that_is_one_mesh(
    perhaps: int | None,
) -> None:
    home = cluster(service(("v1", 80), ("v2", 20)), RULE)
    gone = tuple(
        structs.replace(w, pods=structs.replace(w.pods, ready=0)) if w.version == "v2" else w for w in home.workloads
    )
    home = structs.replace(home, workloads=gone, facts=structs.replace(home.facts, perhaps=("north",)))
    others = []
    if perhaps is not None:
        north = cluster(name="north")
        ready = tuple(structs.replace(w, pods=structs.replace(w.pods, ready=perhaps)) for w in north.workloads)
        facts = structs.replace(north.facts, mesh_id="another", group=None)
        others = [structs.replace(north, workloads=ready, facts=facts)]
    (row,) = board(home, *others)
    assert codes(row) == (["NO-PODS"] if perhaps == 0 else ["NOT-JUDGED"])
    assert perhaps == 0 or "north" in row.findings[0].message


def test_a_host_without_its_domain_is_completed_with_that_of_the_cluster() -> None:
    spec = {"hosts": ["reviews"], "http": [{"route": [
        {"destination": {"host": "reviews.shop", "subset": v}, "weight": 50} for v in ("v1", "v2")]}]}  # fmt: skip
    rule = obj("DestinationRule", {**RULE.spec, "host": "reviews.shop"})
    home = cluster(obj("VirtualService", spec), rule)
    for domain, told in (("corp.local", "reviews.shop.svc.corp.local"), (None, "reviews.shop.svc.DOMAIN")):
        (row,) = board(structs.replace(home, facts=structs.replace(home.facts, cluster_domain=domain)))
        assert any(told in (finding.fix or "") for finding in row.findings)


def test_clusters_that_differ_are_named() -> None:
    east = cluster(service(("v1", 80), ("v2", 20)), RULE)
    west = cluster(service(("v1", 50), ("v2", 50)), RULE, name="west")
    rows = board(east, west)
    assert [codes(row) for row in rows] == [["CLUSTERS-DIFFER"], ["CLUSTERS-DIFFER"]]
    assert "west" in rows[0].findings[0].message


def test_a_delegate_has_its_parent_s_hosts() -> None:
    parent = obj("VirtualService", {"hosts": ["reviews"], "http": [{"delegate": {"name": "inner"}}]}, name="outer")
    inner = obj("VirtualService", {"http": [{"route": route(("v1", 80), ("v2", 20))}]}, name="inner", managers=RECENT)
    (row,) = board(cluster(parent, inner, RULE))
    assert (row.name, row.delegate_of, row.host) == ("inner", "shop/outer", worlds.REVIEWS_HOST)
    assert codes(row) == []


def test_callers_in_a_remote_cluster_obey_the_primary() -> None:
    primary = cluster(service(("v1", 80), ("v2", 20)), RULE)
    remote = cluster(name="west", counted=[counts(
        sample("v1", 800.0, source_cluster="west"), sample("v2", 200.0, source_cluster="west"),
    )])  # fmt: skip
    remote = structs.replace(
        remote,
        facts=structs.replace(remote.facts, roles=("remote",), obeys=Obeyed(cluster="east", servers=("east",))),
        counts=tuple(structs.replace(one, identity="q") for one in remote.counts),
    )
    primary = structs.replace(primary, counts=(counts(),))
    (row,) = board(primary, remote)
    assert [(c.cluster, c.requests) for c in row.callers] == [("west", 1000.0)]


def test_callers_in_a_cluster_that_may_obey_the_primary_are_not_judged() -> None:
    primary = structs.replace(cluster(service(("v1", 80), ("v2", 20)), RULE), counts=(counts(),))
    far = cluster(name="west", counted=[counts(
        sample("v1", 500.0, source_cluster="west"), sample("v2", 500.0, source_cluster="west"),
    )])  # fmt: skip
    doubt = Obeyed(why="Which primary west obeys is not known: north may serve it.")
    far = structs.replace(
        far,
        facts=structs.replace(far.facts, roles=("remote",), obeys=doubt),
        counts=tuple(structs.replace(one, identity="q") for one in far.counts),
    )
    (row,) = board(primary, far)
    assert row.honesty.verdict is not Honesty.NOT_HONOURED
    assert codes(row) == ["NOT-JUDGED"]
    assert "north may serve it" in row.findings[0].message


def test_what_no_control_plane_reads_is_not_judged() -> None:
    obeyed = Obeyed(cluster="west", servers=("west",))
    idle = cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counts(sample("v1", 500.0), sample("v2", 500.0))])
    (row,) = board(structs.replace(idle, facts=structs.replace(idle.facts, roles=("remote",), obeys=obeyed)))
    assert row.honesty.verdict is not Honesty.NOT_HONOURED
    assert codes(row) == ["NOT-JUDGED"]
    assert "no control plane reads it: east obeys west" in row.findings[0].message


def test_many_requests_are_written_so_that_they_can_be_read() -> None:
    counted = counts(sample("v1", 900_000.0), sample("v2", 30_871.0))
    (row,) = board(cluster(service(("v1", 80), ("v2", 20)), RULE, counted=[counted]))
    (told,) = [found.message for found in row.findings if found.code.endswith("NOT-HONOURED")]
    assert "(930,871 requests)" in told
