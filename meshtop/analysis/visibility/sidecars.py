"""The Sidecar that applies to a client, and the hosts that it imports.

Of several, the oldest that selects the workload applies, then the oldest of its namespace without a selector, then that
of the root namespace (istio/istio pilot/pkg/model/sidecar.go). None applies to gateways and ambient workloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.inventory.untyped import mapping, maps, texts
from meshtop.analysis.visibility.hosts import host_matches
from meshtop.analysis.visibility.selection import oldest_first, selects
from meshtop.model.kube import ConfigObject


class Sidecars:
    """All Sidecars that one istiod reads."""

    def __init__(self, sidecars: Iterable[ConfigObject], root_namespace: str) -> None:
        self._root = root_namespace
        self._of: dict[str, list[tuple[dict[str, str], ConfigObject]]] = {}
        for sidecar in oldest_first(sidecars):
            labels = mapping(mapping(sidecar.spec.get("workloadSelector")).get("labels"))
            wanted = {str(k): str(v) for k, v in labels.items()}
            self._of.setdefault(sidecar.meta.namespace, []).append((wanted, sidecar))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._of)

    def hosts(self) -> frozenset[str]:
        """The hosts that any of them imports, without their namespaces."""
        every = (sidecar for several in self._of.values() for _, sidecar in several)
        egress = (one for sidecar in every for one in maps(sidecar.spec.get("egress")))
        return frozenset(host.partition("/")[2] for one in egress for host in texts(one.get("hosts")))

    def of(self, namespace: str, labels: Mapping[str, str]) -> ConfigObject | None:
        """The Sidecar of a client; None where it sees everything that is exported to it."""
        own = self._of.get(namespace, ())
        chosen = next((s for wanted, s in own if wanted and selects(wanted, labels)), None)
        if chosen is None:
            chosen = next((s for wanted, s in own if not wanted), None)
        if chosen is None:
            chosen = next((s for wanted, s in self._of.get(self._root, ()) if not wanted), None)
        return chosen

    def imports(
        self, namespace: str, labels: Mapping[str, str], home: str, hosts: Sequence[str], *, both_ways: bool = False
    ) -> bool:
        """Whether a client sees one of these hosts of objects in the namespace `home`.

        `both_ways` is the rule for VirtualServices: a wildcard host is visible to clients that import any part of what
        it covers.
        """
        sidecar = self.of(namespace, labels)
        if sidecar is None:
            return True
        egress = maps(sidecar.spec.get("egress"))
        if not egress:
            return True
        return any(_covers(texts(one.get("hosts")), namespace, home, hosts, both_ways=both_ways) for one in egress)


def _covers(imported: Sequence[str], client: str, home: str, hosts: Sequence[str], *, both_ways: bool) -> bool:
    """Whether the egress hosts (`NAMESPACE/HOST`) cover a host; entries naming a namespace precede those for `*`."""
    by_namespace: dict[str, list[str]] = {}
    for one in imported:
        namespace, slash, host = one.partition("/")
        if slash and host:
            by_namespace.setdefault(client if namespace == "." else namespace, []).append(host.lower())
    named = by_namespace.get(home)
    patterns = named if named is not None and not both_ways else [*(named or ()), *by_namespace.get("*", ())]
    return any(_matches(pattern, host.lower(), both_ways=both_ways) for pattern in patterns for host in hosts)


def _matches(pattern: str, host: str, *, both_ways: bool) -> bool:
    if pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:])):
        return True
    return both_ways and host.startswith("*") and host_matches(host, pattern.lstrip("*"))
