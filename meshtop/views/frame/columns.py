"""The few sorts of columns that every kind is made of, so that a figure looks the same wherever it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from msgspec import structs

from meshtop.model.mesh import Ready
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.text import clean
from meshtop.model.traffic import Traffic
from meshtop.views.frame.numbers import UNKNOWN, integer, milliseconds, percent, quantity
from meshtop.views.frame.table import Align, Cell, Column, Tone

Get = Callable[[Any], Any]

NOTHING = Cell(UNKNOWN, Tone.DIM)
NO_SIGN = "  "
"""As wide as a sign and its blank."""

HEALTH_TONES = {
    HealthStatus.HEALTHY: Tone.PLAIN,
    HealthStatus.DEGRADED: Tone.DEGRADED,
    HealthStatus.FAILING: Tone.FAILING,
    HealthStatus.IDLE: Tone.DIM,
    HealthStatus.UNKNOWN: Tone.UNKNOWN,
}
HEALTH_SIGNS = {
    HealthStatus.HEALTHY: "",
    HealthStatus.DEGRADED: "▲ ",
    HealthStatus.FAILING: "✗ ",
    HealthStatus.IDLE: "",
    HealthStatus.UNKNOWN: "? ",
}
HEALTH_ORDER = {
    HealthStatus.FAILING: 0,
    HealthStatus.DEGRADED: 1,
    HealthStatus.UNKNOWN: 2,
    HealthStatus.HEALTHY: 3,
    HealthStatus.IDLE: 4,
}
STATE_TONES = {
    State.FRESH: Tone.PLAIN,
    State.STALE: Tone.UNKNOWN,
    State.PARTIAL: Tone.DEGRADED,
    State.UNREACHABLE: Tone.FAILING,
    State.DENIED: Tone.FAILING,
    State.NONE: Tone.UNKNOWN,
}
STATE_SIGNS = {
    State.FRESH: "",
    State.STALE: "? ",
    State.PARTIAL: "~ ",
    State.UNREACHABLE: "✗ ",
    State.DENIED: "✗ ",
    State.NONE: "? ",
}
STATE_ORDER = {
    State.UNREACHABLE: 0,
    State.DENIED: 1,
    State.STALE: 2,
    State.PARTIAL: 3,
    State.NONE: 4,
    State.FRESH: 5,
}


def text_cell(value: Any, tone: Tone = Tone.PLAIN) -> Cell:
    """A word from a cluster; a dash where there is none."""
    return NOTHING if value is None or value == "" else Cell(clean(value), tone)


def list_cell(values: Iterable[Any], tone: Tone = Tone.PLAIN) -> Cell:
    """Several words, joined by commas."""
    return text_cell(",".join(map(str, values)), tone)


def text(name: str, title: str, help_: str, get: Get | str, *, tone: Tone = Tone.PLAIN, **more: Any) -> Column:
    """A column of words."""
    read = _reader(get)
    return Column(name=name, title=title, help=help_, value=read, cell=lambda i: text_cell(read(i), tone), **more)


def words(name: str, title: str, help_: str, get: Get | str, **more: Any) -> Column:
    """A column of several words in each cell; a filter looks at each of them."""
    read = _reader(get)
    return Column(name=name, title=title, help=help_, value=read, cell=lambda i: list_cell(read(i)), **more)


def flag(name: str, title: str, help_: str, get: Get | str, **more: Any) -> Column:
    """A column of yes, no or unknown."""
    read = _reader(get)

    def said(item: Any) -> str | None:
        value = read(item)
        return None if value is None else "yes" if value else "no"

    return Column(name=name, title=title, help=help_, value=said, cell=lambda i: text_cell(said(i)), **more)


def count(name: str, title: str, help_: str, get: Get | str, **more: Any) -> Column:
    """A column of whole numbers."""
    return _number(name, title, help_, get, integer, "", **more)


def rate(name: str, title: str, help_: str, get: Get | str, *, unit: str = "/s", **more: Any) -> Column:
    """A column of amounts per second."""
    return _number(name, title, help_, get, quantity, unit, **more)


def latency(name: str, title: str, help_: str, get: Get | str, **more: Any) -> Column:
    """A column of milliseconds."""
    return _number(name, title, help_, get, milliseconds, "ms", **more)


def ratio(
    name: str, title: str, help_: str, get: Get | str, *, tone: Callable[[float], Tone] | None = None, **more: Any
) -> Column:
    """A column of shares from 0 to 1, drawn as percentages."""
    return _number(name, title, help_, get, percent, "ratio", tone=tone, **more)


def ready(name: str, title: str, help_: str, get: Get | str, **more: Any) -> Column:
    """A column of `ready/total`; it compares and sorts by the number that is ready."""
    read = _reader(get)

    def value(item: Any) -> int | None:
        found: Ready | None = read(item)
        return None if found is None else found.ready

    return Column(
        name=name,
        title=title,
        help=help_,
        value=value,
        cell=lambda i: ready_cell(read(i)),
        align=Align.RIGHT,
        numeric=True,
        **more,
    )


def ready_cell(found: Ready | None) -> Cell:
    """`3/4`, toned by what is missing."""
    if found is None:
        return NOTHING
    tone = Tone.PLAIN
    if found.ready < found.total:
        tone = Tone.FAILING if found.ready == 0 else Tone.DEGRADED
    elif found.total == 0:
        tone = Tone.DIM
    return Cell(f"{found.ready}/{found.total}", tone)


def health(get: Get | str = "health", **more: Any) -> Column:
    """The column of verdicts, worst first."""
    read = _reader(get)
    return Column(
        name="health",
        title="HEALTH",
        help="The worst of readiness and traffic: healthy, degraded, failing, idle (no traffic) or unknown.",
        value=lambda i: read(i).status.value,
        cell=lambda i: health_cell(read(i)),
        order=lambda i: HEALTH_ORDER[read(i).status],
        min_width=10,
        max_width=12,
        priority=0,
        **more,
    )


def health_cell(verdict: Health) -> Cell:
    """A verdict with its sign, so that it reads without colour; healthy stays in the background."""
    tone = Tone.DIM if verdict.status is HealthStatus.HEALTHY else HEALTH_TONES[verdict.status]
    return signed(HEALTH_SIGNS[verdict.status], verdict.status.value, tone)


def signed(sign: str, word: str, tone: Tone) -> Cell:
    """A word after its sign; words without one stand under the words, not under the signs."""
    return Cell((sign or NO_SIGN) + word, tone)


def state(get: Get | str = "state") -> Column:
    """The column of how sure we are of a cluster, what fails first."""
    read = _reader(get)
    return Column(
        name="state",
        title="STATE",
        help="How sure we are: fresh, stale, partial, unreachable, denied, none.",
        value=lambda i: State(read(i)).value,
        cell=lambda i: state_cell(State(read(i))),
        order=lambda i: STATE_ORDER[State(read(i))],
        min_width=7,
        max_width=13,
        priority=0,
    )


def state_cell(found: State) -> Cell:
    """A state with its sign; fresh stays in the background."""
    return Cell(STATE_SIGNS[found] + found.value, Tone.DIM if found is State.FRESH else STATE_TONES[found])


def error_tone(share: float) -> Tone:
    """Colour of an error ratio: a hundredth is worth amber, a tenth is red (the default thresholds of health)."""
    if share >= 0.10:
        return Tone.FAILING
    return Tone.DEGRADED if share >= 0.01 else Tone.PLAIN


def mtls_tone(share: float) -> Tone:
    """Colour of the share of mutual TLS: what reads as less than 99.5 % is worth a look."""
    return Tone.PLAIN if share >= 0.995 else Tone.DEGRADED


def mtls(get: Get | str = "mtls_ratio", **more: Any) -> Column:
    """The share of traffic that was seen as mutual TLS; a share that is worth a look has a sign."""
    read = _reader(get)
    plain = ratio(
        "mtlsRatio",
        "MTLS %",
        "Share of the traffic seen as mutual TLS, by reporters that know.",
        get,
        tone=mtls_tone,
        aliases=("mtls",),
        **more,
    )
    return structs.replace(plain, cell=lambda i: mtls_cell(read(i)))


def mtls_cell(share: float | None) -> Cell:
    """A share of mutual TLS, with the sign for degraded where part of it was plaintext."""
    if share is None:
        return NOTHING
    tone = mtls_tone(share)
    return Cell(f"▲ {percent(share)}" if tone is Tone.DEGRADED else percent(share), tone)


def golden(
    get: Get | str = "traffic", *, prefix: str = "", heading: str = "", wide: bool = False
) -> tuple[Column, ...]:
    """The golden signals of a traffic: rate, errors, latencies, bytes, connections.

    `prefix` goes before the names (`outboundP99`) and `heading` before the titles, where a kind has two of them.
    """
    read: Callable[[Any], Traffic] = _reader(get)

    def named(name: str) -> str:
        return prefix + name[0].upper() + name[1:] if prefix else name

    def short(*names: str) -> tuple[str, ...]:
        return tuple(named(name) for name in names)

    return (
        rate(
            named("requestsPerSecond"),
            f"{heading}REQ/S",
            "HTTP and gRPC requests per second.",
            lambda i: read(i).requests_per_second,
            aliases=short("rps", "requests", "rate"),
            priority=1,
            min_width=5,
            wide=wide,
        ),
        ratio(
            named("errorRatio"),
            f"{heading}ERR %",
            "Share of requests that failed: no answer, 5xx, or a gRPC status other than OK.",
            lambda i: read(i).error_ratio,
            tone=error_tone,
            aliases=short("errors", "error"),
            priority=1,
            min_width=5,
            wide=wide,
        ),
        rate(
            named("errorsPerSecond"),
            f"{heading}ERR/S",
            "Failed requests per second.",
            lambda i: read(i).errors_per_second,
            hidden=True,
        ),
        latency(
            named("p50"),
            f"{heading}P50 ms",
            "Half of the requests were faster.",
            lambda i: read(i).latency_ms.p50,
            wide=True,
            priority=5,
        ),
        latency(named("p90"), f"{heading}P90 ms", "90 % were faster.", lambda i: read(i).latency_ms.p90, hidden=True),
        latency(
            named("p95"),
            f"{heading}P95 ms",
            "95 % were faster.",
            lambda i: read(i).latency_ms.p95,
            wide=True,
            priority=5,
        ),
        latency(
            named("p99"),
            f"{heading}P99 ms",
            "99 % of the requests were faster.",
            lambda i: read(i).latency_ms.p99,
            aliases=short("latency"),
            priority=2,
            min_width=6,
            wide=wide,
        ),
        latency(named("mean"), f"{heading}MEAN ms", "Mean latency.", lambda i: read(i).latency_ms.mean, hidden=True),
        rate(
            named("sent"),
            f"{heading}SENT B/s",
            "TCP bytes per second that clients sent.",
            lambda i: read(i).bytes_per_second.sent,
            unit="B/s",
            wide=True,
            priority=6,
        ),
        rate(
            named("received"),
            f"{heading}RECV B/s",
            "TCP bytes per second that clients received.",
            lambda i: read(i).bytes_per_second.received,
            unit="B/s",
            wide=True,
            priority=6,
        ),
        rate(
            named("connectionsPerSecond"),
            f"{heading}CONN/S",
            "TCP connections opened per second.",
            lambda i: read(i).connections_per_second,
            aliases=short("connections"),
            wide=True,
            priority=6,
        ),
    )


def _number(
    name: str,
    title: str,
    help_: str,
    get: Get | str,
    draw: Callable[[Any], str],
    unit: str,
    *,
    tone: Callable[[float], Tone] | None = None,
    **more: Any,
) -> Column:
    read = _reader(get)

    def cell(item: Any) -> Cell:
        value = read(item)
        if value is None:
            return NOTHING
        return Cell(draw(value), tone(value) if tone else Tone.PLAIN)

    return Column(
        name=name, title=title, help=help_, value=read, cell=cell, unit=unit, align=Align.RIGHT, numeric=True, **more
    )


def _reader(get: Get | str) -> Get:
    return attrgetter(get) if isinstance(get, str) else get
