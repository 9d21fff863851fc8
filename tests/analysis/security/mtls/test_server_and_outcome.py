"""What a server accepts, and what becomes of a call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.security.mtls.client import ClientTls, TlsMode
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.security.mtls.outcome import TlsOutcome, edge_outcome
from meshtop.analysis.security.mtls.server import Mode, ServerPolicy, namespace_mode
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import MeshFacts, Proxy
from tests.analysis.security.mtls.objects import peer_authentication as pa

FRONT = {"app": "front"}


def policy_for(policies: list[ConfigObject], labels: dict[str, str] | None = None) -> ServerPolicy:
    inventory = Inventory(config={"PeerAuthentication": tuple(policies)})
    member = MeshMember(name="east", inventory=inventory, facts=MeshFacts(root_namespace="mesh-root"))
    return IstioConfig(member).server("shop", labels or FRONT)


def test_each_answer_names_the_object_that_decided_it() -> None:
    mesh = pa("mesh-root", mtls={"mode": "STRICT"})
    namespace = pa("shop", mtls={"mode": "UNSET"})
    workload = pa("shop", "front", selector={"matchLabels": FRONT}, portLevelMtls={"8080": {"mode": "DISABLE"}})
    policy = policy_for([workload, namespace, mesh])
    assert policy.mode is Mode.STRICT
    assert policy.decided_by() == "PeerAuthentication mesh-root/default"
    assert policy.decided_by(9090) == "PeerAuthentication mesh-root/default"
    assert [(s.level.value, s.mode) for s in policy.chain] == [
        ("mesh", Mode.STRICT),
        ("namespace", None),
        ("workload", None),
        ("port", Mode.DISABLE),
    ]
    assert policy.on_port(8080) is Mode.DISABLE
    assert policy.on_port(9090) is Mode.STRICT


def test_what_lost_is_said() -> None:
    old = pa("shop", "old", created=1.0, mtls={"mode": "STRICT"})
    new = pa("shop", "new", created=2.0, mtls={"mode": "DISABLE"})
    rooted = pa("mesh-root", "rooted", selector={"matchLabels": FRONT}, mtls={"mode": "DISABLE"})
    policy = policy_for([new, rooted, old])
    assert policy.mode is Mode.STRICT
    assert policy.ignored == (
        "PeerAuthentication mesh-root/rooted: a selector has no effect in the root namespace",
        "PeerAuthentication shop/new: PeerAuthentication shop/old is older",
    )


def test_the_root_namespace_need_not_be_istio_system() -> None:
    assert policy_for([pa("istio-system", mtls={"mode": "STRICT"})]).mode is Mode.PERMISSIVE
    assert policy_for([pa("mesh-root", mtls={"mode": "STRICT"})]).mode is Mode.STRICT


MODES = st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE", "UNSET"])


@st.composite
def policies(draw: st.DrawFn) -> list[ConfigObject]:
    found = []
    for index in range(draw(st.integers(0, 5))):
        spec: dict[str, Any] = {"mtls": {"mode": draw(MODES)}}
        if draw(st.booleans()):
            spec["selector"] = {"matchLabels": draw(st.sampled_from([{}, FRONT, {"app": "back"}]))}
        if draw(st.booleans()):
            spec["portLevelMtls"] = {str(draw(st.integers(1, 3))): {"mode": draw(MODES)}}
        namespace = draw(st.sampled_from(["shop", "mesh-root", "other"]))
        found.append(pa(namespace, f"p{index}", created=float(draw(st.integers(0, 2))), **spec))
    return found


@given(policies(), st.randoms())
def test_order_of_policies_does_not_matter(found: list[ConfigObject], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert policy_for(found) == policy_for(shuffled)


@given(policies(), MODES)
def test_an_unrelated_policy_changes_nothing(found: list[ConfigObject], mode: str) -> None:
    elsewhere = pa("elsewhere", "x", mtls={"mode": mode})
    other_workload = pa("shop", "y", selector={"matchLabels": {"app": "nobody"}}, mtls={"mode": mode})
    assert policy_for([*found, elsewhere, other_workload]) == policy_for(found)


@given(policies())
def test_namespace_mode_is_the_mode_of_a_workload_that_no_selector_knows(found: list[ConfigObject]) -> None:
    mode = namespace_mode(found, namespace="shop", root_namespace="mesh-root")
    assert mode is policy_for(found, {"nobody": "knows"}).mode


def tls(mode: TlsMode, *, by_rule: bool = True) -> ClientTls:
    return ClientTls(mode, f"DestinationRule web/x sets {mode}", "DestinationRule web/x" if by_rule else None)


STRICT, PERMISSIVE, DISABLED = (ServerPolicy(mode=m) for m in (Mode.STRICT, Mode.PERMISSIVE, Mode.DISABLE))
SIDE, AMB, NONE = Proxy.SIDECAR, Proxy.AMBIENT, Proxy.NONE


@pytest.mark.parametrize(
    ("client", "client_proxy", "server", "server_proxy", "outcome", "code"),
    [
        (tls(TlsMode.DISABLE), SIDE, STRICT, SIDE, TlsOutcome.BROKEN, "MTLS-STRICT-CLIENT-DISABLE"),
        (tls(TlsMode.SIMPLE), SIDE, STRICT, SIDE, TlsOutcome.BROKEN, "MTLS-STRICT-CLIENT-SIMPLE"),
        (tls(TlsMode.DISABLE, by_rule=False), SIDE, STRICT, SIDE, TlsOutcome.BROKEN, "MTLS-STRICT-AUTO-PLAINTEXT"),
        (tls(TlsMode.ISTIO_MUTUAL), SIDE, PERMISSIVE, NONE, TlsOutcome.BROKEN, "MTLS-MUTUAL-NO-SIDECAR"),
        (tls(TlsMode.ISTIO_MUTUAL), SIDE, DISABLED, SIDE, TlsOutcome.BROKEN, "MTLS-MUTUAL-TO-DISABLE"),
        (tls(TlsMode.AUTO), NONE, STRICT, SIDE, TlsOutcome.BROKEN, "MTLS-STRICT-OUTSIDE-CLIENT"),
        (tls(TlsMode.AUTO), NONE, PERMISSIVE, SIDE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.AUTO), NONE, STRICT, NONE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.AUTO), SIDE, STRICT, SIDE, TlsOutcome.MTLS, None),
        (tls(TlsMode.AUTO), SIDE, PERMISSIVE, SIDE, TlsOutcome.MTLS, None),
        (tls(TlsMode.AUTO), SIDE, DISABLED, SIDE, TlsOutcome.BROKEN, "MTLS-AUTO-TO-DISABLE"),
        (tls(TlsMode.AUTO), SIDE, STRICT, NONE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.ISTIO_MUTUAL), SIDE, STRICT, SIDE, TlsOutcome.MTLS, None),
        (tls(TlsMode.DISABLE), SIDE, PERMISSIVE, SIDE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.SIMPLE), SIDE, PERMISSIVE, SIDE, TlsOutcome.UNKNOWN, None),
        (tls(TlsMode.MUTUAL), SIDE, STRICT, NONE, TlsOutcome.UNKNOWN, None),
        (tls(TlsMode.DISABLE), AMB, STRICT, AMB, TlsOutcome.MTLS, None),
        (tls(TlsMode.AUTO), AMB, STRICT, NONE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.AUTO), AMB, DISABLED, AMB, TlsOutcome.MTLS, None),
        (tls(TlsMode.AUTO), AMB, DISABLED, SIDE, TlsOutcome.PLAINTEXT, None),
        (tls(TlsMode.ISTIO_MUTUAL), SIDE, DISABLED, AMB, TlsOutcome.MTLS, None),
        (tls(TlsMode.DISABLE), SIDE, STRICT, AMB, TlsOutcome.BROKEN, "MTLS-STRICT-CLIENT-DISABLE"),
    ],
)
def test_outcomes(
    client: ClientTls,
    client_proxy: Proxy,
    server: ServerPolicy,
    server_proxy: Proxy,
    outcome: TlsOutcome,
    code: str | None,
) -> None:
    answer = edge_outcome(client=client, client_proxy=client_proxy, server=server, server_proxy=server_proxy, port=None)
    assert (answer.outcome, answer.code) == (outcome, code)
    assert answer.why.endswith(".")


def test_a_disabled_port_of_a_strict_workload_breaks_mutual_tls_to_it_alone() -> None:
    server = ServerPolicy(mode=Mode.STRICT, policy="PeerAuthentication shop/front", ports={8080: Mode.DISABLE})
    client = tls(TlsMode.ISTIO_MUTUAL)

    def outcome(port: int) -> TlsOutcome:
        return edge_outcome(client=client, client_proxy=SIDE, server=server, server_proxy=SIDE, port=port).outcome

    assert outcome(8080) is TlsOutcome.BROKEN
    assert outcome(9090) is TlsOutcome.MTLS
