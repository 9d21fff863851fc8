"""Compares answers of the simulated and the real Prometheus: same series, values within a relative tolerance."""

from __future__ import annotations

import math
from typing import Any

TOLERANCE = 1e-9


def _close(a: str, b: str) -> bool:
    x, y = float(a), float(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-12)


def _points(entry: dict[str, Any]) -> list[tuple[float, str]]:
    return [(float(time), value) for time, value in entry.get("values", [entry.get("value")])]


def _by_labels(result: list[dict[str, Any]]) -> dict[str, list[tuple[float, str]]]:
    keyed = {str(sorted(entry["metric"].items())): _points(entry) for entry in result}
    assert len(keyed) == len(result), "the same series twice"
    return keyed


def difference(ours: tuple[int, dict[str, Any]], real: tuple[int, dict[str, Any]]) -> str:
    """What differs between two answers, or "" when nothing does. Of errors, status and type must agree."""
    if ours[0] != real[0] or ours[1].get("errorType") != real[1].get("errorType"):
        return f"ours {ours[0]} {str(ours[1])[:300]}, real {real[0]} {str(real[1])[:300]}"
    if real[1]["status"] == "error":
        return ""
    a, b = ours[1]["data"], real[1]["data"]
    if a["resultType"] != b["resultType"]:
        return f"type {a['resultType']}, real {b['resultType']}"
    if a["resultType"] == "string":
        return "" if a["result"] == b["result"] else f"{a['result']}, real {b['result']}"
    if a["resultType"] == "scalar":
        same = a["result"][0] == b["result"][0] and _close(a["result"][1], b["result"][1])
        return "" if same else f"{a['result']}, real {b['result']}"
    mine, theirs = _by_labels(a["result"]), _by_labels(b["result"])
    if mine.keys() != theirs.keys():
        return (
            f"only ours {sorted(mine.keys() - theirs.keys())[:2]}, only real {sorted(theirs.keys() - mine.keys())[:2]}"
        )
    for labels, points in mine.items():
        others = theirs[labels]
        if [time for time, _ in points] != [time for time, _ in others]:
            return f"{labels}: times differ: {len(points)} points, real {len(others)}"
        for (time, x), (_, y) in zip(points, others, strict=True):
            if not _close(x, y):
                return f"{labels} at {time}: {x}, real {y}"
    return ""
