"""Asking an identity provider, from the thread in which a login is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import structs

from meshtop.model.state import State
from meshtop.sources.auth.credentials import Credentials
from meshtop.sources.http.client import TRANSPORT_ERRORS, ServerClient
from meshtop.sources.http.failures import leads_elsewhere
from meshtop.sources.http.limits import LIMITS, MIB
from meshtop.sources.http.transport import cluster_transport
from meshtop.sources.problem import SourceProblem, root_cause

_SECONDS = 5.0
_LIMITS = structs.replace(LIMITS, answer_bytes=MIB)
"""Tokens and the names of addresses are a few kilobytes."""


def ask_provider(
    url: str, body: bytes | None, headers: Mapping[str, str], authority: str | None, *, seconds: float = _SECONDS
) -> bytes:
    """The body of a provider's answer: by POST where there is a body. Blocks; raises SourceProblem.

    `authority` is the PEM text of its certificate authority, None for those that the system trusts; `seconds` the
    longest silence.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SourceProblem(State.DENIED, f"The identity provider {url} has no valid URL.", code=401)
    return asyncio.run(_ask(url, body, headers, authority, seconds))


async def _ask(
    url: str, body: bytes | None, headers: Mapping[str, str], authority: str | None, seconds: float
) -> bytes:
    name = f"The identity provider {urlsplit(url).hostname}"
    client = ServerClient(url, cluster_transport(Credentials(server=url, ca=authority), name), limits=_LIMITS)
    try:
        method = "GET" if body is None else "POST"
        answer = await client.ask(method, url, silence=seconds, connect=seconds, headers=headers, content=body)
    except TRANSPORT_ERRORS as error:
        raise SourceProblem(State.DENIED, f"{name} cannot be asked: {root_cause(error)}.", code=401) from error
    finally:
        await client.close()
    if 300 <= answer.status_code < 400:
        raise leads_elsewhere(answer, name, urlsplit(url).path)
    if answer.status_code != 200:
        message = f"{name} answers HTTP {answer.status_code} when the login is to be renewed."
        raise SourceProblem(State.DENIED, message, code=401)
    return answer.content
