"""What can go wrong with a request to a cluster, for the wires of a scene."""

from __future__ import annotations

from typing import Any

import httpx

from meshtop.model.state import State
from meshtop.sources.problem import SourceProblem
from tests.actions.mesh import FaultyWire


async def status(code: int) -> httpx.Response:
    body = {"kind": "Status", "message": f"said {code}", "code": code}
    return httpx.Response(code, json=body, request=httpx.Request("PATCH", "http://test"))


def answering(code: int) -> Any:
    async def fault(*_: Any) -> httpx.Response:
        return await status(code)

    return fault


async def silent(*_: Any) -> None:
    raise SourceProblem(State.UNREACHABLE, "the cluster does not answer.")


async def applied_but_silent(
    wire: FaultyWire, method: str, path: str, params: Any, headers: Any, content: bytes | None
) -> None:
    await wire.connection.request(method, path, params=params, headers=headers, content=content)
    raise SourceProblem(State.UNREACHABLE, "the answer was lost.")


async def applied_then_dead(wire: FaultyWire, *request: Any) -> None:
    wire.dead = True
    await applied_but_silent(wire, *request)


async def not_logged_in(*_: Any) -> None:
    """What a connection raises whose credential plugin fails, or whose certificate has expired."""
    raise SourceProblem(State.DENIED, "the login of east failed.", "Log in again.", code=401, unsent=True)


async def not_accepted(*_: Any) -> None:
    """What a connection raises for a 401 of the server."""
    raise SourceProblem(State.DENIED, "east does not accept the login of user me.", "Log in again.", code=401)
