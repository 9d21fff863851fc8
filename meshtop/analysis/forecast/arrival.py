"""What meets a call at the workload that it reaches: mutual TLS, tokens and policies there."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from meshtop.analysis.authorization.decision import AccessVerdict, Permission
from meshtop.analysis.authorization.observed import ObservedAccess, Passage
from meshtop.analysis.authorization.way import enforcement_steps, judge_call
from meshtop.analysis.forecast.calls import SeenCall, plaintext_of
from meshtop.analysis.forecast.outcome import CallFate
from meshtop.analysis.security.mtls.hosts import Host
from meshtop.analysis.security.mtls.mesh import MeshTls, TlsVerdict
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.security.mtls.server import Mode
from meshtop.model.mesh import Proxy
from meshtop.model.traffic import Edge, PeerKind, Sums, Target


class Arrival(Struct, frozen=True):
    """How a call ends at a workload, with the reason, and the object that decides ("" for none)."""

    fate: CallFate
    why: str = ""
    by: str = ""
    blind: bool = False
    """Whether it is not known for want of what was not read."""


_FINE = Arrival(CallFate.WORKS)


class Arrivals:
    """The ends of calls under one configuration.

    `reference` is the configuration in which the calls were seen: what was seen of their security counts for as long as
    both sides still declare the same.
    """

    def __init__(self, mesh: MeshTls, access: ObservedAccess, reference: Arrivals | None = None) -> None:
        self._mesh = mesh
        self._access = access
        self._reference = reference

    def of(self, call: SeenCall, client: Party | str, server: Party, host: Host | None, subset: str | None) -> Arrival:
        """How calls of a client end at a workload behind a host, reached through a subset or none.

        `client` is a sentence where the caller is not known.
        """
        if server.unknown is not None:
            return Arrival(CallFate.DEPENDS, server.unknown, blind=True)
        security = self._security(call, client, server, host, subset)
        if security.fate is CallFate.MTLS:
            return security
        access = self._permission(call, client, server, host, subset)
        if access.fate is CallFate.DENIED or security.fate is CallFate.WORKS:
            return access
        return security

    def _security(
        self, call: SeenCall, client: Party | str, server: Party, host: Host | None, subset: str | None
    ) -> Arrival:
        """Whether a connection comes about."""
        if isinstance(client, str):
            return self._of_unknown(call, client, server)
        verdicts = self._verdicts(call, client, server, host, subset)
        broken = [one for one in verdicts if one.outcome is TlsOutcome.BROKEN]
        if broken and len(broken) == len(verdicts):
            return Arrival(CallFate.MTLS, broken[0].why, _decided(broken[0]))
        if broken:
            return Arrival(CallFate.DEPENDS, f"It depends on the port: {broken[0].why}", _decided(broken[0]))
        seen = call.by_server.get(server.id)
        strict = bool(verdicts) and all(one.server_mode is Mode.STRICT for one in verdicts)
        if strict and server.proxy is not Proxy.NONE and seen is not None and plaintext_of(seen) > 0:
            why = "Plaintext was seen from this caller, although its configuration asks for mutual TLS."
            return Arrival(CallFate.MTLS, why, _decided(verdicts[0]))
        untold = next((one for one in verdicts if one.outcome is TlsOutcome.UNKNOWN), None)
        return Arrival(CallFate.DEPENDS, untold.why, blind=untold.policy is None) if untold is not None else _FINE

    def _of_unknown(self, call: SeenCall, client: str, server: Party) -> Arrival:
        policy = self._mesh.policy(server)
        if isinstance(policy, str):
            return Arrival(CallFate.DEPENDS, policy, blind=True)
        seen = call.by_server.get(server.id)
        ratio = seen.sums.mtls_ratio if seen is not None else None
        if server.proxy is Proxy.NONE or policy.mode is not Mode.STRICT or ratio == 1.0:
            return _FINE
        by = policy.policy or ""
        if ratio is not None and ratio < 1.0:
            return Arrival(CallFate.MTLS, f"Plaintext was seen from it, and {policy.decided_by()} is STRICT.", by)
        return Arrival(CallFate.DEPENDS, f"{policy.decided_by()} is STRICT. {client}", by)

    def _verdicts(
        self, call: SeenCall, client: Party, server: Party, host: Host | None, subset: str | None
    ) -> Sequence[TlsVerdict]:
        return self._mesh.calls(client, server, host, call.protocol, through=(subset,))

    def _declared(
        self, call: SeenCall, client: Party | str, server: Party, host: Host | None, subset: str | None
    ) -> object:
        """What both sides declare, to be compared between two configurations."""
        if isinstance(client, str):
            return client
        return [(one.outcome, one.client_mode) for one in self._verdicts(call, client, server, host, subset)]

    def _permission(
        self, call: SeenCall, client: Party | str, server: Party, host: Host | None, subset: str | None
    ) -> Arrival:
        """What policies say of it."""
        edge = self._edge(call, server, host)
        if not self._as_seen(call, client, server, host, subset):
            edge = structs.replace(edge, sums=Sums())
        verdict = self._access.edge(edge)
        if isinstance(verdict, AccessVerdict) and verdict.permission is not Permission.DENIED:
            token = self._token(edge)
            if token is not None:
                return token
        return _arrival(verdict)

    def _as_seen(
        self, call: SeenCall, client: Party | str, server: Party, host: Host | None, subset: str | None
    ) -> bool:
        """Whether what was seen of the security of these calls still tells it."""
        if self._reference is None or not call.source.workload:
            return True
        before = self._reference._declared(call, client, server, host, subset)
        return before == self._declared(call, client, server, host, subset)

    def _edge(self, call: SeenCall, server: Party, host: Host | None) -> Edge:
        seen = call.by_server.get(server.id)
        if seen is not None:
            return seen
        target = Target(
            cluster=server.cluster,
            namespace=server.namespace,
            workload=server.name,
            kind=PeerKind.WORKLOAD,
            service=host.name if host is not None else call.service,
        )
        sums = call.edges[0].sums if not call.source.workload else Sums()
        return Edge(source=call.source, destination=target, protocol=call.protocol, sums=sums)

    def _token(self, edge: Edge) -> Arrival | None:
        """Whether other rules for tokens leave it open; None where they are as they were when the call was seen."""
        reference = self._reference
        passages = self._access.passages(edge) if reference is not None else ()
        if reference is None or isinstance(passages, str):
            return None
        changed = [one for one in passages if self._other_tokens(one, reference)]
        if not changed:
            return None
        found = []
        for one in changed:
            config = self._access.config(one.home)
            if not isinstance(config, str):
                found.append(judge_call(config, one.way, structs.replace(one.call, good_token=False), now=0.0))
        denied = [one for one in found if one.permission is Permission.DENIED]
        if found and len(denied) == len(passages):
            return _arrival(denied[0])
        open_ = next((one for one in found if one.permission is not Permission.ALLOWED), None)
        return Arrival(CallFate.DEPENDS, open_.why, open_.policy or "") if open_ is not None else None

    def _other_tokens(self, passage: Passage, reference: Arrivals) -> bool:
        """Whether some point on the way takes other tokens than it did."""
        now, before = self._access.config(passage.home), reference._access.config(passage.home)
        if isinstance(now, str) or isinstance(before, str):
            return False
        return any(
            now.at(point).tokens != before.at(point).tokens for point, _ in enforcement_steps(passage.way, passage.call)
        )


def _arrival(verdict: AccessVerdict | str) -> Arrival:
    if isinstance(verdict, str):
        return Arrival(CallFate.DEPENDS, verdict, blind=True)
    if verdict.permission is Permission.ALLOWED:
        return _FINE
    fate = CallFate.DENIED if verdict.permission is Permission.DENIED else CallFate.DEPENDS
    return Arrival(fate, verdict.why, verdict.policy or "")


def _decided(verdict: TlsVerdict) -> str:
    """The object that makes a verdict: the client's rule where one sets TLS, else the server's policy."""
    if verdict.client_policy:
        return verdict.client_policy
    return (verdict.policy.policy_on(verdict.target) or "") if verdict.policy is not None else ""
