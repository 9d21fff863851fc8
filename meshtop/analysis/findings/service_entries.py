"""ServiceEntries: addresses that TCP needs, and protocols that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.revisions import RevisionConfig
from meshtop.analysis.identity.trees import text_at
from meshtop.analysis.inventory.untyped import integer_or_none, maps, text, texts
from meshtop.model.kube import ConfigObject

_CAPTURE = "ISTIO_META_DNS_CAPTURE"
_ALLOCATE = ("ISTIO_META_DNS_AUTO_ALLOCATE", "PILOT_ENABLE_IP_AUTOALLOCATE")


def tcp_without_address(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """TCP ports of hosts without addresses, where none are allocated by Istio."""
    metadata = ("defaultConfig", "proxyMetadata")
    captured = text_at(config.mesh_config, *metadata, _CAPTURE) == "true"
    if captured and any(text_at(config.mesh_config, *metadata, name) == "true" for name in _ALLOCATE):
        return
    for entry in config.objects("ServiceEntry"):
        if entry.spec.get("addresses") is not None or entry.status.get("addresses"):
            continue
        for number, port in enumerate(maps(entry.spec.get("ports"))):
            protocol = text(port.get("protocol")) or ""
            if protocol.upper() in ("", "TCP"):
                yield config.finding(
                    "IST0134",
                    entry,
                    f"port {integer_or_none(port.get('number'))} of {', '.join(texts(entry.spec.get('hosts')))} is "
                    f"{protocol or 'of no protocol (TCP)'} and has no address; its calls cannot be told from others.",
                    "addresses:\n- 240.240.0.1",
                    path=f"spec.ports[{number}]",
                )
                break


def contradicting_protocols(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """One host and port with several protocols, among ServiceEntries that a namespace sees together."""
    claims: dict[tuple[str, int], list[tuple[ConfigObject, str]]] = {}
    for entry in config.objects("ServiceEntry"):
        for host in texts(entry.spec.get("hosts")):
            for port in maps(entry.spec.get("ports")):
                number = integer_or_none(port.get("number"))
                if number is not None:
                    claims.setdefault((host.lower(), number), []).append(
                        (entry, (text(port.get("protocol")) or "").upper())
                    )
    reported: set[tuple[str, str]] = set()
    for (host, number), entries in claims.items():
        if len({protocol for _, protocol in entries}) < 2:
            continue
        for entry, protocol in entries:
            seen = config.exports.of(entry)
            others = [
                (other, theirs)
                for other, theirs in entries
                if theirs != protocol and other is not entry and seen.overlaps(config.exports.of(other))
            ]
            if not others or entry.meta.key in reported:
                continue
            reported.add(entry.meta.key)
            names = ", ".join(f"{o.meta.namespace}/{o.meta.name} ({t or 'none'})" for o, t in others)
            yield config.finding(
                "IST0177",
                entry,
                f"port {number} of {host} is {protocol or 'of no protocol'} here, and in {names} another; "
                "which one is used depends on their age.",
                "Give both the same protocol.",
            )
