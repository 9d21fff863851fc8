"""Answers changed as a bad day or an attacker would: the JSON's shape, single bytes, the HTTP around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.faults.recording import Answer

HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202etxt\u0000\n\r[bold]$(id)`id`"
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1 << 70, 1.5e308, "", "NaN", HOSTILE, "x" * 70_000, [], {}, [[]], [None], {"": None}, [{}],
    "2026-13-45T99:99:99Z", "١٢٣", {"name": {"name": []}},
)  # fmt: skip
"""What takes the place of a value: every type where another is due, and the ends of each."""
STATUSES = (204, 301, 400, 401, 403, 404, 405, 406, 410, 418, 429, 500, 502, 503, 504)


def mutate(answer: Answer, random: Random) -> tuple[str, Answer]:
    """One change, and its name."""
    makers: list[Callable[[Answer, Random], tuple[str, Answer]]] = [_value, _value, _value, _key, _twice, _bytes, _http]
    return random.choice(makers)(answer, random)


def _places(tree: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """Every (container, key or index) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in steps:
        found.append((tree, key))
        found += _places(value, depth + 1)
    return found


def _reshaped(answer: Answer, random: Random, change: Callable[[Any, Any, Random], str]) -> tuple[str, Answer] | None:
    try:
        tree = json.loads(answer.body)
    except ValueError:
        return None
    places = _places(tree)
    if not places:
        return None
    names = [change(*random.choice(places), random) for _ in range(random.choice((1, 1, 1, 5)))]
    return names[0], replace(answer, body=json.dumps(tree).encode("utf-8", "surrogatepass"))


def _value(answer: Answer, random: Random) -> tuple[str, Answer]:
    def change(container: Any, key: Any, random: Random) -> str:
        value = random.choice(VALUES)
        if (isinstance(container, list) and key >= len(container)) or (
            isinstance(container, dict) and key not in container
        ):
            return "nothing"
        container[key] = value
        return f"{key!r:.40} is {value!r:.20}"

    return _reshaped(answer, random, change) or _bytes(answer, random)


def _key(answer: Answer, random: Random) -> tuple[str, Answer]:
    def change(container: Any, key: Any, random: Random) -> str:
        if isinstance(container, dict) and key in container:
            value = container.pop(key)
            if random.random() < 0.5:
                container[random.choice((HOSTILE, "", key.upper(), "x" * 5_000))] = value
                return f"{key!r:.40} renamed"
        return f"{key!r:.40} gone"

    return _reshaped(answer, random, change) or _bytes(answer, random)


def _twice(answer: Answer, random: Random) -> tuple[str, Answer]:
    def change(container: Any, key: Any, random: Random) -> str:
        if isinstance(container, list) and container:
            container.extend(container[:50])
        return f"{key!r:.40} twice"

    return _reshaped(answer, random, change) or _bytes(answer, random)


def _bytes(answer: Answer, random: Random) -> tuple[str, Answer]:
    body = answer.body
    at = random.randrange(len(body) + 1)
    name, changed = random.choice(
        (
            ("cut short", body[:at]),
            ("a byte that is not UTF-8", body[:at] + b"\xff" + body[at:]),
            ("a NUL", body[:at] + b"\0" + body[at:]),
            ("a flipped bit", body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] if at < len(body) else body + b"1"),
            ("a lone surrogate", body[:at] + b"\\ud800" + body[at:]),
            ("deep nesting", b'{"items":' + b"[" * 50_000),
            ("closed deep nesting", b'{"items":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
            ("a page of HTML", b"<html><body>502 Bad Gateway</body></html>"),
            ("nothing", b""),
            ("null", b"null"),
            ("a list", b"[]"),
            ("twice", body + body),
            ("NaN", b"NaN"),
        )
    )
    return name, replace(answer, body=changed)


def _http(answer: Answer, random: Random) -> tuple[str, Answer]:
    if random.random() < 0.2:
        return "a wrong content type", replace(
            answer, content_type=random.choice(("text/html", "application/yaml", ""))
        )
    status = random.choice(STATUSES)
    headers = {"Location": "http://127.0.0.1:1/elsewhere"} if status == 301 else {}
    if status == 429:
        headers = {"Retry-After": random.choice(("0", "soon", "-5", "0.01"))}
    body = random.choice((b"", b"{}", json.dumps({"kind": "Status", "code": status, "message": HOSTILE}).encode()))
    return f"status {status}", replace(answer, status=status, body=b"" if status == 204 else body, headers=headers)
