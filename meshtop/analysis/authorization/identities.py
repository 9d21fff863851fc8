"""Trust domains in policies: the mesh's own, its aliases, and `cluster.local`, which stands for all of them.

Source: istio/istio pilot/pkg/security/trustdomain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtop.analysis.authorization.matching import wildcard_matches
from meshtop.model.constants import CLUSTER_DOMAIN

_PARTS = 5
"""`TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`: what has other parts is compared as it is written."""


def principal_of(trust_domain: str, namespace: str, service_account: str) -> str:
    """The identity of a workload, as policies write it."""
    return f"{trust_domain}/ns/{namespace}/sa/{service_account}"


def trust_domain_of(principal: str) -> str:
    """The trust domain of an identity."""
    return principal.partition("/")[0]


def widened_principals(written: Iterable[str], trust_domains: Sequence[str]) -> tuple[str, ...]:
    """The principals of a policy, each one of the mesh's own trust domains standing for all of these."""
    found: list[str] = []
    for principal in written:
        domain, slash, rest = principal.partition("/")
        own = domain == CLUSTER_DOMAIN or any(wildcard_matches(domain, one) for one in trust_domains)
        if principal.count("/") != _PARTS - 1 or domain == "*" or not own:
            found.append(principal)
            continue
        for one in trust_domains:
            kept = domain.startswith("*") and one.endswith(domain[1:])
            found.append(principal if kept or one == domain else f"{one}{slash}{rest}")
    return tuple(dict.fromkeys(found))


def widened_trust_domains(written: Iterable[str], trust_domains: Sequence[str]) -> tuple[str, ...]:
    """The trust domains of a policy, each one of the mesh's own standing for all of these."""
    found: list[str] = []
    for domain in written:
        found.extend(trust_domains if domain in trust_domains else (domain,))
    return tuple(dict.fromkeys(found))
