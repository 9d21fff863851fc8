"""The active alerts of one engine: by its API, and by the series ALERTS where there is none or for a past moment.

One GET for each look. Of engines that only store (Thanos Query without rules, Mimir, VictoriaMetrics without vmalert)
some answer 404, and some an empty list although they know nothing of rules: an empty answer is believed only where
the engine has rules, or has had the series ALERTS within a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field, structs
from msgspec.json import Decoder

from meshtop.model.alerting import Alert, Alerts, AlertState
from meshtop.model.evidence import READ, Evidence, WhyUnknown, not_read
from meshtop.model.state import State
from meshtop.sources.problem import NOT_UNDERSTOOD
from meshtop.sources.prometheus.answers import QueryFailed, decode_scalars, unreadable_answer
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.promql import equal, one_of, selector

BELIEVED_SECONDS = 600.0
"""How long it is believed that an engine has rules, or serves no alerts, before that is looked at again."""
_ACTIVE, _SINCE = "ALERTS", "ALERTS_FOR_STATE"
_STATES = frozenset(state.value for state in AlertState)
_NO_SUCH_PATH = (400, 404, 405, 410, 422, 501)
_WHY = {State.DENIED: WhyUnknown.DENIED, State.NONE: WhyUnknown.NOT_READ}
NOT_SERVED = "Its engine serves no alerts: it has no alerting rules, and held no series ALERTS in the last day."


class _Told(Struct):
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    state: str = ""
    active_at: str | None = field(default=None, name="activeAt")


class _List(Struct):
    alerts: list[_Told] | None = None


class _Rules(Struct):
    groups: list[object] | None = None


class _Envelope(Struct):
    status: str = ""
    data: _List | None = None


class _RulesEnvelope(Struct):
    status: str = ""
    data: _Rules | None = None


_alerts = Decoder(_Envelope)
_rules = Decoder(_RulesEnvelope)


def alert_series_query(matchers: Mapping[str, str]) -> str:
    """The query for the series of active alerts, and since when each is."""
    return selector("", (one_of("__name__", (_ACTIVE, _SINCE)), *equal(matchers)))


def alerts_lately_query(matchers: Mapping[str, str]) -> str:
    """The query for whether any alert was active within a day."""
    return f"count(count_over_time({selector(_ACTIVE, equal(matchers))}[1d]))"


class AlertReader:
    """Reads the active alerts of one engine, and remembers how it has to be asked."""

    def __init__(self) -> None:
        self._by_series_until: float | None = None
        self._has_rules_until: float | None = None

    async def read(
        self, engine: Engine, matchers: Mapping[str, str], before: Alerts | None, *, now: float, at: float | None
    ) -> Alerts:
        """The alerts at Unix seconds `at`, or at present; on failure those of `before`, with the reason. Never raises.

        The identical object as `before` where nothing changed.
        """
        try:
            found = await self._read(engine, matchers, now, at)
        except QueryFailed as failure:
            why = _WHY.get(failure.state, WhyUnknown.UNREACHABLE)
            known = before is not None and before.evidence.known
            if why is WhyUnknown.UNREACHABLE and (known or (before and before.evidence.why is WhyUnknown.STALE)):
                why = WhyUnknown.STALE
            old = before.alerts if before is not None and why is WhyUnknown.STALE else ()
            found = Alerts(alerts=old, evidence=not_read(why), problem=failure.message)
        return before if before == found and before is not None else found

    async def _read(self, engine: Engine, matchers: Mapping[str, str], now: float, at: float | None) -> Alerts:
        by_series = self._by_series_until is not None and now < self._by_series_until
        if at is None and not by_series:
            try:
                alerts = _believable(await engine.api("/api/v1/alerts"), matchers)
            except QueryFailed as failure:
                if failure.code not in _NO_SUCH_PATH:
                    raise
            else:
                if alerts or await self._has_rules(engine, now):
                    return Alerts(alerts=alerts)
            self._by_series_until = now + BELIEVED_SECONDS
        return await self._by_series(engine, matchers, at)

    async def _has_rules(self, engine: Engine, now: float) -> bool:
        """Whether the engine evaluates rules at all: else an empty list of alerts says nothing."""
        if self._has_rules_until is not None and now < self._has_rules_until:
            return True
        try:
            answer = _rules.decode(await engine.api("/api/v1/rules", type="alert"))
        except QueryFailed as failure:
            if failure.code not in _NO_SUCH_PATH:
                raise
            return False
        except NOT_UNDERSTOOD:
            return False
        if answer.data is None or not answer.data.groups:
            return False
        self._has_rules_until = now + BELIEVED_SECONDS
        return True

    async def _by_series(self, engine: Engine, matchers: Mapping[str, str], at: float | None) -> Alerts:
        series = await decode_scalars(await engine.query(alert_series_query(matchers), at=at), "")
        since: dict[tuple[tuple[str, str], ...], float] = {}
        active: dict[tuple[tuple[str, str], ...], AlertState] = {}
        for one in series.items:
            labels = dict(one.labels)
            state = labels.pop("alertstate", "")
            key = tuple(sorted(labels.items()))
            if one.metric == _SINCE:
                since[key] = one.value
            elif state in _STATES and active.get(key) is not AlertState.FIRING:
                # Where no marker says that a series ended, both states are there for a while.
                active[key] = AlertState(state)
        alerts = [_alert(dict(key), {}, state, since.get(key)) for key, state in active.items()]
        evidence: Evidence = READ
        problem = None
        if not alerts:
            lately = await decode_scalars(await engine.query(alerts_lately_query(matchers), at=at), "")
            if not lately.items:
                evidence, problem = not_read(WhyUnknown.UNSUPPORTED), NOT_SERVED
        return Alerts(alerts=_in_order(alerts), evidence=evidence, problem=problem)


def _believable(body: bytes, matchers: Mapping[str, str]) -> tuple[Alert, ...]:
    """The alerts of an answer of the API. Raises QueryFailed for what is none.

    An alert that names another of what the settings' matchers select is of somebody else; one that names none may be
    anybody's.
    """
    try:
        answer = _alerts.decode(body)
    except NOT_UNDERSTOOD as error:
        raise unreadable_answer(error, body) from error
    if answer.status != "success" or answer.data is None:
        raise unreadable_answer(ValueError("it holds no list of alerts"))
    found = []
    for told in answer.data.alerts or ():
        if told.state not in _STATES or any(told.labels.get(k, v) != v for k, v in matchers.items()):
            continue
        alert = _alert(told.labels, told.annotations, AlertState(told.state), _moment(told.active_at))
        missing = any(label not in told.labels for label in matchers)
        found.append(structs.replace(alert, unplaced=True) if missing else alert)
    return _in_order(found)


def _alert(labels: Mapping[str, str], annotations: Mapping[str, str], state: AlertState, since: float | None) -> Alert:
    kept = {name: value for name, value in labels.items() if name not in ("alertname", "alertstate", "__name__")}
    return Alert(name=labels.get("alertname", ""), state=state, since=since, labels=kept, annotations=dict(annotations))


def _in_order(alerts: list[Alert]) -> tuple[Alert, ...]:
    return tuple(sorted(alerts, key=lambda alert: (alert.name, sorted(alert.labels.items()))))


def _moment(text: str | None) -> float | None:
    if not text or text.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def alerts_by_cluster(alerts: Alerts, label: str, clusters: Mapping[str, str]) -> dict[str, Alerts]:
    """The alerts of an engine above several clusters, by the cluster that their label names.

    `clusters` are the label's values by the clusters' names. An alert that names none of them because it has no such
    label is told once, with the first cluster; one of another cluster is left out.
    """
    found: dict[str, list[Alert]] = {name: [] for name in clusters}
    names = {value: name for name, value in clusters.items()}
    for alert in alerts.alerts:
        value = alert.labels.get(label)
        if value is None and found:
            found[next(iter(found))].append(structs.replace(alert, unplaced=True))
        elif value in names:
            found[names[value]].append(structs.replace(alert, unplaced=False))
    return {name: structs.replace(alerts, alerts=tuple(some)) for name, some in found.items()}
