"""Renewing an OpenID Connect login, as kubectl does (OpenID Connect Discovery 1.0, section 4; OAuth 2.0, section 6).

The official package would ask the provider without verifying its certificate where the kubeconfig names no authority,
and its library follows redirects with the refresh token and the client's secret in hand. Here it is asked over a
connection of this program.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from meshtop.model.state import State
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

AskProvider = Callable[[str, bytes | None, Mapping[str, str], str | None], bytes]
"""Asks a URL of a provider, by POST where there is a body, with headers; the last argument is its authority as PEM.

Gives the answer's body; raises SourceProblem for anything but a good answer.
"""


Shape = TypeVar("Shape")


class Tokens(msgspec.Struct):
    """What a provider gives for a refresh token; some give no new refresh token."""

    id_token: str
    refresh_token: str = ""


class _Discovery(msgspec.Struct):
    token_endpoint: str


def renewed(config: Mapping[str, Any], ask: AskProvider) -> Tokens:
    """New tokens for the `config` of an `oidc` auth-provider. Raises SourceProblem."""
    issuer, authority = str(config["idp-issuer-url"]).rstrip("/"), _authority(config)
    found = _decode(ask(f"{issuer}/.well-known/openid-configuration", None, {}, authority), _Discovery, issuer)
    endpoint = found.token_endpoint
    if urlsplit(endpoint).scheme != urlsplit(issuer).scheme and urlsplit(endpoint).scheme != "https":
        raise SourceProblem(State.DENIED, f"The identity provider {issuer} wants the login by plain http.", code=401)
    client, secret = str(config["client-id"]), str(config.get("client-secret") or "")
    form = {"grant_type": "refresh_token", "refresh_token": str(config["refresh-token"]), "client_id": client}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if secret:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
    return _decode(ask(endpoint, urlencode(form).encode(), headers, authority), Tokens, issuer)


def _authority(config: Mapping[str, Any]) -> str | None:
    if data := config.get("idp-certificate-authority-data"):
        return base64.standard_b64decode(str(data)).decode("utf-8", "replace")
    if path := config.get("idp-certificate-authority"):
        with open(str(path), encoding="utf-8", errors="replace") as file:
            return file.read()
    return None


def _decode(body: bytes, shape: type[Shape], issuer: str) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except NOT_UNDERSTOOD as error:
        message = f"The identity provider {issuer} sent what cannot be understood: {error_text(error)}."
        raise SourceProblem(State.DENIED, message, code=401) from None
