"""The namespaces that may be read one by one, where listing all of them is forbidden."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, SubjectRules
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes.kinds import ApiKind
from meshtop.sources.kubernetes.rights import rules_in, rules_of
from meshtop.sources.problem import SourceProblem

MOST_NAMESPACES = 32
"""Maximum number of namespaces checked: each kind in each namespace needs its own list and watch."""
_WHERE_TO_ASK = "default"


class NamespaceScope:
    """The namespaces to read kind by kind, as `kubectl -n` does.

    Namespaces that the user names are tried as they are. Without names, those are asked about (SelfSubjectRulesReview)
    that the cluster lists, that the rules themselves name (`resourceNames` of namespaces), and the context's own; read
    are those whose rules allow to list the kind. A name with `*` narrows this down.
    """

    def __init__(self, connection: Connection, *, wanted: Sequence[str] = (), own: str | None = None) -> None:
        self._connection = connection
        self._patterns = tuple(name for name in wanted if set(name) & set("*?["))
        self._named = tuple(name for name in wanted if name not in self._patterns)
        self._own = own
        self._reviews: dict[str, SubjectRules] = {}
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """Check again next time, as rights may change."""
        self._reviews.clear()

    async def names(self, kind: ApiKind, listed: Iterable[str]) -> tuple[str, ...]:
        """The namespaces in which this kind may be read, sorted; `listed` are those that the cluster lists."""
        if self._named and not self._patterns:
            return tuple(sorted(self._named))
        async with self._asking:
            asked = await self._reviewed(listed)
        wanted = ResourceAttributes("list", kind.group, kind.plural)
        allowed = (name for name in asked if name in self._reviews and self._reviews[name].allows(wanted) is not False)
        return tuple(sorted({*self._named, *allowed}))

    async def _reviewed(self, listed: Iterable[str]) -> list[str]:
        """The candidate namespaces whose rules the cluster has reported."""
        candidates = {name for name in (*listed, *await self._named_by_rules()) if self._in_scope(name)}
        asked = sorted(candidates)[:MOST_NAMESPACES]
        if new := [name for name in asked if name not in self._reviews]:
            self._reviews.update(await rules_of(self._connection, new))
        return asked

    def _in_scope(self, name: str) -> bool:
        return not self._patterns or any(fnmatchcase(name, pattern) for pattern in self._patterns)

    async def _named_by_rules(self) -> set[str]:
        """The context's namespace, and those that rules name one by one."""
        where = self._own or _WHERE_TO_ASK
        if where not in self._reviews:
            try:
                self._reviews[where] = await rules_in(self._connection, where)
            except SourceProblem:
                return {where} if self._own else set()
        rules = self._reviews[where].rules
        named = {n for r in rules if "" in r.api_groups and "namespaces" in r.resources for n in r.resource_names}
        return {*named, where}
