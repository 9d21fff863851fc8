"""Remote secrets that are out of date: what each istiod was given of the others, against what the others are.

The kubeconfig in a remote secret is never read. What tells of it without its data: the cluster id in its metadata, when
it was written, istiod's own state of each remote cluster, and the other clusters as they are seen from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote

from meshtop.analysis.fleet.links import Site
from meshtop.analysis.identity.remotes import hinted_id
from meshtop.model.kube import RemoteSecret
from meshtop.model.numbers import age
from meshtop.model.state import Finding, Severity

GRACE_SECONDS = 3600.0
"""A cluster and the secrets for it are made together; what is apart by less is no rebuilt cluster."""


def secret_findings(sites: Sequence[Site], everybody_read: bool) -> Iterator[tuple[str, Finding]]:
    """Findings about remote secrets, each with the cluster that holds the secret.

    `everybody_read` is whether all clusters of the fleet were read: only then a cluster that nobody knows is none. A
    cluster whose Secrets were not read gives none.
    """
    by_id: dict[str, list[Site]] = {}
    for site in sites:
        if site.facts.cluster_id is not None:
            by_id.setdefault(site.facts.cluster_id, []).append(site)
    sure = everybody_read and all(site.facts.cluster_id is not None for site in sites)
    for site in sites:
        if site.inventory.evidence("Secret").known:
            for finding in _of_site(site, sites, by_id, sure=sure):
                yield site.name, finding


def _of_site(
    site: Site, sites: Iterable[Site], by_id: Mapping[str, Sequence[Site]], *, sure: bool
) -> Iterator[Finding]:
    named = [(hint, secret) for secret in site.inventory.remote_secrets if (hint := hinted_id(secret)) is not None]
    places = Counter((secret.meta.namespace, hint) for hint, secret in named)
    by_name = {other.name: other for other in sites}
    for hint, secret in sorted(named, key=lambda pair: pair[1].meta.key):
        title = f"Secret {secret.meta.namespace}/{secret.meta.name} in {site.name}"
        if places[secret.meta.namespace, hint] > 1:
            yield Finding(
                code="SECRET-SAME-CLUSTER",
                severity=Severity.WARNING,
                message=f"{title} is one of {places[secret.meta.namespace, hint]} for the cluster {hint}: istiod takes "
                "the first that it sees, and leaves the others out.",
                fix=_delete(secret),
            )
        known = by_id.get(hint, ())
        if known:
            yield from _rebuilt(title, hint, secret, site, known)
            yield from _unheard(title, hint, site)
            continue
        misnamed = by_name.get(hint)
        if misnamed is not None and misnamed is not site and misnamed.facts.cluster_id is not None:
            yield Finding(
                code="SECRET-ID-DIFFERS",
                severity=Severity.WARNING,
                message=f"{title} is for the cluster id {hint}, but {misnamed.name} calls itself "
                f"{misnamed.facts.cluster_id}: its endpoints and telemetry go by two names.",
                fix=_again(misnamed, misnamed.facts.cluster_id),
            )
        elif sure and site.synced.get(hint) not in (None, "synced"):
            yield Finding(
                code="SECRET-CLUSTER-GONE",
                severity=Severity.WARNING,
                message=f"{title} is for a cluster {hint} that is none of those that are read, and istiod is not in "
                f"sync with it ({site.synced[hint]}).",
                fix=f"Where {hint} is no more: {_delete(secret)}",
            )


def _rebuilt(title: str, hint: str, secret: RemoteSecret, site: Site, known: Sequence[Site]) -> Iterator[Finding]:
    """A cluster that is younger than the secret for it was made anew: its CA and its tokens are others."""
    written = max(secret.meta.created, secret.written)
    if len(known) != 1 or known[0] is site or not written:
        return
    born = next((n.meta.created for n in known[0].inventory.namespaces if n.meta.name == "kube-system"), 0.0)
    if born - written > GRACE_SECONDS:
        yield Finding(
            code="SECRET-OLDER-THAN-CLUSTER",
            severity=Severity.ERROR if site.synced.get(hint) not in (None, "synced") else Severity.WARNING,
            message=f"{title} was written {age(born - written)} before {known[0].name} itself was made: that cluster "
            "was made anew since, and has another CA and other tokens than the secret.",
            fix=_again(known[0], hint),
        )


def _unheard(title: str, hint: str, site: Site) -> Iterator[Finding]:
    """istiod counts its remote clusters, and this one is not among them: it could not use the secret."""
    if site.synced and hint not in site.synced and hint != site.facts.cluster_id:
        yield Finding(
            code="SECRET-NOT-USED",
            severity=Severity.WARNING,
            message=f"{title} names the cluster {hint}, of which istiod there says nothing, though it counts others: "
            "it could not use the secret.",
            fix="See istiod's log for the secret's name: its kubeconfig may be broken, or not allowed.",
        )


def _delete(secret: RemoteSecret) -> str:
    return f"kubectl -n {quote(secret.meta.namespace)} delete secret {quote(secret.meta.name)}"


def _again(target: Site, cluster_id: str) -> str:
    return (
        f"istioctl create-remote-secret --context {quote(target.context or target.name)} --name {quote(cluster_id)}"
        " | kubectl apply -f -"
    )
