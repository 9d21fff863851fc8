"""Meanings of response codes, gRPC statuses and response flags in plain words, and which of them are errors.

Sources: RFC 9110 (HTTP), the gRPC status code list, Envoy's access log `RESPONSE_FLAGS`, ztunnel's
`response_flags`.
"""

from __future__ import annotations

NO_RESPONSE = "-"
"""Displayed code when there was no response (Istio writes 0)."""

GRPC_STATUS: dict[str, str] = {
    "0": "OK",
    "1": "CANCELLED",
    "2": "UNKNOWN",
    "3": "INVALID_ARGUMENT",
    "4": "DEADLINE_EXCEEDED",
    "5": "NOT_FOUND",
    "6": "ALREADY_EXISTS",
    "7": "PERMISSION_DENIED",
    "8": "RESOURCE_EXHAUSTED",
    "9": "FAILED_PRECONDITION",
    "10": "ABORTED",
    "11": "OUT_OF_RANGE",
    "12": "UNIMPLEMENTED",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "15": "DATA_LOSS",
    "16": "UNAUTHENTICATED",
}

FLAGS: dict[str, str] = {
    "": "unknown: the metrics have no response flags",
    "-": "nothing unusual",
    "DC": "the client went away before the answer",
    "DF": "the name could not be resolved",
    "DI": "delayed on purpose by fault injection",
    "DO": "dropped because the proxy is overloaded",
    "DPE": "the client broke the HTTP protocol",
    "DT": "the request or connection lived longer than allowed",
    "FI": "failed on purpose by fault injection",
    "IH": "rejected because of an invalid header",
    "LH": "a local health check failed",
    "LR": "reset by the proxy itself",
    "NC": "no such cluster: the route names an undefined subset or service",
    "NFCF": "no filter configuration arrived in time",
    "NR": "no route matches",
    "OM": "the overload manager ended it",
    "RL": "rate limited",
    "RLSE": "the rate limit service failed",
    "SI": "the stream was idle for too long",
    "UAEX": "denied by authorization",
    "UC": "the server closed the connection",
    "UF": "could not connect to the server",
    "UH": "no healthy host to send to",
    "UMSDR": "the request was too large for on-demand discovery",
    "UO": "overflow: the circuit breaker is open",
    "UPE": "the server broke the HTTP protocol",
    "UR": "the server reset the stream",
    "URX": "all retries, or all connection attempts, were used up",
    "UT": "the server took longer than the timeout",
    "DENY": "denied by authorization (ztunnel)",
    "CONNECT": "could not connect to the server (ztunnel)",
    "TLS_FAILURE": "the TLS handshake failed (ztunnel)",
    "H2_HANDSHAKE_FAILURE": "the HTTP/2 handshake of the tunnel failed (ztunnel)",
    "NETWORK_POLICY": "could not connect, which a NetworkPolicy may have caused (ztunnel)",
    "IDENTITY_ERROR": "the workload's own certificate could not be obtained (ztunnel)",
    "CERT_REVOKED": "the peer's certificate is revoked (ztunnel)",
}

NEVER_ARRIVED = frozenset({"DF", "FI", "NC", "NFCF", "NR", "OM", "RL", "RLSE", "UAEX", "UF", "UH", "UMSDR", "UO"}) | {
    "CONNECT",
    "TLS_FAILURE",
    "H2_HANDSHAKE_FAILURE",
    "NETWORK_POLICY",
    "IDENTITY_ERROR",
}
"""Flags which, in a source's report, mean that its own proxy ended the request, so no destination can have seen it.

A flag is local to the proxy that sets it, so the client's proxy cannot pass on the server's UAEX or RL.
"""


def never_arrived(flags: str) -> bool:
    """Whether a source's `response_flags` (one flag, or several joined by commas) mean that nothing was delivered."""
    if flags in ("-", ""):
        return False
    return any(flag in NEVER_ARRIVED for flag in flags.split(","))


_NO_CONNECTION = NEVER_ARRIVED | {"URX", "DENY", "CERT_REVOKED", "UPE"}


def connection_failed(flags: str) -> bool:
    """Whether a connection's `response_flags`, from either side, mean that it never reached a server."""
    return any(flag in _NO_CONNECTION for flag in flags.split(","))


def outcome(protocol: str, response_code: str, grpc_status: str) -> str:
    """The code of a request's outcome: the gRPC status for gRPC, unless HTTP has 4xx or 5xx; `-` for no response."""
    if response_code == "0":
        return NO_RESPONSE
    if protocol == "grpc" and grpc_status and response_code[:1] not in ("4", "5"):
        return grpc_status
    return response_code


def is_error(protocol: str, code: str) -> bool:
    """Whether `code` (as `outcome` gives it) counts as an error: no response, 5xx, and for gRPC all but OK.

    HTTP 4xx is caused by the client: health judges it separately, and it is not an error here.
    """
    if code == NO_RESPONSE:
        return True
    if len(code) == 3:
        return code[0] == "5" or (protocol == "grpc" and code[0] == "4")
    return protocol == "grpc" and code not in ("", "0")


def is_unknown(protocol: str, code: str) -> bool:
    """Whether a request's outcome is unknown, because the Telemetry API removed the label.

    For gRPC that includes HTTP 200 without a gRPC status, since every status comes with HTTP 200.
    """
    return not code or (protocol == "grpc" and len(code) == 3 and code[0] == "2")


def is_success(protocol: str, code: str) -> bool:
    """Whether a code means success: gRPC's OK, HTTP below 400."""
    return code == "0" if protocol == "grpc" else code[:1] in ("1", "2", "3")


def code_meaning(protocol: str, code: str) -> str:
    """A code in words: `503 Service Unavailable`, `14 UNAVAILABLE`, `no response`."""
    if code == NO_RESPONSE:
        return "no response"
    if protocol == "grpc" and code in GRPC_STATUS:
        return f"{code} {GRPC_STATUS[code]}"
    from http import HTTPStatus  # here, as lists show no code in words

    try:
        return f"{code} {HTTPStatus(int(code)).phrase}"
    except ValueError:
        return code or "no code"


def flag_meaning(flags: str) -> str:
    """Response flags in words; several are joined by commas, an unknown one is kept as it is."""
    return ", ".join(FLAGS.get(flag, f"flag {flag}") for flag in flags.split(","))
