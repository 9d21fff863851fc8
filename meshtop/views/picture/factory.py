"""Creates Pictures from Snapshots with the settings' thresholds, tenancy and access policy, read once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from meshtop.model.attention import AttentionLog
from meshtop.model.changes import ChangeMemory
from meshtop.model.constants import APDEX_TARGET_MS
from meshtop.model.snapshot import Snapshot
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.views.picture.change_watch import ChangeWatch
from meshtop.views.picture.memory import Key, Memory
from meshtop.views.picture.picture import Picture

if TYPE_CHECKING:
    from meshtop.analysis.canary.judging import Judging
    from meshtop.analysis.findings.suppression import Suppression
    from meshtop.analysis.tenancy.access.rights import Access, AccessRules
    from meshtop.settings.schema import Settings
    from meshtop.settings.tenancy import Tenancy


Part = TypeVar("Part")

_ACCESS: Key[Access] = Key("access")
_VISIBLE: Key[Any] = Key("visible parts")


class _Keep(Struct, frozen=True):
    """Adapter of the memory to the cache interface of `analysis.tenancy.access.hiding`."""

    memory: Memory

    def same(self, name: str, made_from: tuple[object, ...], make: Callable[[], Part]) -> Part:
        """The result of `make`, or the cached one if it was made from the identical objects."""
        key: Key[Part] = _VISIBLE.at(name)
        return self.memory.get_or_make(key, made_from, make)


class PictureFactory(Struct, frozen=True, kw_only=True):
    """Creates Pictures from Snapshots; `rules` is set when a policy is in force: a file, or roles in tenancy.yaml."""

    thresholds: Thresholds = DEFAULT_THRESHOLDS
    tenancy: Tenancy | None = None
    tenant_label: str | None = None
    apdex_ms: float = APDEX_TARGET_MS
    rules: AccessRules | None = None
    judging: Callable[[], Judging] | None = None
    memory: Memory = field(default_factory=Memory)
    attention_log: AttentionLog | None = None
    ignored: tuple[Suppression, ...] = ()
    change_memory: ChangeMemory | None = None
    watched: ChangeWatch = field(default_factory=ChangeWatch)

    def access(self, snapshot: Snapshot) -> Access | None:
        """The user's rights on a snapshot's clusters (before anything is hidden); None without a policy."""
        rules = self.rules
        if rules is None:
            return None
        # Most fleets have no policy, and need nothing of what decides by it.
        from meshtop.analysis.tenancy.access.rights import access_of
        from meshtop.analysis.tenancy.ownership import owners_of

        def decide() -> Access:
            return access_of(snapshot, rules, owners_of(snapshot, self.tenancy, self.tenant_label))

        return self.memory.get_or_make(_ACCESS, tuple(_asked_of(snapshot)), decide)

    def visible(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without what the user may not read."""
        access = self.access(snapshot)
        if access is None:
            return snapshot
        from meshtop.analysis.tenancy.access.hiding import visible

        return visible(snapshot, access, _Keep(self.memory))

    def picture(self, snapshot: Snapshot) -> Picture:
        """The picture of the part of a snapshot that the user may see. Raises ConfigError for an invalid policy."""
        access = self.access(snapshot)
        if self.change_memory is not None:
            self.watched.look(snapshot, self.change_memory)
        return Picture(
            self.visible(snapshot),
            thresholds=self.thresholds,
            tenancy=self.tenancy,
            tenant_label=self.tenant_label,
            apdex_ms=self.apdex_ms,
            access=access,
            judging=self.judging,
            memory=self.memory,
            attention_log=self.attention_log,
            ignored=self.ignored,
            change_memory=self.change_memory,
        )


def _asked_of(snapshot: Snapshot) -> Iterator[object]:
    """Inputs of access decisions: the clusters, their namespaces, and the users that they report."""
    for cluster in snapshot.clusters:
        inventory = cluster.inventory
        yield from (cluster.name, inventory and inventory.namespaces, inventory and inventory.identity)


def picture_factory(
    settings: Settings, *, attention_log: AttentionLog | None = None, change_memory: ChangeMemory | None = None
) -> PictureFactory:
    """The factory of these settings; reads the tenancy and policy files. Raises ConfigError.

    `attention_log` remembers what needed attention; without it every item is seen for the first time. `change_memory`
    remembers what is seen to change from one picture to the next, and what was.
    """
    tenancy, policy, rules = None, None, None
    # Their schemas are imported only where there is something to check.
    if settings.tenancy is not None:
        from meshtop.settings.tenancy import read_tenancy

        tenancy = read_tenancy(settings.tenancy)
    if settings.access.policy is not None:
        from meshtop.settings.access import read_access

        policy = read_access(settings.access.policy)
    if policy is not None or (tenancy is not None and tenancy.file.bindings):
        from meshtop.analysis.tenancy.access.rights import AccessRules

        rules = AccessRules(policy, tenancy, settings.access.user)
    return PictureFactory(
        thresholds=Thresholds(**{name: getattr(settings.health, name) for name in Thresholds.__struct_fields__}),
        tenancy=tenancy,
        tenant_label=settings.tenant_label,
        apdex_ms=settings.apdex_ms,
        rules=rules,
        judging=partial(judging, settings),
        attention_log=attention_log,
        change_memory=change_memory,
        ignored=ignored_findings(settings),
    )


def ignored_findings(settings: Settings) -> tuple[Suppression, ...]:
    """The findings that the settings ignore; what is written there was checked when it was read."""
    if not settings.findings.ignore:
        return ()
    from meshtop.analysis.findings.suppression import suppression

    return tuple(suppression(text) for text in settings.findings.ignore)


def judging(settings: Settings) -> Judging:
    """How canaries are judged: the settings' section `canary` as the analysis takes it."""
    from meshtop.analysis.canary.evidence import Margin
    from meshtop.analysis.canary.judging import Judging, Margins

    guard, margin = settings.canary.guard, settings.canary.margin
    return Judging(
        alpha=guard.alpha,
        minimum_requests=settings.canary.minimum_requests,
        latency_ms=guard.latency_ms,
        errors=guard.errors,
        margins=Margins(
            split=margin.split,
            errors=Margin(margin.errors, margin.relative),
            slow=Margin(margin.slow, margin.relative),
        ),
    )
