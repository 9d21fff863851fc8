"""What the access policy keeps from a user is in no kind, no figure and no text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from msgspec import structs

from meshtop.analysis.tenancy.access.hiding import visible
from meshtop.analysis.tenancy.access.rights import AccessRules
from meshtop.analysis.traffic.figures import add_all
from meshtop.cli.printers import json_text, render, to_csv
from meshtop.cli.text_table import Style
from meshtop.model.attention import Forgetful, PastChange
from meshtop.model.changes import FieldWrite, KubeEvent, ObjectTrace, SeenChange, Traces
from meshtop.model.kube import Credential, Meta
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import State
from meshtop.settings.document import parse_document
from meshtop.views.frame.detail import detail
from meshtop.views.frame.document import document
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import histories_in, sums_in
from meshtop.views.reports.attention.view import attention
from tests import worlds
from tests.analysis.tenancy.fleets import TENANCY, call, cluster, fleet, tenancy

EVERYTHING = Query()
SECRETS = ("payments", "pay-app", "tools-app", "mixed")


def pictures(user: str = "maria") -> PictureFactory:
    declared = tenancy()
    return PictureFactory(tenancy=declared, rules=AccessRules(None, declared, user))


@pytest.fixture(scope="module")
def picture() -> Picture:
    return pictures().picture(fleet())


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_no_kind_shows_what_is_hidden(picture: Picture, kind: str) -> None:
    found = view(kind)
    items = found.items(picture, EVERYTHING)
    texts = [json_text(document(found, picture, items, EVERYTHING)), to_csv(found.item, items)]
    texts += [render(output, found, picture, items, Style()) for output in ("table", "wide", "name")]
    for item in items:
        opened = detail(picture, found.kind, found.key(item))
        assert opened is not None
        texts.append(repr([section.facts for section in opened.sections]))
        assert found.kind != "clusters" or not opened.charts
    for text in texts:
        for secret in SECRETS:
            assert secret not in text, (kind, secret)
    assert msgspec.json.decode(texts[0])["hidden"].startswith("The access policy leaves out what maria may not read")


def test_everything_has_the_secrets_where_nothing_is_hidden() -> None:
    everything = PictureFactory(tenancy=tenancy()).picture(fleet())
    items = view("tenants").items(everything, EVERYTHING)
    told = json_text(document(view("tenants"), everything, items, EVERYTHING))
    assert "payments" in told
    assert "hidden" not in msgspec.json.decode(told)
    assert pictures("root").picture(fleet()).snapshot.hidden is None


def test_figures_and_totals_leave_it_out(picture: Picture) -> None:
    """Of 111.5 requests a second, maria sees those from and to storefront: 10 + 50 + 5."""
    assert sums_in(Picture(fleet()), EVERYTHING).requests == pytest.approx(111.5)
    assert sums_in(picture, EVERYTHING).requests == pytest.approx(65.0)
    assert add_all([edge.sums for edge in picture.edges]).requests == pytest.approx(65.0)
    items = view("tenants").items(picture, Query(sort="tenant"))
    assert [item.tenant for item in items] == ["storefront", "(hidden)", "(none)"]
    by_name = {item.tenant: item for item in items}
    store = by_name["storefront"]
    assert store.internal.requests_per_second == pytest.approx(50.0)
    assert store.inbound.requests_per_second == pytest.approx(5.0)
    assert store.inbound.error_ratio == pytest.approx(1.0)
    assert store.outbound.requests_per_second == pytest.approx(10.0)
    assert by_name["(hidden)"].namespaces == ()
    assert histories_in(picture, EVERYTHING) == []
    east = view("clusters").items(picture, Query(names=("east",)))[0]
    assert east.traffic.requests_per_second == pytest.approx(65.0)


def test_ends_without_a_name_stay_apart() -> None:
    """Two hidden callers of one workload are two edges, and the sum is theirs."""
    samples = [
        call("east/pay/pay-app", "east/shop/shop-app", 3.0),
        call("east/tools/tools-app", "east/shop/shop-app", 4.0),
    ]
    picture = pictures().picture(worlds.world(cluster("east", samples)))
    assert len(picture.edges) == 2
    assert add_all([edge.sums for edge in picture.edges]).requests == pytest.approx(7.0)
    assert {edge.source.namespace for edge in picture.edges} == {"(hidden)"}


def test_nothing_is_left_to_hide_the_second_time() -> None:
    snapshot = fleet()
    access = pictures().access(snapshot)
    assert access is not None
    once = visible(snapshot, access)
    again = pictures().visible(once)
    assert again.hidden == once.hidden
    for left, right in zip(once.clusters, again.clusters, strict=True):
        assert left.inventory == right.inventory
        assert left.telemetry == right.telemetry


def test_attention_names_nothing_hidden(picture: Picture) -> None:
    said = msgspec.json.encode(attention(picture)).decode()
    assert not [secret for secret in SECRETS if secret in said]


def test_the_meshes_own_settings_stay() -> None:
    seen = pictures().picture(fleet())
    assert seen.facts["east"].trust_domain == "example.org"
    names = {n.meta.name for c in seen.snapshot.clusters if c.inventory for n in c.inventory.namespaces}
    assert names == {"shop", "istio-system"}


@pytest.mark.parametrize(
    ("user", "tenants"),
    [
        ("maria", {"storefront"}),
        ("root", {"storefront", "payments", "payments|storefront", "(none)"}),
        ("nobody", set()),
    ],
)
def test_what_each_user_sees(user: str, tenants: set[str]) -> None:
    items = view("tenants").items(pictures(user).picture(fleet()), EVERYTHING)
    named = {item.tenant for item in items if item.namespaces and item.namespaces != _ROOTS}
    assert named == tenants


_ROOTS = ("east/istio-system", "west/istio-system")


def test_the_user_is_who_kubernetes_says_cluster_by_cluster() -> None:
    declared = tenancy()
    rules = AccessRules(None, declared)
    east = cluster("east", [], user="maria")
    west = cluster("west", [], user="someone", groups=("payers",))
    dumb = cluster("dumb", [])
    snapshot = worlds.world(east, west, dumb)
    access = PictureFactory(tenancy=declared, rules=rules).access(snapshot)
    assert access is not None
    assert access.users == ("maria", "someone")
    assert access.may_read("east", "shop")
    assert not access.may_read("west", "shop")
    assert access.may("shift", "west", "pay").allowed
    assert not access.may("propagate", "west", "pay").allowed
    assert not access.may("shift", "east", "pay").allowed
    refused = access.may("read", "dumb", "shop")
    assert "dumb does not say who you are" in refused.why
    told = PictureFactory(tenancy=declared, rules=rules).picture(snapshot).snapshot.hidden
    assert told is not None
    assert "dumb" in told


def test_a_policy_of_ones_own_classes_is_asked_too() -> None:
    """A cluster that the policy puts under a class of its own needs a grant there as well."""
    from pathlib import Path

    from meshtop.settings.access import AccessFile, AccessPolicy

    text = """\
policyClasses: [places]
objectAttributes: {"cluster:west": [places]}
userAttributes: {staff: [places]}
users: {maria: [staff]}
"""
    file = AccessFile.model_validate(parse_document(text, Path("access.yaml")).data)
    declared = tenancy()
    rules = AccessRules(AccessPolicy(file, lambda path: "access.yaml"), declared, "maria")
    access = PictureFactory(tenancy=declared, rules=rules).access(fleet())
    assert access is not None
    assert access.may_read("east", "shop")
    refused = access.may("read", "west", "shop")
    assert not refused.allowed
    assert "places" in refused.why


def _hidden(snapshot: Snapshot, user: str) -> bool:
    return pictures(user).visible(snapshot).hidden is not None


def test_hiding_everything_leaves_clusters_and_no_traffic() -> None:
    picture = pictures("nobody").picture(fleet())
    assert not picture.edges
    assert [c.name for c in view("clusters").items(picture, EVERYTHING)] == ["east", "west"]
    assert sums_in(picture, EVERYTHING).requests is None
    assert _hidden(fleet(), "nobody")
    assert "payments" in TENANCY


def test_where_the_root_namespace_is_not_known_no_namespace_is_everybodys() -> None:
    """A namespace of the usual name may be somebody's own, where nothing says that it is the mesh's."""
    (east, *_) = fleet().clusters
    assert east.inventory is not None
    bare = structs.replace(east, inventory=structs.replace(east.inventory, config_maps={}))
    (seen,) = pictures().picture(worlds.world(bare)).snapshot.clusters
    assert seen.inventory is not None
    assert {n.meta.name for n in seen.inventory.namespaces} == {"shop"}


def test_calls_that_are_all_hidden_are_no_missing_data() -> None:
    """Others' calls prove that its proxies are heard, so what a user sees of the rest is at rest, not unknown."""
    samples = [call("east/tools/tools-app", "east/tools/tools-app", 4.0)]
    picture = pictures().picture(worlds.world(cluster("east", samples)))
    told = picture.snapshot.clusters[0].telemetry
    assert told is not None
    assert not any(told.calls)
    assert not told.silent
    assert picture.telemetry_states == {"east": State.FRESH}


def test_secrets_of_gateways_are_left_out_with_their_namespace() -> None:
    snapshot = fleet()
    first = snapshot.clusters[0]
    assert first.inventory is not None
    names = [namespace.meta.name for namespace in first.inventory.namespaces]
    secrets = tuple(Credential(meta=Meta(name=f"of-{name}", namespace=name)) for name in names)
    changed = structs.replace(first, inventory=structs.replace(first.inventory, credentials=secrets))
    seen = pictures().picture(structs.replace(snapshot, clusters=(changed, *snapshot.clusters[1:])))
    inventory = seen.snapshot.clusters[0].inventory
    assert inventory is not None
    kept = {namespace.meta.name for namespace in inventory.namespaces}
    assert kept < set(names)
    assert {secret.meta.namespace for secret in inventory.credentials} == kept


def test_what_changed_in_hidden_namespaces_is_left_out_wherever_it_is_known_from() -> None:
    at = worlds.AT - 60
    where = [(name, namespace) for name in ("east", "west") for namespace in ("pay", "shop")]

    def traces(cluster: str) -> Traces:
        writes = (FieldWrite(manager="kubectl", time=at, fields=b'{"f:spec":{"f:host":{}}}'),)
        return Traces(
            objects=tuple(
                ObjectTrace(kind="DestinationRule", namespace=namespace, name=f"of-{namespace}", writes=writes)
                for _, namespace in where[:2]
            ),
            events=tuple(
                KubeEvent(reason="BackOff", kind="Pod", namespace=namespace, name=f"pod-{namespace}", first=at, last=at)
                for _, namespace in where[:2]
            ),
        )

    def with_traces(one: ClusterSnapshot) -> ClusterSnapshot:
        assert one.inventory is not None
        return structs.replace(one, inventory=structs.replace(one.inventory, traces=traces(one.name)))

    snapshot = structs.replace(fleet(), clusters=tuple(map(with_traces, fleet().clusters)))

    class Log(Forgetful):
        def changes(self, since: float, until: float) -> tuple[PastChange, ...]:
            return tuple(
                PastChange(at=at, title=f"shift {ns}/web", cluster=c, namespace=ns, name=f"journal-{ns}", action=ns)
                for c, ns in where
            )

    class Ring:
        def note(self, changes: Sequence[SeenChange]) -> None: ...

        def seen(self, since: float, until: float) -> list[SeenChange]:
            return [
                SeenChange(at=at, scope=snapshot.cluster(c).server, kind="Deployment", namespace=ns, name=f"seen-{ns}",
                           path="replicas", before="1", after="2")
                for c, ns in where
            ]  # fmt: skip

    def told(user: str) -> str:
        factory = structs.replace(pictures(user), attention_log=Log(), change_memory=Ring())
        shown = factory.picture(snapshot)
        of_kind = view("changes")
        return json_text(document(of_kind, shown, of_kind.items(shown, EVERYTHING), EVERYTHING))

    marias, roots = told("maria"), told("root")
    for mark in ("of", "pod", "journal", "seen"):
        assert f"{mark}-shop" in marias, mark
        assert f"{mark}-pay" not in marias, mark
        assert f"{mark}-pay" in roots, mark
