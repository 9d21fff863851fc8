"""Failures of requests to an API server in words, from errors of the system, TLS or the server."""

from __future__ import annotations

import contextlib
import ssl
import time
from datetime import UTC, datetime

import httpx
import msgspec

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.auth.remedies import kubectl, login_remedy
from meshtop.sources.http.answer import field_of
from meshtop.sources.http.bodies import AnswerTooLarge, AnswerTooSlow, size_in_words
from meshtop.sources.http.limits import LIMITS, Limits
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, causes, more_time, root_cause

_ELSEWHERE = "its server URL in the kubeconfig leads to something else, or a login stands in front of it"

_REFUSED_CERTIFICATES = {
    "EXPIRED": "it has expired",
    "REVOKED": "it was revoked",
    "UNKNOWN_CA": "its authority is not known there",
    "BAD_CERTIFICATE": "it is not valid there",
    "CERTIFICATE_UNKNOWN": "it is not valid there",
    "UNSUPPORTED_CERTIFICATE": "its kind is not supported there",
    "CERTIFICATE_REQUIRED": "none was shown",
}
"""Meaning of a server's TLS alert for the client certificate, by part of OpenSSL's name for it."""


def connection_problem(
    error: Exception, ref: ClusterRef, credentials: Credentials | None, limits: httpx.Timeout
) -> SourceProblem:
    """An error of httpx as a problem: unreachable, or denied where the server's TLS rejected the client certificate.

    `limits` are the connection's own; a request's own limits are read from the error.
    """
    where = f"{ref.name} ({ref.server})"
    check = f"{kubectl(ref)} get --raw /readyz"
    probe = f"Try {check}."
    if isinstance(error, AnswerTooLarge):
        return too_large(where, error.limit, _how_many(error))
    if isinstance(error, AnswerTooSlow):
        message = f"{where} is too slow: its answer was not whole within {error.seconds:g} s."
        probe = f"Give it longer with {more_time(limits.read)}, or see what is slow on the way to it."
    elif isinstance(error, httpx.ConnectTimeout):
        message = f"{where} does not answer: no connection within {limits.connect:g} s."
    elif isinstance(error, httpx.PoolTimeout):
        message = f"{where} is too slow: every connection to it is waiting."
    elif isinstance(error, httpx.TimeoutException):
        patience = error.request.extensions.get("timeout", {}).get("read") or limits.read
        message = f"{where} does not answer: nothing came within {patience:g} s."
    elif problem := _tls_problem(error, ref, credentials, where):
        return problem
    elif isinstance(error, httpx.ConnectError | httpx.ProxyError):
        message = f"{where} cannot be reached: {root_cause(error)}."
        probe = f"Check the network or VPN, then {check}."
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and credentials and expiry_note(credentials):
        # With TLS 1.3 a server rejects a certificate after the handshake, and the event loop drops the alert.
        return certificate_rejected(ref, expiry_note(credentials))
    elif isinstance(error, httpx.DecodingError):
        message = f"{where} sent an answer that cannot be decompressed."
    elif isinstance(error, httpx.InvalidURL):
        return SourceProblem(State.STALE, f"{where} cannot be asked: what it named makes no valid address.")
    else:
        message = f"{where} broke the connection: {root_cause(error)}."
    return SourceProblem(State.UNREACHABLE, message, probe)


def engine_problem(error: Exception, where: str, limits: Limits) -> SourceProblem:
    """An error of httpx as a problem of a telemetry engine by its own URL; `where` names it and its address."""
    if isinstance(error, AnswerTooLarge):
        return too_large(where, error.limit, _how_many(error), limits=limits)
    longer = f"Give it longer with {more_time(_silence(error))}."
    if isinstance(error, AnswerTooSlow):
        message = f"{where} is too slow: its answer was not whole within {error.seconds:g} s."
        return SourceProblem(State.UNREACHABLE, message, longer)
    if isinstance(error, httpx.TimeoutException):
        return SourceProblem(State.UNREACHABLE, f"{where} does not answer in time.", longer)
    return SourceProblem(
        State.UNREACHABLE, f"{where} cannot be reached: {root_cause(error)}.", "Check its URL in the settings."
    )


def _silence(error: Exception) -> float | None:
    """How long the request that failed was given, in seconds; None where it does not tell."""
    try:
        read: float | None = error.request.extensions.get("timeout", {}).get("read")  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        return None
    return read


def _how_many(error: AnswerTooLarge) -> str:
    return "the answers that were read at the same time" if error.of_all else "one answer"


def too_large(who: str, limit: int, what: str = "one answer", *, limits: Limits = LIMITS) -> SourceProblem:
    """The problem of an answer over a size limit: it is dropped, and requested again only after a long pause."""
    return SourceProblem(
        State.STALE,
        f"{who} sent more than {size_in_words(limit)} in {what}.",
        "Look what it holds so much of; nothing like it is read.",
        retry_after=limits.too_much_pause_seconds,
        too_much=True,
    )


def leads_elsewhere(response: httpx.Response, who: str, asked: str) -> SourceProblem:
    """An answer that redirects requests elsewhere, where nothing is sent: credentials stay with their server."""
    return SourceProblem(
        State.STALE,
        f"{who} redirects requests{_destination(response)} when asked for {asked}: {_ELSEWHERE}.",
        "Nothing was sent there. Correct the server's URL.",
        code=response.status_code,
    )


def _destination(response: httpx.Response) -> str:
    """Where a redirect leads, without its path and query, which may hold tokens."""
    location = response.headers.get("Location", "")
    try:
        place = httpx.URL(location)
    except httpx.InvalidURL:
        return ""
    host = "".join(c for c in place.host if c.isprintable())[:100]
    return f" to {place.scheme}://{host}" if place.is_absolute_url and host else ""


def expiry_note(credentials: Credentials, now: float | None = None) -> str:
    """An addition to a refusal, such as `: its certificate expired on 2026-08-01`; empty if it did not."""
    if not credentials.certificate:
        return ""
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(credentials.certificate.encode()).not_valid_after_utc
    except ValueError:
        return ""
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    return f": its certificate expired on {end:%Y-%m-%d}" if end < moment else ""


def _tls_problem(
    error: Exception, ref: ClusterRef, credentials: Credentials | None, where: str
) -> SourceProblem | None:
    for cause in causes(error):
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
            return certificate_rejected(ref, (credentials and expiry_note(credentials)) or f": {why}")
    return None


def certificate_rejected(ref: ClusterRef, why: str) -> SourceProblem:
    """Denied: the server does not accept the client certificate; `why` begins with a colon, or is empty."""
    who = f"user {ref.user}" if ref.user else "the kubeconfig"
    message = f"{ref.name} does not accept the client certificate of {who}{why}."
    return SourceProblem(State.DENIED, message, login_remedy(ref), code=401, unsent=True)


class _ErrorStatus(msgspec.Struct):
    message: str = ""
    reason: str = ""


def response_problem(
    response: httpx.Response, *, cluster: str, what: str, verb: str = "list", limits: Limits = LIMITS
) -> SourceProblem:
    """An error response as a problem: denied for a forbidden request (403), stale for everything else.

    `what` is the resource as RBAC writes it ("pods", "virtualservices.networking.istio.io").
    """
    code = response.status_code
    if code == 403:
        return SourceProblem(
            State.DENIED,
            f"{cluster} does not let you {verb} {what}.",
            f"Ask for the right to {verb} {what} (and to watch them).",
            code=code,
        )
    if is_web_page(response):
        return SourceProblem(
            State.STALE,
            f"{cluster} answers with a web page when asked to {verb} {what}: {_ELSEWHERE}.",
            code=code,
        )
    said = ""
    with contextlib.suppress(*NOT_UNDERSTOOD, httpx.StreamError):
        said = " ".join(msgspec.json.decode(response.content, type=_ErrorStatus).message.split())[:300].rstrip(".")
    message = f"{cluster} answered {code} when asked to {verb} {what}" + (f": {said}." if said else ".")
    return SourceProblem(State.STALE, message, code=code, retry_after=_retry_after(response, limits))


def is_web_page(response: httpx.Response) -> bool:
    """Whether a login page or another site answered instead of an API server."""
    return field_of(response, b"content-type").startswith("text/html") or response.content[:1] == b"<"


def _retry_after(response: httpx.Response, limits: Limits) -> float | None:
    """The pause that a server asks for, in seconds, at most what any server gets; None where it names no number."""
    try:
        return min(max(0.0, float(response.headers["Retry-After"])), limits.retry_after_seconds)
    except (KeyError, ValueError):
        return None
