"""The verdicts of health of one Picture: of edges, workloads, machines and groups, and what was said of them before."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from msgspec import structs

from meshtop.analysis.traffic.courses import WorkloadCourse
from meshtop.analysis.traffic.groups import GroupMember, group_health
from meshtop.analysis.traffic.health import (
    Lately,
    calls_health,
    edge_health,
    inbound_verdicts,
    outbound_verdicts,
    verdict_with_calls,
    workload_health,
)
from meshtop.analysis.traffic.judge import FORGET_SECONDS, HealthJudge, Remembered, forget
from meshtop.analysis.traffic.silence import Silence
from meshtop.model.mesh import VirtualMachine, Workload
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Edge
from meshtop.process import give_way, in_turns
from meshtop.views.picture.memory import Key, Memory

_SAID: Key[Remembered] = Key("what was said of health")
_SWEPT: Key[list[float]] = Key("when what was said was looked through last")
_SWEEP_SECONDS = 60.0
_USUAL: Key[dict[tuple[str, str, str], tuple[float, float]]] = Key("usual latencies")
_WorkloadId = tuple[str, str, str]
_Edges = Callable[[_WorkloadId], Sequence[Edge]]


class Verdicts:
    """Judges what a Picture shows, each workload once; `edges_to` and `edges_from` give the edges of a workload.

    `states` say how far each cluster's telemetry can be relied on.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        thresholds: Thresholds,
        memory: Memory,
        *,
        states: Mapping[str, State | Silence],
        edges_to: _Edges,
        edges_from: _Edges,
        courses: Callable[[], Mapping[_WorkloadId, WorkloadCourse]],
        asked_of: Callable[[_WorkloadId], float],
    ) -> None:
        self._thresholds = thresholds
        self._edges_to, self._edges_from = edges_to, edges_from
        self._courses, self._asked_of = courses, asked_of
        # Nearly all clusters are in no doubt: thousands of verdicts need not ask.
        self._states = {name: state for name, state in states.items() if state is not State.FRESH}
        # A past moment is judged alone: what was said of the present does not hold there.
        past = snapshot.moment is not None
        said: Remembered = {} if past else memory.get_or_make(_SAID, (), dict)
        # Milliseconds that were usual, and when (Unix seconds) they were last asked about.
        self._usual: dict[_WorkloadId, tuple[float, float]] = {} if past else memory.get_or_make(_USUAL, (), dict)
        self._at = snapshot.at
        swept: list[float] = [self._at] if past else memory.get_or_make(_SWEPT, (), lambda: [self._at])
        if abs(self._at - swept[0]) >= _SWEEP_SECONDS:
            # A big fleet has a hundred thousand of them.
            swept[0] = self._at
            forget(said, self._at, in_turns)
        for where, (_, asked_at) in in_turns(tuple(self._usual.items())):
            if self._at - asked_at > FORGET_SECONDS:
                self._usual.pop(where, None)
        self._judge = HealthJudge(
            thresholds, window_seconds=snapshot.window_seconds, at=None if past else snapshot.at, said=said
        )
        self._made: dict[_WorkloadId, Health] = {}
        self._asked_in: dict[_WorkloadId, Sequence[Health]] = {}

    def edge(self, edge: Edge) -> Health:
        """An edge's health, with the confidence of both ends' telemetry."""
        return edge_health(edge, self._judge, self._states)

    def calls(self, edges: Sequence[Edge]) -> Health:
        """The health of several edges taken together, with the confidence of their ends' telemetry."""
        give_way()
        return calls_health(edges, self._judge, self._states)

    def workload(self, workload: Workload) -> Health:
        """A workload's health: its pods and what it is asked and asks."""
        where = (workload.cluster, workload.namespace, workload.name)
        if where not in self._made:
            self._made[where] = self.of(where, workload.readiness)
        return self._made[where]

    def own_fault(self, workload: Workload) -> Health:
        """A workload's health by its pods and what it is asked alone, not by what others answer it."""
        where = (workload.cluster, workload.namespace, workload.name)
        return self._with_calls(where, workload.readiness, self._inbound(where))

    def of(self, where: _WorkloadId, readiness: Health) -> Health:
        """The health of what telemetry knows by this name, and whose probe says so."""
        give_way()
        calls, leaving = self._inbound(where), self._edges_from(where)
        if leaving:
            calls = (*calls, *outbound_verdicts(leaving, self._judge, where))
        return self._with_calls(where, readiness, calls)

    def _inbound(self, where: _WorkloadId) -> Sequence[Health]:
        """The verdicts on what a workload is asked, which several questions about it rest on."""
        found = self._asked_in.get(where)
        if found is None:
            found = self._asked_in[where] = inbound_verdicts(self._edges_to(where), self._judge, where)
        return found

    def _with_calls(self, where: _WorkloadId, readiness: Health, calls: Sequence[Health]) -> Health:
        return verdict_with_calls(readiness, calls, self._judge, self._states, (where[0],), self._lately(where), where)

    def asked(self, cluster: str, hosts: Hashable, readiness: Health, edges: Sequence[Edge]) -> Health:
        """The health of what a cluster answers for these hosts."""
        return workload_health(readiness, edges, (), self._judge, self._states, cluster, question=(cluster, hosts))

    def group(self, workloads: Iterable[Workload]) -> Health:
        """The health of these workloads together."""
        members = [
            GroupMember(f"{w.namespace}/{w.name}", self.workload(w), self._asked_of((w.cluster, w.namespace, w.name)))
            for w in workloads
        ]
        return group_health(members, self._thresholds)

    def machine_readiness(self, machine: VirtualMachine) -> Health:
        """What a virtual machine's probe says; unknown where none reports."""
        if machine.healthy is None:
            return Health(HealthStatus.UNKNOWN, ("no probe reports on it",))
        if machine.healthy:
            return Health(HealthStatus.HEALTHY)
        return Health(HealthStatus.FAILING, (machine.health_message or "its probe fails",))

    def _lately(self, where: _WorkloadId) -> Lately | None:
        """The last minute; a latency that was slow stays so until it is well below that again."""
        course = self._courses().get(where)
        lately = None if course is None else course.lately
        if course is None or lately is None:
            return None
        if lately.usual_ms is not None:
            before = self._usual.get(where, (lately.usual_ms, 0.0))
            self._usual[where] = (before[0], self._at)
            return lately
        if where not in self._usual:
            return lately
        usual = self._usual[where][0]
        now = course.latency_ms[-1]
        back = 1 + (self._thresholds.slower - 1) * self._thresholds.release
        if now is not None and now < back * usual:
            del self._usual[where]
            return lately
        self._usual[where] = (usual, self._at)
        return structs.replace(lately, latency_ms=now, usual_ms=usual)
