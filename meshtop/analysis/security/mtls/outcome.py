"""Outcome of a call between client and server: mtls, plaintext, broken or unknown, with the reason as a sentence.

The table of conflicts is the one of Istio's documentation and known failures (reference: "Conflicts to find").
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.security.mtls.client import ClientTls, TlsMode
from meshtop.analysis.security.mtls.server import Mode, ServerPolicy
from meshtop.model.mesh import Proxy


class TlsOutcome(StrEnum):
    """How a call is transported."""

    MTLS = "mtls"
    PLAINTEXT = "plaintext"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class EdgeTls(Struct, frozen=True):
    """The outcome of one call to one port; `code` names the conflict, None where there is none."""

    outcome: TlsOutcome
    why: str
    code: str | None = None


def _outside(server: ServerPolicy, server_proxy: Proxy, mode: Mode, port: int | None) -> EdgeTls:
    """The outcome for a caller without a proxy, which can only send plaintext."""
    if server_proxy is Proxy.NONE:
        return EdgeTls(TlsOutcome.PLAINTEXT, "Neither side has a proxy.")
    if mode is Mode.STRICT:
        return EdgeTls(
            TlsOutcome.BROKEN,
            f"The caller is outside of the mesh, and {server.decided_by(port)} demands mutual TLS.",
            "MTLS-STRICT-OUTSIDE-CLIENT",
        )
    return EdgeTls(TlsOutcome.PLAINTEXT, "The caller is outside of the mesh and can send plaintext only.")


def _to_bare_server(client: ClientTls) -> EdgeTls:
    """The outcome for a server without a proxy, which does not understand the mesh's mutual TLS."""
    if client.mode is TlsMode.ISTIO_MUTUAL:
        return EdgeTls(
            TlsOutcome.BROKEN,
            f"{client.why}, and the server has no proxy to answer it.",
            "MTLS-MUTUAL-NO-SIDECAR",
        )
    if client.mode in (TlsMode.SIMPLE, TlsMode.MUTUAL):
        return EdgeTls(TlsOutcome.UNKNOWN, f"{client.why}: it works only if the application itself speaks TLS.")
    return EdgeTls(TlsOutcome.PLAINTEXT, f"The server has no proxy; {client.why}.")


def _to_ambient_client(server: ServerPolicy, server_proxy: Proxy) -> EdgeTls:
    """The outcome for an ambient client: ztunnel ignores DestinationRules and uses HBONE wherever the server can."""
    if server_proxy is Proxy.NONE:
        return EdgeTls(TlsOutcome.PLAINTEXT, "The caller's ztunnel finds no proxy at the server and sends plaintext.")
    if server_proxy is Proxy.SIDECAR:
        if server.mode is Mode.DISABLE:
            return EdgeTls(
                TlsOutcome.PLAINTEXT, f"{server.decided_by()} switches mutual TLS off at the server's sidecar."
            )
        return EdgeTls(TlsOutcome.MTLS, "The caller's ztunnel tunnels to the server's sidecar with mutual TLS.")
    return EdgeTls(TlsOutcome.MTLS, "Both sides are in ambient mode: ztunnel tunnels with mutual TLS.")


def edge_outcome(
    *, client: ClientTls, client_proxy: Proxy, server: ServerPolicy, server_proxy: Proxy, port: int | None
) -> EdgeTls:
    """The outcome of a call to a workload port (None: the workload as a whole)."""
    mode = server.on_port(port)
    if client_proxy is Proxy.NONE:
        return _outside(server, server_proxy, mode, port)
    if client_proxy is Proxy.AMBIENT:
        return _to_ambient_client(server, server_proxy)
    if server_proxy is Proxy.NONE:
        return _to_bare_server(client)
    if server_proxy is Proxy.AMBIENT and mode is Mode.DISABLE:
        mode = Mode.PERMISSIVE
    decided = server.decided_by(port)
    if client.mode is TlsMode.AUTO:
        if mode is Mode.DISABLE:
            return EdgeTls(
                TlsOutcome.BROKEN,
                f"Auto mTLS looks at the namespace and sends mutual TLS, but {decided} is DISABLE.",
                "MTLS-AUTO-TO-DISABLE",
            )
        return EdgeTls(TlsOutcome.MTLS, f"Auto mTLS meets a proxy; {decided} is {mode}.")
    if client.mode is TlsMode.ISTIO_MUTUAL:
        if mode is Mode.DISABLE:
            return EdgeTls(TlsOutcome.BROKEN, f"{client.why}, but {decided} is DISABLE.", "MTLS-MUTUAL-TO-DISABLE")
        return EdgeTls(TlsOutcome.MTLS, f"{client.why}; {decided} is {mode}.")
    if client.mode is TlsMode.DISABLE:
        if mode is not Mode.STRICT:
            return EdgeTls(TlsOutcome.PLAINTEXT, f"{client.why[:1].upper()}{client.why[1:]}; {decided} is {mode}.")
        code = "MTLS-STRICT-CLIENT-DISABLE" if client.policy else "MTLS-STRICT-AUTO-PLAINTEXT"
        return EdgeTls(TlsOutcome.BROKEN, f"{client.why[:1].upper()}{client.why[1:]}, but {decided} is STRICT.", code)
    if mode is Mode.STRICT:
        return EdgeTls(
            TlsOutcome.BROKEN,
            f"{client.why}, which is not the mesh's mutual TLS, but {decided} is STRICT.",
            "MTLS-STRICT-CLIENT-SIMPLE",
        )
    return EdgeTls(TlsOutcome.UNKNOWN, f"{client.why}: it works only if the application itself speaks TLS.")
