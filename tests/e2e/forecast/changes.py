"""The objects whose forecast is compared with what the simulated proxies then do, as YAML for kubectl."""

from __future__ import annotations

from dataclasses import dataclass

from meshtop.demo.world.company import DOMAIN

SECURITY, NETWORKING = "security.istio.io/v1", "networking.istio.io/v1"


@dataclass(frozen=True)
class Case:
    """Objects to be applied, and names (KIND/NAMESPACE/NAME) of those to be removed; `effects` must be forecast.

    Both are for some clusters, or for all.
    """

    name: str
    effects: frozenset[str]
    manifests: str = ""
    removes: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()


def _object(version: str, kind: str, place: str, spec: str, annotations: str = "") -> str:
    namespace, name = place.split("/")
    more = f", annotations: {annotations}" if annotations else ""
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}{more}}}\nspec: {spec}\n"
    )


CHECKOUT = "checkout.checkout.svc.cluster.local"
RATINGS = "selector: {matchLabels: {app: ratings}}"
REVIEWS = "{{hosts: [reviews], http: [{{route: [{routes}]}}]}}"


def _reviews(**weights: int) -> str:
    routes = ", ".join(
        f"{{destination: {{host: reviews, subset: {name}}}, weight: {weight}}}" for name, weight in weights.items()
    )
    return _object(NETWORKING, "VirtualService", "shop/reviews", REVIEWS.format(routes=routes))


def _at_the_gateway(**weights: int) -> str:
    """The company's routes at its ingress gateway, with other weights for checkout."""
    checkout = ", ".join(
        f"{{destination: {{host: {CHECKOUT}, subset: {name}}}, weight: {weight}}}" for name, weight in weights.items()
    )
    rules = [f"{{match: [{{uri: {{prefix: /checkout}}}}], route: [{checkout}]}}"]
    for path, host in (("/reports", "reporting.analytics"), ("/events", "collector.analytics"),
                       ("/track", "tracking.logistics"), ("/", "storefront.shop")):  # fmt: skip
        to = f"{{destination: {{host: {host}.svc.cluster.local}}}}"
        rules.append(f"{{match: [{{uri: {{prefix: {path}}}}}], route: [{to}]}}")
    spec = f"{{hosts: [www.{DOMAIN}], gateways: [istio-system/public], http: [{', '.join(rules)}]}}"
    return _object(NETWORKING, "VirtualService", "istio-system/public", spec)


CASES = (
    Case(
        "a-deny-for-one-namespace",
        frozenset({"denied"}),
        _object(
            SECURITY, "AuthorizationPolicy", "shop/closed",
            f"{{{RATINGS}, action: DENY, rules: [{{from: [{{source: {{namespaces: [shop]}}}}]}}]}}",
        ),
    ),
    Case(
        "an-allow-that-leaves-out-callers",
        frozenset({"denied"}),
        _object(
            SECURITY, "AuthorizationPolicy", "logistics/callers",
            "{selector: {matchLabels: {app: inventory}}, rules: [{from: [{source: {namespaces: [logistics]}}]}]}",
        ),
    ),
    Case(
        "nothing-is-allowed",
        frozenset({"denied"}),
        _object(SECURITY, "AuthorizationPolicy", "platform/nobody", "{selector: {matchLabels: {app: auth}}}"),
    ),
    Case(
        "strict", frozenset({"mtls"}),
        _object(SECURITY, "PeerAuthentication", "shop/default", "{mtls: {mode: STRICT}}"),
    ),
    Case(
        "plaintext-to-a-strict-namespace",
        frozenset({"mtls"}),
        _object(
            NETWORKING, "DestinationRule", "checkout/payments",
            "{host: payments, trafficPolicy: {tls: {mode: DISABLE}}}",
        ),
    ),
    Case("other-weights", frozenset({"moves"}), _reviews(v2=30, v3=70)),
    Case("other-weights-at-the-gateway", frozenset({"moves"}), _at_the_gateway(v1=50, v2=50),
         clusters=("us-east", "eu-west")),
    Case("a-subset-that-is-missing", frozenset({"no-endpoints"}), _reviews(v2=60, v9=40)),
    Case(
        "a-subset-without-pods",
        frozenset({"no-endpoints"}),
        _object(
            NETWORKING, "DestinationRule", "shop/reviews",
            "{host: reviews, subsets: [{name: v2, labels: {version: v2}}, {name: v3, labels: {version: v33}}]}",
        ),
    ),
    Case(
        "a-sidecar-and-unknown-hosts-are-stopped",
        frozenset({"unreachable"}),
        _object(
            NETWORKING, "Sidecar", "shop/default",
            '{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ["./*", "istio-system/*", "data/*"]}]}',
        ),
    ),
    Case(
        "a-sidecar-and-unknown-hosts-pass",
        frozenset({"moves"}),
        _object(NETWORKING, "Sidecar", "checkout/default", '{egress: [{hosts: ["./*", "data/*", "logistics/*"]}]}'),
    ),
    Case(
        "a-route-that-is-kept-at-home",
        frozenset({"moves"}),
        _object(
            NETWORKING, "VirtualService", "shop/catalog",
            "{hosts: [catalog], exportTo: ['.'], http: [{route: [{destination: {host: catalog, subset: v1}}]}]}",
        ),
    ),
    Case(
        "a-fault",
        frozenset({"fault"}),
        _object(
            NETWORKING, "VirtualService", "shop/ratings",
            "{hosts: [ratings], http: [{fault: {abort: {httpStatus: 500, percentage: {value: 25}}},"
            " route: [{destination: {host: ratings}}]}]}",
        ),
    ),
    Case(
        "a-selector-without-pods",
        frozenset({"no-endpoints"}),
        _object("v1", "Service", "shop/ratings", "{selector: {app: nobody}, ports: [{name: http, port: 9080}]}"),
    ),
    Case("a-service-less", frozenset({"unreachable"}), removes=("Service/shop/ratings",)),
    Case("an-entry-less", frozenset({"moves"}), removes=("ServiceEntry/checkout/paybridge",)),
    Case(
        "a-token-that-nobody-checks",
        frozenset({"denied"}),
        _object(
            SECURITY, "AuthorizationPolicy", "shop/tokens",
            f"{{{RATINGS}, rules: [{{from: [{{source: {{requestPrincipals: ['*']}}}}]}}]}}",
        ),
    ),
    Case(
        "weights-at-a-waypoint",
        frozenset({"moves"}),
        _object(
            "gateway.networking.k8s.io/v1", "HTTPRoute", "loyalty/offers",
            "{parentRefs: [{group: '', kind: Service, name: offers, port: 8080}], rules: [{backendRefs:"
            " [{name: offers-v1, port: 8080, weight: 50}, {name: offers-v2, port: 8080, weight: 50}]}]}",
        ),
    ),
)  # fmt: skip
