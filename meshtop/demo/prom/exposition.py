"""Prometheus' text format: label sets in messages, and ``/metrics`` with the present value of every series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtop.demo.prom.columns import Labels
from meshtop.demo.prom.numbers import format_value
from meshtop.demo.prom.series import NAME, MetricMetadata, Series, SeriesSource

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_TYPES = frozenset(("counter", "gauge", "histogram", "summary"))


def quote(value: str) -> str:
    """A label value as the text format writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def show(labels: Labels) -> str:
    """A label set as Prometheus writes it in messages."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in sorted(labels.items())) + "}"


def line(labels: Labels, value: float) -> str:
    """One sample of the text format, without a timestamp."""
    inner = ",".join(f"{name}={quote(text)}" for name, text in sorted(labels.items()) if name != NAME)
    name = labels.get(NAME, "")
    return f"{name}{{{inner}}} {format_value(value)}" if inner else f"{name} {format_value(value)}"


def latest(series: Series, now_ms: int, lookback_ms: int) -> float | None:
    """The value of a series at a time: its last sample, unless that is older than the lookback."""
    _, values = series.samples(now_ms - lookback_ms, now_ms)
    return values[-1] if len(values) else None


def family(name: str, metadata: Mapping[str, MetricMetadata]) -> str:
    """The metric family of a series: ``x`` for ``x_bucket`` where ``x`` is a histogram."""
    if name in metadata:
        return name
    for kind, suffixes in _PARTS.items():
        for suffix in suffixes:
            base = name.removesuffix(suffix)
            if base != name and metadata.get(base, ("",))[0] == kind:
                return base
    return name


def exposition(source: SeriesSource, now_ms: int, lookback_ms: int) -> str:
    """The whole text of ``/metrics``: families together, each with its help and type."""
    metadata = source.metadata()
    families: dict[str, list[str]] = {}
    homes: dict[str, list[str]] = {}
    for series in source.select(None):
        value = latest(series, now_ms, lookback_ms)
        if value is None:
            continue
        name = series.labels.get(NAME, "")
        home = homes.get(name)
        if home is None:
            home = homes[name] = families.setdefault(family(name, metadata), [])
        home.append(line(series.labels, value))
    return "".join(f"{text}\n" for text in _lines(families, metadata))


def _lines(families: Mapping[str, list[str]], metadata: Mapping[str, MetricMetadata]) -> Iterable[str]:
    for name, lines in families.items():
        kind, text, _ = metadata.get(name, ("", "", ""))
        if text:
            escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
            yield f"# HELP {name} {escaped}"
        yield f"# TYPE {name} {kind if kind in _TYPES else 'untyped'}"
        yield from lines
