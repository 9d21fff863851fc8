from __future__ import annotations

from math import fsum, inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.tenancy.findings import disagreements, forbidden_crossings, unmatched
from meshtop.analysis.tenancy.ownership import NONE, Owners, owners_of
from meshtop.analysis.tenancy.starter import first_tenancy
from meshtop.analysis.tenancy.traffic import apdex, between, by_pair, of_level
from meshtop.analysis.tenancy.units import Units
from meshtop.analysis.traffic.figures import add_all
from meshtop.model.kube import Namespace
from meshtop.model.traffic import Buckets, Edge, Peer, PeerKind, Sums, Target
from tests import worlds
from tests.analysis.tenancy.fleets import MARK, fleet, tenancy

DEEP = """\
organization: acme
settings: {trafficMode: OPTIONAL, authorizationMode: WORKSPACE}
tenants:
  - name: t
    settings: {trafficMode: REQUIRED}
    workspaces:
      - name: w
        namespaces: ["*/n", "*/m", "*/o"]
        settings: {authorizationMode: CUSTOM}
        groups:
          security:
            - {name: g, namespaces: ["*/n"], settings: {authorizationMode: GROUP, trafficMode: OPTIONAL}}
            - {name: h, namespaces: ["*/m"]}
"""


def namespaces(*names: str) -> dict[str, list[Namespace]]:
    return {"east": [Namespace(meta=worlds.meta(name)) for name in names]}


@pytest.mark.parametrize(
    ("name", "traffic", "authorization", "group"),
    [
        ("n", "OPTIONAL", "GROUP", "g"),
        ("m", "REQUIRED", "CUSTOM", "h"),
        ("o", "REQUIRED", "CUSTOM", None),
        ("x", None, None, None),
    ],
)
def test_a_lower_level_replaces_a_higher_one(
    name: str, traffic: str | None, authorization: str | None, group: str | None
) -> None:
    owner = Owners(namespaces(name), tenancy=tenancy(DEEP)).of("east", name)
    assert (owner.traffic_mode, owner.authorization_mode, owner.security_group) == (traffic, authorization, group)


def test_the_file_holds_over_marks_and_says_so() -> None:
    marked = {"east": [Namespace(meta=worlds.meta("shop", labels={MARK: "other"}))]}
    owners = Owners(marked, tenancy=tenancy())
    assert owners.of("east", "shop").tenants == ("storefront",)
    (found,) = disagreements(owners)
    assert found.finding.code == "TENANT-MARKS-DIFFER"
    assert "capsule.clastix.io/tenant says other" in found.finding.message


def test_marks_that_disagree_are_shown_and_neither_wins() -> None:
    owners = owners_of(fleet())
    assert owners.of("east", "mixed").tenants == ("payments", "storefront")
    assert owners.of("east", "mixed").tenant == "payments|storefront"
    (found,) = disagreements(owners)
    assert found.finding.code == "TENANT-MARKS-CONFLICT"
    assert found.unit == ("payments|storefront", "")


@pytest.mark.parametrize(
    ("labels", "tenants"),
    [
        ({}, ()),
        ({"kubesphere.io/workspace": "a"}, ("a",)),
        ({"kubesphere.io/workspace": "a", "capsule.clastix.io/tenant": "a"}, ("a",)),
        ({"kubesphere.io/workspace": "a", "projectcapsule.dev/tenant": "b"}, ("a", "b")),
        ({"field.cattle.io/projectId": "c-1:p-2"}, ("p-2",)),
        (
            {
                "team.tree.hnc.x-k8s.io/depth": "1",
                "acme.tree.hnc.x-k8s.io/depth": "2",
                "x.tree.hnc.x-k8s.io/depth": "0",
            },
            ("acme",),
        ),
        ({"x.tree.hnc.x-k8s.io/depth": "0"}, ()),
        ({"own": "mine", "kubesphere.io/workspace": "a"}, ("mine",)),
    ],
)
def test_marks_name_tenants_each_once(labels: dict[str, str], tenants: tuple[str, ...]) -> None:
    owners = Owners({"east": [Namespace(meta=worlds.meta("x", labels=labels))]}, tenant_label="own")
    assert owners.of("east", "x").tenants == tenants


RANCHER, REQUESTER, WORKSPACE = "field.cattle.io/projectId", "openshift.io/requester", "kubesphere.io/workspace"


@pytest.mark.parametrize(
    ("labels", "annotations", "tenants"),
    [
        ({RANCHER: "p-1"}, {RANCHER: "c-1:p-1"}, ("p-1",)),
        ({RANCHER: "p-old"}, {RANCHER: "c-1:p-new"}, ("p-new",)),
        ({RANCHER: "p-1"}, {}, ("p-1",)),
        ({RANCHER: "p-1"}, {RANCHER: ""}, ()),
        ({MARK: "a"}, {MARK: "b"}, ("a",)),
        ({}, {REQUESTER: "jane"}, ("jane",)),
        ({MARK: "a"}, {REQUESTER: "argocd"}, ("a",)),
        ({"acme.tree.hnc.x-k8s.io/depth": "1"}, {REQUESTER: "argocd"}, ("acme",)),
        ({MARK: "a", WORKSPACE: "b"}, {REQUESTER: "argocd", RANCHER: "c:p"}, ("b", "a", "p")),
    ],
)
def test_a_mark_is_read_where_its_system_keeps_it(
    labels: dict[str, str], annotations: dict[str, str], tenants: tuple[str, ...]
) -> None:
    namespace = Namespace(meta=worlds.meta("x", labels=labels, annotations=annotations))
    owners = Owners({"east": [namespace]})
    assert set(owners.of("east", "x").tenants) == set(tenants)
    assert bool(disagreements(owners)) is (len(tenants) > 1)


def test_who_asked_for_a_namespace_does_not_contradict_the_file() -> None:
    asked = {"east": [Namespace(meta=worlds.meta("shop", annotations={REQUESTER: "argocd"}))]}
    assert not disagreements(Owners(asked, tenancy=tenancy()))


@pytest.mark.parametrize(
    ("level", "owned"),
    [("t", {"n", "m", "o"}), ("t/w", {"n", "m", "o"}), ("t/w/g", {"n"}), ("t/w/x", set()), ("w", set()), (NONE, {"x"})],
)
def test_levels(level: str, owned: set[str]) -> None:
    owners = Owners(namespaces("n", "m", "o", "x"), tenancy=tenancy(DEEP))
    assert {name for (_, name), owner in owners.all_known().items() if owner.within(level)} == owned


@pytest.mark.parametrize(
    ("target", "want"),
    [(50.0, (0.5 + 0.5 * 40 / 90 + 1.0) / 2), (100.0, 1.0), (10.0, 0.5 + 0.5 * 30 / 90 / 2), (1e9, 1.0)],
)
def test_apdex_from_buckets(target: float, want: float) -> None:
    assert apdex(Buckets((10.0, 100.0, inf), (5.0, 10.0, 10.0)), target) == pytest.approx(want)


def test_apdex_of_nothing_and_of_the_endless() -> None:
    assert apdex(Buckets()) is None
    assert apdex(Buckets((10.0, inf), (0.0, 0.0))) is None
    assert apdex(Buckets((10.0, inf), (0.0, 8.0))) == 0.0


_rates = st.lists(st.floats(0, 1e4), min_size=3, max_size=6)


@given(_rates, st.floats(0.1, 1e5))
def test_apdex_is_a_share(steps: list[float], target: float) -> None:
    rates = tuple(fsum(steps[: n + 1]) for n in range(len(steps)))
    score = apdex(Buckets((*(10.0 * 4**n for n in range(len(steps) - 1)), inf), rates), target)
    assert score is None or 0 <= score <= 1 + 1e-9


_ends = st.tuples(st.sampled_from(["east", "west", ""]), st.sampled_from(["shop", "pay", "tools", "mixed", "gone", ""]))
_edges = st.lists(
    st.builds(
        lambda left, right, rate, errors: Edge(
            source=Peer(cluster=left[0], namespace=left[1], workload="a", kind=PeerKind.WORKLOAD),
            destination=Target(cluster=right[0], namespace=right[1], workload="b", kind=PeerKind.WORKLOAD),
            protocol="http",
            sums=Sums(requests=rate, errors=errors, buckets=Buckets((10.0, inf), (rate / 2, rate))),
        ),
        _ends,
        _ends,
        st.floats(0, 1e5),
        st.floats(0, 10),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(_edges, st.booleans())
def test_the_rows_add_up_to_the_mesh(edges: list[Edge], declared: bool) -> None:
    owners = owners_of(fleet(), tenancy() if declared else None)
    mesh = add_all([edge.sums for edge in edges])
    units = Units(between(edges), owners).workspaces()
    for side in ("inbound", "outbound"):
        figures = [u.traffic.figures for u in units]
        parts = [getattr(f, side) for f in figures] + [f.internal for f in figures]
        assert fsum(p.requests or 0.0 for p in parts) == pytest.approx(mesh.requests or 0.0)
        assert fsum(p.errors or 0.0 for p in parts) == pytest.approx(mesh.errors or 0.0)
        assert fsum(p.buckets.rates[-1] for p in parts if p.buckets.rates) == pytest.approx(mesh.requests or 0.0)
    pairs = by_pair(between(edges), owners)
    assert fsum(sums.requests or 0.0 for sums in pairs.values()) == pytest.approx(mesh.requests or 0.0)
    for tenant in {u.unit.tenant or "" for u in units}:
        level = of_level(edges, owners, lambda owner, tenant=tenant: owner.within(tenant))  # type: ignore[misc]
        assert fsum(s.requests or 0.0 for s in level.clusters.values()) == pytest.approx(
            level.traffic.figures.received.requests or 0.0
        )


def _edge(source: str, destination: str, *, secured: float, rate: float = 10.0) -> Edge:
    left, right = source.split("/"), destination.split("/")
    return Edge(
        source=Peer(cluster=left[0], namespace=left[1], workload="a", kind=PeerKind.WORKLOAD),
        destination=Target(cluster=right[0], namespace=right[1], workload="b", kind=PeerKind.WORKLOAD),
        protocol="http",
        sums=Sums(requests=rate, secured=secured, judged=rate),
    )


@pytest.mark.parametrize(
    ("source", "destination", "secured", "codes"),
    [
        ("east/m", "east/m", 10.0, []),
        ("east/m", "east/m", 4.0, ["TENANT-PLAINTEXT"]),
        ("east/n", "east/n", 4.0, []),
        ("west/n", "east/n", 10.0, []),
        ("east/m", "east/n", 10.0, ["TENANT-OUTSIDE"]),
        ("east/x", "east/n", 10.0, ["TENANT-OUTSIDE"]),
        ("east/x", "east/m", 10.0, []),
        ("/", "east/m", 0.0, ["TENANT-PLAINTEXT"]),
        ("east/n", "east/x", 0.0, []),
    ],
)
def test_crossings_that_settings_forbid(source: str, destination: str, secured: float, codes: list[str]) -> None:
    owners = Owners(namespaces("n", "m", "o", "x"), tenancy=tenancy(DEEP))
    found = forbidden_crossings([_edge(source, destination, secured=secured)], owners)
    assert [f.finding.code for f in found] == codes
    for located in found:
        assert located.unit == ("t", "w")
        assert located.pair is not None
        assert located.pair[1] == "t"


def test_a_workspace_is_closed_to_others() -> None:
    owners = Owners(namespaces("shop", "pay"), tenancy=tenancy())
    (found,) = forbidden_crossings([_edge("east/pay", "east/shop", secured=10.0)], owners)
    assert found.finding.message.startswith("payments → storefront/web: 10/s, although only its own workspace")
    assert not forbidden_crossings([_edge("west/shop", "east/shop", secured=10.0)], owners)


def test_selectors_of_nothing() -> None:
    text = """\
tenants:
  - name: t
    workspaces: [{name: w, namespaces: ["*/shop", "north/x", "east/pai", "blind/y", "*/nowhere"]}]
"""
    snapshot = fleet()
    owners = owners_of(snapshot, tenancy(text))
    found = unmatched(tenancy(text), ["east", "west", "blind"], ["east", "west"], owners)
    assert [(f.finding.code, f.finding.message.split(": ", 1)[1].split()[0]) for f in found] == [
        ("TENANT-UNKNOWN-CLUSTER", "north/x"),
        ("TENANT-NOTHING-SELECTED", "east/pai"),
    ]
    assert "TENANT-NOTHING-SELECTED" in {
        f.finding.code for f in unmatched(tenancy(text), ["east", "west"], ["east", "west"], owners)
    }


def test_the_first_file_is_valid_and_says_what_was_found() -> None:
    owners = owners_of(fleet())
    text = first_tenancy(owners)
    again = Owners({}, tenancy=tenancy(text))
    for (cluster, name), owner in owners.all_known().items():
        tenants = owner.tenants if len(owner.tenants) == 1 else ()
        assert again.of(cluster, name).tenants == tenants
    assert "#   east/mixed: kubesphere.io/workspace says payments, capsule.clastix.io/tenant says storefront" in text
    assert '"*/shop"' in text
    assert tenancy(first_tenancy(Owners({}))).file.tenants == ()


@given(st.dictionaries(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from("xyz")), st.text(min_size=1), max_size=6))
def test_a_first_file_of_any_marks_is_valid(marks: dict[tuple[str, str], str]) -> None:
    found: dict[str, list[Namespace]] = {}
    for (cluster, name), tenant in marks.items():
        found.setdefault(cluster, []).append(Namespace(meta=worlds.meta(name, labels={"who": tenant})))
    tenancy(first_tenancy(Owners(found, tenant_label="who")))
