"""`whatif apply` on the world built by hand: web calls reviews (v1, v2) in east and west, across them too."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.forecast.differences import ForecastEffect
from meshtop.analysis.inventory.overlay import OverlaidObject
from meshtop.model.kube import Controller, Inventory, Meta
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.sources.kubernetes.manifests import manifests
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.forecast import (
    ForecastAnswer,
    ForecastChange,
    ObjectFate,
    applied_to,
    forecast_document,
    forecast_of,
)
from meshtop.views.reports.forecast_words import forecast_sentences, forecast_table
from meshtop.views.reports.whatif import strict_answer
from tests import worlds

NETWORKING, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
"""


def obj(version: str, kind: str, name: str, spec: str, namespace: str = "shop") -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"


def world(*texts: str) -> Snapshot:
    """The world, where each cluster has an istiod, with these objects in force in both."""
    snapshot = worlds.world(*map(governed, (worlds.east(), worlds.west())))
    return applied_to(inventory(*texts), ()).over(snapshot)


def governed(cluster: ClusterSnapshot) -> ClusterSnapshot:
    assert cluster.inventory is not None
    marks = {"app": "istiod"}
    meta = Meta(name="istiod", namespace="istio-system", labels=marks)
    istiod = Controller(kind="Deployment", meta=meta, desired=1, ready=1, template_labels=marks)
    controllers = (*cluster.inventory.controllers, istiod)
    return structs.replace(cluster, inventory=structs.replace(cluster.inventory, controllers=controllers))


def inventory(*texts: str) -> Inventory:
    return manifests(["---\n".join(texts)]).inventory if texts else Inventory()


def forecast(
    snapshot: Snapshot, *texts: str, clusters: tuple[str, ...] = (), removed: tuple[OverlaidObject, ...] = ()
) -> ForecastAnswer:
    change = ForecastChange(
        applied=applied_to(inventory(*texts), clusters).applied, removed=tuple(("", name) for name in removed)
    )
    return forecast_of(Picture(snapshot), Picture, change)


def effects(answer: ForecastAnswer) -> set[str]:
    return {item.effect.value for item in answer.items}


DENY = obj(SECURITY, "AuthorizationPolicy", "closed",
           "{selector: {matchLabels: {app: reviews}}, action: DENY, rules: [{}]}")  # fmt: skip
NOBODY = obj(SECURITY, "AuthorizationPolicy", "nobody", "{}")
BY_PATH = obj(
    SECURITY,
    "AuthorizationPolicy",
    "paths",
    "{selector: {matchLabels: {app: reviews}}, action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}",
)


def split(**weights: int) -> str:
    routes = ", ".join(f"{{destination: {{host: reviews, subset: {n}}}, weight: {w}}}" for n, w in weights.items())
    return obj(NETWORKING, "VirtualService", "reviews", f"{{hosts: [reviews], http: [{{route: [{routes}]}}]}}")


def test_nothing_changes_nothing() -> None:
    answer = forecast(world())
    assert (answer.items, answer.findings.come, answer.findings.go) == ((), (), ())
    assert answer.summary.calls > 0
    again = forecast(world(DENY), DENY)
    assert again.items == ()
    assert {one.change for one in again.objects} == {ObjectFate.SAME}


@pytest.mark.parametrize(
    ("in_force", "applied", "effect"),
    [
        ((), (DENY,), "denied"),
        ((), (NOBODY,), "denied"),
        ((), (BY_PATH,), "depends"),
        ((RULE, split(v1=50, v2=50)), (split(v1=90, v2=10),), "moves"),
        ((RULE, split(v1=50, v2=50)), (split(v1=50, v9=50),), "no-endpoints"),
        ((), (split(v1=100),), "no-endpoints"),
        ((), (obj(NETWORKING, "VirtualService", "r", "{hosts: [reviews], http: [{match: [{uri: {prefix: /x}}],"
                  " route: [{destination: {host: reviews}}]}]}"),), "depends"),
        ((), (obj(NETWORKING, "VirtualService", "r", "{hosts: [reviews], http: [{fault: {abort: {httpStatus: 503,"
                  " percentage: {value: 100}}}, route: [{destination: {host: reviews}}]}]}"),), "fault"),
        ((), (obj(NETWORKING, "Sidecar", "s", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY},"
                  " egress: [{hosts: ['other/*']}]}"),), "unreachable"),
        ((), (obj(NETWORKING, "Sidecar", "s", "{outboundTrafficPolicy: {mode: ALLOW_ANY},"
                  " egress: [{hosts: ['other/*']}]}"),), "moves"),
        ((), (obj("v1", "Service", "reviews", "{selector: {app: nobody}, ports: [{name: http, port: 9080}]}"),),
         "no-endpoints"),
        ((), (obj(NETWORKING, "DestinationRule", "r", "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}"),
              obj(SECURITY, "PeerAuthentication", "default", "{mtls: {mode: STRICT}}")), "mtls"),
        ((), (obj(SECURITY, "RequestAuthentication", "t", "{jwtRules: [{issuer: a, jwksUri: 'https://a/'}]}"),),
         "depends"),
        ((DENY,), (obj(SECURITY, "AuthorizationPolicy", "closed",
                       "{selector: {matchLabels: {app: nobody}}, action: DENY, rules: [{}]}"),), "mends"),
    ],
)  # fmt: skip
def test_what_becomes_of_calls(in_force: tuple[str, ...], applied: tuple[str, ...], effect: str) -> None:
    answer = forecast(world(*in_force), *applied)
    assert effects(answer) == {effect}
    assert {item.destination.namespace for item in answer.items} == {"shop"}
    assert all(item.why for item in answer.items)
    assert bool(answer.summary.breaks) is (effect not in ("depends", "moves", "mends"))


def test_a_policy_is_for_the_clusters_that_are_named_and_hits_callers_in_the_others() -> None:
    answer = forecast(world(), DENY, clusters=("west",))
    assert {item.destination.cluster for item in answer.items} == {"west"}
    assert {(one.cluster, one.change) for one in answer.objects} == {("west", ObjectFate.NEW)}
    assert sum(one.breaks for one in answer.clusters) == answer.summary.breaks


def test_what_is_removed_is_forecast_too() -> None:
    opened = forecast(world(DENY), removed=(OverlaidObject("AuthorizationPolicy", "shop", "closed"),))
    assert effects(opened) == {"mends"}
    gone = forecast(world(RULE, split(v1=50, v2=50)), removed=(OverlaidObject("DestinationRule", "shop", "reviews"),))
    assert effects(gone) == {"no-endpoints"}
    assert {one.change for one in gone.objects} == {ObjectFate.REMOVED}
    missing = forecast(world(), removed=(OverlaidObject("Sidecar", "shop", "x"),))
    assert {one.change for one in missing.objects} == {ObjectFate.NOT_THERE}


def test_an_older_policy_stays_the_one_that_counts() -> None:
    old = obj(SECURITY, "PeerAuthentication", "a", "{mtls: {mode: PERMISSIVE}}")
    new = obj(SECURITY, "PeerAuthentication", "b", "{mtls: {mode: STRICT}}")
    rule = obj(NETWORKING, "DestinationRule", "r", "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}")
    assert effects(forecast(world(old, rule), new)) == set()
    assert effects(forecast(world(old, rule), new, removed=(OverlaidObject("PeerAuthentication", "shop", "a"),))) == {
        "mtls"
    }


def failing(snapshot: Snapshot) -> Snapshot:
    """The world in which every request is answered 503."""

    def broken(telemetry: Any) -> Any:
        samples = tuple(
            structs.replace(one, labels=structs.replace(one.labels, response_code="503")) for one in telemetry.requests
        )
        return structs.replace(telemetry, requests=samples)

    clusters = tuple(structs.replace(one, telemetry=broken(one.telemetry)) for one in snapshot.clusters)
    return structs.replace(snapshot, clusters=clusters)


def test_a_call_that_fails_already_is_not_broken() -> None:
    answer = forecast(failing(world()), DENY)
    assert effects(answer) == {"fails-already"}
    assert (answer.summary.breaks, answer.summary.broken_per_second) == (0, 0)


def test_where_nobody_knows_what_is_in_force_nothing_is_said_to_be_well() -> None:
    answer = forecast(worlds.world(worlds.east(), worlds.west()), DENY)
    assert effects(answer) == {"depends"}
    assert answer.items[0].why == "east is configured by a primary cluster that meshtop does not read."
    elsewhere = obj(SECURITY, "AuthorizationPolicy", "x", "{}", namespace="tools")
    assert forecast(worlds.world(worlds.east(), worlds.west()), elsewhere).items == ()


def test_findings_come_and_go() -> None:
    come = forecast(world(RULE), split(v1=50, v9=50)).findings
    assert {(one.code, one.kind, one.cluster) for one in come.come if one.code == "IST0101"} == {
        ("IST0101", "VirtualService", "east"),
        ("IST0101", "VirtualService", "west"),
    }
    assert come.go == ()
    go = forecast(world(RULE, split(v1=50, v9=50)), split(v1=50, v2=50)).findings
    assert {one.code for one in go.go} >= {"IST0101"}
    assert "CONFIG-ROUTE-IDLE" not in {one.code for one in (*come.come, *go.come)}


def test_objects_that_are_not_judged_are_named_and_those_that_matter_make_it_uncertain() -> None:
    filter_ = obj("networking.istio.io/v1alpha3", "EnvoyFilter", "lua", "{configPatches: []}")
    role = obj("rbac.authorization.k8s.io/v1", "Role", "r", "{}")
    answer = forecast(world(), filter_, role)
    assert {(one.kind, one.judged, one.matters) for one in answer.objects} == {
        ("EnvoyFilter", False, True),
        ("Role", False, False),
    }
    assert "the effect of EnvoyFilter" in {one.what for one in answer.unknowns}
    assert not [one for one in answer.unknowns if "Role" in one.what]
    said = " ".join(forecast_sentences(answer, "1d"))
    assert "Not judged: EnvoyFilter shop/lua: what it patches in proxies is not worked out." in said
    assert "Not judged: Role shop/r: it is no matter to calls." in said


def test_an_object_without_a_home_is_not_applied() -> None:
    answer = forecast(world(), obj(SECURITY, "AuthorizationPolicy", "x", "{}", namespace="nowhere"))
    assert {one.change for one in answer.objects} == {ObjectFate.NO_NAMESPACE}
    assert answer.items == ()


def test_the_words_say_the_span_how_many_and_where() -> None:
    answer = forecast(world(), DENY)
    said = forecast_sentences(answer, "1d")
    assert said[0] == "AuthorizationPolicy shop/closed is new in east, west."
    assert f"seen in the last 1d {answer.summary.breaks} would break" in said[1]
    assert "Callers by cluster: east" in said[2]
    assert "tenants that call: storefront" in said[2]
    table = forecast_table(answer.items)
    assert len({table.key(number) for number in range(len(answer.items))}) == len(answer.items)


def test_the_document_has_all_of_it() -> None:
    picture = Picture(world())
    change = applied_to(inventory(DENY), ())
    document = forecast_document(picture, forecast_of(picture, Picture, change), question="apply -f x", span="1d")
    assert (document.kind, document.span, document.window) == ("WhatIfApply", "1d", "1d")
    assert document.summary.breaks == len([i for i in document.items if i.effect is ForecastEffect.DENIED])


def test_strict_is_a_case_of_it() -> None:
    rule = obj(NETWORKING, "DestinationRule", "r", "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}")
    snapshot = world(rule)
    breaks = [item for item in strict_answer(Picture(snapshot), "shop").items if item.effect == "breaks"]
    answer = forecast(snapshot, obj(SECURITY, "PeerAuthentication", "default", "{mtls: {mode: STRICT}}"))
    assert {i.source for i in answer.items if i.effect is ForecastEffect.MTLS} == {item.source for item in breaks}
    assert breaks


def test_what_is_there_already_as_it_is_is_no_change() -> None:
    shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n"
    answer = forecast(world(), shop)
    assert {one.change for one in answer.objects} == {ObjectFate.SAME}
    assert not [one for one in answer.unknowns if "Namespace" in one.what]
    other = forecast(world(), shop.replace("enabled", "disabled"))
    assert {one.change for one in other.objects} == {ObjectFate.CHANGED}
    assert "the effect of Namespace" in {one.what for one in other.unknowns}
