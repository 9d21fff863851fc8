"""The only module that uses private parts of the official `kubernetes` package.

Its `KubeConfigLoader` understands every way to log in that kubeconfigs know (tokens, passwords, OpenID Connect,
plugins), but runs plugins on the user's terminal and writes certificates into files that stay. Both are left out here.
A test names every part that is used and the versions it was read in (tests/sources/auth/test_official.py).

Everything here imports slowly (a quarter of a second) and may block.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from msgspec import Struct

from meshtop.sources.auth.openid import Tokens
from meshtop.sources.auth.plain import basic_authorization

VERSIONS = (37,)
"""Major versions of `kubernetes` whose private parts were read."""

RunPlugin = Callable[[list[str], Mapping[str, str]], Mapping[str, str]]
"""Runs a credential plugin (arguments, environment) and returns the texts in the `status` of its ExecCredential."""


class UserLogin(Struct, frozen=True, kw_only=True):
    """The login of a kubeconfig's user: the Authorization header, and its expiry in Unix seconds."""

    authorization: str | None = None
    expires_at: float | None = None


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """A pod's service account: the API server's URL, the token, and the CA file."""

    server: str
    token: str
    ca_file: str


def is_config_error(error: Exception) -> bool:
    """Whether the package says by this that a kubeconfig or a service account cannot be used."""
    config = sys.modules.get("kubernetes.config")
    return config is not None and isinstance(error, config.ConfigException)


def user_login(
    document: Mapping[str, Any],
    context: str | None,
    *,
    paths: Sequence[str],
    token: str | None,
    run_plugin: RunPlugin | None,
    google_token_expired: Callable[[], Any],
    renew_openid: Callable[[Mapping[str, Any]], Tokens],
) -> UserLogin:
    """The login of a context. What the package raises goes through, and so does what the functions raise.

    `renew_openid` gives new tokens for the settings of an OpenID Connect login that has expired.

    `token` is the user's own (`token`, `tokenFile`), None where the user has none: the package would not trim it, and
    would prefer the one in the kubeconfig to the file's.

    `paths` are the kubeconfig's files where a renewed OpenID Connect token is to be written back, as kubectl does: the
    provider may accept a refresh token only once.
    """
    official = importlib.import_module("kubernetes.config.kube_config")

    class Loader(official.KubeConfigLoader):  # type: ignore[misc, name-defined]
        def _load_user_token(self) -> bool | None:
            if not token:
                return None
            self.token = f"Bearer {token}"
            return True

        def _load_user_pass_token(self) -> bool | None:
            # The package fails on letters beyond Latin-1; kubectl sends UTF-8.
            if (basic := basic_authorization(self._user.value)) is None:
                return None
            self.token = basic
            return True

        def _refresh_oidc(self, provider: Any) -> None:
            settings = provider["config"].value
            tokens = renew_openid(settings)
            settings["id-token"] = tokens.id_token
            settings["refresh-token"] = tokens.refresh_token or settings["refresh-token"]

        def _load_from_exec_plugin(self) -> bool | None:
            if run_plugin is None:
                return None
            provider = official.ExecProvider(self._user["exec"], None, self._cluster)
            status = run_plugin([str(argument) for argument in provider.args], provider.env)
            if issued := status.get("token", "").strip():
                self.token = f"Bearer {issued}"
            if status.get("expirationTimestamp"):
                self.expiry = official.parse_rfc3339(status["expirationTimestamp"])
            return True

    options = {"active_context": context, "get_google_credentials": google_token_expired, "config_base_path": None}
    if paths:
        merger = official.KubeConfigMerger(os.pathsep.join(paths))
        loader = Loader(config_dict=merger.config, config_persister=merger.save_changes, **options)
    else:
        loader = Loader(config_dict=official.ConfigNode("kubeconfig", document), **options)
    loader._load_authentication()
    expiry = getattr(loader, "expiry", None)
    return UserLogin(
        authorization=getattr(loader, "token", None),
        expires_at=expiry.timestamp() if expiry is not None else None,
    )


def service_account() -> ServiceAccount:
    """The service account of the pod that this runs in. Raises the package's ConfigException where there is none."""
    # A plain object, not the package's Configuration, which would copy a globally set default.
    found = SimpleNamespace(api_key={})
    importlib.import_module("kubernetes.config").load_incluster_config(client_configuration=found)
    token = str(found.api_key["BearerToken"]).partition(" ")[2].strip()
    return ServiceAccount(server=found.host, token=token, ca_file=found.ssl_ca_cert)
