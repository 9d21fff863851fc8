"""The current credentials of one context, from its kubeconfig, its plugin or its pod.

Reading them blocks, and imports slowly where a plugin or an auth-provider logs in: `load` does it in a thread of its
own, with a time limit, and never touches the terminal.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from meshtop.model.state import State
from meshtop.sources.auth import official
from meshtop.sources.auth.exec_plugin import ProcessGuard, exec_info, run_plugin
from meshtop.sources.auth.kubeconfig import ClusterRef, KubeconfigError, reread
from meshtop.sources.auth.openid import AskProvider, Tokens, renewed
from meshtop.sources.auth.plain import is_plain_login, plain_authorization, user_token
from meshtop.sources.auth.remedies import login_remedy, plugin_remedy, provider_remedy
from meshtop.sources.problem import SourceProblem, error_text, sendable

_log = logging.getLogger(__name__)

FILE_TOKEN_SECONDS = 60.0
"""Seconds for which a token from a file is used before the file is read again; Kubernetes rotates them."""

_LONGEST_REASON = 300


class Credentials(Struct, frozen=True, kw_only=True):
    """Input of a connection: the server, the client's credentials, and the trust in the server.

    `headers` hold the Authorization header and impersonation (one header for each group). `ca`, `certificate` and `key`
    are PEM text: no secret that came inline or from a plugin is kept in a file. `expires_at` is Unix seconds, None when
    nothing says so.
    """

    server: str
    headers: tuple[tuple[str, str], ...] = ()
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True
    proxy: str | None = None
    server_name: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r})"

    def same_tls(self, other: Credentials) -> bool:
        """Whether an HTTP client made for `other` can be used: at most the headers and the expiry differ."""
        return (self.server, self.ca, self.certificate, self.key, self.verify, self.proxy, self.server_name) == (
            other.server,
            other.ca,
            other.certificate,
            other.key,
            other.verify,
            other.proxy,
            other.server_name,
        )


async def load_credentials(ref: ClusterRef, *, limit_seconds: float, ask: AskProvider | None = None) -> Credentials:
    """The credentials of a context as its files say at this moment, running its plugin where it has one.

    Raises SourceProblem: denied, with the command that renews the login.
    """
    guard = ProcessGuard()
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Credentials] = loop.create_future()

    def settle(value: Credentials | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        elif value is not None:
            result.set_result(value)

    def work() -> None:
        value: Credentials | None = None
        error: BaseException | None = None
        try:
            value = load_now(ref, limit_seconds=limit_seconds, guard=guard, ask=ask)
        except BaseException as caught:  # noqa: BLE001 - handed to whoever waits
            error = caught
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, error)

    # A daemon of its own: a hanging identity provider must not keep the program from ending.
    threading.Thread(target=work, name=f"credentials of {ref.name}", daemon=True).start()
    try:
        return await asyncio.wait_for(result, timeout=limit_seconds * 2 + 1)
    except TimeoutError:
        raise SourceProblem(
            State.DENIED,
            f"The login of {ref.name} took longer than {limit_seconds * 2 + 1:g} s.",
            login_remedy(ref),
            code=401,
        ) from None
    finally:
        guard.kill()


def load_now(
    ref: ClusterRef, *, limit_seconds: float, guard: ProcessGuard | None = None, ask: AskProvider | None = None
) -> Credentials:
    """The credentials of a context, read in this thread: blocks as long as its plugin runs, at most `limit_seconds`.

    `ask` is how an identity provider is asked for new tokens. Raises SourceProblem, as `load` does.
    """
    try:
        ref = reread(ref)
        if ref.fault is not None:
            raise SourceProblem(State.UNREACHABLE, ref.fault, f"Correct {', '.join(ref.paths)}.")
        if ref.in_cluster:
            return _service_account(ref)
        _check_files(ref)
        return _from_context(ref, limit_seconds, guard or ProcessGuard(), ask)
    except SourceProblem:
        raise
    except KubeconfigError as error:
        raise SourceProblem(State.UNREACHABLE, str(error)) from None
    except Exception as error:  # noqa: BLE001 - the package raises whatever its parts raise
        if official.is_config_error(error):
            raise SourceProblem(
                State.DENIED,
                f"The login of {ref.name} cannot be used: {error_text(error)[:_LONGEST_REASON]}.",
                login_remedy(ref),
            ) from None
        _log.warning("the login of %s failed", ref.name, exc_info=True)
        reason = error_text(error)[:_LONGEST_REASON] or type(error).__name__
        raise SourceProblem(
            State.DENIED, f"The login of {ref.name} failed: {reason}.", login_remedy(ref), code=401
        ) from None


def _check_files(ref: ClusterRef) -> None:
    """Check the files named in the entries; raises SourceProblem with the key of a file that cannot be read."""
    cluster = ref.document["clusters"][0]["name"]
    for kind, entry, keys, state in (
        (f"cluster {cluster}", ref.cluster_entry, ("certificate-authority",), State.UNREACHABLE),
        (f"user {ref.user}", ref.user_entry, ("client-certificate", "client-key", "tokenFile"), State.DENIED),
    ):
        for key in keys:
            path = entry.get(key)
            if not path or entry.get(f"{key}-data") or (key == "tokenFile" and entry.get("token")):
                continue
            try:
                Path(path).read_bytes()
            except OSError as error:
                why = str(error.strerror or error).lower()
                where = ", ".join(ref.paths)
                raise SourceProblem(
                    state,
                    f"{key} of {kind} (for {ref.name}) names {path}, which cannot be read: {why}.",
                    f"Correct {key} in {where}.",
                ) from None


def _pem(entry: Mapping[str, Any], key: str) -> str | None:
    """The text of an entry, inline (`KEY-data`, in base64) or from a file; None if neither is set."""
    if entry.get(f"{key}-data"):
        return base64.standard_b64decode(entry[f"{key}-data"]).decode("utf-8", "replace")
    return Path(entry[key]).read_text(encoding="utf-8", errors="replace") if entry.get(key) else None


def _from_context(ref: ClusterRef, limit_seconds: float, guard: ProcessGuard, ask: AskProvider | None) -> Credentials:
    cluster, user = ref.cluster_entry, ref.user_entry
    plugin, provider = user.get("exec"), user.get("auth-provider")
    issued: dict[str, str] = {}

    def run(arguments: list[str], environment: Mapping[str, str]) -> Mapping[str, Any]:
        assert isinstance(plugin, Mapping)
        status = run_plugin(
            plugin,
            arguments=arguments,
            environment={**environment, "KUBERNETES_EXEC_INFO": exec_info(plugin, cluster)},
            cluster=ref.name,
            limit_seconds=limit_seconds,
            guard=guard,
        )
        issued.update({name: value for name, value in status.items() if isinstance(value, str) and value})
        if not issued.get("token", "").strip() and not issued.keys() >= {"clientCertificateData", "clientKeyData"}:
            raise SourceProblem(
                State.DENIED,
                f"The credential plugin of {ref.name} ({plugin['command']}) gave neither a token nor a certificate.",
                plugin_remedy(plugin),
                code=401,
            )
        return issued

    def google_token_expired() -> None:
        raise SourceProblem(
            State.DENIED,
            f"The login of {ref.name} in the kubeconfig has expired.",
            provider_remedy(provider if isinstance(provider, Mapping) else {}),
            code=401,
        )

    def renew_openid(settings: Mapping[str, Any]) -> Tokens:
        remedy = provider_remedy(provider if isinstance(provider, Mapping) else {})
        if ask is None:
            raise SourceProblem(State.DENIED, f"The login of {ref.name} has expired.", remedy, code=401)
        try:
            return renewed(settings, ask)
        except SourceProblem as problem:
            message = f"The login of {ref.name} has expired. {problem.message}"
            raise SourceProblem(State.DENIED, message, remedy, code=401) from problem

    token = _user_token(ref)
    if is_plain_login(user):
        login = official.UserLogin(authorization=plain_authorization(user, token))
    else:
        login = official.user_login(
            ref.document,
            ref.context,
            paths=ref.paths if "auth-provider" in user else (),
            token=token,
            run_plugin=run if isinstance(plugin, Mapping) else None,
            google_token_expired=google_token_expired,
            renew_openid=renew_openid,
        )
    headers = _impersonation(user)
    if login.authorization:
        headers.append(("Authorization", login.authorization))
    _check_headers(ref, headers)
    server = str(cluster["server"]).rstrip("/")
    secure = server.startswith("https")
    certificate, key = issued.get("clientCertificateData"), issued.get("clientKeyData")
    if secure and not (certificate and key):
        certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    return Credentials(
        server=server,
        headers=tuple(headers),
        ca=_pem(cluster, "certificate-authority") if secure else None,
        certificate=certificate,
        key=key,
        verify=not cluster.get("insecure-skip-tls-verify"),
        proxy=str(cluster["proxy-url"]) if cluster.get("proxy-url") else None,
        server_name=cluster.get("tls-server-name") or None,
        expires_at=_file_token_end() if user.get("tokenFile") else login.expires_at,
    )


def _user_token(ref: ClusterRef) -> str | None:
    """The user's bearer token, None where the user has none. Raises SourceProblem for a file that holds none."""
    path, token = ref.user_entry.get("tokenFile"), user_token(ref.user_entry)
    if token or not path:
        return token
    raise SourceProblem(
        State.DENIED,
        f"tokenFile of user {ref.user} (for {ref.name}) names {path}, which is empty.",
        f"Correct tokenFile in {', '.join(ref.paths)}.",
        code=401,
    )


def _file_token_end() -> float:
    return time.time() + FILE_TOKEN_SECONDS


def _check_headers(ref: ClusterRef, headers: list[tuple[str, str]]) -> None:
    """Raise SourceProblem, without showing the value, for line ends and non-ASCII characters in a header."""
    for name, value in headers:
        if not sendable(value):
            what = "The token or password" if name == "Authorization" else f"What is sent as {name}"
            whose = f"user {ref.user}" if ref.user else ref.name
            raise SourceProblem(
                State.DENIED,
                f"{what} of {whose} holds characters that cannot be sent (a line's end, or other than ASCII).",
                login_remedy(ref),
                code=401,
            )


def _service_account(ref: ClusterRef) -> Credentials:
    account = official.service_account()
    headers = [("Authorization", f"Bearer {account.token}")]
    _check_headers(ref, headers)
    return Credentials(
        server=account.server.rstrip("/") + ref.prefix,
        headers=tuple(headers),
        ca=Path(account.ca_file).read_text(encoding="utf-8"),
        expires_at=_file_token_end(),
    )


def _impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Impersonation headers for `as` in a kubeconfig's user, so that requests have the same rights as kubectl's."""
    headers = [
        (header, str(user[key]))
        for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid"))
        if user.get(key)
    ]
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    extra = user.get("as-user-extra")
    if isinstance(extra, Mapping):
        headers += [(f"Impersonate-Extra-{name}", str(value)) for name, values in extra.items() for value in values]
    return headers
