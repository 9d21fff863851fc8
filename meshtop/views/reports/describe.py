"""What clusters say of a thing right now, in lines: conditions, pods with restarts and why, images, recent Events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from meshtop.model.numbers import UNKNOWN, age
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.model.text import clean
from meshtop.views.frame.table import Tone
from meshtop.views.reports.object_report import WantedObject, object_behind

if TYPE_CHECKING:
    from meshtop.analysis.tenancy.access.rights import Access
    from meshtop.views.picture.picture import Picture

Lines = list[tuple[str, Tone]]
_BAD_WHEN_TRUE = frozenset(
    {"MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "ReplicaFailure", "Stalled", "Degraded"}
)
"""Conditions that are trouble when they hold; all others are when they do not."""
MOST_PODS, MOST_EVENTS = 60, 40
_NOTHING = ("none", Tone.DIM)


def wanted_description(picture: Picture, kind: str, item: Any) -> WantedObject | None:
    """The object to be described for an item of a kind; one of an empty kind is a cluster. None where there is none."""
    if kind == "clusters":
        return WantedObject("", "", item.name)
    if workload := getattr(item, "workload", ""):
        # An item that is about a workload: its mutual TLS, or a finding.
        found = picture.workload(item.cluster, item.namespace, workload)
        return None if found is None else object_behind("workloads", found)
    return object_behind(kind, item)


def described_lines(told: DescribedObject, now: float) -> tuple[tuple[str, Tone], ...]:
    """All that a cluster said, in lines with their tones; `now` (Unix seconds) is what ages are counted to."""
    lines: Lines = []
    for tree in told.subject.found:
        lines += _subject(tree, now)
        lines += _section("Conditions", _conditions(tree, now))
    if told.subject.error:
        lines += [(f"? {clean(told.subject.error)}", Tone.UNKNOWN), ("", Tone.PLAIN)]
    if told.pods is not None:
        nodes = told.pods.kind == "Node" or not told.subject.found
        title = "Nodes" if nodes else "Pods"
        count = "" if told.pods.error else f" {len(told.pods.found)}"
        lines += _section(f"{title}{count}", _listed(told.pods, title, _node if nodes else _pod, now))
        if not nodes and told.pods.found:
            lines += _section("Images", _images(told.pods.found))
    if told.events is not None:
        more = " (of the first of many)" if told.cut_off else ""
        lines += _section(f"Events{more}", _events(told.events, now, warnings=not told.subject.found))
    return tuple(lines)


def may_be_described(access: Access | None, told: DescribedObject, namespace: str) -> bool:
    """Whether the access policy lets the user see it; with a policy, nothing outside of namespaces is described."""
    return access is None or bool(namespace and access.may_read(told.cluster, namespace))


def _section(title: str, lines: Iterable[tuple[str, Tone]]) -> Lines:
    return [(title.upper(), Tone.DIM), *(list(lines) or [_NOTHING]), ("", Tone.PLAIN)]


def _subject(tree: Mapping[str, Any], now: float) -> Lines:
    """Age, owners, and how many replicas there are of how many."""
    metadata, spec, status = (_of(tree.get(part), dict) for part in ("metadata", "spec", "status"))
    owners = [
        f"{_of(one, dict).get('kind')} {_of(one, dict).get('name')}"
        for one in _of(metadata.get("ownerReferences"), list)
    ]
    facts = [f"age {_since(metadata.get('creationTimestamp'), now)}"]
    if "replicas" in spec or "readyReplicas" in status:
        facts.append(f"ready {status.get('readyReplicas', 0)}/{spec.get('replicas', status.get('replicas', 1))}")
        facts.append(f"updated {status.get('updatedReplicas', 0)}")
    elif "desiredNumberScheduled" in status:
        facts.append(f"ready {status.get('numberReady', 0)}/{status['desiredNumberScheduled']}")
    facts += [f"of {', '.join(owners)}"] if owners else []
    generation, seen = metadata.get("generation"), status.get("observedGeneration")
    behind = isinstance(generation, int) and isinstance(seen, int) and seen < generation
    lines: Lines = [(clean(" · ".join(facts)), Tone.PLAIN)]
    if behind:
        lines.append((f"▲ its controller has not seen the last change yet ({seen} of {generation})", Tone.DEGRADED))
    return [*lines, ("", Tone.PLAIN)]


def _conditions(tree: Mapping[str, Any], now: float) -> Lines:
    lines: Lines = []
    for one in map(_dict, _of(_of(tree.get("status"), dict).get("conditions"), list)):
        name, holds = str(one.get("type") or "?"), str(one.get("status") or "Unknown")
        since = _since(one.get("lastTransitionTime") or one.get("lastUpdateTime"), now)
        why = " ".join(filter(None, (str(one.get("reason") or ""), _sentence(one.get("message")))))
        sign, tone = _judged(name, holds)
        lines.append((clean(f"{sign}{name} {holds}, {since}  {why}".rstrip()), tone))
    return lines


def _judged(name: str, holds: str) -> tuple[str, Tone]:
    if holds not in ("True", "False"):
        return "? ", Tone.UNKNOWN
    bad = (holds == "True") == (name in _BAD_WHEN_TRUE)
    return ("▲ ", Tone.DEGRADED) if bad else ("  ", Tone.PLAIN)


def _listed(
    read: ShownObject, title: str, line: Callable[[Mapping[str, Any], float], tuple[int, str, Tone]], now: float
) -> Lines:
    """A line for each object, those in trouble first; or why they could not be read."""
    if read.error:
        return [(f"? {clean(read.error)}", Tone.UNKNOWN)]
    drawn = sorted((line(one, now) for one in read.found), key=lambda one: (one[0], one[1]))
    lines: Lines = [(text, tone) for _, text, tone in drawn[:MOST_PODS]]
    if len(drawn) > MOST_PODS:
        lines.append((f"and {len(drawn) - MOST_PODS} more {title.lower()}", Tone.DIM))
    return lines


def _pod(tree: Mapping[str, Any], now: float) -> tuple[int, str, Tone]:
    metadata, spec, status = (_of(tree.get(part), dict) for part in ("metadata", "spec", "status"))
    states = [_dict(one) for one in _of(status.get("containerStatuses"), list)]
    ready = sum(one.get("ready") is True for one in states)
    restarts = sum(one["restartCount"] for one in states if isinstance(one.get("restartCount"), int))
    words = [
        str(metadata.get("name") or "?"),
        f"{ready}/{len(states) or len(_of(spec.get('containers'), list))} ready",
        str(status.get("phase") or "Unknown"),
    ]
    trouble = [why for one in states if (why := _waiting(one))]
    ends = [end for one in states if (end := _ended(one, now))]
    if restarts:
        words.append(f"{restarts} restart{'s' * (restarts != 1)}")
    words += [*trouble, *ends]
    words.append(f"on {spec.get('nodeName') or UNKNOWN}")
    words.append(f"age {_since(metadata.get('creationTimestamp') or status.get('startTime'), now)}")
    done = status.get("phase") == "Succeeded"
    bad = not done and (ready < len(states) or not states or bool(trouble))
    sign, tone = ("✗ ", Tone.FAILING) if bad else ("▲ ", Tone.DEGRADED) if restarts else ("  ", Tone.PLAIN)
    return (0 if bad else 1 if restarts else 2, clean(sign + "  ".join(words)), tone)


def _waiting(container: Mapping[str, Any]) -> str:
    """Why a container does not run: `CrashLoopBackOff (app)`."""
    waiting = _of(_of(container.get("state"), dict).get("waiting"), dict)
    return f"{waiting['reason']} ({container.get('name')})" if waiting.get("reason") else ""


def _ended(container: Mapping[str, Any], now: float) -> str:
    """How the container before ended: `last OOMKilled, exit 137, 5m ago (app)`."""
    state = _of(container.get("lastState"), dict) or _of(container.get("state"), dict)
    ended = _of(state.get("terminated"), dict)
    if not ended:
        return ""
    when, why = _since(ended.get("finishedAt"), now), ended.get("reason") or "ended"
    return f"last {why}, exit {ended.get('exitCode', '?')}, {when} ago ({container.get('name')})"


def _node(tree: Mapping[str, Any], now: float) -> tuple[int, str, Tone]:
    metadata, spec, status = (_of(tree.get(part), dict) for part in ("metadata", "spec", "status"))
    bad = []
    ready = "Unknown"
    for one in map(_dict, _of(status.get("conditions"), list)):
        name, holds = str(one.get("type") or "?"), str(one.get("status") or "Unknown")
        ready = holds if name == "Ready" else ready
        if _judged(name, holds)[1] is not Tone.PLAIN:
            since = _since(one.get("lastTransitionTime"), now)
            bad.append(f"{name} {holds} since {since}: {one.get('reason') or ''}".rstrip(": "))
    info = _of(status.get("nodeInfo"), dict)
    cordoned = ["cordoned"] if spec.get("unschedulable") is True else []
    words = [str(metadata.get("name") or "?"), *cordoned, *bad, str(info.get("kubeletVersion") or ""),
             f"age {_since(metadata.get('creationTimestamp'), now)}"]  # fmt: skip
    failing = ready != "True"
    sign, tone = ("✗ ", Tone.FAILING) if failing else ("▲ ", Tone.DEGRADED) if bad or cordoned else ("  ", Tone.PLAIN)
    return (0 if failing else 1 if bad or cordoned else 2, clean(sign + "  ".join(filter(None, words))), tone)


def _images(pods: Iterable[Mapping[str, Any]]) -> Lines:
    """Every image with how many pods run it: two of an application are a rollout under way."""
    found: Counter[str] = Counter()
    for pod in pods:
        spec = _of(pod.get("spec"), dict)
        found.update({str(_dict(one).get("image") or "?") for one in _of(spec.get("containers"), list)})
    return [(clean(f"  {image}  in {number}"), Tone.PLAIN) for image, number in sorted(found.items())]


def _events(read: ShownObject, now: float, *, warnings: bool) -> Lines:
    if read.error:
        return [(f"? {clean(read.error)}", Tone.UNKNOWN)]
    if not read.found:
        return [("no warnings" if warnings else "none; a cluster keeps Events for about an hour", Tone.DIM)]
    timed = sorted(((_event_time(one), one) for one in read.found), key=lambda one: -(one[0] or 0.0))
    lines = []
    for at, one in timed[:MOST_EVENTS]:
        about = _of(one.get("involvedObject") or one.get("regarding"), dict)
        series = _of(one.get("series"), dict)
        count = series.get("count") or one.get("count") or one.get("deprecatedCount")
        times = f" ×{count}" if isinstance(count, int) and count > 1 else ""
        warns = one.get("type") == "Warning"
        when = f"{age(max(0.0, now - at))} ago" if at is not None else UNKNOWN
        said = _sentence(one.get("message") or one.get("note"))
        thing = f"{about.get('kind')}/{about.get('name')}"
        text = f"{'▲' if warns else ' '} {when}{times}  {one.get('reason') or '?'}  {thing}: {said}"
        lines.append((clean(text), Tone.DEGRADED if warns else Tone.PLAIN))
    if len(timed) > MOST_EVENTS:
        lines.append((f"and {len(timed) - MOST_EVENTS} older ones", Tone.DIM))
    return lines


def _event_time(event: Mapping[str, Any]) -> float | None:
    series = _of(event.get("series"), dict)
    metadata = _of(event.get("metadata"), dict)
    for said in (
        series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"),
        event.get("deprecatedLastTimestamp"), metadata.get("creationTimestamp"),
    ):  # fmt: skip
        if (at := _moment(said)) is not None:
            return at
    return None


def _moment(said: Any) -> float | None:
    """A time of Kubernetes in Unix seconds; None for what is none."""
    try:
        return datetime.fromisoformat(said).timestamp() if isinstance(said, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _since(said: Any, now: float) -> str:
    at = _moment(said)
    return UNKNOWN if at is None else age(max(0.0, now - at))


def _sentence(said: Any) -> str:
    return " ".join(str(said or "").split())


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of(value: Any, shape: type[Any]) -> Any:
    """A value of this shape; of anything else an empty one, as an object may say what it likes."""
    return value if isinstance(value, shape) else shape()


def described_pages(
    read: Sequence[DescribedObject], access: Access | None, namespace: str, now: float, first: str
) -> list[tuple[str, tuple[tuple[str, Tone], ...]]]:
    """A heading and lines for each cluster that has the thing, or could not say: the cluster `first` before others."""
    pages = []
    for told in sorted(read, key=lambda one: one.cluster != first):
        elsewhere = not told.subject.found and not told.subject.error and told.pods is None
        if elsewhere or told.subject.unknown_kind or not may_be_described(access, told, namespace):
            continue
        pages.append((told.cluster, described_lines(told, now)))
    return pages
