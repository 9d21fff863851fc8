"""Plain logins: read as kubectl reads them, and as the official package would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshtop.sources.auth import official
from meshtop.sources.auth.plain import is_plain_login, plain_authorization, user_token

USERS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"token": "t"}, "Bearer t"),
    ({"token": " t\n"}, "Bearer t"),
    ({"token": "", "username": "u", "password": "p"}, "Basic dTpw"),
    ({"token": "t", "username": "u", "password": "p"}, "Bearer t"),
    ({"username": "u", "password": "p"}, "Basic dTpw"),
    ({"username": "u"}, "Basic dTo="),
    ({"username": "", "password": ""}, None),
    ({"password": "p"}, None),
    ({"client-certificate": "c", "client-key": "k"}, None),
]


@pytest.mark.parametrize(("user", "authorization"), USERS)
def test_a_plain_login_is_the_official_packages(user: dict[str, Any], authorization: str | None) -> None:
    assert is_plain_login(user)
    assert plain_authorization(user, user_token(user)) == authorization
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://x"}}],
        "users": [{"name": "u", "user": user}],
    }
    nothing: Any = None
    theirs = official.user_login(
        document,
        "c",
        paths=(),
        token=user_token(user),
        run_plugin=None,
        google_token_expired=nothing,
        renew_openid=nothing,
    )
    assert theirs.authorization == authorization


@pytest.mark.parametrize("key", ["exec", "auth-provider"])
def test_who_is_logged_in_by_somebody_else_is_not_plain(key: str) -> None:
    assert not is_plain_login({"token": "t", key: {"command": "x", "name": "oidc"}})
    assert is_plain_login({"token": "t", key: None})


@pytest.mark.parametrize(
    ("written", "inline", "token"),
    [(" f\n", "t", "f"), ("f", None, "f"), (" \n", "t", "t"), ("", None, None), (None, "t", "t"), (None, None, None)],
)
def test_a_file_is_preferred_and_trimmed(tmp_path: Path, written: str | None, inline: str | None, token: str) -> None:
    if written is not None:
        (tmp_path / "token").write_text(written)
    assert user_token({"tokenFile": str(tmp_path / "token"), "token": inline}) == token
