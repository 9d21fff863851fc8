"""The login to one cluster, kept valid while meshtop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtop.sources.auth.credentials import Credentials, load_credentials
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.auth.openid import AskProvider
from meshtop.sources.problem import SourceProblem

_RENEW_BEFORE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0


class Login:
    """The credentials of one context: loaded at the first request, renewed before they expire or when refused.

    A login that failed is tried again at later requests, with pauses from 5 s to a minute between the tries; in
    between, requests fail with the same problem. `clock` gives Unix seconds; `ask` asks an identity provider.
    """

    def __init__(
        self, ref: ClusterRef, *, limit_seconds: float, clock: Callable[[], float], ask: AskProvider | None = None
    ) -> None:
        self.credentials: Credentials | None = None
        self._ref = ref
        self._limit_seconds = limit_seconds
        self._ask = ask
        self._clock = clock
        self._loading = asyncio.Lock()
        self._renew_at: float | None = None
        self._problem: SourceProblem | None = None
        self._refusals = 0
        self._again_at = 0.0

    async def current(self) -> Credentials:
        """Valid credentials. Raises SourceProblem: denied, or unreachable for a kubeconfig that leads nowhere."""
        if self.credentials is not None and not self._due():
            return self.credentials
        async with self._loading:
            if self.credentials is None or self._due():
                await self._load()
            assert self.credentials is not None
            return self.credentials

    async def renew(self, refused: Credentials) -> None:
        """After a 401: load again, unless another request has done so in the meantime. Raises SourceProblem."""
        async with self._loading:
            if self.credentials is refused:
                await self._load(refused=True)

    def accepted(self) -> None:
        """The server accepted the credentials."""
        self._refusals = 0

    def refuse(self, problem: SourceProblem) -> SourceProblem:
        """The server rejected the credentials: `problem`, given back, is raised until the next attempt is due."""
        pause = min(_FIRST_PAUSE_SECONDS * 2**self._refusals, _LONGEST_PAUSE_SECONDS)
        self._refusals += 1
        self._problem = problem
        self._again_at = self._clock() + pause
        self.credentials = None
        return problem

    def forget(self) -> None:
        """Load again at the next request, as the files may have been corrected."""
        self.credentials = None

    def _due(self) -> bool:
        return self._renew_at is not None and self._clock() >= self._renew_at

    async def _load(self, *, refused: bool = False) -> None:
        if self._problem is not None and self._clock() < self._again_at:
            raise self._problem.kept()
        old = self.credentials
        try:
            credentials = await load_credentials(self._ref, limit_seconds=self._limit_seconds, ask=self._ask)
        except SourceProblem as problem:
            if not refused and old is not None and (old.expires_at or 0.0) > self._clock():
                # Not renewed in time, but still valid: use it to its end.
                self._renew_at = min(self._clock() + _FIRST_PAUSE_SECONDS, old.expires_at or 0.0)
                return
            if not refused:
                problem.before_asking()
            self.refuse(problem)
            raise
        self.credentials = credentials
        self._problem = None
        self._renew_at = None
        if credentials.expires_at is not None:
            life = max(0.0, credentials.expires_at - self._clock())
            self._renew_at = credentials.expires_at - min(_RENEW_BEFORE_SECONDS, life / 5)
