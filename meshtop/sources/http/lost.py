"""Why a request to an API server got no answer, in words: what the operating system and TLS say, and what to do."""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials, remedy
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.problem import SourceProblem

_REFUSED_CERTIFICATES = {
    "EXPIRED": "it has expired",
    "REVOKED": "it was revoked",
    "UNKNOWN_CA": "its authority is not known there",
    "BAD_CERTIFICATE": "it is not valid there",
    "CERTIFICATE_UNKNOWN": "it is not valid there",
    "UNSUPPORTED_CERTIFICATE": "it is of a kind that is not taken there",
    "CERTIFICATE_REQUIRED": "none was shown",
}
"""What a server's TLS alert means for the client certificate, by a part of OpenSSL's name for it."""


def lost(error: Exception, ref: ClusterRef, credentials: Credentials | None, limits: httpx.Timeout) -> SourceProblem:
    """An error of httpx as a problem: unreachable, or denied where the server's TLS turned the certificate away.

    `limits` are the connection's own; a request's own limits are read from the error.
    """
    where = f"{ref.name} ({ref.server})"
    context = f"--context {ref.context} " if ref.context else ""
    probe = f"Try kubectl {context}get --raw /readyz."
    if isinstance(error, httpx.ConnectTimeout):
        message = f"{where} does not answer: no connection within {limits.connect:g} s."
    elif isinstance(error, httpx.PoolTimeout):
        message = f"{where} is too slow: every connection to it is waiting."
    elif isinstance(error, httpx.TimeoutException):
        patience = error.request.extensions.get("timeout", {}).get("read") or limits.read
        message = f"{where} does not answer: nothing came within {patience:g} s."
    elif problem := _tls(error, ref, credentials, where):
        return problem
    elif isinstance(error, httpx.ConnectError | httpx.ProxyError):
        message = f"{where} cannot be reached: {reason(error)}."
        probe = f"Check the network or VPN, then kubectl {context}get --raw /readyz."
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and credentials and ran_out(credentials):
        # With TLS 1.3 a server turns a certificate away after the handshake, and the loop drops the alert.
        return _turned_away(ref, ran_out(credentials))
    elif isinstance(error, httpx.DecodingError):
        message = f"{where} sent an answer that cannot be decompressed."
    else:
        message = f"{where} broke the connection: {reason(error)}."
    return SourceProblem(State.UNREACHABLE, message, probe)


def ran_out(credentials: Credentials, now: float | None = None) -> str:
    """`: its certificate ran out on 2026-08-01`, or nothing where it did not or cannot be read."""
    if not credentials.certificate:
        return ""
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(Path(credentials.certificate).read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return ""
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    return f": its certificate ran out on {end:%Y-%m-%d}" if end < moment else ""


def _tls(error: Exception, ref: ClusterRef, credentials: Credentials | None, where: str) -> SourceProblem | None:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceProblem(
                State.UNREACHABLE,
                f"The certificate of {where} is not trusted: {cause.verify_message}.",
                "Correct certificate-authority-data or tls-server-name of this cluster in the kubeconfig.",
            )
        if not isinstance(cause, ssl.SSLError):
            continue
        name = cause.reason or str(cause)
        if "WRONG_VERSION_NUMBER" in name:
            return SourceProblem(
                State.UNREACHABLE,
                f"{where} does not speak TLS.",
                "Correct the server URL of this cluster in the kubeconfig: its port, or http:// for https://.",
            )
        why = next((words for part, words in _REFUSED_CERTIFICATES.items() if part in name and "ALERT" in name), None)
        if why is not None:
            return _turned_away(ref, (credentials and ran_out(credentials)) or f": {why}")
    return None


def _turned_away(ref: ClusterRef, why: str) -> SourceProblem:
    who = f"user {ref.user}" if ref.user else "the kubeconfig"
    message = f"{ref.name} does not accept the client certificate of {who}{why}."
    return SourceProblem(State.DENIED, message, remedy(ref), code=401)


def reason(error: BaseException) -> str:
    """The deepest cause that says something: the operating system's words, not a library's."""
    found = ""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            number = 0 if isinstance(cause, ssl.SSLError) else cause.errno or 0
            text = os.strerror(number).lower() if number > 0 else cause.strerror
            return re.sub(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)$", "", text)
        found = str(cause) or found
    return " ".join(found.split()).rstrip(".") or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
