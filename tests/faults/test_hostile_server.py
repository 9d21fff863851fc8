"""Every client of the program against every fault of a server: it ends, says why, and no credential leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshtop.demo.kube.tls import server_tls
from tests.faults.clients import CLIENTS, HEADER, TOKEN, Outcome, Target, reference
from tests.faults.hostile_server import FAULTS, EvilServer, Exchange, HostileServer, redirect, running
from tests.patience import PATIENCE_SECONDS

_MOST_SENT = 32 << 20
"""Bytes that a server may get rid of before its client hangs up: what lies in the sockets' buffers, not gigabytes."""
_OF_LISTS = {"the_same_page", "endless_pages", "a_long_continue", "invalid_utf8"}
"""Faults of lists of Kubernetes: only who reads lists can know them for faults."""
_OF_BODIES = {"truncated", "web_page", "too_busy", "deep_json", "nothing", "wrong_types", "json_null"}
"""Faults that only who decodes an answer can know for faults."""
_LISTING = ("reading_once", "prometheus_by_proxy", "prometheus_by_url", "finding_prometheus", "central_engine")


async def everybody(server: HostileServer, folder: Path, *, verify: bool = True, silence: float) -> dict[str, Outcome]:
    target = Target(reference(folder, server.url, verify=verify), silence)
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = await asyncio.gather(*(client(target) for client in CLIENTS.values()))
    return dict(zip(CLIENTS, outcomes, strict=True))


def who_must_notice(fault: str) -> set[str]:
    """The clients that may not take a fault for a good answer. A review without an answer is a no, and no failure."""
    if fault in _OF_LISTS:
        return set(_LISTING)
    everybody = set(CLIENTS) - {"adopting", "acting"}
    return everybody - {"request", "session"} if fault in _OF_BODIES else everybody


async def test_an_honest_server_is_read_by_every_client(tmp_path: Path) -> None:
    """Else the others would prove nothing."""
    with running(HostileServer()) as server:
        outcomes = await everybody(server, tmp_path, silence=30)
    answered = {name for name, outcome in outcomes.items() if outcome.fresh}
    # The simulated server has no review, no route and no registry; a central engine has another label.
    assert answered >= {"request", "session", "discovering", "prometheus_by_proxy", "prometheus_by_url"}
    assert any(TOKEN in one.headers.get("authorization", "") for one in server.received)
    assert any(one.headers.get("x-secret") == HEADER for one in server.received)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_of_a_server_is_more_than_a_sentence(tmp_path: Path, fault: str) -> None:
    with running(HostileServer()) as server:
        server.fault = FAULTS[fault]
        outcomes = await everybody(server, tmp_path, silence=0.3)
    for name in who_must_notice(fault):
        assert not outcomes[name].fresh, f"{name} takes {fault} for a good answer"
        assert outcomes[name].said, f"{name} says nothing of {fault}"
    for said in (said for outcome in outcomes.values() for said in outcome.said):
        assert TOKEN not in said
        assert HEADER not in said
        assert said.isprintable()
    assert server.most_sent < _MOST_SENT


@pytest.mark.parametrize("code", [302, 307])
async def test_a_refresh_token_goes_to_the_provider_and_no_further(tmp_path: Path, code: int) -> None:
    """The provider's own answer names where tokens are given out; what that place sends on gets nothing."""
    with running(EvilServer()) as evil, running(HostileServer()) as server:

        async def provider(exchange: Exchange) -> None:
            if exchange.request.path.endswith("openid-configuration"):
                await exchange.answer({"token_endpoint": f"{server.url}/token"})
            else:
                await redirect(evil.url, code)(exchange)

        server.fault = provider
        outcome = await CLIENTS["renewing_a_login"](Target(reference(tmp_path, server.url)))
        assert [one.path for one in server.received] == ["/.well-known/openid-configuration", "/token"]
        assert TOKEN in server.received[1].body.decode()
        assert evil.received == []
    assert any("redirects requests to http://127.0.0.1" in said for said in outcome.said)


async def test_a_provider_without_an_authority_is_verified_by_the_systems(tmp_path: Path) -> None:
    """The official package would not verify it at all, with the client's secret in hand."""
    with running(HostileServer(), server_tls()[0]) as server:
        outcome = await CLIENTS["renewing_a_login"](Target(reference(tmp_path, server.url)))
        assert server.received == []
    assert any("cannot be asked" in said for said in outcome.said)


@pytest.mark.parametrize(("code", "secure"), [(302, False), (308, False), (307, True)])
async def test_nobody_follows_a_redirect(tmp_path: Path, code: int, secure: bool) -> None:
    own, evils = (server_tls()[0], server_tls()[0]) if secure else (None, None)
    with running(EvilServer(), evils) as evil, running(HostileServer(), own) as server:
        server.fault = redirect(evil.url, code)
        outcomes = await everybody(server, tmp_path, verify=not secure, silence=30)
        assert isinstance(evil, EvilServer)
        assert evil.credentials == []
        assert evil.received == []
    for name, outcome in outcomes.items():
        assert not outcome.fresh or name == "acting", name
    for name in ("request", "session", "reading_once", "discovering", "reviewing", "acting"):
        assert any(
            "east" in said and f"redirects requests to {evil.url.rpartition(':')[0]}" in said
            for said in outcomes[name].said
        ), (name, outcomes[name].said)
