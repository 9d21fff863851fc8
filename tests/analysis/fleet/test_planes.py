"""Control planes: figures out of istiod's metrics, upgrades, who serves whom, and what stands out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.fleet.links import Site
from meshtop.analysis.fleet.planes import ControlPlaneRevision, istiod_metrics, minor, planes
from meshtop.model.kube import Inventory, KindStatus, Meta, Namespace
from meshtop.model.mesh import ControlPlane, MeshFacts, Obeyed, Proxy, Ready, Workload
from meshtop.model.state import HealthStatus
from meshtop.model.telemetry import Scalar, Telemetry
from tests.analysis.fleet.objects import secret


def telemetry(*samples: tuple[str, dict[str, str], float]) -> Telemetry:
    return Telemetry(at=0, window_seconds=300, control=tuple(Scalar(*sample) for sample in samples))


def convergence(**rates: float) -> list[tuple[str, dict[str, str], float]]:
    return [("pilot_proxy_convergence_time_bucket", {"le": le}, rate) for le, rate in rates.items()]


QUIET = convergence(**{"0.1": 5.0, "0.5": 10.0, "+Inf": 10.0})


def plane(revision: str, version: str = "1.30.1", *, ready: int = 1, tags: tuple[str, ...] = ()) -> ControlPlane:
    return ControlPlane(revision=revision, version=version, pods=Ready(ready, 1), tags=tags)


def site(
    name: str,
    *control: ControlPlane,
    remotes: tuple[str, ...] = (),
    roles: tuple[str, ...] = ("primary",),
    labels: dict[str, str] | None = None,
    measured: Telemetry | None = None,
    **facts: Any,
) -> Site:
    return Site(
        name=name,
        inventory=Inventory(
            remote_secrets=tuple(secret(r) for r in remotes),
            namespaces=(Namespace(meta=Meta(name="shop", labels=labels or {})),),
        ),
        facts=MeshFacts(cluster_id=name, mesh_id="m", control_planes=control, roles=roles, **facts),
        telemetry=measured,
    )


def proxies(count: int, revision: str | None, version: str = "1.30.1") -> Workload:
    return Workload(
        cluster="a", namespace="shop", name=f"w-{revision}-{version}", kind="Deployment", pods=Ready(count, count),
        proxy=Proxy.SIDECAR, proxy_version=version, revision=revision,
    )  # fmt: skip


def codes(found: ControlPlaneRevision) -> set[str]:
    return {f.code.removeprefix("CONTROLPLANE-") for f in found.findings}


def test_figures_are_summed_and_quantiles_come_from_buckets() -> None:
    found = istiod_metrics(
        telemetry(
            *QUIET,
            ("pilot_total_xds_rejects", {"type": "cds"}, 0.1),
            ("pilot_total_xds_rejects", {"type": "lds"}, 0.2),
            ("pilot_xds_pushes", {"type": "cds"}, 3.0),
            ("pilot_xds_pushes", {"type": "cds_senderr"}, 0.5),
            ("pilot_xds_write_timeout", {}, 0.25),
            ("pilot_conflict_inbound_listener", {}, 2.0),
            ("pilot_xds", {"version": "1.30.1"}, 7.0),
        )
    )
    assert found.rejects == pytest.approx(0.3)
    assert found.push_errors == 0.75
    assert found.conflicts == 2
    assert found.connected == {"1.30.1": 7}
    assert found.p50_ms == pytest.approx(100.0)
    assert found.p99_ms is not None
    assert 100.0 < found.p99_ms <= 500.0


def test_without_series_nothing_is_zero() -> None:
    found = istiod_metrics(telemetry())
    assert (found.p50_ms, found.rejects, found.push_errors, found.conflicts) == (None, None, None, None)
    assert istiod_metrics(None) == found


def test_an_upgrade_shows_how_far_it_has_come() -> None:
    here = site("a", plane("1-29", "1.29.3"), plane("1-30", tags=("stable",)))
    old, new = planes([here], {"a": [proxies(2, "1-29", "1.29.3"), proxies(5, "1-30"), proxies(1, "stable")]})
    assert (old.proxies, new.proxies, new.share) == (2, 6, 0.75)
    assert codes(new) == {"UPGRADE"}
    done = planes([here], {"a": [proxies(5, "1-30")]})
    assert [codes(p) for p in done] == [{"UNUSED"}, set()]


@pytest.mark.parametrize(
    ("version", "code", "stale"),
    [
        ("1.30.1", set(), 0),
        ("1.30.0", {"STALE-PROXIES"}, 3),
        ("1.29.4", {"STALE-PROXIES"}, 3),
        ("1.28.4", {"SKEW"}, 3),
        ("1.31.0", {"SKEW"}, 3),
    ],
)
def test_versions_of_proxies(version: str, code: set[str], stale: int) -> None:
    (found,) = planes([site("a", plane("default"))], {"a": [proxies(3, None, version)]})
    assert (codes(found), found.stale) == (code, stale)


@pytest.mark.parametrize(
    ("samples", "ready", "status", "code"),
    [
        (QUIET, 1, HealthStatus.HEALTHY, set()),
        (QUIET, 0, HealthStatus.FAILING, {"DOWN"}),
        ([], 1, HealthStatus.UNKNOWN, set()),
        (convergence(**{"5": 1.0, "10": 9.0, "+Inf": 10.0}), 1, HealthStatus.DEGRADED, {"SLOW"}),
        ([*QUIET, ("pilot_total_xds_rejects", {"type": "cds"}, 0.1)], 1, HealthStatus.DEGRADED, {"REJECTS"}),
        ([*QUIET, ("pilot_xds_write_timeout", {}, 0.1)], 1, HealthStatus.DEGRADED, {"PUSH-ERRORS"}),
        ([*QUIET, ("pilot_vservice_dup_domain", {}, 1.0)], 1, HealthStatus.HEALTHY, {"CONFLICTS"}),
    ],
)
def test_health_and_findings(
    samples: list[tuple[str, dict[str, str], float]], ready: int, status: HealthStatus, code: set[str]
) -> None:
    (found,) = planes([site("a", plane("default", ready=ready), measured=telemetry(*samples))], {})
    assert (found.health.status, codes(found)) == (status, code)


def test_what_is_wrong_with_the_whole_is_said_once() -> None:
    samples = telemetry(*QUIET, ("pilot_total_xds_rejects", {"type": "cds"}, 0.1))
    here = site("a", plane("1-29", "1.29.3"), plane("1-30"), measured=samples)
    found = planes([here], {"a": [proxies(1, "1-29", "1.29.3")]})
    assert sum("REJECTS" in codes(p) for p in found) == 1


def test_remote_clusters_and_their_sync_status() -> None:
    samples = telemetry(*QUIET, ("istiod_remote_cluster_sync_status", {"cluster": "b", "status": "timeout"}, 1.0))
    (found,) = planes([site("a", plane("default"), remotes=("b", "c"), measured=samples)], {"a": [proxies(1, None)]})
    assert [(r.cluster, r.status) for r in found.remotes] == [("b", "timeout"), ("c", None)]
    assert found.health.status is HealthStatus.DEGRADED


SERVED = Obeyed(cluster="a", servers=("a",))
DOUBT = Obeyed(why="Which primary b obeys is not known: moon may serve it.")


@pytest.mark.parametrize(("role", "obeys"), [("remote", SERVED), ("external", None), ("remote", DOUBT)])
def test_clusters_that_are_served_from_elsewhere(role: str, obeys: Obeyed | None) -> None:
    sites = [site("a", plane("default"), remotes=("b",)), site("b", roles=(role,), obeys=obeys)]
    own, found = planes(sites, {"a": [proxies(1, None)], "b": [proxies(2, None)]})
    by = obeys.servers if obeys is not None else ()
    assert (found.role, found.served_by, found.proxies) == (role, by, 2)
    assert codes(found) == (set() if by else {"ELSEWHERE-UNKNOWN"})
    assert own.proxies == (3 if by else 1), "those that it serves in other clusters are its proxies too"
    if obeys is DOUBT:
        assert found.health.reasons == (DOUBT.why,)


@pytest.mark.parametrize(
    ("outside", "obeys", "role", "count"),
    [
        (True, Obeyed(cluster="b", servers=("a",)), "external", 2),
        (True, DOUBT, "external", None),
        (None, DOUBT, "unknown", None),
        (False, DOUBT, "primary", 1),
    ],
)
def test_an_external_control_plane_has_the_proxies_that_it_serves(
    outside: bool | None, obeys: Obeyed, role: str, count: int | None
) -> None:
    """What runs beside it is not of its mesh; where it is not known whom it serves, nobody is counted."""
    sites = [site("a", plane("default"), remotes=("b",), outside=outside), site("b", roles=("remote",), obeys=obeys)]
    found = planes(sites, {"a": [proxies(1, None)], "b": [proxies(2, None)]})[0]
    assert (found.role, found.proxies) == (role, count)


def test_a_primary_that_serves_others_and_has_no_proxy_yet_is_no_external_control_plane() -> None:
    (found,) = planes([site("a", plane("default"), remotes=("b",))], {})
    assert found.role == "primary"


def of(revision: str, samples: list[tuple[str, dict[str, str], float]]) -> list[tuple[str, dict[str, str], float]]:
    return [(name, {**labels, "istio_io_rev": revision}, value) for name, labels, value in samples]


SLOW = convergence(**{"5": 1.0, "10": 9.0, "+Inf": 10.0})


def test_each_revision_has_its_own_figures_where_the_series_tell_theirs() -> None:
    measured = telemetry(*of("1-29", SLOW), *of("1-30", QUIET), ("pilot_conflict_inbound_listener", {}, 2.0))
    old, new = planes([site("a", plane("1-29", "1.29.3"), plane("1-30"), measured=measured)], {})
    assert (old.figures.of_revision, new.figures.of_revision) == (True, True)
    assert (old.health.status, new.health.status) == (HealthStatus.DEGRADED, HealthStatus.HEALTHY)
    assert new.figures.p99_ms is not None
    assert new.figures.p99_ms <= 500.0
    assert new.figures.conflicts == 2


def test_figures_of_all_revisions_together_are_said_to_be() -> None:
    mixed = telemetry(*SLOW, *of("1-30", QUIET))
    old, new = planes([site("a", plane("1-29", "1.29.3"), plane("1-30"), measured=mixed)], {})
    assert (old.figures.of_revision, new.figures.of_revision) == (False, False)
    assert "(all revisions together)" in old.health.reasons[0]
    (alone,) = planes([site("a", plane("1-30"), measured=telemetry(*SLOW))], {})
    assert alone.figures.of_revision
    assert "together" not in alone.health.reasons[0]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"istio.io/rev": "1-30"}, False),
        ({"istio.io/rev": "stable"}, False),
        ({"istio.io/rev": "gone"}, True),
        ({"istio.io/rev": "gone", "istio-injection": "disabled"}, False),
        ({}, False),
    ],
)
def test_namespaces_that_ask_for_a_revision_that_is_not_there(labels: dict[str, str], found: bool) -> None:
    (one,) = planes([site("a", plane("1-30", tags=("stable",)), labels=labels)], {"a": [proxies(1, "1-30")]})
    assert ("NO-SUCH-REVISION" in codes(one)) is found


def unread(cluster: Site, *kinds: str) -> Site:
    """The cluster where some kinds may not be read."""
    wanted = ("Pod", "Deployment", "MutatingWebhookConfiguration")
    states = tuple(KindStatus(kind=kind, state="denied" if kind in kinds else "fresh") for kind in wanted)
    return structs.replace(cluster, inventory=structs.replace(cluster.inventory, kinds=states))


@pytest.mark.parametrize("kind", ["Deployment", "MutatingWebhookConfiguration"])
def test_no_revision_is_missing_where_revisions_and_tags_were_not_read(kind: str) -> None:
    asking = site("a", plane("1-30"), labels={"istio.io/rev": "stable"})
    assert "NO-SUCH-REVISION" in codes(planes([unread(asking)], {})[0])
    assert "NO-SUCH-REVISION" not in codes(planes([unread(asking, kind)], {})[0])


def test_a_revision_is_unused_only_where_all_pods_that_it_may_serve_were_read() -> None:
    here = site("a", plane("1-29", "1.29.0"), plane("1-30"))
    there = site("b", roles=("remote",), obeys=Obeyed(cluster="a", servers=("a",)))
    used = {"a": [proxies(1, "1-30")]}
    old, *_ = planes([unread(here), unread(there)], used)
    assert (old.proxies, "UNUSED" in codes(old)) == (0, True)
    old, *_, served = planes([unread(here), unread(there, "Pod")], used)
    assert (old.proxies, "UNUSED" in codes(old), served.proxies) == (None, False, None)
    old, *_ = planes([unread(here, "Pod"), unread(there)], used)
    assert (old.proxies, "UNUSED" in codes(old)) == (None, False)


def test_a_skew_says_which_of_the_two_is_older() -> None:
    used = {"a": [proxies(1, "1-30", "1.31.0"), proxies(1, "1-30", "1.28.1")]}
    (found,) = planes([site("a", plane("1-30", "1.30.1"))], used)
    assert [f.message for f in found.findings if f.code == "CONTROLPLANE-SKEW"] == [
        "The control plane 1-30 of a is 1.30.1, more than one minor version newer than its proxies (1.28.1).",
        "The control plane 1-30 of a is 1.30.1, older than its proxies (1.31.0).",
    ]


def test_control_planes_of_one_mesh_may_be_one_minor_apart() -> None:
    def skewed(left: str, right: str) -> list[bool]:
        sites = [site("a", plane("default", left)), site("b", plane("default", right))]
        return ["MESH-SKEW" in codes(p) for p in planes(sites, {})]

    assert skewed("1.29.1", "1.30.1") == [False, False]
    assert skewed("1.28.1", "1.30.1") == [True, False]


@pytest.mark.parametrize(
    ("version", "number"), [("1.30.1", 1030), ("1.9.0", 1009), ("latest", None), (None, None), ("", None)]
)
def test_minor_versions_compare_as_numbers(version: Any, number: int | None) -> None:
    assert minor(version) == number
