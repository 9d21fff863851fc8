"""The server's side of mTLS: which PeerAuthentication decides for a workload and for each of its ports.

The rules are those of istiod's ComposePeerAuthentication and BestEffortInferServiceMTLSMode
(istio/istio pilot/pkg/security/authn and pilot/pkg/model).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from meshtop.analysis.inventory.untyped import mapping
from meshtop.analysis.visibility.selection import match_labels, oldest_first, title
from meshtop.model.kube import ConfigObject


class Mode(StrEnum):
    """Mutual TLS mode of a server."""

    STRICT = "STRICT"
    PERMISSIVE = "PERMISSIVE"
    DISABLE = "DISABLE"
    UNKNOWN = "UNKNOWN"


class PolicyLevel(StrEnum):
    """Level of the policy that decided."""

    DEFAULT = "default"
    MESH = "mesh"
    NAMESPACE = "namespace"
    WORKLOAD = "workload"
    PORT = "port"


class PolicyStep(Struct, frozen=True):
    """One link of the chain of decisions: a level, the object, its own mode, None where it inherits."""

    level: PolicyLevel
    policy: str
    mode: Mode | None


class ServerPolicy(Struct, frozen=True, kw_only=True):
    """The mode of a workload, the object that decided it, and the chain of decisions.

    `ports` are workload ports (never Service ports) with a mode of their own. `ignored` names policies
    that match but lost, with the reason.
    """

    mode: Mode = Mode.PERMISSIVE
    level: PolicyLevel = PolicyLevel.DEFAULT
    policy: str | None = None
    ports: dict[int, Mode] = field(default_factory=dict)
    chain: tuple[PolicyStep, ...] = ()
    ignored: tuple[str, ...] = ()

    def on_port(self, port: int | None) -> Mode:
        """The mode on a workload port; None means the workload as a whole."""
        return self.mode if port is None else self.ports.get(port, self.mode)

    def policy_on(self, port: int | None) -> str | None:
        """The object that decides on a workload port: for ports with a mode of their own, the workload's policy."""
        if port is None or port not in self.ports:
            return self.policy
        return next((step.policy for step in self.chain if step.level is PolicyLevel.WORKLOAD), self.policy)

    def decided_by(self, port: int | None = None) -> str:
        """The deciding object in words."""
        policy = self.policy_on(port)
        if policy is None:
            return "Istio's default"
        return f"{policy}, port {port}" if port is not None and port in self.ports else policy


def _own_mode(mtls: object) -> Mode | None:
    """A mutual TLS setting's own mode; UNSET, absent and unreadable ones inherit."""
    mode = mapping(mtls).get("mode")
    return Mode(mode) if mode in (Mode.STRICT, Mode.PERMISSIVE, Mode.DISABLE) else None


def _port_modes(spec: Mapping[str, Any], inherited: Mode) -> dict[int, Mode]:
    ports = mapping(spec.get("portLevelMtls"))
    return {int(port): _own_mode(mtls) or inherited for port, mtls in ports.items() if str(port).isdigit()}


def compose(matching: Iterable[ConfigObject], root_namespace: str) -> ServerPolicy:
    """Combine the PeerAuthentications that match one workload into its policy.

    Mesh, then namespace, then workload, each level the oldest; UNSET inherits; a policy with a selector in
    the root namespace is ignored; ports come from the winning workload policy alone.
    """
    winners: dict[PolicyLevel, ConfigObject] = {}
    ignored: list[str] = []
    for policy in oldest_first(matching):
        in_root = policy.meta.namespace == root_namespace
        if not match_labels(policy.spec):
            level = PolicyLevel.MESH if in_root else PolicyLevel.NAMESPACE
        elif in_root:
            ignored.append(f"{title(policy)}: a selector has no effect in the root namespace")
            continue
        else:
            level = PolicyLevel.WORKLOAD
        if level in winners:
            ignored.append(f"{title(policy)}: {title(winners[level])} is older")
        else:
            winners[level] = policy
    mode, decided, policy_name = Mode.PERMISSIVE, PolicyLevel.DEFAULT, None
    chain: list[PolicyStep] = []
    for level in (PolicyLevel.MESH, PolicyLevel.NAMESPACE, PolicyLevel.WORKLOAD):
        winner = winners.get(level)
        if winner is None:
            continue
        own = _own_mode(winner.spec.get("mtls"))
        chain.append(PolicyStep(level, title(winner), own))
        if own is not None:
            mode, decided, policy_name = own, level, title(winner)
    ports: dict[int, Mode] = {}
    workload = winners.get(PolicyLevel.WORKLOAD)
    if workload is not None:
        ports = _port_modes(workload.spec, mode)
        chain.extend(
            PolicyStep(PolicyLevel.PORT, f"{title(workload)}, port {port}", ports[port]) for port in sorted(ports)
        )
    return ServerPolicy(
        mode=mode, level=decided, policy=policy_name, ports=ports, chain=tuple(chain), ignored=tuple(ignored)
    )


def namespace_mode(policies: Sequence[ConfigObject], *, namespace: str, root_namespace: str) -> Mode:
    """The mode of a namespace without regard to workloads and ports."""
    return compose(
        (
            policy
            for policy in policies
            if policy.meta.namespace in (namespace, root_namespace) and not match_labels(policy.spec)
        ),
        root_namespace,
    ).mode


def service_mode(
    policies: Sequence[ConfigObject],
    *,
    namespace: str,
    root_namespace: str,
    mesh_external: bool = False,
    headless: bool = False,
    endpoints_with_tls: Sequence[bool] = (),
) -> Mode:
    """The mode that istiod's auto mTLS assumes for a whole service.

    It looks at namespace and mesh policies only; workload and port policies are ignored, which is one of the
    conflicts to find. A headless service with an endpoint without sidecar, or with none at all, is DISABLE.
    """
    if mesh_external:
        return Mode.UNKNOWN
    if headless and not (endpoints_with_tls and all(endpoints_with_tls)):
        return Mode.DISABLE
    return namespace_mode(policies, namespace=namespace, root_namespace=root_namespace)
