"""Where the simulated cluster's objects live: revisions, history for watches, kinds that come and go.

Single-threaded: the event loop that serves the store is the only one that may touch it.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from meshtop.demo.kube.builtin import BUILTIN, CRD
from meshtop.demo.kube.columns import timestamp
from meshtop.demo.kube.definitions import establish, resource_of_definition
from meshtop.demo.kube.entry import Change, Entry
from meshtop.demo.kube.ownership import Owner, after_write, flatten, owners_of
from meshtop.demo.kube.resource import Json, Resource, group_version
from meshtop.demo.kube.shape import shape_of

Key = tuple[str, str]
HISTORY = 1000
"""Changes of one kind that a late watcher can catch up on."""
SNAPSHOTS = 32
"""Lists of one kind that are kept for the pages that follow the first."""


def copy_json(value: Any) -> Any:
    """A deep copy of JSON. Raises TypeError where `value` is not JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


class _Kind:
    """The objects of one kind."""

    __slots__ = ("entries", "floor", "history", "listing", "resource", "snapshots", "watchers")

    def __init__(self, resource: Resource, revision: int) -> None:
        self.resource = resource
        self.entries: dict[Key, Entry] = {}
        self.listing: tuple[Entry, ...] | None = ()
        self.snapshots: dict[int, tuple[Entry, ...]] = {}
        self.history: deque[Change] = deque()
        self.floor = revision
        self.watchers: dict[object, Callable[[Change | None], None]] = {}

    def listed(self) -> tuple[Entry, ...]:
        if self.listing is None:
            self.listing = tuple(entry for _, entry in sorted(self.entries.items(), key=lambda pair: pair[0]))
        return self.listing


class KubeStore:
    """All objects of one simulated cluster. `clock` gives Unix seconds; `seed` makes uids those of this cluster."""

    def __init__(self, clock: Callable[[], float], seed: str = "") -> None:
        self.clock = clock
        self.revision = 1
        self.discovery_revision = 0
        self._seed = seed
        self._uids = 0
        self._kinds: dict[Key, _Kind] = {}
        self._subscribers: list[Callable[[str, Json], None]] = []
        for resource in BUILTIN:
            self.install(resource)

    # Kinds

    def install(self, resource: Resource) -> None:
        """Start serving a kind, or change how it is served if it exists already."""
        self.discovery_revision += 1
        if kind := self._kinds.get(resource.key):
            kind.resource = resource
            kind.entries = {key: Entry(resource, entry.object, entry.revision) for key, entry in kind.entries.items()}
            kind.listing = None
        else:
            self._kinds[resource.key] = _Kind(resource, self.revision)

    def uninstall(self, group: str, kind: str) -> None:
        """Drop a kind, its objects and its watches."""
        gone = self._kinds.pop((group, kind), None)
        if gone is None:
            return
        self.discovery_revision += 1
        for entry in gone.listed():
            self._tell("DELETED", entry.object)
        for watcher in list(gone.watchers.values()):
            watcher(None)

    def resources(self) -> list[Resource]:
        """All kinds that are served, built-in ones first."""
        return [kind.resource for kind in self._kinds.values()]

    def resource(self, group: str, kind: str) -> Resource | None:
        """The kind of this name."""
        found = self._kinds.get((group, kind))
        return found.resource if found else None

    # Objects

    def put(self, obj: Json, *, manager: str | None = "kubectl-create") -> Json:
        """The simulator's own upsert: no admission, no validation, status included.

        Sets uid, resourceVersion, creationTimestamp, generation and managedFields (for `manager`; None leaves them
        out); what `obj` brings of uid, creationTimestamp and managedFields is kept. Without a difference nothing
        happens.
        Raises ValueError for a kind that is not installed or an object without a name.
        """
        group, _ = group_version(obj.get("apiVersion", ""))
        kind = self._kinds.get((group, obj.get("kind", "")))
        metadata = obj.get("metadata") or {}
        if kind is None:
            raise ValueError(f"{obj.get('apiVersion')} {obj.get('kind')} is not installed in this store")
        if not metadata.get("name"):
            raise ValueError(f"{obj.get('kind')} without metadata.name")
        if kind.resource.namespaced and not metadata.get("namespace"):
            raise ValueError(f"{obj.get('kind')} {metadata['name']} without metadata.namespace")
        resource = kind.resource
        fresh: Json = copy_json(obj)
        previous = kind.entries.get((metadata.get("namespace", "") if resource.namespaced else "", metadata["name"]))
        old = previous.object if previous else None
        if resource.key == CRD:
            fresh["status"] = establish(fresh, (old or {}).get("status"), timestamp(self.clock()))
        self.stamp(resource, fresh, old)
        if "managedFields" not in metadata:
            inherited = (old or {}).get("metadata", {}).get("managedFields")
            if inherited:
                fresh["metadata"]["managedFields"] = inherited
        if old is not None and fresh == old:
            return copy_json(old)  # type: ignore[no-any-return]
        if manager is not None and "managedFields" not in metadata:
            self.own(resource, fresh, old, manager)
        return copy_json(self.commit(resource, fresh).object)  # type: ignore[no-any-return]

    def stamp(self, resource: Resource, obj: Json, old: Json | None) -> None:
        """Set the metadata that only the server sets, all but the revision."""
        metadata = obj["metadata"]
        if not resource.namespaced:
            metadata.pop("namespace", None)
        if old is None:
            metadata.setdefault("creationTimestamp", timestamp(self.clock()))
            if not metadata.get("uid"):
                self._uids += 1
                name = f"{self._seed}/{resource.qualified}/{metadata.get('namespace')}/{metadata['name']}/{self._uids}"
                metadata["uid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
            metadata.pop("resourceVersion", None)
            metadata.pop("generation", None)
            if resource.generation:
                metadata["generation"] = 1
            return
        before = old["metadata"]
        for name in ("uid", "creationTimestamp", "resourceVersion", "generation"):
            if name in before:
                metadata[name] = before[name]
        if "deletionTimestamp" in before:
            metadata["deletionTimestamp"] = before["deletionTimestamp"]
        if resource.generation and _wanted(obj) != _wanted(old):
            metadata["generation"] = before.get("generation", 0) + 1

    def own(self, resource: Resource, obj: Json, old: Json | None, manager: str, subresource: str = "") -> None:
        """Note in managedFields that `manager` updated what differs between `old` and `obj`.

        Starts from the managedFields that `obj` brings, as the real server does, else from those of `old`.
        """
        _, version = group_version(obj["apiVersion"])
        shape = shape_of(resource, version)
        writer = Owner(manager, "Update", subresource, obj["apiVersion"], timestamp(self.clock()), frozenset())
        named = obj if "managedFields" in obj["metadata"] else old
        owners = after_write(owners_of(named), flatten(old, shape) if old else {}, flatten(obj, shape), writer)
        obj["metadata"]["managedFields"] = [owner.entry() for owner in owners]

    def commit(self, resource: Resource, obj: Json) -> Entry:
        """Store `obj` (from here on shared: not to be changed by anybody) under a new revision and tell watchers."""
        kind = self._kinds[resource.key]
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        obj["apiVersion"] = resource.api_version(resource.versions[0])
        obj["kind"] = resource.kind
        entry = Entry(resource, obj, self.revision)
        previous = kind.entries.get(entry.key)
        kind.entries[entry.key] = entry
        kind.listing = None
        if resource.key == CRD:
            self.install(resource_of_definition(obj))
        self._publish(kind, Change("MODIFIED" if previous else "ADDED", entry, previous, self.revision))
        return entry

    def entry(self, group: str, kind: str, namespace: str | None, name: str) -> Entry | None:
        """The stored state of one object, shared: not to be changed."""
        found = self._kinds.get((group, kind))
        if found is None:
            return None
        return found.entries.get(((namespace or "") if found.resource.namespaced else "", name))

    def entries(self, group: str, kind: str, namespace: str | None = None) -> tuple[Entry, ...]:
        """The stored states of a kind, by namespace and name, shared: not to be changed."""
        found = self._kinds.get((group, kind))
        return within(found.listed(), namespace) if found else ()

    def get(self, group: str, kind: str, namespace: str | None, name: str) -> Json | None:
        """A copy of one object."""
        entry = self.entry(group, kind, namespace, name)
        return copy_json(entry.object) if entry else None

    def list(self, group: str, kind: str, namespace: str | None = None) -> list[Json]:
        """Copies of a kind's objects; `entries` is the way without copying."""
        return [copy_json(entry.object) for entry in self.entries(group, kind, namespace)]

    def delete(self, group: str, kind: str, namespace: str | None, name: str) -> bool:
        """Remove an object, and what is in it where it is a namespace or a definition; False where it is not there."""
        entry = self.entry(group, kind, namespace, name)
        if entry is None:
            return False
        if (group, kind) == ("", "Namespace"):
            for inner in [kept for kept in self._kinds.values() if kept.resource.namespaced]:
                for member in within(inner.listed(), name):
                    self._remove(inner, member)
        if (group, kind) == CRD:
            spec = entry.object["spec"]
            self.uninstall(spec["group"], spec["names"]["kind"])
        self._remove(self._kinds[(group, kind)], entry)
        return True

    def _remove(self, kind: _Kind, entry: Entry) -> None:
        self.revision += 1
        metadata = {**entry.object["metadata"], "resourceVersion": str(self.revision)}
        gone = Entry(kind.resource, {**entry.object, "metadata": metadata}, self.revision)
        del kind.entries[entry.key]
        kind.listing = None
        self._publish(kind, Change("DELETED", gone, entry, self.revision))

    # Listening

    def subscribe(self, callback: Callable[[str, Json], None]) -> None:
        """Call back with ADDED, MODIFIED or DELETED and the (shared) object after each change of any kind."""
        self._subscribers.append(callback)

    def _tell(self, what: str, obj: Json) -> None:
        for subscriber in self._subscribers:
            subscriber(what, obj)

    def _publish(self, kind: _Kind, change: Change) -> None:
        if len(kind.history) >= HISTORY:
            kind.floor = kind.history.popleft().revision
        kind.history.append(change)
        for watcher in list(kind.watchers.values()):
            watcher(change)
        self._tell(change.kind, change.entry.object)

    def watch(self, resource: Resource, watcher: Callable[[Change | None], None]) -> Callable[[], None]:
        """Call `watcher` for each change of a kind, with None when the kind goes; returns how to stop."""
        kind = self._kinds[resource.key]
        token = object()
        kind.watchers[token] = watcher
        return lambda: kind.watchers.pop(token, None) and None

    def changes_since(self, resource: Resource, revision: int) -> tuple[Change, ...] | None:
        """What happened to a kind after `revision`; None where that is forgotten."""
        kind = self._kinds[resource.key]
        if revision < kind.floor:
            return None
        return tuple(change for change in kind.history if change.revision > revision)

    def floor(self, resource: Resource) -> int:
        """The oldest revision from which a watch of this kind can start."""
        return self._kinds[resource.key].floor

    def snapshot(self, resource: Resource, revision: int | None) -> tuple[int, tuple[Entry, ...]] | None:
        """The listing at `revision`, kept since its first page, or the present one; None if it was dropped."""
        kind = self._kinds[resource.key]
        if revision is None:
            return self.revision, kind.listed()
        found = kind.snapshots.get(revision)
        return (revision, found) if found is not None else None

    def keep_snapshot(self, resource: Resource, revision: int, listing: tuple[Entry, ...]) -> None:
        """Remember a listing for the pages after the first."""
        snapshots = self._kinds[resource.key].snapshots
        snapshots[revision] = listing
        while len(snapshots) > SNAPSHOTS:
            del snapshots[next(iter(snapshots))]

    def compact(self) -> None:
        """Forget all history: watches from earlier revisions and continue tokens get 410 Expired."""
        for kind in self._kinds.values():
            kind.history.clear()
            kind.snapshots.clear()
            kind.floor = self.revision


def within(listing: tuple[Entry, ...], namespace: str | None) -> tuple[Entry, ...]:
    """The part of a sorted listing that is in one namespace; all of it for None or the empty name."""
    if not namespace:
        return listing
    start = bisect_left(listing, namespace, key=lambda entry: entry.key[0])
    end = bisect_left(listing, namespace + "\0", key=lambda entry: entry.key[0])
    return listing[start:end]


def _wanted(obj: Json) -> Json:
    """The part of an object whose change is a new generation."""
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata", "status")}
