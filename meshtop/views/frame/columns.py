"""The column types that all kinds use, so that a figure looks the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Generic, TypedDict, TypeVar, Unpack

from meshtop.model.constants import MUTUAL_TLS_FROM
from meshtop.model.mesh import Ready
from meshtop.model.numbers import UNKNOWN, integer, milliseconds, percent, quantity
from meshtop.model.numbers import latency as latency_text
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.text import clean
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Traffic
from meshtop.views.frame.table import Align, Cell, Column, Tone

Item = TypeVar("Item")

NOTHING = Cell(UNKNOWN, Tone.DIM)
NO_SIGN = "  "
"""Padding as wide as a sign and a space."""

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
    """A text from a cluster; a dash where there is none."""
    return NOTHING if value is None or value == "" else Cell(clean(value), tone)


def list_cell(values: Iterable[Any], tone: Tone = Tone.PLAIN) -> Cell:
    """Several words, joined by commas."""
    return text_cell(",".join(map(str, values)), tone)


def mtls_share_cell(share: float | None) -> Cell:
    """A share of mutual TLS as shown in a detail: `98.2 %`."""
    return with_unit(mtls_cell(share), "ratio")


def with_unit(cell: Cell, unit: str) -> Cell:
    """A cell with its unit appended, for places without a heading; a dash stays a dash."""
    if cell == NOTHING or not unit:
        return cell
    return Cell(cell.text + {"ratio": " %", "/s": "/s"}.get(unit, f" {unit}"), cell.tone)


def ready_cell(found: Ready | None) -> Cell:
    """`3/4`, toned by what is missing."""
    return NOTHING if found is None else Cell(f"{found.ready}/{found.total}", _ready_tone(found))


def ready_text_cell(found: Ready | None) -> Cell:
    """`3 of 4 ready`, toned by what is missing."""
    return NOTHING if found is None else Cell(f"{found.ready} of {found.total} ready", _ready_tone(found))


def _ready_tone(found: Ready) -> Tone:
    if found.ready < found.total:
        return Tone.FAILING if found.ready == 0 else Tone.DEGRADED
    return Tone.DIM if found.total == 0 else Tone.PLAIN


def health_cell(verdict: Health) -> Cell:
    """A verdict with its sign, so that it reads without colour; healthy stays in the background."""
    tone = Tone.DIM if verdict.status is HealthStatus.HEALTHY else HEALTH_TONES[verdict.status]
    return signed(HEALTH_SIGNS[verdict.status], verdict.status.value, tone)


def signed(sign: str, word: str, tone: Tone) -> Cell:
    """A word after its sign; words without a sign are indented to line up."""
    return Cell((sign or NO_SIGN) + word, tone)


def state_cell(found: State) -> Cell:
    """A state with its sign; fresh stays in the background."""
    return Cell(STATE_SIGNS[found] + found.value, Tone.DIM if found is State.FRESH else STATE_TONES[found])


def error_tone(share: float, thresholds: Thresholds, protocol: str = "") -> Tone:
    """Colour of an error ratio: that of its verdict by the health thresholds."""
    return HEALTH_TONES[thresholds.of_errors(share, protocol)]


def mtls_tone(share: float) -> Tone:
    """Colour of the share of mutual TLS: a warning below 99.5 %."""
    return Tone.PLAIN if share >= MUTUAL_TLS_FROM else Tone.DEGRADED


def mtls_cell(share: float | None) -> Cell:
    """A share of mutual TLS, with the sign for degraded where part of it was plaintext."""
    if share is None:
        return NOTHING
    tone = mtls_tone(share)
    return Cell(f"▲ {percent(share)}" if tone is Tone.DEGRADED else percent(share), tone)


class ColumnOptions(TypedDict, total=False):
    """Options of every column type besides name, title and help (see `Column`)."""

    unit: str
    align: Align
    min_width: int
    max_width: int
    priority: int
    wide: bool
    hidden: bool
    numeric: bool
    aliases: tuple[str, ...]
    order: Callable[[Any], Any] | None
    judge: Callable[[Any, Thresholds], Tone] | None
    label: str


class Columns(Generic[Item]):
    """Makes the columns of one kind of items.

    A column's value is read by a function of the item, or a field's path (`"traffic.error_ratio"`).
    """

    def __init__(self, item: type[Item]) -> None:
        self.item = item

    def text(
        self,
        name: str,
        title: str,
        help_: str,
        get: Callable[[Item], Any] | str,
        *,
        tone: Tone = Tone.PLAIN,
        **more: Unpack[ColumnOptions],
    ) -> Column[Item]:
        """A column of words."""
        read = _reader(get)
        return Column(name=name, title=title, help=help_, value=read, cell=lambda i: text_cell(read(i), tone), **more)

    def words(
        self, name: str, title: str, help_: str, get: Callable[[Item], Any] | str, **more: Unpack[ColumnOptions]
    ) -> Column[Item]:
        """A column of several words in each cell; a filter matches any of them."""
        read = _reader(get)
        return Column(
            name=name,
            title=title,
            help=help_,
            value=read,
            cell=lambda i: list_cell(read(i)),
            full=lambda i: text_cell(", ".join(map(str, read(i)))),
            **more,
        )

    def flag(
        self, name: str, title: str, help_: str, get: Callable[[Item], Any] | str, **more: Unpack[ColumnOptions]
    ) -> Column[Item]:
        """A column of yes, no or unknown."""
        read = _reader(get)

        def word(item: Item) -> str | None:
            value = read(item)
            return None if value is None else "yes" if value else "no"

        return Column(name=name, title=title, help=help_, value=word, cell=lambda i: text_cell(word(i)), **more)

    def count(
        self, name: str, title: str, help_: str, get: Callable[[Item], Any] | str, **more: Unpack[ColumnOptions]
    ) -> Column[Item]:
        """A column of whole numbers."""
        return _number(name, title, help_, _reader(get), integer, **more)

    def rate(
        self,
        name: str,
        title: str,
        help_: str,
        get: Callable[[Item], Any] | str,
        *,
        tone: Callable[[float], Tone] | None = None,
        **more: Unpack[ColumnOptions],
    ) -> Column[Item]:
        """A column of amounts per second, in another `unit` where one is given."""
        more.setdefault("unit", "/s")
        return _number(name, title, help_, _reader(get), quantity, tone=tone, **more)

    def latency(
        self, name: str, title: str, help_: str, get: Callable[[Item], Any] | str, **more: Unpack[ColumnOptions]
    ) -> Column[Item]:
        """A column of milliseconds."""
        more["unit"] = "ms"
        return _number(name, title, help_, _reader(get), milliseconds, full=latency_text, **more)

    def ratio(
        self,
        name: str,
        title: str,
        help_: str,
        get: Callable[[Item], Any] | str,
        *,
        tone: Callable[[float], Tone] | None = None,
        **more: Unpack[ColumnOptions],
    ) -> Column[Item]:
        """A column of shares from 0 to 1, drawn as percentages."""
        more["unit"] = "ratio"
        return _number(name, title, help_, _reader(get), percent, tone=tone, **more)

    def ready(
        self, name: str, title: str, help_: str, get: Callable[[Item], Any] | str, **more: Unpack[ColumnOptions]
    ) -> Column[Item]:
        """A column of `ready/total`; it compares and sorts by the number that is ready."""
        read: Callable[[Item], Ready | None] = _reader(get)

        def value(item: Item) -> int | None:
            found = read(item)
            return None if found is None else found.ready

        more["align"], more["numeric"] = Align.RIGHT, True
        return Column(
            name=name,
            title=title,
            help=help_,
            value=value,
            cell=lambda i: ready_cell(read(i)),
            full=lambda i: ready_text_cell(read(i)),
            **more,
        )

    def custom(
        self,
        name: str,
        title: str,
        help_: str,
        value: Callable[[Item], Any],
        cell: Callable[[Item], Cell],
        *,
        full: Callable[[Item], Cell] | None = None,
        **more: Unpack[ColumnOptions],
    ) -> Column[Item]:
        """A column with its own value and cell functions."""
        return Column(name=name, title=title, help=help_, value=value, cell=cell, full=full, **more)

    def health(self, get: Callable[[Item], Health] | str = "health", *, aliases: tuple[str, ...] = ()) -> Column[Item]:
        """The column of verdicts, worst first."""
        read: Callable[[Item], Health] = _reader(get)
        return Column(
            name="health",
            title="HEALTH",
            help="The worst of readiness and traffic: healthy, degraded, failing, idle (no traffic) or unknown.",
            value=lambda i: read(i).status.value,
            cell=lambda i: health_cell(read(i)),
            order=lambda i: HEALTH_ORDER[read(i).status],
            aliases=aliases,
            min_width=10,
            max_width=12,
            priority=0,
        )

    def state(self, get: Callable[[Item], Any] | str = "state") -> Column[Item]:
        """The column of a cluster's source state; failing ones sort first."""
        read = _reader(get)
        return Column(
            name="state",
            title="STATE",
            help="State of the last answer: fresh, stale, partial, unreachable, denied, none.",
            value=lambda i: State(read(i)).value,
            cell=lambda i: state_cell(State(read(i))),
            order=lambda i: STATE_ORDER[State(read(i))],
            min_width=7,
            max_width=13,
            priority=0,
        )

    def mtls(
        self, get: Callable[[Item], float | None] | str = "mtls_ratio", *, priority: int = 1, min_width: int = 4
    ) -> Column[Item]:
        """The column of the share of traffic seen as mutual TLS; a low share has a sign."""
        read: Callable[[Item], float | None] = _reader(get)
        return Column(
            name="mtlsRatio",
            title="MTLS %",
            help="Share of the traffic seen as mutual TLS, by reporters that know.",
            value=read,
            cell=lambda i: mtls_cell(read(i)),
            full=lambda i: mtls_share_cell(read(i)),
            label="mTLS seen",
            aliases=("mtls",),
            unit="ratio",
            align=Align.RIGHT,
            numeric=True,
            priority=priority,
            min_width=min_width,
        )

    def golden(
        self,
        get: Callable[[Item], Traffic] | str = "traffic",
        *,
        protocol: Callable[[Item], str] = lambda item: "",
        prefix: str = "",
        heading: str = "",
        wide: bool = False,
        verdict: Callable[[Item], Health] | None = None,
    ) -> tuple[Column[Item], ...]:
        """Columns of the golden signals: rate, errors, latencies, bytes, connections.

        `protocol` says by whose thresholds errors are judged. `prefix` goes before the names (`outboundP99`) and
        `heading` before the titles, where a kind has two of them. `verdict` is what was said of these very requests: a
        ratio that proves nothing is not coloured.
        """
        read: Callable[[Item], Traffic] = _reader(get)

        def judge(item: Item, thresholds: Thresholds) -> Tone:
            share = read(item).error_ratio
            if share is None:
                return NOTHING.tone
            tone = error_tone(share, thresholds, protocol(item))
            said = verdict(item).status if verdict is not None else None
            proven = said not in (HealthStatus.HEALTHY, HealthStatus.DEGRADED) or tone is Tone.PLAIN
            return tone if said is None or proven else HEALTH_TONES[said]

        def named(name: str) -> str:
            return prefix + name[0].upper() + name[1:] if prefix else name

        def short(*names: str) -> tuple[str, ...]:
            return tuple(named(name) for name in names)

        return (
            self.rate(
                named("requestsPerSecond"),
                f"{heading}REQ/S",
                "HTTP and gRPC requests per second.",
                lambda i: read(i).requests_per_second,
                aliases=short("rps", "requests", "rate"),
                priority=1,
                min_width=5,
                wide=wide,
                label="requests",
            ),
            self.ratio(
                named("errorRatio"),
                f"{heading}ERR %",
                "Share of requests that failed: no answer, 5xx, or a gRPC status other than OK.",
                lambda i: read(i).error_ratio,
                judge=judge,
                aliases=short("errors", "error"),
                priority=1,
                min_width=5,
                wide=wide,
                label="errors",
            ),
            self.rate(
                named("errorsPerSecond"),
                f"{heading}ERR/S",
                "Failed requests per second.",
                lambda i: read(i).errors_per_second,
                hidden=True,
            ),
            self.latency(
                named("p50"),
                f"{heading}P50 ms",
                "Half of the requests were faster.",
                lambda i: read(i).latency_ms.p50,
                wide=True,
                priority=5,
                label="p50",
            ),
            self.latency(
                named("p90"), f"{heading}P90 ms", "90 % were faster.", lambda i: read(i).latency_ms.p90, hidden=True
            ),
            self.latency(
                named("p95"),
                f"{heading}P95 ms",
                "95 % were faster.",
                lambda i: read(i).latency_ms.p95,
                wide=True,
                priority=5,
                label="p95",
            ),
            self.latency(
                named("p99"),
                f"{heading}P99 ms",
                "99 % of the requests were faster.",
                lambda i: read(i).latency_ms.p99,
                aliases=short("latency"),
                priority=2,
                min_width=6,
                wide=wide,
                label="p99",
            ),
            self.latency(
                named("mean"), f"{heading}MEAN ms", "Mean latency.", lambda i: read(i).latency_ms.mean, hidden=True
            ),
            self.rate(
                named("sent"),
                f"{heading}SENT B/s",
                "TCP bytes per second that clients sent.",
                lambda i: read(i).bytes_per_second.sent,
                unit="B/s",
                wide=True,
                priority=6,
                label="sent",
            ),
            self.rate(
                named("received"),
                f"{heading}RECV B/s",
                "TCP bytes per second that clients received.",
                lambda i: read(i).bytes_per_second.received,
                unit="B/s",
                wide=True,
                priority=6,
                label="received",
            ),
            self.rate(
                named("connectionsPerSecond"),
                f"{heading}CONN/S",
                "TCP connections opened per second.",
                lambda i: read(i).connections_per_second,
                aliases=short("connections"),
                wide=True,
                priority=6,
                label="connections",
            ),
        )


GOLDEN_FACTS = (
    "requestsPerSecond",
    "errorRatio",
    "p50",
    "p95",
    "p99",
    "connectionsPerSecond",
    "sent",
    "received",
    "mtlsRatio",
)
"""The columns of `golden` and `mtls` that a detail lists as its main traffic section."""


def _number(
    name: str,
    title: str,
    help_: str,
    read: Callable[[Item], Any],
    draw: Callable[[Any], str],
    *,
    tone: Callable[[float], Tone] | None = None,
    full: Callable[[float], str] | None = None,
    **more: Unpack[ColumnOptions],
) -> Column[Item]:
    """A column of numbers; `full` draws one with its unit, by default `draw` followed by the unit."""
    unit = more.get("unit", "")

    def cell(item: Item) -> Cell:
        value = read(item)
        return NOTHING if value is None else Cell(draw(value), tone(value) if tone else Tone.PLAIN)

    def full_cell(item: Item) -> Cell:
        value = read(item)
        if value is None or full is None:
            return with_unit(cell(item), unit)
        return Cell(full(value), tone(value) if tone else Tone.PLAIN)

    more["align"], more["numeric"] = Align.RIGHT, True
    return Column(name=name, title=title, help=help_, value=read, cell=cell, full=full_cell, **more)


def _reader(get: Callable[[Item], Any] | str) -> Callable[[Item], Any]:
    return attrgetter(get) if isinstance(get, str) else get
