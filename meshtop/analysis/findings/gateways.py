"""Istio's Gateways: the pods and ports that they need, their certificates, and each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding, Touched
from meshtop.analysis.findings.revisions import MeshPod, RevisionConfig, served_ones
from meshtop.analysis.findings.virtual_services import overlap
from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text, texts
from meshtop.analysis.visibility.selection import selects
from meshtop.model.kube import ConfigObject, Credential, Pod, Service

_Labels = Mapping[str, str]
_SCHEME = "://"
_PROXY = "istio-proxy"


def _selector(gateway: ConfigObject) -> dict[str, str]:
    return {str(k): str(v) for k, v in mapping(gateway.spec.get("selector")).items()}


def labels_as(labels: _Labels) -> str:
    """Labels in a sentence."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "(everything)"


def gateway_homes(gateways: Iterable[ConfigObject], pods: Iterable[Pod]) -> tuple[str, ...]:
    """The namespaces in which pods of gateways run: there the Secrets of their certificates have to be.

    Those are pods that a Gateway with certificates selects, and pods with a proxy and nothing else, as a Gateway that
    another cluster's control plane reads may select them too.
    """
    wanted = [
        {str(k): str(v) for k, v in mapping(gateway.spec.get("selector")).items()}
        for gateway in gateways
        if any(mapping(server.get("tls")).get("credentialName") for server in maps(gateway.spec.get("servers")))
    ]
    found = {
        pod.meta.namespace
        for pod in pods
        if [container.name for container in pod.containers] == [_PROXY]
        or any(selects(labels, pod.meta.labels) for labels in wanted)
    }
    return tuple(sorted(found))


class _Pods:
    """The pods of the clusters that this control plane serves, by the selector of a gateway."""

    def __init__(self, config: RevisionConfig) -> None:
        self._config = config
        self._found: dict[tuple[tuple[str, str], ...], list[MeshPod]] = {}

    def of(self, wanted: _Labels) -> list[MeshPod]:
        key = tuple(sorted(wanted.items()))
        if key not in self._found:
            self._found[key] = [pod for pod in self._config.all_pods if selects(wanted, pod.labels)]
        return self._found[key]


def pods_and_ports(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Gateways that select no pod, and ports that no Service of their pods offers."""
    pods = _Pods(config)
    services: dict[tuple[str, str], list[Service]] = {}
    for member in config.members:
        for service in member.inventory.services:
            services.setdefault((member.name, service.meta.namespace), []).append(service)
    for gateway in config.objects("Gateway"):
        wanted = _selector(gateway)
        chosen = pods.of(wanted)
        if not chosen:
            yield _no_pods(config, gateway, wanted)
            continue
        chosen = served_ones(chosen)
        if all(pod.pod.host_network for pod in chosen):
            continue
        offered, touches = _offered(chosen, services)
        for number, server in enumerate(maps(gateway.spec.get("servers"))):
            port = integer_or_none(mapping(server.get("port")).get("number"))
            if port is None or port in offered:
                continue
            yield config.finding(
                "IST0162",
                gateway,
                f"port {port} is offered by no Service of its pods ({labels_as(wanted)}), "
                "and cannot be reached by one.",
                f"ports:\n- name: {text(mapping(server.get('port')).get('name')) or f'tcp-{port}'}\n  port: {port}\n"
                f"  targetPort: {port}",
                path=f"spec.servers[{number}].port",
                touches=touches,
            )


def _no_pods(config: RevisionConfig, gateway: ConfigObject, wanted: _Labels) -> ConfigFinding:
    return config.finding(
        "IST0101", gateway, f"selector {labels_as(wanted)} selects no pod; nothing serves this gateway.",
        path="spec.selector",
    )  # fmt: skip


def _offered(
    chosen: list[MeshPod], services: Mapping[tuple[str, str], list[Service]]
) -> tuple[set[int], tuple[Touched, ...]]:
    """The ports that a Service leads to these pods by, on either side of it, and the Services.

    A gateway listens on the port that its servers name; what a Service calls it and its target port both count, as
    istiod translates one into the other.
    """
    offered: set[int] = set()
    touches: dict[Touched, None] = {}
    for pod in {(p.cluster, p.pod.meta.namespace, frozenset(p.labels.items())): p for p in chosen}.values():
        for service in services.get((pod.cluster, pod.pod.meta.namespace), ()):
            if not service.selector or not selects(service.selector, pod.labels):
                continue
            touches[service.meta.key] = None
            for port in service.ports:
                if port.protocol == "TCP":
                    offered.update({port.port, *([port.target] if isinstance(port.target, int) else [])})
    return offered, tuple(touches)


def names_credentials(config: RevisionConfig) -> bool:
    """Whether some Gateway takes a certificate out of a Secret, or it is not known which Gateways there are."""
    if not config.inventory.evidence("Gateway").known:
        return True
    servers = (server for gateway in config.objects("Gateway") for server in maps(gateway.spec.get("servers")))
    return any(text(mapping(server.get("tls")).get("credentialName")) for server in servers)


def credentials(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Secrets of gateways that do not exist where the gateway's pods run, or whose certificate is of no use."""
    pods = _Pods(config)
    found: dict[tuple[str, str, str], Credential] = {
        (member.name, secret.meta.namespace, secret.meta.name): secret
        for member in config.members
        for secret in member.inventory.credentials
    }
    read = {(cluster, namespace) for cluster, namespace, _ in found}
    for gateway in config.objects("Gateway"):
        wanted = _selector(gateway)
        chosen = pods.of(wanted)
        if not chosen:
            yield _no_pods(config, gateway, wanted)
            continue
        homes = dict.fromkeys((pod.cluster, pod.pod.meta.namespace) for pod in served_ones(chosen))
        for number, server in enumerate(maps(gateway.spec.get("servers"))):
            name = text(mapping(server.get("tls")).get("credentialName"))
            if name is None or _SCHEME in name:
                # Another source of certificates than Secrets beside the gateway's pods.
                continue
            path = f"spec.servers[{number}].tls.credentialName"
            for cluster, namespace in homes:
                if cluster != config.cluster.name and (cluster, namespace) not in read:
                    # Of another cluster's namespaces only those are known of which some Secret was seen.
                    continue
                secret = found.get((cluster, namespace, name))
                where = f"{namespace}{f' of {cluster}' if len(config.members) > 1 else ''}"
                if secret is None:
                    yield config.finding(
                        "IST0101", gateway,
                        f"credentialName {name} is no Secret in {where}, where the gateway's pods run.",
                        f"kubectl -n {namespace} create secret tls {name} --cert=FILE --key=FILE", path=path,
                    )  # fmt: skip
                elif secret.flaw:
                    yield config.finding(
                        "IST0161", gateway, f"Secret {name} in {where} is of no use: {secret.flaw}.", path=path,
                    )  # fmt: skip


def keys_of_others(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Secrets of gateways whose key belongs to another certificate."""
    odd = {
        secret.meta.name: secret
        for member in config.members
        for secret in member.inventory.credentials
        if not secret.key_fits
    }
    for gateway in config.objects("Gateway") if odd else ():
        for number, server in enumerate(maps(gateway.spec.get("servers"))):
            secret = odd.get(text(mapping(server.get("tls")).get("credentialName")) or "")
            if secret is not None:
                yield config.finding(
                    "CONFIG-KEY-DIFFERS",
                    gateway,
                    f"Secret {secret.meta.namespace}/{secret.meta.name} holds a key that cannot be read or is not its "
                    "certificate's; the proxy refuses it.",
                    f"kubectl -n {secret.meta.namespace} create secret tls {secret.meta.name} --cert=FILE --key=FILE",
                    path=f"spec.servers[{number}].tls.credentialName",
                )


def claims(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Gateways that claim the same port and host of the same pods."""
    listening: dict[int, list[tuple[ConfigObject, dict[str, str], tuple[str, ...]]]] = {}
    for gateway in config.objects("Gateway"):
        for server in maps(gateway.spec.get("servers")):
            port = integer_or_none(mapping(server.get("port")).get("number"))
            if port is not None:
                listening.setdefault(port, []).append((gateway, _selector(gateway), _hosts(gateway, server)))
    for port, servers in listening.items():
        if len({gateway.meta.key for gateway, _, _ in servers}) < 2:
            continue
        for gateway, wanted, hosts in servers:
            others = {
                f"{other.meta.namespace}/{other.meta.name}".lstrip("/"): None
                for other, labels, theirs in servers
                if other.meta.key != gateway.meta.key
                and _alike(wanted, labels)
                and any(overlap(a, b) for a in hosts for b in theirs)
            }
            if others:
                yield config.finding(
                    "IST0145",
                    gateway,
                    f"port {port} and hosts {', '.join(hosts)} are claimed by {', '.join(others)} too, for the same "
                    f"pods ({labels_as(wanted)}); which one is used is not defined.",
                    "Merge the servers into one Gateway, or give each its own hosts.",
                    path="spec.servers",
                )


def _alike(one: _Labels, other: _Labels) -> bool:
    """Whether one selector takes all pods that the other takes."""
    return one.items() <= other.items() or other.items() <= one.items()


def _hosts(gateway: ConfigObject, server: Mapping[str, Any]) -> tuple[str, ...]:
    """A server's hosts without the namespaces that limit who may use them."""
    return tuple(host.rpartition("/")[2].lower() for host in texts(server.get("hosts")))


def shared_certificates(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Gateways whose pods include those of another one that presents the same certificate."""
    uses: dict[tuple[str, str], dict[tuple[str, str], ConfigObject]] = {}
    for gateway in config.objects("Gateway"):
        for server in maps(gateway.spec.get("servers")):
            tls = mapping(server.get("tls"))
            for field in ("credentialName", "serverCertificate"):
                named = text(tls.get(field))
                if named is not None and (field == "credentialName" or not text(tls.get("credentialName"))):
                    uses.setdefault((field, named), {})[gateway.meta.key] = gateway
    for (_, named), gateways in uses.items():
        for key, gateway in gateways.items():
            others = [
                f"{other.meta.namespace}/{other.meta.name}".lstrip("/")
                for name, other in gateways.items()
                if name != key and _selector(gateway).items() <= _selector(other).items()
            ]
            if others:
                yield config.finding(
                    "IST0138",
                    gateway,
                    f"certificate {named} is also presented by {', '.join(others)}; browsers that reuse a connection "
                    "get 404 from the wrong one.",
                    "Put the servers that share the certificate into one Gateway.",
                )
