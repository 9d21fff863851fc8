"""Logins that stand in the kubeconfig itself, read as kubectl reads them: tokens and passwords.

Most kubeconfigs hold nothing else, and the official package takes a quarter of a second to import: it is asked only
where a plugin or an auth-provider logs in (`meshtop.sources.auth.official`). Client certificates are the connection's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ELSEWHERE = ("exec", "auth-provider")
"""The keys of a kubeconfig's user whose login is given out by somebody else."""


def is_plain_login(user: Mapping[str, Any]) -> bool:
    """Whether the whole login of a user stands in its kubeconfig and the files that this names."""
    return not any(user.get(key) for key in ELSEWHERE)


def user_token(user: Mapping[str, Any]) -> str | None:
    """The bearer token of a user: that of `tokenFile`, without white space around it, else `token`.

    None where there is neither, or where the file cannot be read or is empty and there is no token beside it.
    """
    if path := user.get("tokenFile"):
        try:
            if token := Path(path).read_text(encoding="utf-8", errors="replace").strip():
                return token
        except OSError:
            # `token` is used in its place; where there is none, the file's fault is told by who asks.
            pass
    return str(user.get("token") or "").strip() or None


def basic_authorization(user: Mapping[str, Any]) -> str | None:
    """The Authorization header for a user's name and password, in UTF-8; None without a name."""
    if not user.get("username"):
        return None
    pair = f"{user['username']}:{user.get('password') or ''}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def plain_authorization(user: Mapping[str, Any], token: str | None) -> str | None:
    """The Authorization header of a plain login: the user's `token` before name and password; None without either."""
    return f"Bearer {token}" if token else basic_authorization(user)
