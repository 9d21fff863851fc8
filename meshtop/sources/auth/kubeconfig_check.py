"""Validates a kubeconfig's entries, so that a mistake is reported with its key before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from meshtop.settings.origins import without_credentials

Entry = Mapping[str, Any]

_CLUSTER_TEXTS = ("server", "certificate-authority", "certificate-authority-data", "proxy-url", "tls-server-name")
_USER_TEXTS = (
    "token",
    "tokenFile",
    "username",
    "password",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "as",
    "as-uid",
)
_PROXIES = ("http", "https", "socks5", "socks5h")


def cluster_fault(name: str, cluster: Entry) -> str | None:
    """The problem of a cluster's entry, without a full stop; None if it is valid. Never shows a password."""
    for key in _CLUSTER_TEXTS:
        if not isinstance(cluster.get(key), str | None):
            return f"{key} of cluster {name} must be text; put it in quotes"
    server = cluster.get("server") or ""
    if not server.startswith(("https://", "http://")):
        return f"cluster {name} has no server URL that starts with https://"
    if not _leads_somewhere(server):
        return f"the server URL of cluster {name}, {_shown(server)!r}, is not one; write https://HOST:PORT"
    proxy = cluster.get("proxy-url")
    if proxy and (_scheme(proxy) not in _PROXIES or not _leads_somewhere(proxy)):
        return f"proxy-url of cluster {name}, {_shown(proxy)!r}, is not one; write http://HOST:PORT"
    return None


def _shown(url: str) -> str:
    """A URL without user and password, otherwise as written."""
    return without_credentials(url) if "@" in url else url


def user_fault(name: str, user: Entry) -> str | None:
    """The problem of a user's entry, without a full stop; None if it is valid. Never shows a secret."""
    for key in _USER_TEXTS:
        if not isinstance(user.get(key), str | None):
            return f"{key} of user {name} must be text; put it in quotes"
    if not _all_of(user.get("as-groups"), str):
        return f"as-groups of user {name} must be a list of names"
    provider = user.get("auth-provider")
    if not isinstance(provider, Mapping | None):
        return f"auth-provider of user {name} must be a mapping with a name"
    plugin = user.get("exec")
    if plugin is None:
        return None
    if not isinstance(plugin, Mapping):
        return f"exec of user {name} must be a mapping with apiVersion and command"
    for key in ("apiVersion", "command"):
        if not isinstance(plugin.get(key), str) or not plugin[key]:
            return f"exec.{key} of user {name} is missing"
    if not _all_of(plugin.get("args"), str):
        return f"exec.args of user {name} must be a list of texts"
    environment = plugin.get("env")
    if not _all_of(environment, Mapping) or not all(
        isinstance(entry.get("name"), str) and isinstance(entry.get("value"), str) for entry in environment or ()
    ):
        return f"exec.env of user {name} must be a list of entries with name and value"
    return None


def _scheme(url: str) -> str | None:
    """The scheme of a URL; None if it is not a URL."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return None


def _leads_somewhere(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not any(c.isspace() for c in url)
    except ValueError:
        return False


def _all_of(value: Any, kind: type[Any]) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(part, kind) for part in value))
