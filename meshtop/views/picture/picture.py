"""A Snapshot with its analyses, each computed on first use and shared by all views."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import structs

from meshtop.analysis.fleet.registries import sync_states
from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.identity.meshes import Meshes, MeshEvidence, mesh_evidence, meshes
from meshtop.analysis.identity.obedience import with_meshes
from meshtop.analysis.inventory.virtual_machines import virtual_machines
from meshtop.analysis.inventory.workloads import workloads
from meshtop.analysis.traffic.courses import WorkloadCourse, workload_courses
from meshtop.analysis.traffic.edges import EdgeCounter
from meshtop.analysis.traffic.figures import Figures, by_cluster, by_namespace, by_workload, requests_to
from meshtop.analysis.traffic.inputs import ClusterTraffic, cluster_traffic
from meshtop.analysis.traffic.naming import seen_domain
from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.model.attention import AttentionLog, Forgetful
from meshtop.model.changes import ChangeMemory
from meshtop.model.constants import APDEX_TARGET_MS
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts, Obeyed, VirtualMachine, Workload
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.telemetry import Telemetry
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.model.traffic import Edge, Peer, Target
from meshtop.process import give_way, in_turns
from meshtop.views.picture.lost_rows import LostRows
from meshtop.views.picture.memory import Key, Memory
from meshtop.views.picture.query import Query
from meshtop.views.picture.verdicts import Verdicts

if TYPE_CHECKING:
    from meshtop.analysis.canary.board import Board
    from meshtop.analysis.canary.judging import Judgements, Judging, Standing
    from meshtop.analysis.canary.survey import Survey
    from meshtop.analysis.findings.suppression import Suppression
    from meshtop.analysis.tenancy.access.rights import Access
    from meshtop.analysis.tenancy.ownership import NamespaceOwner, Owners
    from meshtop.analysis.tenancy.traffic import Pairs
    from meshtop.settings.tenancy import Tenancy

Group = TypeVar("Group")
Value = TypeVar("Value")
Thing = TypeVar("Thing")

WorkloadId = tuple[str, str, str]
"""Cluster, namespace, name."""

_FACTS: Key[MeshFacts] = Key("mesh facts")
_FACTS_SEEN: Key[MeshFacts] = Key("mesh facts with what telemetry tells")
_MESH_OF_FACTS: Key[dict[str, MeshFacts]] = Key("facts of the meshes")
_WORKLOADS: Key[tuple[Workload, ...]] = Key("workloads")
_BY_PLACE: Key[dict[tuple[str, str | None], list[Workload]]] = Key("workloads by place")
_MACHINES: Key[tuple[VirtualMachine, ...]] = Key("virtual machines")
_EDGES: Key[tuple[Edge, ...]] = Key("edges")
_COUNTER: Key[EdgeCounter] = Key("counter of edges")
_TRAFFIC_FACTS: Key[ClusterTraffic] = Key("what calls are read with")
_JUDGEMENTS: Key[Judgements] = Key("canary judgements")
_SURVEY: Key[Survey] = Key("weighted routes")
_STANDING: Key[Standing] = Key("what was said of canaries")
_BY_CLUSTER: Key[dict[str, Figures]] = Key("figures by cluster")
_BY_NAMESPACE: Key[dict[tuple[str, str], Figures]] = Key("figures by namespace")
_BY_WORKLOAD: Key[dict[WorkloadId, Figures]] = Key("figures by workload")
_COURSES: Key[dict[WorkloadId, WorkloadCourse]] = Key("courses of workloads")
_OWNERS: Key[Owners] = Key("owners")
_BETWEEN_NAMESPACES: Key[Pairs] = Key("traffic between namespaces")


class Picture:
    """All analyses of one Snapshot; immutable like it, but computed lazily.

    `thresholds` are those of health; `tenancy` and `tenant_label` (the settings' own mark) say whose namespaces are;
    `apdex_ms` is the time that satisfies; `access` is what the policy lets this user do, None without a policy.
    `attention_log` remembers what needed attention from run to run, `change_memory` what was seen to change. `ignored`
    are findings that nobody wants to see.
    `memory` holds what earlier Pictures worked out from the very same inventories and answers.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        tenancy: Tenancy | None = None,
        tenant_label: str | None = None,
        apdex_ms: float = APDEX_TARGET_MS,
        access: Access | None = None,
        judging: Callable[[], Judging] | None = None,
        memory: Memory | None = None,
        attention_log: AttentionLog | None = None,
        ignored: Sequence[Suppression] = (),
        change_memory: ChangeMemory | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.change_memory = change_memory
        self.ignored = tuple(ignored)
        self.thresholds = thresholds
        self.tenancy = tenancy
        self.apdex_ms = apdex_ms
        self.access = access
        self._tenant_label = tenant_label
        self._judging = judging
        self.memory = memory or Memory()
        self.lost = LostRows()
        self.attention_log: AttentionLog = attention_log or Forgetful()
        self._made: dict[Key[Any], Any] = {}
        self._kept: dict[tuple[Key[Any], Hashable], Any] = {}

    def rows(
        self,
        kind: str,
        things: Iterable[Thing],
        make: Callable[[Thing], Value],
        named: Callable[[Thing], object] = lambda thing: thing,
    ) -> list[Value]:
        """A row of a kind for each thing; one that raises costs itself, and `lost` says so by what is `named` of it."""
        return self.lost.made(kind, things, make, named)

    def cached(self, key: Key[Value], make: Callable[[], Value]) -> Value:
        """The result of `make`, computed at the first call for `key` and kept as long as this Picture."""
        if key not in self._made:
            self._made[key] = make()
        answer: Value = self._made[key]
        return answer

    def unless_changed(self, key: Key[Value], make: Callable[[], Value], *, also: Hashable = ()) -> Value:
        """The result of `make` from inventories alone; kept while inventories, clusters and `also` are unchanged.

        An inventory stays one object until something in the cluster changes, so a refresh of telemetry costs no new
        comparison of configuration.
        """
        # Asked for each of tens of thousands of calls: of one Picture the inputs are compared once.
        if (key, also) not in self._kept:
            clusters = self.snapshot.clusters
            inventories = tuple(cluster.inventory for cluster in clusters)
            named = tuple((c.name, c.context, c.server) for c in clusters)
            inputs = (named, self.meshes, self._obeyed, self._domains, also)
            self._kept[key, also] = self.memory.get_or_make(key, inventories, make, also=inputs)
        answer: Value = self._kept[key, also]
        return answer

    @cached_property
    def _domains(self) -> tuple[str | None, ...]:
        """The DNS domain of each cluster, which telemetry may tell where the inventory does not."""
        return tuple(facts.cluster_domain for facts in self.facts.values())

    @cached_property
    def facts(self) -> dict[str, MeshFacts]:
        """Each cluster's mesh facts, including its mesh; clusters without an inventory are left out."""
        inputs = tuple(part for name, facts in self._own_facts.items() for part in (name, facts))
        return self.memory.get_or_make(
            _MESH_OF_FACTS,
            inputs,
            lambda: with_meshes(self._own_facts, self.meshes, self._mesh_evidence),
            also=(self.meshes, tuple((c.name, c.remotes, c.unread_kinds) for c in self._mesh_evidence)),
        )

    @cached_property
    def _obeyed(self) -> tuple[Obeyed | None, ...]:
        """Whom each cluster obeys, which istiod's metrics tell as well as inventories do."""
        return tuple(facts.obeys for facts in self.facts.values())

    @cached_property
    def meshes(self) -> Meshes:
        """Which clusters are one mesh, which are not, and for which that is unknown."""
        return meshes(self._mesh_evidence, partial(in_turns, piece=5))

    @cached_property
    def _mesh_evidence(self) -> tuple[MeshEvidence, ...]:
        return tuple(
            mesh_evidence(
                c.name,
                c.inventory,
                self._own_facts.get(c.name),
                synced=sync_states(c.telemetry),
                telemetry=c.telemetry,
            )
            for c in in_turns(self.snapshot.clusters, piece=1)
        )

    @cached_property
    def _own_facts(self) -> dict[str, MeshFacts]:
        """Mesh facts from each cluster's own inventory."""
        return {
            c.name: self._facts_of(c.name, c.inventory, c.telemetry)
            for c in self.snapshot.clusters
            if c.inventory is not None
        }

    def _facts_of(self, cluster: str, inventory: Inventory, telemetry: Telemetry | None) -> MeshFacts:
        give_way()
        facts = self.memory.get_or_make(_FACTS.at(cluster), (inventory,), lambda: mesh_facts(inventory))
        if facts.cluster_domain is not None or telemetry is None:
            return facts
        seen = seen_domain(telemetry)
        return self.memory.get_or_make(
            _FACTS_SEEN.at(cluster), (facts,), lambda: structs.replace(facts, cluster_domain=seen), also=seen
        )

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The workloads of all clusters."""
        return tuple(w for c in self.snapshot.clusters if c.inventory for w in self._workloads_of(c.name, c.inventory))

    def _workloads_of(self, cluster: str, inventory: Inventory) -> Sequence[Workload]:
        return self.memory.get_or_make(
            _WORKLOADS.at(cluster), (inventory,), lambda: tuple(workloads(inventory, cluster))
        )

    @cached_property
    def machines(self) -> tuple[VirtualMachine, ...]:
        """The virtual machines of all clusters."""
        return tuple(m for c in self.snapshot.clusters if c.inventory for m in self._machines_of(c.name, c.inventory))

    def _machines_of(self, cluster: str, inventory: Inventory) -> Sequence[VirtualMachine]:
        return self.memory.get_or_make(
            _MACHINES.at(cluster), (inventory,), lambda: tuple(virtual_machines(inventory, cluster))
        )

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges between workloads of all clusters."""
        inputs = tuple(part for c in self.snapshot.clusters for part in (c.name, c.inventory, c.telemetry))
        return self.memory.get_or_make(_EDGES, inputs, self._count_edges)

    def _count_edges(self) -> tuple[Edge, ...]:
        counter = self.memory.get_or_make(_COUNTER, (), lambda: EdgeCounter(give_way))
        return counter.edges([self._traffic(cluster) for cluster in self.snapshot.clusters])

    def _traffic(self, cluster: ClusterSnapshot) -> ClusterTraffic:
        name, inventory, facts = cluster.name, cluster.inventory, self.facts.get(cluster.name)

        def known() -> ClusterTraffic:
            return cluster_traffic(
                name,
                telemetry=None,
                facts=facts,
                inventory=inventory,
                workloads=self.workloads_in(name),
                machines=self.machines_in(name),
            )

        kept = self.memory.get_or_make(_TRAFFIC_FACTS.at(name), (inventory, facts), known)
        return structs.replace(kept, telemetry=cluster.telemetry)

    @cached_property
    def canaries(self) -> Board:
        """The canary board of all clusters."""
        # Here and below: most commands show no canary, and importing how they are judged takes as long as a cluster.
        from meshtop.analysis.canary.board import Board

        inputs = tuple(part for c in self.snapshot.clusters for part in (c.name, c.inventory, c.canaries))
        also = (self.meshes, self._obeyed, self._silent)
        judgements = self.memory.get_or_make(_JUDGEMENTS, inputs, self._judgements, also=also)
        return Board(judgements, now=self.snapshot.at if self.snapshot.moment is None else self.snapshot.moment)

    @property
    def _silent(self) -> frozenset[str]:
        """The clusters of whose proxies no Prometheus holds a series."""
        return frozenset(name for name, state in self.telemetry_states.items() if state is Silence.NO_DATA)

    def _judgements(self) -> Judgements:
        from meshtop.analysis.canary.judging import Judgements, Judging, Standing

        # The domain, and whom a cluster obeys, may come from telemetry: its facts are others then.
        known = tuple(part for c in self.snapshot.clusters for part in (c.inventory, self.facts.get(c.name)))
        survey = self.memory.get_or_make(_SURVEY, known, self._survey, also=tuple(self.facts))
        counts = {cluster.name: cluster.canaries for cluster in self.snapshot.clusters}
        # What was said is remembered for as long as somebody looks, so that it is taken back later than it was said.
        standing = self.memory.get_or_make(_STANDING, (), Standing)
        standing.forget(self.snapshot.at if self.snapshot.moment is None else self.snapshot.moment)
        judging = Judging() if self._judging is None else self._judging()
        return Judgements(survey.counted(counts, self._silent), judging, standing)

    def _survey(self) -> Survey:
        """All weighted routes, without their counts."""
        from meshtop.analysis.canary.survey import BoardCluster, Survey

        return Survey(
            [
                BoardCluster(
                    name=c.name,
                    inventory=c.inventory,
                    facts=self.facts[c.name],
                    workloads=tuple(self.workloads_in(c.name)),
                    machines=tuple(self.machines_in(c.name)),
                )
                for c in self.snapshot.clusters
                if c.inventory is not None
            ]
        )

    @cached_property
    def telemetry_states(self) -> dict[str, State | Silence]:
        """How far each cluster's telemetry can be relied on."""
        return telemetry_states(self.snapshot.clusters)

    def workloads_in(self, cluster: str, namespace: str | None = None) -> list[Workload]:
        """The workloads of a cluster, or of one namespace of it."""
        return self._workloads_by_place.get((cluster, namespace), [])

    def workload(self, cluster: str, namespace: str, name: str) -> Workload | None:
        """A workload by its name."""
        return next((workload for workload in self.workloads_in(cluster, namespace) if workload.name == name), None)

    def machines_in(self, cluster: str) -> list[VirtualMachine]:
        """The virtual machines of a cluster."""
        return [machine for machine in self.machines if machine.cluster == cluster]

    @cached_property
    def _workloads_by_place(self) -> dict[tuple[str, str | None], list[Workload]]:
        inputs = tuple(part for c in self.snapshot.clusters for part in (c.name, c.inventory))
        return self.memory.get_or_make(_BY_PLACE, inputs, self._find_places)

    def _find_places(self) -> dict[tuple[str, str | None], list[Workload]]:
        places: dict[tuple[str, str | None], list[Workload]] = {}
        for workload in self.workloads:
            places.setdefault((workload.cluster, None), []).append(workload)
            places.setdefault((workload.cluster, workload.namespace), []).append(workload)
        return places

    def cluster_figures(self, cluster: str) -> Figures:
        """A cluster's traffic."""
        return self._by_cluster.get(cluster, Figures())

    def namespace_figures(self, cluster: str, namespace: str) -> Figures:
        """A namespace's traffic."""
        return self._by_namespace.get((cluster, namespace), Figures())

    def workload_figures(self, cluster: str, namespace: str, name: str) -> Figures:
        """A workload's traffic."""
        return self._by_workload.get((cluster, namespace, name), Figures())

    def machine_figures(self, machine: VirtualMachine) -> Figures:
        """A virtual machine's own traffic; none where telemetry has only its group's."""
        return Figures() if self.shares_traffic(machine) else self.workload_figures(*self.machine_id(machine))

    def shares_traffic(self, machine: VirtualMachine) -> bool:
        """Whether telemetry has one name for several machines, so that their traffic is known only as a group's."""
        return len(self.machines_of(self.machine_id(machine))) > 1

    def machines_of(self, where: WorkloadId) -> list[VirtualMachine]:
        """The machines that have this name in telemetry."""
        return self._machines_by_id.get(where, [])

    @cached_property
    def _machines_by_id(self) -> dict[WorkloadId, list[VirtualMachine]]:
        return _grouped((self.machine_id(machine), machine) for machine in self.machines)

    def machine_id(self, machine: VirtualMachine) -> WorkloadId:
        """A machine's name in telemetry: the first of its names that telemetry uses."""
        names = [name for name in (machine.workload, machine.workload_group, machine.name) if name]
        ids = [(machine.cluster, machine.namespace, name) for name in names]
        return next((found for found in ids if found in self._by_workload), ids[0])

    @cached_property
    def _by_cluster(self) -> dict[str, Figures]:
        return self.memory.get_or_make(_BY_CLUSTER, (self.edges,), lambda: by_cluster(self.edges, in_turns))

    @cached_property
    def _by_namespace(self) -> dict[tuple[str, str], Figures]:
        return self.memory.get_or_make(_BY_NAMESPACE, (self.edges,), lambda: by_namespace(self.edges, in_turns))

    @cached_property
    def _by_workload(self) -> dict[WorkloadId, Figures]:
        return self.memory.get_or_make(_BY_WORKLOAD, (self.edges,), lambda: by_workload(self.edges, in_turns))

    def cluster_id(self, cluster: str) -> str | None:
        """What telemetry's labels call a cluster; None where that is not known."""
        facts = self.facts.get(cluster)
        return facts.cluster_id if facts is not None else None

    def edges_into(self, cluster: str, namespace: str | None = None) -> list[Edge]:
        """The edges that end in a cluster, or in one namespace of it: what its figures count as received."""
        return self._edges_into.get((cluster, namespace), [])

    @cached_property
    def _edges_into(self) -> dict[tuple[str, str | None], list[Edge]]:
        ends = [(edge.destination, edge) for edge in self.edges]
        return _grouped(
            (place, edge) for end, edge in ends for place in ((end.cluster, None), (end.cluster, end.namespace))
        )

    def edges_to(self, where: WorkloadId) -> list[Edge]:
        """The edges that end at a workload."""
        return self._edges_to.get(where, [])

    def edges_from(self, where: WorkloadId) -> list[Edge]:
        """The edges that begin at a workload."""
        return self._edges_from.get(where, [])

    def edges_through(self, where: WorkloadId) -> list[Edge]:
        """The edges that pass a waypoint: it is no end of theirs, and so in no sum; none for other workloads.

        An east-west gateway only passes TLS through, and of several nothing tells which one.
        """
        return self._edges_through.get(where, [])

    @cached_property
    def _edges_through(self) -> dict[WorkloadId, list[Edge]]:
        by_hop = _grouped((hop, edge) for edge in in_turns(self.edges) if edge.hops for hop in edge.hops)
        if not by_hop:
            return {}
        return {where: by_hop[hop] for where in self._waypoints if (hop := "/".join(where)) in by_hop}

    @cached_property
    def _waypoints(self) -> frozenset[WorkloadId]:
        return frozenset((w.cluster, w.namespace, w.name) for w in self.workloads if w.is_waypoint)

    @cached_property
    def _edges_to(self) -> dict[WorkloadId, list[Edge]]:
        return _grouped((_workload_id(edge.destination), edge) for edge in self.edges)

    @cached_property
    def _edges_from(self) -> dict[WorkloadId, list[Edge]]:
        return _grouped((_workload_id(edge.source), edge) for edge in self.edges)

    @cached_property
    def _edges_to_host(self) -> dict[tuple[str, str], list[Edge]]:
        """Edges by the called cluster (the caller's, for targets outside all clusters) and the requested host."""
        return _grouped(
            ((edge.destination.cluster or edge.source.cluster, edge.destination.service.lower()), edge)
            for edge in self.edges
        )

    def edges_to_service(self, cluster: str, hosts: Sequence[str]) -> Sequence[Edge]:
        """The edges to a service in a cluster, by any of its hosts."""
        by_host = self._edges_to_host
        if len(hosts) == 1:
            return by_host.get((cluster, hosts[0].lower()), ())
        return [edge for host in hosts for edge in by_host.get((cluster, host.lower()), ())]

    def edges_leaving(self, cluster: str) -> list[Edge]:
        """The edges from a cluster to another."""
        return self._edges_leaving.get(cluster, [])

    @cached_property
    def _edges_leaving(self) -> dict[str, list[Edge]]:
        return _grouped((edge.source.cluster, edge) for edge in self.edges if edge.cross_cluster)

    def backends(self, cluster: str, namespace: str, names: Iterable[str]) -> tuple[Workload | VirtualMachine, ...]:
        """The workloads and virtual machines that a Service (by its name) or ServiceEntry (by its hosts) selects."""
        return tuple(backend for name in names for backend in self._backends.get((cluster, namespace, name), ()))

    @cached_property
    def _backends(self) -> dict[WorkloadId, list[Workload | VirtualMachine]]:
        backends: tuple[Workload | VirtualMachine, ...] = (*self.workloads, *self.machines)
        return _grouped(
            ((backend.cluster, backend.namespace, service), backend)
            for backend in backends
            for service in backend.services
        )

    def clusters_of_service(self, cluster: str, namespace: str, names: Iterable[str]) -> tuple[str, ...]:
        """The clusters of the same mesh in which a service of that name has backends."""
        there = {other for name in names for other in self._clusters_with.get((namespace, name), ())}
        return tuple(name for name in self.meshes.peers(cluster) if name in there)

    @cached_property
    def _clusters_with(self) -> dict[tuple[str, str], list[str]]:
        """The clusters with backends for each service, by namespace and name."""
        return _grouped(((namespace, name), cluster) for cluster, namespace, name in self._backends)

    def tenants(self, cluster: str, namespace: str) -> tuple[str, ...]:
        """The tenants of a namespace: from tenancy.yaml, else from its marks."""
        return self.owners.of(cluster, namespace).tenants

    def owner(self, cluster: str, namespace: str) -> NamespaceOwner:
        """The owner of a namespace."""
        return self.owners.of(cluster, namespace)

    @cached_property
    def owners(self) -> Owners:
        """The owner of every namespace of every cluster."""
        from meshtop.analysis.tenancy.ownership import owners_of

        known = [(c.name, c.inventory and c.inventory.namespaces) for c in self.snapshot.clusters]
        inputs = tuple(part for cluster in known for part in cluster)
        return self.memory.get_or_make(
            _OWNERS, inputs, lambda: owners_of(self.snapshot, self.tenancy, self._tenant_label)
        )

    @cached_property
    def between_namespaces(self) -> Pairs:
        """Traffic from namespace to namespace, from which the traffic of tenants is summed."""
        from meshtop.analysis.tenancy.traffic import between

        return self.memory.get_or_make(_BETWEEN_NAMESPACES, (self.edges,), lambda: between(in_turns(self.edges)))

    def resolved(self, query: Query) -> Query:
        """The query with its tenant, workspace (`T/W`) or group (`T/W/G`) resolved to namespaces."""
        level = query.tenant
        if level is None or query.within is not None or "/" not in level:
            return query
        within = frozenset(place for place, owner in self.owners.all_known().items() if owner.within(level))
        return structs.replace(query, within=within)

    @cached_property
    def verdicts(self) -> Verdicts:
        """What is said of the health of all that this Picture shows."""
        # Nothing here may hold this Picture: it would live until a full garbage collection, and with it all its rows.
        memory, edges_to, edges_from = self.memory, self._edges_to, self._edges_from
        through, courses = self._edges_through, self.courses

        return Verdicts(
            self.snapshot,
            self.thresholds,
            memory,
            states=self.telemetry_states,
            edges_to=lambda where: edges_to.get(where, ()),
            edges_from=(lambda where: [*edges_from.get(where, ()), *through.get(where, ())])
            if through
            else (lambda where: edges_from.get(where, ())),
            courses=lambda: courses,
            asked_of=lambda where: requests_to(where, edges_to.get(where, ())),
        )

    @cached_property
    def courses(self) -> dict[WorkloadId, WorkloadCourse]:
        """How each workload was asked over the last half hour; empty where nobody read that."""
        read = [(c.name, c.courses) for c in self.snapshot.clusters if c.courses is not None]
        inputs = tuple(part for c in self.snapshot.clusters for part in (c.name, c.inventory, c.courses))
        bounds = self.thresholds
        return self.memory.get_or_make(
            _COURSES,
            inputs,
            lambda: workload_courses(
                read,
                [self._traffic(cluster) for cluster in self.snapshot.clusters],
                slower=bounds.slower,
                slower_ms=bounds.slower_ms,
            ),
        )

    def edge_health(self, edge: Edge) -> Health:
        """An edge's health, with the confidence of both ends' telemetry."""
        return self.verdicts.edge(edge)

    def calls_health(self, edges: Sequence[Edge]) -> Health:
        """The health of several edges taken together, with the confidence of their ends' telemetry."""
        return self.verdicts.calls(edges)

    def workload_health(self, workload: Workload) -> Health:
        """A workload's health: its pods and what it is asked and asks."""
        return self.verdicts.workload(workload)

    def group_health(self, workloads: Sequence[Workload], places: Iterable[tuple[str, str | None]] = ()) -> Health:
        """The health of a cluster's, namespace's or tenant's workloads together.

        Where there are none, it is unknown unless the pods in all of `places` (a cluster, and one namespace or all of
        it) were read.
        """
        if not workloads and not all(self._pods_read(*place) for place in places):
            return Health(HealthStatus.UNKNOWN, ("which workloads there are was not read",))
        return self.verdicts.group(workloads)

    def _pods_read(self, cluster: str, namespace: str | None) -> bool:
        found = self.snapshot.cluster(cluster)
        return found is not None and found.inventory is not None and found.inventory.evidence("Pod", namespace).known

    def machine_health(self, machine: VirtualMachine) -> Health:
        """A virtual machine's health: its probe, and its own traffic; without either, unknown.

        A machine of which only the group's traffic is known is judged by its probe alone.
        """
        readiness = self.machine_readiness(machine)
        if self.shares_traffic(machine):
            return readiness
        where = self.machine_id(machine)
        verdict = self.verdicts.of(where, readiness)
        if machine.healthy is None and verdict.status is HealthStatus.IDLE:
            return readiness
        return verdict

    def machine_readiness(self, machine: VirtualMachine) -> Health:
        """What a virtual machine's probe says; unknown where none reports."""
        return self.verdicts.machine_readiness(machine)


def _workload_id(end: Peer | Target) -> WorkloadId:
    return (end.cluster, end.namespace, end.workload)


def _grouped(pairs: Iterable[tuple[Group, Value]]) -> dict[Group, list[Value]]:
    groups: dict[Group, list[Value]] = {}
    for key, value in in_turns(pairs):
        groups.setdefault(key, []).append(value)
    return groups
