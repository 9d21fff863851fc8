"""Credentials of one context, understood by the official `kubernetes` package.

Everything here blocks and imports slowly (a quarter of a second): `load` runs in a thread of its own,
with a time limit, and never touches the terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from meshtop.model.state import State
from meshtop.sources.auth.exec_plugin import Leash, exec_info, run_plugin
from meshtop.sources.auth.kubeconfig import ClusterRef, KubeconfigError, reread
from meshtop.sources.auth.login import log_in_again, renewal_of_provider
from meshtop.sources.http.problem import SourceProblem

FILE_TOKEN_SECONDS = 60.0
"""How long a token from a file is trusted before the file is read again; Kubernetes rotates them."""


class Credentials(Struct, frozen=True, kw_only=True):
    """What a connection needs: the server, how to prove who asks, and how to know the server.

    `headers` hold the Authorization header and impersonation (a group each); `ca` is PEM text; `certificate` and
    `key` are file names; `expires_at` is Unix seconds, None when nothing says so.
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
        """Whether a client made for `other` serves for these: only the headers and the expiry differ."""
        return (self.server, self.ca, self.certificate, self.key, self.verify, self.proxy, self.server_name) == (
            other.server,
            other.ca,
            other.certificate,
            other.key,
            other.verify,
            other.proxy,
            other.server_name,
        )


async def load(ref: ClusterRef, *, limit_seconds: float) -> Credentials:
    """The credentials of a context as its files say at this moment, running its plugin where it has one.

    Raises SourceProblem: denied, with the command that renews the login.
    """
    leash = Leash()
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
            value = load_now(ref, limit_seconds=limit_seconds, leash=leash)
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
            remedy(ref),
            code=401,
        ) from None
    finally:
        leash.cut()


def load_now(ref: ClusterRef, *, limit_seconds: float, leash: Leash | None = None) -> Credentials:
    """The same, blocking."""
    official = _official("config")
    try:
        ref = reread(ref)
        if ref.fault is not None:
            raise SourceProblem(State.UNREACHABLE, ref.fault, f"Correct {', '.join(ref.paths)}.")
        if ref.in_cluster:
            mine = _service_account()
            return structs.replace(mine, server=mine.server.rstrip("/") + ref.prefix) if ref.prefix else mine
        _check_files(ref)
        return _from_context(ref, limit_seconds, leash or Leash())
    except SourceProblem:
        raise
    except KubeconfigError as error:
        raise SourceProblem(State.UNREACHABLE, str(error)) from None
    except official.ConfigException as error:
        raise SourceProblem(
            State.DENIED, f"The login of {ref.name} cannot be used: {_one_line(error)}.", remedy(ref)
        ) from None
    except Exception as error:  # noqa: BLE001 - the package raises whatever its parts raise
        reason = _one_line(error) or type(error).__name__
        raise SourceProblem(State.DENIED, f"The login of {ref.name} failed: {reason}.", remedy(ref), code=401) from None


def _check_files(ref: ClusterRef) -> None:
    """Read what the entries name; raises SourceProblem that says which key names a file that cannot be read."""
    cluster = ref.document["clusters"][0]
    for kind, entry, keys, state in (
        (f"cluster {cluster['name']}", cluster["cluster"], ("certificate-authority",), State.UNREACHABLE),
        (f"user {ref.user}", _user(ref), ("client-certificate", "client-key", "tokenFile"), State.DENIED),
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


def _official(module: str) -> Any:
    """A part of the official package, imported when it is needed; most of it has no types."""
    return importlib.import_module(f"kubernetes.{module}")


def _configuration() -> Any:
    """A configuration of its own: calling the class would copy what another cluster set as the default."""
    return type.__call__(_official("client").Configuration)


def tls_context(credentials: Credentials, cluster: str) -> ssl.SSLContext:
    """An SSL context that trusts the cluster's own authority. Raises SourceProblem for unusable certificates."""
    try:
        context = ssl.create_default_context(cadata=credentials.ca) if credentials.ca else ssl.create_default_context()
    except (ssl.SSLError, ValueError):
        raise SourceProblem(
            State.UNREACHABLE,
            f"The certificate authority of {cluster} in the kubeconfig is no certificate in PEM.",
            "Correct certificate-authority-data (or certificate-authority) of this cluster in the kubeconfig.",
        ) from None
    # Many clusters' authorities lack extensions that newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not credentials.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if credentials.certificate:
            context.load_cert_chain(credentials.certificate, credentials.key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        mismatch = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        why = "do not belong together" if mismatch else "are no certificate and unencrypted key in PEM"
        raise SourceProblem(
            State.DENIED,
            f"The client certificate and key for {cluster} in the kubeconfig {why}.",
            "Renew client-certificate and client-key (or their -data) of its user in the kubeconfig.",
            code=401,
        ) from None
    return context


def _from_context(ref: ClusterRef, limit_seconds: float, leash: Leash) -> Credentials:
    official = _official("config.kube_config")
    user = _user(ref)
    plugin = user.get("exec")

    class Loader(official.KubeConfigLoader):  # type: ignore[misc, name-defined]
        """The official loader with a plugin that cannot ask and whose failure is told instead of logged."""

        def _load_from_exec_plugin(self) -> bool | None:
            if not isinstance(plugin, dict):
                return None
            cluster = ref.document["clusters"][0]["cluster"]
            provider = official.ExecProvider(self._user["exec"], None, self._cluster)
            environment = {**provider.env, "KUBERNETES_EXEC_INFO": exec_info(plugin, cluster)}
            status = run_plugin(
                plugin,
                arguments=[str(argument) for argument in provider.args],
                environment=environment,
                cluster=ref.name,
                limit_seconds=limit_seconds,
                leash=leash,
            )
            _take(self, status, ref, plugin)
            return True

    def no_google() -> None:
        provider = user.get("auth-provider")
        raise SourceProblem(
            State.DENIED,
            f"The login of {ref.name} in the kubeconfig has expired.",
            renewal_of_provider(provider if isinstance(provider, Mapping) else {}),
            code=401,
        )

    arguments: dict[str, Any] = {"active_context": ref.context, "get_google_credentials": no_google}
    if "auth-provider" in user and ref.paths:
        # A renewed refresh token replaces the old one at the provider: it must be written back, as kubectl does.
        merger = official.KubeConfigMerger(os.pathsep.join(ref.paths))
        loader = Loader(
            config_dict=merger.config, config_persister=merger.save_changes, config_base_path=None, **arguments
        )
    else:
        loader = Loader(config_dict=official.ConfigNode("kubeconfig", ref.document), config_base_path=None, **arguments)
    configuration = _configuration()
    loader.load_and_set(configuration)
    return _credentials(configuration, ref, user, loader)


def _take(loader: Any, status: Mapping[str, Any], ref: ClusterRef, plugin: Mapping[str, Any]) -> None:
    """Put a plugin's answer where the official loader keeps its own."""
    official = _official("config.kube_config")
    token = status.get("token")
    if isinstance(token, str) and token:
        loader.token = f"Bearer {token}"
    if status.get("clientCertificateData") and status.get("clientKeyData"):
        for attribute, key in (("cert_file", "clientCertificateData"), ("key_file", "clientKeyData")):
            kept = official.FileOrData(status, None, data_key_name=key, base64_file_content=False)
            setattr(loader, attribute, kept.as_file())
    elif not token:
        raise SourceProblem(
            State.DENIED,
            f"The credential plugin of {ref.name} ({plugin.get('command')}) gave neither a token nor a certificate.",
            log_in_again(plugin),
            code=401,
        )
    if status.get("expirationTimestamp"):
        loader.expiry = official.parse_rfc3339(status["expirationTimestamp"])


def _credentials(configuration: Any, ref: ClusterRef, user: Mapping[str, Any], loader: Any) -> Credentials:
    headers = _impersonation(user)
    token = configuration.api_key.get("BearerToken")
    if token:
        headers.append(("Authorization", str(token)))
    expiry = getattr(loader, "expiry", None)
    expires_at = expiry.timestamp() if expiry is not None else None
    if user.get("tokenFile") and not user.get("token"):
        expires_at = time.time() + FILE_TOKEN_SECONDS
    _check_headers(ref, headers)
    cluster = ref.document["clusters"][0]["cluster"]
    authority = configuration.ssl_ca_cert
    return Credentials(
        server=str(configuration.host).rstrip("/"),
        headers=tuple(headers),
        ca=Path(authority).read_text(encoding="utf-8", errors="replace") if authority else None,
        certificate=configuration.cert_file,
        key=configuration.key_file,
        verify=bool(configuration.verify_ssl),
        proxy=str(cluster["proxy-url"]) if cluster.get("proxy-url") else None,
        server_name=configuration.tls_server_name or None,
        expires_at=expires_at,
    )


def _check_headers(ref: ClusterRef, headers: list[tuple[str, str]]) -> None:
    """Raise SourceProblem for what no HTTP header can carry, without showing it: a line's end, other than ASCII."""
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            what = "The token or password" if name == "Authorization" else f"What is sent as {name}"
            raise SourceProblem(
                State.DENIED,
                f"{what} of user {ref.user} holds characters that cannot be sent (a line's end, or other than ASCII).",
                remedy(ref),
                code=401,
            )


def _service_account() -> Credentials:
    configuration = _configuration()
    _official("config").load_incluster_config(client_configuration=configuration)
    token = str(configuration.api_key["BearerToken"])
    return Credentials(
        server=str(configuration.host),
        headers=(("Authorization", token),),
        ca=Path(configuration.ssl_ca_cert).read_text(encoding="utf-8"),
        expires_at=time.time() + FILE_TOKEN_SECONDS,
    )


def _impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The `as` of a kubeconfig's user; without it requests would have other rights than kubectl's."""
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


def _user(ref: ClusterRef) -> Mapping[str, Any]:
    users = ref.document.get("users") or []
    return users[0]["user"] or {} if users else {}


def remedy(ref: ClusterRef) -> str:
    """What renews the login of a context: its plugin's or vendor's command, else which entry to renew."""
    user = _user(ref)
    plugin, provider = user.get("exec"), user.get("auth-provider")
    if isinstance(plugin, Mapping):
        return log_in_again(plugin)
    if isinstance(provider, Mapping):
        return renewal_of_provider(provider)
    if ref.in_cluster:
        return "Give the pod a service account that may read the cluster."
    where = ", ".join(ref.paths) or "the kubeconfig"
    return f"Renew the login of user {ref.user} in {where} (kubectl --context {ref.context} get namespaces tries it)."


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return "".join(c if c.isprintable() else " " for c in text)[:300].rstrip(".")
