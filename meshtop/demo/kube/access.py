"""Who may do what: accounts with bearer tokens and RBAC rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.status import ApiError


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One RBAC PolicyRule; `namespaces` None means all of them and the cluster scope (a ClusterRoleBinding)."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    namespaces: frozenset[str] | None = None

    def allows(self, request: Attributes) -> bool:
        """Whether this rule grants the request."""
        if not _in(request.verb, self.verbs):
            return False
        if request.url:
            return any(
                url == request.url or (url.endswith("*") and request.url.startswith(url[:-1])) for url in self.urls
            )
        if self.namespaces is not None and request.namespace not in self.namespaces:
            return False
        if not _in(request.group, self.groups):
            return False
        if self.names and request.name not in self.names:
            return False
        wanted = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        return _in(wanted, self.resources) or (
            bool(request.subresource) and f"*/{request.subresource}" in self.resources
        )

    def policy(self) -> Json:
        """The rule as SelfSubjectRulesReview shows it."""
        if self.urls:
            return {"verbs": list(self.verbs), "nonResourceURLs": list(self.urls)}
        rule: Json = {"verbs": list(self.verbs), "apiGroups": list(self.groups), "resources": list(self.resources)}
        return {**rule, "resourceNames": list(self.names)} if self.names else rule


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants, as the authorizer sees it; `url` for paths that are no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    url: str = ""


@dataclass(frozen=True)
class Account:
    """A user with a token. All users are in ``system:authenticated`` and may review their own rights."""

    name: str
    token: str
    rules: tuple[PolicyRule, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def all_groups(self) -> list[str]:
        """The groups as ``kubectl auth whoami`` shows them."""
        implied = "system:unauthenticated" if self.name == "system:anonymous" else "system:authenticated"
        return [*self.groups, implied]

    def may(self, request: Attributes) -> bool:
        """Whether any rule grants the request."""
        return any(rule.allows(request) for rule in (*self.rules, *EVERYBODY))

    def check(self, request: Attributes) -> None:
        """Raise 403 in the words of the real API server where no rule grants the request."""
        if self.may(request):
            return
        if request.url:
            message = f'forbidden: User "{self.name}" cannot {request.verb} path "{request.url}"'
            raise ApiError(403, "Forbidden", message, {})
        resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        where = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
        qualified = f"{request.resource}.{request.group}" if request.group else request.resource
        named = f' "{request.name}"' if request.name else ""
        message = (
            f'{qualified}{named} is forbidden: User "{self.name}" cannot {request.verb} resource "{resource}" '
            f'in API group "{request.group}" {where}'
        )
        details = {"name": request.name, "group": request.group, "kind": request.resource}
        raise ApiError(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def _in(value: str, among: Sequence[str]) -> bool:
    return "*" in among or value in among


EVERYBODY = (
    PolicyRule(("create",), ("authorization.k8s.io",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews")),
    PolicyRule(("create",), ("authentication.k8s.io",), ("selfsubjectreviews",)),
    PolicyRule(("get",), urls=("/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version", "/version/")),
    PolicyRule(("get",), urls=("/healthz", "/livez", "/readyz", "/livez/*", "/readyz/*")),
)
"""What the default roles system:basic-user, system:discovery and system:public-info-viewer grant."""

READ = ("get", "list", "watch")

MESH_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "install.istio.io",
    "gateway.networking.k8s.io",
    "multicluster.x-k8s.io",
    "core.kubefed.io",
    "types.kubefed.io",
    "multiclusterdns.kubefed.io",
    "policy.karmada.io",
    "work.karmada.io",
    "cluster.karmada.io",
)
"""API groups of meshes and federations that a viewer may read whole."""


def admin(name: str = "admin", token: str = "demo-admin") -> Account:
    """A user bound to cluster-admin."""
    everything = PolicyRule(("*",), ("*",), ("*",))
    return Account(name, token, (everything, PolicyRule(("*",), urls=("*",))), ("system:masters",))


def viewer(
    name: str = "viewer", token: str = "demo-viewer", *, proxy_verbs: tuple[str, ...] = ("get", "create")
) -> Account:
    """A user who reads everything except Secrets, and reaches services through the proxy with `proxy_verbs`."""
    core = (
        "namespaces",
        "nodes",
        "pods",
        "pods/log",
        "services",
        "endpoints",
        "configmaps",
        "serviceaccounts",
        "events",
    )
    rules = [
        PolicyRule(READ, ("",), core),
        PolicyRule(READ, ("apps",), ("deployments", "statefulsets", "daemonsets", "replicasets")),
        PolicyRule(READ, ("discovery.k8s.io",), ("endpointslices",)),
        PolicyRule(READ, ("coordination.k8s.io",), ("leases",)),
        PolicyRule(READ, ("rbac.authorization.k8s.io",), ("*",)),
        PolicyRule(READ, ("apiextensions.k8s.io",), ("customresourcedefinitions",)),
        PolicyRule(READ, ("admissionregistration.k8s.io",), ("*",)),
        PolicyRule(READ, MESH_GROUPS, ("*",)),
    ]
    if proxy_verbs:
        rules.append(PolicyRule(proxy_verbs, ("",), ("services/proxy",)))
    return Account(name, token, tuple(rules), ("meshtop:viewers",))
