"""Codes and flags in words."""

from __future__ import annotations

import pytest

from meshtop.analysis.traffic.flags import (
    FLAGS,
    GRPC_STATUS,
    NEVER_ARRIVED,
    code_meaning,
    flag_meaning,
    is_error,
    never_arrived,
)

SIDECAR = "UH UF UO NR NC UT DC UAEX -"
ZTUNNEL = "DENY CONNECT TLS_FAILURE H2_HANDSHAKE_FAILURE NETWORK_POLICY IDENTITY_ERROR CERT_REVOKED"


@pytest.mark.parametrize("flag", f"{SIDECAR} {ZTUNNEL}".split())
def test_every_flag_of_the_reference_has_words(flag: str) -> None:
    assert FLAGS[flag]


def test_every_flag_that_ends_a_request_at_its_client_is_described() -> None:
    assert set(FLAGS) >= NEVER_ARRIVED
    assert sorted(GRPC_STATUS, key=int) == [str(code) for code in range(17)]


@pytest.mark.parametrize(
    ("protocol", "code", "words"),
    [
        ("http", "503", "503 Service Unavailable"),
        ("grpc", "14", "14 UNAVAILABLE"),
        ("http", "-", "no response"),
        ("http", "999", "999"),
        ("http", "", "no code"),
    ],
)
def test_codes_in_words(protocol: str, code: str, words: str) -> None:
    assert code_meaning(protocol, code) == words


def test_flags_in_words() -> None:
    assert flag_meaning("UF,URX") == (
        "could not connect to the server, all retries, or all connection attempts, were used up"
    )
    assert flag_meaning("NEW") == "flag NEW"


@pytest.mark.parametrize(
    ("protocol", "code", "expected"),
    [
        ("http", "200", False),
        ("http", "404", False),
        ("http", "500", True),
        ("http", "-", True),
        ("http", "", False),
        ("grpc", "0", False),
        ("grpc", "1", True),
        ("grpc", "404", True),
        ("grpc", "200", False),
    ],
)
def test_what_counts_as_an_error(protocol: str, code: str, expected: bool) -> None:
    assert is_error(protocol, code) is expected


@pytest.mark.parametrize(
    ("flags", "expected"), [("-", False), ("", False), ("UF,URX", True), ("UT", False), ("DC", False)]
)
def test_what_never_arrived(flags: str, expected: bool) -> None:
    assert never_arrived(flags) is expected
