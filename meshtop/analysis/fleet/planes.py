"""Control planes: the proxies of each revision, the progress of upgrades, and istiod's metrics.

istiod's metrics are summed over its replicas (never by pod). Where their series carry the pods' label istio.io/rev, as
Istio's own scrape configuration keeps it, each revision has figures of its own; else they are of all together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from meshtop.analysis.fleet.links import Site
from meshtop.analysis.traffic.bounds import proves
from meshtop.analysis.traffic.convergence import convergence_times
from meshtop.analysis.traffic.metrics import CONTROL, REVISION_LABEL
from meshtop.model.mesh import ControlPlane, Proxy, Ready, Workload
from meshtop.model.state import Finding, Health, HealthStatus, Severity
from meshtop.model.telemetry import Telemetry
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.model.traffic import Buckets

SLOW_MS = 5_000.0
"""p99 of convergence, in milliseconds, above which proxies keep outdated configuration for too long."""
CONFLICTS = (
    "pilot_conflict_inbound_listener",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp",
    "pilot_vservice_dup_domain",
    "pilot_destrule_subsets",
)
_MINOR = re.compile(r"(\d+)\.(\d+)")
_RATED = frozenset(name for group in CONTROL if REVISION_LABEL in group.by for name in group.names)
_INJECTION, _REVISION = "istio-injection", "istio.io/rev"


_ROLES = {True: "external", False: "primary", None: "unknown"}


class IstiodMetrics(Struct, frozen=True, kw_only=True):
    """Figures from istiod's metrics; None where there is no such series.

    `slow` says that the p99 is proven to lie above what proxies should wait: a few pushes prove nothing.
    `rejects` and `push_errors` are per second, `conflicts` counts those that stand at the moment. `of_revision` is
    whether latency, rejects and errors are of one revision; else of all of the cluster's together.
    """

    p50_ms: float | None = None
    p99_ms: float | None = None
    slow: bool = False
    rejects: float | None = None
    push_errors: float | None = None
    conflicts: int | None = None
    connected: dict[str, int] = {}
    of_revision: bool = True


class RemoteCluster(Struct, frozen=True, rename="camel"):
    """A remote cluster by its id, and istiod's sync state; None where it is not reported."""

    cluster: str
    status: str | None = None


class ControlPlaneRevision(Struct, frozen=True, kw_only=True):
    """A revision of a cluster's control plane; for a cluster without one, the clusters that serve it.

    `role`: primary, remote (served by `served_by`), external, or unknown (what it reads is not known). `proxies`
    are the pods with a proxy of this revision, `stale` those of them whose version is not the control plane's; `share`
    is the part of all that the cluster's control plane serves. Proxies of other clusters that it is known to serve are
    among them; None where that is not known.
    """

    cluster: str
    revision: str
    version: str | None
    pods: Ready
    role: str = "primary"
    served_by: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    proxies: int | None = None
    stale: int | None = None
    share: float | None = None
    figures: IstiodMetrics = IstiodMetrics()
    remotes: tuple[RemoteCluster, ...] = ()
    health: Health = Health()
    findings: tuple[Finding, ...] = ()


def planes(sites: Sequence[Site], workloads: Mapping[str, Sequence[Workload]]) -> tuple[ControlPlaneRevision, ...]:
    """Every revision of every cluster; `workloads` by cluster."""
    return tuple(plane for site in sites for plane in _of_site(site, sites, workloads))


def istiod_metrics(telemetry: Telemetry | None, revision: str | None = None, *, several: bool = False) -> IstiodMetrics:
    """Figures from the metrics of a cluster's istiods, or of one revision as far as the series tell it.

    `several` is whether other revisions may have added to series that do not tell theirs.
    """
    if telemetry is None:
        return IstiodMetrics(of_revision=not several)
    rated = [sample for sample in telemetry.control if sample.metric in _RATED]
    of_revision = revision is not None and bool(rated) and all(s.labels.get(REVISION_LABEL) for s in rated)
    if of_revision:
        kept = [s for s in telemetry.control if s.labels.get(REVISION_LABEL, revision) == revision]
        telemetry = structs.replace(telemetry, control=tuple(kept))
    total: dict[str, float] = {}
    connected: dict[str, int] = {}
    for sample in telemetry.control:
        metric, labels, value = sample.metric, sample.labels, sample.value
        if metric == "pilot_xds":
            version = labels.get("version") or "unknown"
            connected[version] = connected.get(version, 0) + round(value)
        elif metric == "pilot_xds_pushes":
            name = "errors" if labels.get("type", "").endswith("_senderr") else "pushes"
            total[name] = total.get(name, 0.0) + value
        elif metric in ("pilot_total_xds_internal_errors", "pilot_xds_write_timeout"):
            total["errors"] = total.get("errors", 0.0) + value
        elif metric == "pilot_total_xds_rejects":
            total["rejects"] = total.get("rejects", 0.0) + value
        elif metric in CONFLICTS:
            total["conflicts"] = total.get("conflicts", 0.0) + value
    spread = convergence_times(telemetry)
    return IstiodMetrics(
        p50_ms=spread.quantile(0.50),
        p99_ms=spread.quantile(0.99),
        slow=_proven_slow(spread, telemetry.window_seconds),
        rejects=total.get("rejects"),
        push_errors=total.get("errors"),
        conflicts=round(total["conflicts"]) if "conflicts" in total else None,
        connected=connected,
        of_revision=of_revision or not several,
    )


def minor(version: str | None) -> int | None:
    """A version as one number that counts minor releases; None if it is not a version."""
    found = _MINOR.match(version or "")
    return int(found[1]) * 1000 + int(found[2]) if found else None


def _of_site(
    site: Site, sites: Sequence[Site], workloads: Mapping[str, Sequence[Workload]]
) -> Iterable[ControlPlaneRevision]:
    own = _proxies(workloads.get(site.name, ()))
    if not site.facts.control_planes:
        return (_served(site, own),) if site.facts.roles else ()
    abroad = [s for s in sites if s.name != site.name and site.name in _servers(s)]
    # What runs beside an external control plane is not of its mesh.
    proxies = [] if site.facts.outside else own
    proxies += [proxy for served in abroad for proxy in _proxies(workloads.get(served.name, ()))]
    perhaps = site.facts.outside is not False and any(_may_be_served(s, site) for s in sites)
    # The proxies of a cluster whose pods may not be read are among nobody's.
    perhaps = perhaps or any(not s.inventory.evidence("Pod").known for s in (site, *abroad))
    installed = _installed(site, proxies, counted=not perhaps)
    of_cluster = (
        *_cluster_findings(site.name, installed.figures),
        *_mesh_skew(site, sites),
        *(_unknown_revisions(site, installed.tags) if _revisions_known(site) else ()),
    )
    return [
        _revision(site, plane, installed, of_cluster if plane.revision == installed.newest else ())
        for plane in site.facts.control_planes
    ]


def _proxies(workloads: Iterable[Workload]) -> list[Workload]:
    return [w for w in workloads if w.proxy is Proxy.SIDECAR or w.is_gateway or w.is_waypoint]


def _servers(site: Site) -> tuple[str, ...]:
    """The clusters whose control planes are known to serve a cluster."""
    return site.facts.obeys.servers if site.facts.obeys is not None else ()


def _may_be_served(site: Site, by: Site) -> bool:
    """Whether it is not known if a cluster's proxies are served by another one's control plane."""
    obeyed = site.facts.obeys
    if site.name == by.name:
        return by.facts.outside is None
    near = by.facts.mesh is not None and (by.facts.mesh == site.facts.mesh or by.name in site.facts.perhaps)
    return near and obeyed is not None and obeyed.cluster is None and bool(site.facts.roles)


class _Installed(Struct, frozen=True, kw_only=True):
    """The control plane of one cluster: the proxies of each of its revisions, and its metrics.

    `tags` maps each tag to its revision. `proxies` holds the workloads of each revision, `pods` the number of proxies
    (pods) over all revisions; None where it is not known whom it serves.
    """

    tags: Mapping[str, str]
    newest: str
    proxies: Mapping[str, Sequence[Workload]]
    pods: int | None
    figures: IstiodMetrics
    remotes: tuple[RemoteCluster, ...]


def _installed(site: Site, proxies: Sequence[Workload], *, counted: bool) -> _Installed:
    control_planes = site.facts.control_planes
    tags = {tag: plane.revision for plane in control_planes for tag in plane.tags}
    default = tags.get("default", control_planes[0].revision)
    by_revision: dict[str, list[Workload]] = {plane.revision: [] for plane in control_planes}
    for proxy in proxies:
        revision = proxy.revision or default
        by_revision.setdefault(tags.get(revision, revision), []).append(proxy)
    return _Installed(
        tags=tags,
        newest=max(control_planes, key=lambda p: (minor(p.version) or 0, p.version or "")).revision,
        proxies=by_revision,
        pods=sum(w.pods.total for w in proxies) if counted else None,
        figures=istiod_metrics(site.telemetry, several=len(control_planes) > 1),
        remotes=tuple(
            RemoteCluster(cluster, site.synced.get(cluster))
            for cluster in sorted((site.remotes - {*site.facts.config_of}) | {*site.synced})
        ),
    )


def _revision(
    site: Site, plane: ControlPlane, installed: _Installed, of_cluster: Iterable[Finding]
) -> ControlPlaneRevision:
    """One revision with its findings; `of_cluster` are the whole control plane's, shown at the newest revision."""
    proxies = installed.proxies[plane.revision]
    count = None if installed.pods is None else sum(w.pods.total for w in proxies)
    share = count / installed.pods if installed.pods and count is not None else None
    several = len(site.facts.control_planes) > 1
    figures = istiod_metrics(site.telemetry, plane.revision, several=several)
    return ControlPlaneRevision(
        cluster=site.name,
        revision=plane.revision,
        version=plane.version,
        pods=plane.pods,
        role=_ROLES[site.facts.outside],
        tags=plane.tags,
        proxies=count,
        stale=None if count is None else sum(w.pods.total for w in proxies if _behind(w.proxy_version, plane.version)),
        share=share,
        figures=figures,
        remotes=installed.remotes,
        health=_health(plane, figures, installed.remotes),
        findings=(
            *_findings(site.name, plane, proxies),
            *(_upgrade(site, plane, share, installed.newest) if several else ()),
            *of_cluster,
        ),
    )


def _served(site: Site, proxies: Sequence[Workload]) -> ControlPlaneRevision:
    """The row of a cluster whose proxies are served by another cluster's control plane."""
    by = _servers(site)
    doubt = site.facts.obeys.why if site.facts.obeys is not None and not by else ""
    revisions = sorted({w.revision for w in proxies if w.revision})
    counted = site.inventory.evidence("Pod").known
    findings = (
        ()
        if by
        else (
            Finding(
                code="CONTROLPLANE-ELSEWHERE-UNKNOWN",
                severity=Severity.INFO,
                message=doubt or f"{site.name} is served by a control plane outside of these clusters.",
                fix="Add a context for the cluster that serves it, to see its health.",
            ),
        )
    )
    reason = f"served by {', '.join(by)}" if by else doubt or "its control plane is outside of these clusters"
    return ControlPlaneRevision(
        cluster=site.name,
        revision=",".join(revisions),
        version=None,
        pods=Ready(),
        role=site.facts.roles[0],
        served_by=by,
        proxies=sum(w.pods.total for w in proxies) if counted else None,
        health=Health(HealthStatus.IDLE if by else HealthStatus.UNKNOWN, (reason,)),
        findings=findings,
    )


def _behind(proxy: str | None, control: str | None) -> bool:
    """Whether a proxy's version differs from its control plane's; False where either is unknown."""
    return bool(proxy and control and proxy[:1].isdigit() and proxy != control)


def _proven_slow(spread: Buckets, window_seconds: float) -> bool:
    """Whether more than one in a hundred pushes took longer than is good, by the exact bound of health."""
    if (spread.quantile(0.99) or 0.0) <= SLOW_MS:
        return False
    # The bound next below tells of all that took longer than it; none of Istio's own lies elsewhere.
    within = max(
        (rate for bound, rate in zip(spread.bounds, spread.rates, strict=True) if bound <= SLOW_MS), default=0.0
    )
    total = spread.rates[-1]
    return proves((total - within) * window_seconds, total * window_seconds, 0.01, DEFAULT_THRESHOLDS.alpha)


def _health(plane: ControlPlane, found: IstiodMetrics, remotes: Sequence[RemoteCluster]) -> Health:
    if plane.pods.total and not plane.pods.ready:
        return Health(HealthStatus.FAILING, ("no pod of istiod is ready",))
    reasons = []
    whose = "" if found.of_revision else " (all revisions together)"
    if plane.pods.ready < plane.pods.total:
        reasons.append(f"{plane.pods.total - plane.pods.ready} of {plane.pods.total} pods are not ready")
    if found.slow and found.p99_ms is not None:
        reasons.append(f"proxies wait {found.p99_ms / 1000:.1f} s (p99) for their configuration{whose}")
    if found.rejects:
        reasons.append(f"proxies reject configuration{whose}")
    if found.push_errors:
        reasons.append(f"pushes fail{whose}")
    lost = [r.cluster for r in remotes if r.status not in (None, "synced")]
    if lost:
        reasons.append(f"not in sync with {', '.join(lost)}")
    if reasons:
        return Health(HealthStatus.DEGRADED, tuple(reasons))
    if not plane.pods.total:
        return Health(HealthStatus.IDLE, ("scaled to zero",))
    if found in (IstiodMetrics(), IstiodMetrics(of_revision=False)):
        return Health(HealthStatus.UNKNOWN, ("its pods are ready; there are no metrics of istiod",))
    return Health(HealthStatus.HEALTHY)


def _cluster_findings(cluster: str, found: IstiodMetrics) -> Iterable[Finding]:
    """Findings from istiod's metrics, once for all revisions of a cluster."""
    who = f"The control plane of {cluster}"

    def warn(code: str, message: str, fix: str) -> Finding:
        return Finding(code=code, severity=Severity.WARNING, message=message, fix=fix)

    if found.slow and found.p99_ms is not None:
        yield warn(
            "CONTROLPLANE-SLOW",
            f"{who} takes {found.p99_ms / 1000:.1f} s (p99) to configure a proxy.",
            "Give istiod more CPU, or narrow what proxies need with Sidecar objects.",
        )
    if found.rejects:
        yield warn(
            "CONTROLPLANE-REJECTS",
            f"{who}: proxies reject {found.rejects:.2g} configurations per second.",
            "istioctl proxy-status names the proxies; istiod's log says what they reject.",
        )
    if found.push_errors:
        yield warn(
            "CONTROLPLANE-PUSH-ERRORS",
            f"{who}: {found.push_errors:.2g} pushes per second fail or time out.",
            "Check istiod's log, and whether proxies are too slow to read.",
        )
    if found.conflicts:
        yield warn(
            "CONTROLPLANE-CONFLICTS",
            f"{who} reports {found.conflicts} conflicts (listeners on one port, hosts or subsets defined twice).",
            "istioctl analyze -A names them.",
        )


def _mesh_skew(site: Site, sites: Sequence[Site]) -> Iterable[Finding]:
    """Findings about control planes of one mesh more than one minor version apart, reported at the older one."""
    mine = _newest_minor(site)
    for other in sites:
        theirs = _newest_minor(other)
        one_mesh = site.facts.mesh is not None and site.facts.mesh == other.facts.mesh
        if one_mesh and mine is not None and theirs is not None and theirs - mine > 1:
            yield Finding(
                code="CONTROLPLANE-MESH-SKEW",
                severity=Severity.WARNING,
                message=f"{site.name} and {other.name}: their control planes are more than one minor version apart.",
                fix=f"Upgrade {site.name}.",
            )


def _newest_minor(site: Site) -> int | None:
    return max((m for p in site.facts.control_planes if (m := minor(p.version)) is not None), default=None)


def _findings(cluster: str, plane: ControlPlane, proxies: Sequence[Workload]) -> Iterable[Finding]:
    who = f"The control plane {plane.revision} of {cluster}"

    def say(code: str, severity: Severity, message: str, fix: str | None) -> Finding:
        return Finding(code=code, severity=severity, message=message, fix=fix)

    if plane.pods.total and not plane.pods.ready:
        yield say("CONTROLPLANE-DOWN", Severity.ERROR, f"{who} has no ready pod: proxies keep their old configuration.",
                  f"kubectl -n {plane.namespace} describe pods -l app=istiod")  # fmt: skip
    skewed = [w for w in proxies if _skewed(w.proxy_version, plane.version)]
    if skewed:
        for newer in (False, True):
            told = sorted({str(w.proxy_version) for w in skewed if _newer(w.proxy_version, plane.version) is newer})
            how = "older than its proxies" if newer else "more than one minor version newer than its proxies"
            if told:
                yield say("CONTROLPLANE-SKEW", Severity.WARNING,
                          f"{who} is {plane.version}, {how} ({', '.join(told)}).",
                          "Restart these workloads to give them a proxy of this version.")  # fmt: skip
    else:
        stale = sum(w.pods.total for w in proxies if _behind(w.proxy_version, plane.version))
        if stale:
            yield say("CONTROLPLANE-STALE-PROXIES", Severity.INFO,
                      f"{who} is {plane.version}, and {stale} of its proxies have another version.",
                      "Restart their workloads when convenient.")  # fmt: skip


def _skewed(proxy: str | None, control: str | None) -> bool:
    """Whether the skew is unsupported: Istio allows a data plane at most one minor older, and none that is newer."""
    one, two = minor(proxy), minor(control)
    return one is not None and two is not None and (one > two or two - one > 1)


def _newer(proxy: str | None, control: str | None) -> bool:
    one, two = minor(proxy), minor(control)
    return one is not None and two is not None and one > two


def _upgrade(site: Site, plane: ControlPlane, share: float | None, newest: str) -> Iterable[Finding]:
    if plane.revision == newest and share is not None and share < 1:
        yield Finding(
            code="CONTROLPLANE-UPGRADE",
            severity=Severity.INFO,
            message=f"{site.name} moves to revision {newest} ({plane.version}): {share:.0%} of its proxies have moved.",
            fix="Label the remaining namespaces with the new revision or tag, and restart their workloads.",
        )
    if plane.revision != newest and share == 0:
        yield Finding(
            code="CONTROLPLANE-UNUSED",
            severity=Severity.INFO,
            message=f"{site.name}: no proxy uses revision {plane.revision} ({plane.version}) any more.",
            fix=f"istioctl uninstall --revision {plane.revision}",
        )


def _revisions_known(site: Site) -> bool:
    """Whether all revisions and tags of a cluster were read: they are those of its istiods and of its webhooks."""
    return not site.inventory.unread("Deployment", "MutatingWebhookConfiguration")


def _unknown_revisions(site: Site, tags: Mapping[str, str]) -> Iterable[Finding]:
    """Findings about namespaces whose label names a missing revision: their new pods get no proxy."""
    known = {plane.revision for plane in site.facts.control_planes} | {*tags}
    for namespace in site.inventory.namespaces:
        wanted = namespace.meta.labels.get(_REVISION)
        if wanted and wanted not in known and _INJECTION not in namespace.meta.labels:
            yield Finding(
                code="CONTROLPLANE-NO-SUCH-REVISION",
                severity=Severity.ERROR,
                message=f"Namespace {namespace.meta.name} of {site.name} asks for revision {wanted}, which does not "
                "exist: its new pods get no proxy.",
                fix=f"Use one of {', '.join(sorted(known))}.",
            )
