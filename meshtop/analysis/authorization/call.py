"""What is known of a call, field by field; what is not known is `UNTOLD`, which is not the same as absent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

HTTP = ("http", "grpc")
"""The protocols that an Envoy proxy judges with the fields of HTTP; all others are TCP to it."""


class Untold(Enum):
    """The type of `UNTOLD`: nobody said what this field of the call is."""

    UNTOLD = "untold"


UNTOLD = Untold.UNTOLD


class JudgedCall(Struct, frozen=True, kw_only=True):
    """One call as an enforcement point sees it.

    `principal` is the caller's identity without `spiffe://` (`cluster.local/ns/shop/sa/web`), None in plaintext.
    `source_ip` is the direct peer, `remote_ip` the original client. `port` is the port of the workload. `path` is as it
    was sent, with its query. Names in `headers` are in lower case. `claims` are those of a token with a good signature,
    None without a token. `sni` is None where TLS named no server. `protocol` is http, grpc or tcp. `trusted` is whether
    the caller's trust domain is known to be trusted, and `good_token` whether a token, if there is one, is known to be
    a good one, whatever they are.
    """

    protocol: str
    principal: str | Untold | None = UNTOLD
    source_ip: str | Untold = UNTOLD
    remote_ip: str | Untold = UNTOLD
    destination_ip: str | Untold = UNTOLD
    port: int | Untold = UNTOLD
    method: str | Untold = UNTOLD
    path: str | Untold = UNTOLD
    host: str | Untold = UNTOLD
    headers: Mapping[str, str] | Untold = UNTOLD
    claims: Mapping[str, Any] | Untold | None = UNTOLD
    sni: str | Untold | None = UNTOLD
    trusted: bool = False
    good_token: bool = False

    @property
    def asked_method(self) -> str | Untold:
        """The method of the request; gRPC has no other than POST."""
        return "POST" if self.protocol == "grpc" and isinstance(self.method, Untold) else self.method

    @property
    def is_http(self) -> bool:
        """Whether proxies see requests, not only connections."""
        return self.protocol in HTTP
