"""Limits of what one server may send and how long it may take, for all connections.

Healthy servers stay far below them. They protect against broken or malicious servers, which may only affect their own
cluster, never the memory or time of others.
"""

from __future__ import annotations

from msgspec import Struct

MIB = 1024 * 1024


class Limits(Struct, frozen=True, kw_only=True):
    """Limits of what one server may do to this program; sizes in bytes, times in seconds.

    `answer_bytes`: one answer, as received and again as decompressed. A page of 500 large objects has about 50 MiB;
    servers that know no pages send 5,000 pods in as much.
    `in_flight_bytes`: all answers of one server that are being read at the same time, decompressed. Two of the largest
    fit; eight lists that never end do not.
    `list_bytes`: all pages of one list. etcd holds 2 GiB by default, of all kinds together and denser than JSON.
    `list_pages`: 150,000 pods, the most that Kubernetes is tested with, are 300 pages; the rest is room for servers
    that make smaller ones.
    `list_seconds`: all pages of one list; 150,000 pods come in two minutes from a slow server.
    `line_bytes`: one event of a watch holds one object, which etcd limits to 1.5 MiB.
    `token_bytes`: a `continue` token or a version that is sent back in a URL, of which servers take 8 KiB.
    `answer_patience`: how many times its limit of silence (`--timeout`) one answer may take from the question to its
    last byte: a large page comes slowly through a VPN, and is not silent then.
    `retry_after_seconds`: the longest pause that a server may ask for (Retry-After). API servers ask for seconds.
    `too_much_pause_seconds`: before a list that broke one of these limits is asked for again.
    """

    answer_bytes: int = 128 * MIB
    in_flight_bytes: int = 256 * MIB
    list_bytes: int = 1024 * MIB
    list_pages: int = 3_000
    list_seconds: float = 300.0
    line_bytes: int = 8 * MIB
    token_bytes: int = 8 * 1024
    answer_patience: float = 4.0
    retry_after_seconds: float = 60.0
    too_much_pause_seconds: float = 300.0


LIMITS = Limits()
"""The limits that hold unless a test brings its own."""
DEEPEST = 64
"""Levels of nesting in an object that are read; what Kubernetes and Istio write has a dozen."""
