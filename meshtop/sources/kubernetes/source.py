"""One cluster's inventory: every kind is read independently and combined into one immutable Inventory."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshtop.analysis.identity.control_planes import istiods
from meshtop.analysis.tenancy.access.rbac import SubjectRules
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.changes import HORIZON_SECONDS
from meshtop.model.kube import ConfigObject, Controller, Identity, Inventory, KindStatus
from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.process import raise_open_file_limit
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.discovery import ApiDiscovery, discover, version_for
from meshtop.sources.kubernetes.extras import ControlPlanes, Extras
from meshtop.sources.kubernetes.kept_discovery import DiscoveryFile
from meshtop.sources.kubernetes.kinds import (
    ADMISSION,
    BUILTIN,
    CONFIG,
    GROUPS,
    IDENTITY,
    JUDGED,
    NETWORKING,
    REGISTRIES,
    ApiKind,
)
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.pacing import ListingQueue, Pace, wait_at_most
from meshtop.sources.kubernetes.rights import rules_of, who_am_i
from meshtop.sources.kubernetes.scope import NamespaceScope
from meshtop.sources.kubernetes.scoped import ScopedReader
from meshtop.sources.kubernetes.status import source_status
from meshtop.sources.kubernetes.traces import EVENT, WRITTEN, TraceReader
from meshtop.sources.problem import SourceProblem

if TYPE_CHECKING:
    from meshtop.sources.kubernetes.any_object import ObjectReader

_CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_ALWAYS_READ = ("Service", "Namespace")
_RESOURCES = {
    **{(kind.group, kind.key): kind.resource for kind in (*BUILTIN, EVENT, *CONFIG, *IDENTITY, *JUDGED, *REGISTRIES)},
}


@cache
def _missing(kind: ApiKind) -> KindStatus:
    """The status of a kind that is not installed: in every cluster the same."""
    return KindStatus(kind=kind.key, group=kind.group, state="missing")


def _written_since(obj: ConfigObject, since: float) -> bool:
    return obj.meta.created >= since or any(manager.time >= since for manager in obj.managers)


class KubernetesSource:
    """Reads one cluster through its own connection.

    `list_all` reads everything once; `follow` lists, watches, and calls back after each change until it is
    cancelled. Neither raises for the cluster's sake: `status` says how it went, each kind for itself in
    `Inventory.kinds`. `services_known` is set once Services and Namespaces are listed, or cannot be. `queue` says when
    the first reading may begin, where many clusters are read. Kinds whose list over all namespaces is forbidden are
    read in the `namespaces` that the user named, else in those where it is allowed; `own_namespace` is the context's.
    Of kinds that are not `asked` for, nothing is read and no status is given: they are not known, and never absent.
    Namespaces and Services are always read, because they tell which cluster this is and where its Prometheus is.
    `discovery_folder` is where API discovery is kept between runs.
    With `traced` the marks of changes are read too.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        refresh_seconds: float = 5.0,
        clock: Callable[[], float] = time.time,
        pace: Pace | None = None,
        registries: bool = True,
        identify: bool = False,
        traced: bool = False,
        queue: ListingQueue | None = None,
        namespaces: Sequence[str] = (),
        own_namespace: str | None = None,
        asked: Asked = EVERYTHING_ASKED,
        discovery_folder: Path | None = None,
    ) -> None:
        self._queue = queue
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._findings = asked.findings
        self._asked_more = asyncio.Event()
        """Set when more is asked for than before, so that the loops that rest look at once; then replaced."""
        installable = (*CONFIG, *IDENTITY, *JUDGED, *(REGISTRIES if registries else ()))
        self._asked_kinds = tuple(kind for kind in installable if asked.asks_kind(kind.key))
        self.services_known = asyncio.Event()
        self._connection = connection
        self._pace = pace or Pace(refresh=refresh_seconds)
        self._clock = clock
        self._link = ServerLink(connection, self._pace, clock)
        self._scope = NamespaceScope(connection, wanted=namespaces, own=own_namespace)
        self._traces = TraceReader(self._link, self._scope, self._namespace_names) if traced else None
        self._builtin = {
            kind.name: self._reader(kind, kind.versions[0])
            for kind in BUILTIN
            if kind.name in _ALWAYS_READ or asked.asks_kind(kind.name)
        }
        self._config: dict[ApiKind, ScopedReader] = {}
        self._tasks: dict[ApiKind, tuple[ScopedReader, asyncio.Task[None]]] = {}
        self._extras = Extras(self._link, identify=identify, asked=asked)
        self._discovery_file = DiscoveryFile(
            discovery_folder, server=connection.server, user=connection.ref.user, groups=GROUPS
        )
        self._objects_reader: ObjectReader | None = None
        self._discovery_problem: SourceProblem | None = None
        self._discovery: ApiDiscovery | None = None
        self._discovered = asyncio.Event()
        self._extras_read = asyncio.Event()
        self._inventory: Inventory | None = None
        self._built_from: tuple[object, ...] = ()
        self._cost = Cost()
        self._counted = (0, 0)

    @property
    def status(self) -> SourceStatus:
        """The state at this moment, with its error, its remedy, and what is not there."""
        return source_status(
            now=self._clock(),
            answered_at=self._link.answered_at,
            problem=self._link.problem,
            kinds=self._kinds(),
            resources=self._resources(),
            stale_seconds=self._link.stale_seconds,
            endpoint=self._connection.server,
            note=self._connection.note,
            unattended=self._unattended(),
            unattended_seconds=self._pace.unattended,
            not_asked=self._not_asked(),
        )

    def attend(self, attended: Asked) -> None:
        """Watch its kinds; those of the others that change rarely are listed once a minute.

        With `findings` what only these need is read too, from now on; at once, if the cluster is followed.
        """
        self._link.attend(attended.kinds)
        if attended.findings and not self._findings:
            self._findings = True
            self._asked_more.set()
            self._asked_more = asyncio.Event()

    @property
    def _installable(self) -> tuple[ApiKind, ...]:
        """The kinds to read wherever they are installed."""
        return tuple(kind for kind in self._asked_kinds if self._findings or kind not in JUDGED)

    def _not_asked(self) -> tuple[str, ...]:
        """The kinds that are not read, as nobody has looked at findings yet."""
        if self._findings or not self._link.following:
            return ()
        return tuple(sorted(kind.key for kind in self._asked_kinds if kind in JUDGED and kind.group != ADMISSION))

    def _unattended(self) -> tuple[str, ...]:
        """The kinds that are read and not watched."""
        if not self._link.following:
            return ()
        return tuple(sorted(kind.key for kind in self._config if not self._link.is_attended(kind.key)))

    @property
    def settled(self) -> bool:
        """Whether everything there is to read has answered or failed once; a server that does not answer has.

        Until then, what is not there may only not have been read yet.
        """
        if self._link.problem is not None:
            return True
        readers = (*self._builtin.values(), *self._config.values())
        return self._discovered.is_set() and self._extras_read.is_set() and all(r.settled.is_set() for r in readers)

    @property
    def waited_seconds(self) -> float:
        """Seconds spent waiting for its turn, which are not caused by the cluster."""
        if self._waiting_since is None:
            return self._waited
        return self._waited + asyncio.get_running_loop().time() - self._waiting_since

    @property
    def cost(self) -> Cost:
        """What the last reading cost: the listing of everything, then each refresh of the watches."""
        return self._cost

    def inventory(self) -> Inventory | None:
        """The latest inventory, the same object while nothing changed; None before the first answer."""
        if self._link.answered_at is None:
            return None
        kinds = self._kinds()
        state = (
            self._link.version,
            tuple(reader.revision for reader in self._builtin.values()),
            tuple((kind, reader.version, reader.revision) for kind, reader in self._config.items()),
            self._extras.revision,
            self._traces.revision if self._traces is not None else 0,
            kinds,
        )
        if self._inventory is None or state != self._built_from:
            self._inventory = self._build(kinds)
            self._built_from = state
        return self._inventory

    async def list_all(self) -> None:
        """Read everything once."""
        began = self._clock()
        self._link.up.set()
        try:
            if self._queue is None:
                await self._read_immediately()
            elif await self._answers():
                async with self._turn(self._queue):
                    began = self._clock()
                    await self._read_everything()
        finally:
            self.services_known.set()
            self._measure(self._clock() - began)

    async def _read_immediately(self) -> None:
        """Read without waiting for the first check of the server, and stop if it fails."""
        reading = asyncio.create_task(self._read_everything())
        try:
            if not await self._answers():
                # Each reader would find out for itself, one time limit after another.
                reading.cancel()
            await asyncio.wait({reading})
        finally:
            reading.cancel()
        if not reading.cancelled():
            reading.result()

    async def _answers(self) -> bool:
        """Whether the server answers at all; one that fails a small request may still answer others."""
        alive = await self._link.ping()
        return alive or self._link.problem is None or self._link.problem.state is State.STALE

    @contextlib.asynccontextmanager
    async def _turn(self, queue: ListingQueue) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._waiting_since = loop.time()
        try:
            async with queue.turn():
                self._stop_waiting()
                yield
        finally:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._waited, self._waiting_since = self.waited_seconds, None

    async def _take_turn(self, queue: ListingQueue) -> None:
        """Start the readers once the server answers and it is this cluster's turn; hold the turn until all are read."""
        await self._link.asked.wait()
        if self._link.problem is not None:
            self._link.queued = False
            for reader in self._builtin.values():
                reader.mark_unreachable(self._link.problem)
            return
        async with self._turn(queue):
            self._link.queued = False
            self._link.up.set()
            for reader in self._builtin.values():
                await reader.settled.wait()
            for reader in tuple(self._config.values()):
                await reader.settled.wait()

    async def follow(self, changed: Callable[[], None]) -> None:
        """Read everything, then keep it up to date until cancelled; `changed` is called after each change."""
        self._link.changed = changed
        self._link.following = True
        if self._queue is not None and not self._link.asked.is_set():
            self._link.queued = True
            self._link.up.clear()
        raise_open_file_limit()
        try:
            async with asyncio.TaskGroup() as group:
                for reader in self._builtin.values():
                    group.create_task(reader.follow())
                group.create_task(self._link.monitor(self._measure))
                group.create_task(self._follow_config(group))
                group.create_task(self._follow_extras())
                group.create_task(self._note_services())
                group.create_task(self._tell_when_settled())
                group.create_task(self._watch_when_read())
                if self._queue is not None and self._link.queued:
                    group.create_task(self._take_turn(self._queue))
        finally:
            self._tasks.clear()

    async def read_object(self, word: str, namespace: str, name: str) -> ShownObject:
        """One object of any kind, by a word that kubectl takes for the kind; without secrets, and never raises."""
        return await self._reader_of_objects().read(word, namespace, name)

    async def describe(self, word: str, namespace: str, name: str) -> DescribedObject:
        """An object with its pods and Events, or (for an empty `word`) the cluster; without secrets, never raises."""
        from meshtop.sources.kubernetes.described import describe_cluster, describe_object

        reader = self._reader_of_objects()
        return await (describe_object(reader, word, namespace, name) if word else describe_cluster(reader))

    def _reader_of_objects(self) -> ObjectReader:
        if self._objects_reader is None:
            # With what it knows of secrets, which most runs do not need.
            from meshtop.sources.kubernetes.any_object import ObjectReader

            self._objects_reader = ObjectReader(self._connection)
        return self._objects_reader

    async def who_am_i(self) -> Identity:
        """The user's identity by the cluster. Raises SourceProblem."""
        return await who_am_i(self._connection)

    async def rules(self, namespaces: list[str]) -> dict[str, SubjectRules]:
        """The user's rules in these namespaces, by the cluster; those whose review fails are left out."""
        return await rules_of(self._connection, namespaces)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _read_everything(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reader in self._builtin.values():
                group.create_task(reader.list_once())
            listed = group.create_task(self._list_config())
            read = group.create_task(self._read_extras())
            if self._findings:
                group.create_task(self._read_for_findings(listed, read))
            if self._traces is not None:
                group.create_task(self._read_traces(listed, read))
            group.create_task(self._note_services())

    async def _list_config(self) -> None:
        if self._installable and await self._discover():
            await asyncio.gather(*(reader.list_once() for reader in self._config.values()))

    async def _follow_config(self, group: asyncio.TaskGroup) -> None:
        failures = 0
        while True:
            await self._link.up.wait()
            found = await self._discover()
            if found:
                self._scope.forget()
                self._follow_installed(group)
            self._discovered.set()
            # What the server could not say at present is asked again soon.
            failures = 0 if found and not (self._discovery and self._discovery.unsure) else failures + 1
            self._link.changed()
            pace = self._pace
            await wait_at_most(pace.pause(failures) if failures else pace.jitter(pace.discovery), self._asked_more)

    def _follow_installed(self, group: asyncio.TaskGroup) -> None:
        """Start reading installed kinds, and stop reading those no longer installed or served in a better version."""
        for kind, (reader, task) in list(self._tasks.items()):
            if self._config.get(kind) is not reader:
                task.cancel()
                del self._tasks[kind]
        for kind, reader in self._config.items():
            if kind not in self._tasks:
                self._tasks[kind] = (reader, group.create_task(reader.follow()))

    async def _discover(self) -> bool:
        """Discover which kinds are installed; False if the server does not answer."""
        try:
            found = await discover(self._connection, file=self._discovery_file)
        except SourceProblem as problem:
            self._discovery_problem = problem.kept()
            if problem.state is State.UNREACHABLE or problem.code == 401:
                self._link.suspect_connection()
            return False
        self._discovery_problem = None
        self._discovery = found
        self._install(found)
        return True

    def _install(self, found: ApiDiscovery) -> None:
        """Read the kinds that are served; a kind whose state is currently unknown continues to be read."""
        for kind in self._installable:
            version = version_for(kind, found.served)
            reader = self._config.get(kind)
            if reader is not None and (kind.group, reader.version) in found.unsure:
                continue
            if version is None:
                self._config.pop(kind, None)
            elif reader is None or reader.version != version:
                self._config[kind] = self._reader(kind, version)

    def _reader(self, kind: ApiKind, version: str) -> ScopedReader:
        # Few users may read who may do what, and registries stand in hosts: neither is worth a question per namespace.
        by_namespace = kind.namespaced and (kind in BUILTIN or kind in CONFIG)
        return ScopedReader(self._link, kind, version, self._scope if by_namespace else None, self._namespace_names)

    async def _namespace_names(self) -> list[str]:
        """The namespaces that the cluster lists; none if listing is not permitted."""
        namespaces = self._builtin["Namespace"]
        await namespaces.settled.wait()
        return [namespace.meta.name for namespace in namespaces.objects]

    async def _read_extras(self, *, sparing: bool = False) -> None:
        """Read what is not watched; control planes are located once Deployments and Namespaces are read."""
        await self._extras.read_webhooks(sparing=sparing)
        if not self._extras.asks_control_planes:
            return
        await self._known("Deployment")
        await self._known("Namespace")
        if not istiods(self._objects("Deployment"), (), ()):
            await self._known("Pod")
        await self._extras.read_control_planes(
            ControlPlanes(self._objects("Deployment"), self._objects("Pod"), self._objects("Namespace"))
        )

    async def _read_for_findings(self, *after: asyncio.Task[None]) -> None:
        """Read what is not watched and only findings need, once it is known where gateways run."""
        # Most commands read nothing for findings, and start without their rules.
        from meshtop.analysis.findings.gateways import gateway_homes

        await asyncio.gather(*after)
        await self._known("Pod")
        kind = next(kind for kind in CONFIG if (kind.group, kind.name) == (NETWORKING, "Gateway"))
        reader = self._config.get(kind)
        await self._extras.read_for_findings(
            ControlPlanes(self._objects("Deployment"), self._objects("Pod"), self._objects("Namespace")),
            gateway_homes(reader.objects if reader is not None else (), self._objects("Pod")),
        )

    async def _read_traces(self, *after: asyncio.Task[None]) -> None:
        """Read the marks of changes, once it is known what is installed and where control planes are."""
        if self._traces is None:
            return
        await asyncio.gather(*after)
        written = [(kind, kind.versions[0]) for kind in BUILTIN if kind.name in WRITTEN]
        for reader in tuple(self._config.values()):
            await reader.settled.wait()
        since = self._clock() - HORIZON_SECONDS
        # Who wrote when is known of these already: only where somebody did lately is it asked what.
        installed = [
            (kind, reader.version)
            for kind, reader in self._config.items()
            if kind not in IDENTITY and any(_written_since(obj, since) for obj in reader.objects)
        ]
        served = self._discovery.served if self._discovery is not None else {}
        beside = [(kind, found) for kind in JUDGED if kind not in self._config and (found := version_for(kind, served))]
        await self._traces.read([*written, *installed, *beside], self._extras.homes)

    async def _known(self, builtin: str) -> None:
        """Wait until a kind was read, if it is asked for at all."""
        if builtin in self._builtin:
            await self._builtin[builtin].settled.wait()

    def _objects(self, builtin: str) -> tuple[Any, ...]:
        return self._builtin[builtin].objects if builtin in self._builtin else ()

    async def _follow_extras(self) -> None:
        while True:
            await self._link.up.wait()
            await self._read_extras(sparing=True)
            if self._findings:
                await self._read_for_findings()
            if self._traces is not None and self._link.is_looked_at(EVENT.name) and self._traces.is_due():
                await self._discovered.wait()
                await self._read_traces()
            self._extras_read.set()
            self._link.changed()
            await wait_at_most(self._pace.jitter(self._pace.slow), self._asked_more)

    async def _note_services(self) -> None:
        await self._builtin["Service"].settled.wait()
        await self._builtin["Namespace"].settled.wait()
        self.services_known.set()

    async def _watch_when_read(self) -> None:
        """Let the watches begin once the first lists are read, here and where many clusters are, in all of them."""
        await self._discovered.wait()
        for reader in (*self._builtin.values(), *self._config.values()):
            await reader.settled.wait()
        if self._queue is not None:
            await self._queue.quiet.wait()
            # Those of fifty clusters begin one after the other, as their lists did.
            await asyncio.sleep(random.uniform(0.0, self._pace.refresh / 2))
        self._link.read.set()

    async def _tell_when_settled(self) -> None:
        """Call back once everything was read: the last answer may have changed nothing."""
        await self._discovered.wait()
        await self._extras_read.wait()
        for reader in (*self._builtin.values(), *self._config.values()):
            await reader.settled.wait()
        self._link.changed()

    def _controllers(self, *names: str) -> tuple[Controller, ...]:
        return tuple(chain.from_iterable(self._objects(name) for name in names))

    def _kinds(self) -> tuple[KindStatus, ...]:
        statuses = [status for reader in self._builtin.values() if (status := reader.status()) is not None]
        for kind in self._installable:
            reader = self._config.get(kind)
            status = reader.status() if reader is not None else self._not_installed(kind)
            if status is not None and (status.state != "missing" or kind in CONFIG or kind in JUDGED):
                statuses.append(status)
        return (*statuses, *self._extras.statuses, *(self._traces.statuses if self._traces is not None else ()))

    def _resources(self) -> dict[tuple[str, str], str]:
        """What RBAC calls each kind, with the namespaces where only some of it is read."""
        where = ", ".join(self._extras.homes) or "the control plane's namespace"
        return {**_RESOURCES, ("", "ConfigMap"): f"configmaps (in {where})", ("", "Secret"): f"secrets (in {where})"}

    def _not_installed(self, kind: ApiKind) -> KindStatus | None:
        problem = self._discovery_problem if self._discovery is None else self._discovery.doubt(kind.group)
        if problem is None:
            return _missing(kind) if self._discovery is not None else None
        state = "denied" if problem.code == 403 else "failed"
        return KindStatus(kind=kind.key, group=kind.group, state=state, error=problem.message)

    def _build(self, kinds: tuple[KindStatus, ...]) -> Inventory:
        namespaces = self._objects("Namespace")
        return Inventory(
            version=self._link.version,
            uid=next((n.meta.uid for n in namespaces if n.meta.name == "kube-system"), "") or None,
            nodes=self._objects("Node"),
            namespaces=namespaces,
            services=self._objects("Service"),
            endpoint_slices=self._objects("EndpointSlice"),
            pods=self._objects("Pod"),
            controllers=self._controllers(*_CONTROLLERS),
            config={
                **{kind.key: reader.objects for kind, reader in self._config.items() if reader.listed},
                **self._definitions(),
            },
            config_maps={**self._extras.config_maps, **self._extras.injectors},
            credentials=self._extras.credentials,
            remote_secrets=self._extras.remote_secrets,
            webhooks=self._extras.webhooks,
            identity=self._extras.identity,
            traces=self._traces.traces if self._traces is not None else None,
            kinds=kinds,
        )

    def _definitions(self) -> dict[str, tuple[ConfigObject, ...]]:
        """CRDs of Istio and Gateway API, of which only the metadata was sent."""
        group, kind = "apiextensions.k8s.io", "CustomResourceDefinition"
        found = self._extras.definitions
        return (
            {kind: tuple(ConfigObject(group=group, version="v1", kind=kind, meta=meta) for meta in found)}
            if found
            else {}
        )

    def _measure(self, seconds: float) -> None:
        requests, size = self._connection.requests, self._connection.bytes
        before_requests, before_size = self._counted
        self._cost = Cost(seconds=seconds, bytes=size - before_size, requests=requests - before_requests)
        self._counted = (requests, size)
