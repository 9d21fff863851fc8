"""Remedies for a rejected login: the command that renews it, derived from the kubeconfig."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from meshtop.log import HIDDEN, is_secret_name, redact
from meshtop.settings.environment import home_folder
from meshtop.sources.auth.kubeconfig import ClusterRef

_BY_COMMAND = {
    "gke-gcloud-auth-plugin": "gcloud auth login",
    "gcloud": "gcloud auth login",
    "doctl": "doctl auth init",
    "oci": "oci session authenticate",
    "linode-cli": "linode-cli configure",
}


def kubectl(ref: ClusterRef) -> str:
    """The kubectl command for a cluster: with its context, and its file unless it is kubectl's default."""
    words = ["kubectl"]
    if len(ref.paths) == 1 and ref.paths[0] != str(home_folder(os.environ) / ".kube" / "config"):
        words += ["--kubeconfig", ref.paths[0]]
    if ref.context:
        words += ["--context", ref.context]
    return shlex.join(words)


def login_remedy(ref: ClusterRef) -> str:
    """How to log in to a cluster again: its plugin's or vendor's command, else the entry to renew."""
    plugin, provider = ref.user_entry.get("exec"), ref.user_entry.get("auth-provider")
    if isinstance(plugin, Mapping):
        return plugin_remedy(plugin)
    if isinstance(provider, Mapping):
        return provider_remedy(provider)
    if ref.in_cluster:
        return "Give the pod a service account that may read the cluster."
    where = ", ".join(ref.paths) or "the kubeconfig"
    return f"Renew the login of user {ref.user} in {where} ({kubectl(ref)} get namespaces tries it)."


def renewal_command(plugin: Mapping[str, Any]) -> str:
    """The command for a new login: the vendor's if known, else the plugin's own command line.

    `plugin` is the `exec` mapping of a kubeconfig's user.
    """
    command = str(plugin.get("command") or "")
    name = PurePath(command).name.removesuffix(".exe")
    arguments = [str(argument) for argument in plugin.get("args") or ()]
    if name in _BY_COMMAND:
        return _BY_COMMAND[name]
    if name in ("aws", "aws-iam-authenticator", "aws-vault"):
        profile = _value(arguments, "--profile") or _environment(plugin, "AWS_PROFILE")
        return f"aws sso login --profile {shlex.quote(profile)}" if profile else "aws sso login"
    if name == "az":
        return "az login"
    if name == "kubelogin" and (_value(arguments, "--login", "-l") or _environment(plugin, "AAD_LOGIN_METHOD")):
        return _azure(plugin, arguments)
    if name == "tsh":
        return _teleport(arguments)
    return _shown(command, arguments)


def plugin_remedy(plugin: Mapping[str, Any]) -> str:
    """How to log in again for a credential plugin: the command that renews its credential."""
    return f"Log in again: {renewal_command(plugin)}"


def provider_remedy(provider: Mapping[str, Any]) -> str:
    """How to log in again for a user with the old `auth-provider` section of kubeconfigs."""
    settings = provider.get("config")
    issuer = settings.get("idp-issuer-url") if isinstance(settings, Mapping) else None
    if provider.get("name") == "gcp":
        plugin = "which writes the plugin gke-gcloud-auth-plugin"
        return f"Log in again: gcloud container clusters get-credentials CLUSTER, {plugin}"
    where = f" of {issuer}" if issuer else ""
    return f"Log in again at the identity provider{where} and put the new id-token and refresh-token in the kubeconfig"


def _azure(plugin: Mapping[str, Any], arguments: Sequence[str]) -> str:
    method = _value(arguments, "--login", "-l") or _environment(plugin, "AAD_LOGIN_METHOD")
    if method == "azurecli":
        return "az login"
    if method == "azd":
        return "azd auth login"
    return _shown(str(plugin.get("command")), arguments)


def _shown(command: str, arguments: Sequence[str]) -> str:
    """A command line that may be read by anybody: what a flag for a secret is given is left out."""
    words = [redact(command)]
    hide = False
    for argument in arguments:
        flag, equals, _ = argument.partition("=")
        secret = flag.startswith("-") and is_secret_name(flag.lstrip("-"))
        if hide and not argument.startswith("-"):
            words.append(HIDDEN)
        else:
            words.append(f"{flag}={HIDDEN}" if secret and equals else redact(argument))
        hide = secret and not equals
    return shlex.join(words)


def _teleport(arguments: Sequence[str]) -> str:
    proxy = _value(arguments, "--proxy")
    cluster = _value(arguments, "--kube-cluster")
    command = ["tsh", *([f"--proxy={proxy}"] if proxy else []), "kube", "login", *([cluster] if cluster else [])]
    return shlex.join(command)


def _value(arguments: Sequence[str], *flags: str) -> str | None:
    """The value of a flag, written `--flag value` or `--flag=value`."""
    for position, argument in enumerate(arguments):
        for flag in flags:
            if argument == flag and position + 1 < len(arguments):
                return arguments[position + 1]
            if argument.startswith(flag + "="):
                return argument[len(flag) + 1 :]
    return None


def _environment(plugin: Mapping[str, Any], name: str) -> str | None:
    for entry in plugin.get("env") or ():
        if isinstance(entry, Mapping) and entry.get("name") == name:
            return str(entry.get("value"))
    return None
