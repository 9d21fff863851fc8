"""DestinationRules: their hosts, their subsets, and TLS without a check of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import RevisionConfig, touched_by
from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.kube import ConfigObject

_OWN_TLS = frozenset({"SIMPLE", "MUTUAL"})
_CHECKED = "tls:\n  mode: {mode}\n  caCertificates: /etc/ssl/certs/ca-certificates.crt"


def hosts_and_subsets(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Rules for hosts that the mesh does not have, and subsets that select no pods in any of its clusters."""
    everywhere: list[Mapping[str, str]] | None = None
    entries = {
        name.lower(): entry for entry in config.objects("ServiceEntry") for name in entry.spec.get("hosts") or ()
    }
    for rule in config.objects("DestinationRule"):
        written = text(rule.spec.get("host")) or ""
        host = config.resolve_for(rule, written) if written else None
        if host is None:
            yield config.finding(
                "IST0174",
                rule,
                f"host {written or '(none)'} is no Service or ServiceEntry of the mesh; the rule applies to no call.",
                path="spec.host",
            )
            continue
        subsets = maps(rule.spec.get("subsets"))
        if not subsets:
            continue
        entry = entries.get(host.service.lower())
        base = mapping(mapping(entry.spec.get("workloadSelector")).get("labels")) if entry is not None else {}
        candidates: list[Mapping[str, str]]
        if entry is not None and not base and _has_endpoints(entry):
            candidates = [_labels(endpoint) for endpoint in maps(entry.spec.get("endpoints"))]
        elif host.service in {"", written} and entry is not None:
            if everywhere is None:
                everywhere = [labels for sets in config.located_label_sets.values() for labels in sets]
            candidates = everywhere
        else:
            candidates = [*config.located_label_sets.get(host.namespace, ()), *_machines(config, host.namespace)]
        for number, subset in enumerate(subsets):
            wanted = {str(k): str(v) for k, v in {**base, **mapping(subset.get("labels"))}.items()}
            if any(selects(wanted, labels) for labels in candidates) or _depends_on_nodes(config, wanted):
                continue
            told = ", ".join(f"{key}={value}" for key, value in wanted.items())
            yield config.finding(
                "IST0173",
                rule,
                f"subset {subset.get('name')} ({told}) selects no pod of {written}"
                f"{_in_how_many(config)}; requests to it fail.",
                path=f"spec.subsets[{number}]",
                touches=((host.namespace, host.service),),
            )


def _depends_on_nodes(config: RevisionConfig, wanted: Mapping[str, str]) -> bool:
    """Whether labels are asked for that pods have from their nodes, and nodes were not read."""
    told = any(key.startswith(("topology.", "kubernetes.io/hostname")) for key in wanted)
    return told and any(not member.inventory.evidence("Node").known for member in config.members)


def _in_how_many(config: RevisionConfig) -> str:
    return f" in any of the {len(config.members)} clusters of its mesh" if len(config.members) > 1 else ""


def _has_endpoints(entry: ConfigObject) -> bool:
    return bool(maps(entry.spec.get("endpoints")))


def _labels(endpoint: Mapping[str, Any]) -> Mapping[str, str]:
    labels = {str(k): str(v) for k, v in mapping(endpoint.get("labels")).items()}
    region, _, rest = (text(endpoint.get("locality")) or "").partition("/")
    zone = rest.partition("/")[0]
    return {
        **({"topology.kubernetes.io/region": region} if region else {}),
        **({"topology.kubernetes.io/zone": zone} if zone else {}),
        **labels,
    }


def _machines(config: RevisionConfig, namespace: str) -> list[Mapping[str, str]]:
    return [
        {**_labels(entry.spec), **entry.meta.labels}
        for entry in config.objects("WorkloadEntry")
        if entry.meta.namespace == namespace
    ]


def unchecked_servers(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """TLS without a CA. A credential brings its own CA, and counts only where a selector says who may read it."""
    for rule in config.objects("DestinationRule"):
        policy = mapping(rule.spec.get("trafficPolicy"))
        host = text(rule.spec.get("host")) or ""
        touches = touched_by(config, rule, (host,))
        selected = bool(match_labels(rule.spec, "workloadSelector"))
        mode = _unchecked(policy, selected=selected)
        if mode:
            yield config.finding(
                "IST0128",
                rule,
                f"TLS {mode} to {host} checks no certificate: caCertificates is not set.",
                _CHECKED.format(mode=mode),
                path="spec.trafficPolicy.tls",
                touches=touches,
            )
        for number, one in enumerate(maps(policy.get("portLevelSettings"))):
            mode = _unchecked(one, selected=selected)
            if mode:
                port = integer_or_none(mapping(one.get("port")).get("number"))
                yield config.finding(
                    "IST0129",
                    rule,
                    f"TLS {mode} to port {port} of {host} checks no certificate: caCertificates is not set.",
                    _CHECKED.format(mode=mode),
                    path=f"spec.trafficPolicy.portLevelSettings[{number}].tls",
                    touches=touches,
                )


def _unchecked(policy: Mapping[str, Any], *, selected: bool) -> str | None:
    tls = mapping(policy.get("tls"))
    mode = text(tls.get("mode"))
    if mode not in _OWN_TLS or text(tls.get("caCertificates")):
        return None
    return None if selected and text(tls.get("credentialName")) else mode
