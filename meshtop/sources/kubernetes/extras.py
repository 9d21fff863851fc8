"""What is read without a watch: three ConfigMaps of istio-system, remote secrets and webhooks (metadata only)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.kube import Controller, Identity, KindStatus, Meta, RemoteSecret
from meshtop.model.state import State
from meshtop.sources.kubernetes import wire
from meshtop.sources.kubernetes.convert import is_istiod
from meshtop.sources.kubernetes.kinds import REMOTE_SECRETS, WEBHOOKS, Codec
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.lists import fetch, list_all
from meshtop.sources.kubernetes.rights import who_am_i
from meshtop.sources.problem import SourceProblem

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MOST_DOUBLINGS = 6
_METADATA_LIST = "PartialObjectMetadataList"
_BASE_NAMES = ("istio", "values", "istio-ca-root-cert")


def config_map_names(controllers: Iterable[Controller]) -> tuple[str, ...]:
    """The names to read: the three of every control plane, and `istio-REV` and `values-REV` of each revision."""
    revisions = set()
    for controller in controllers:
        labels = {**controller.template_labels, **controller.meta.labels}
        if controller.kind == "Deployment" and is_istiod(labels):
            revisions.add(labels.get("istio.io/rev") or controller.environment.get("REVISION") or "default")
    named = [f"{base}-{revision}" for revision in sorted(revisions - {"default"}) for base in ("istio", "values")]
    return (*_BASE_NAMES, *named)


class Extras:
    """Reads what changes seldom. Secrets are asked for as metadata and in no other way: their data never comes here.

    With `identify` the server is asked who the user is.
    """

    def __init__(self, link: ServerLink, *, identify: bool = False) -> None:
        self._link = link
        self._identify = identify
        self.identity: Identity | None = None
        self.config_maps: dict[str, dict[str, str]] = {}
        self.remote_secrets: tuple[RemoteSecret, ...] = ()
        self.webhooks: tuple[Meta, ...] = ()
        self.revision = 0
        self._statuses: dict[str, KindStatus] = {}
        self._asked: set[str] = set()
        self._refused: dict[str, tuple[int, float]] = {}

    @property
    def statuses(self) -> tuple[KindStatus, ...]:
        """How each reading went."""
        return tuple(self._statuses[kind] for kind in sorted(self._statuses))

    async def read(self, controllers: Iterable[Controller], *, sparing: bool = False) -> None:
        """Read all three once; never raises for the cluster's sake.

        With `sparing`, what was forbidden is asked for again after pauses that grow from minutes to an hour.
        """
        await asyncio.gather(
            self._read_config_maps(config_map_names(controllers)),
            self._read_metadata(
                "Secret",
                f"/api/v1/namespaces/{ISTIO_NAMESPACE}/secrets",
                f"secrets in {ISTIO_NAMESPACE}",
                REMOTE_SECRETS,
                "istio/multiCluster=true",
                "remote_secrets",
                sparing=sparing,
            ),
            self._read_metadata(
                "MutatingWebhookConfiguration",
                "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                "mutatingwebhookconfigurations.admissionregistration.k8s.io",
                WEBHOOKS,
                "istio.io/tag",
                "webhooks",
                sparing=sparing,
            ),
            self._read_identity(),
        )

    async def _read_identity(self) -> None:
        if not self._identify:
            return
        try:
            async with self._link.listing:
                self._put("identity", await who_am_i(self._link.connection))
        except SourceProblem as problem:
            if problem.code in (401, 403, 404):
                self._put("identity", None)
            self._note("SelfSubjectReview", problem, 0)
            return
        self._note("SelfSubjectReview", None, 1)

    async def read_revisions(self, controllers: Iterable[Controller]) -> None:
        """Read the ConfigMaps again when control planes have become known whose ConfigMaps were not asked for."""
        names = config_map_names(controllers)
        if not set(names) <= self._asked:
            await self._read_config_maps(names)

    async def _read_config_maps(self, names: tuple[str, ...]) -> None:
        self._asked = set(names)
        results = await asyncio.gather(*(self._config_map(name) for name in names))
        kept: dict[str, dict[str, str]] = {}
        worst: SourceProblem | None = None
        for name, result in zip(names, results, strict=True):
            if not isinstance(result, SourceProblem):
                if result is not None:
                    kept[name] = result
                continue
            worst = result
            if result.code != 403 and name in self.config_maps:
                kept[name] = self.config_maps[name]
        self._put("config_maps", kept)
        self._note("ConfigMap", worst, len(kept))

    async def _config_map(self, name: str) -> dict[str, str] | SourceProblem | None:
        """The data of one ConfigMap, None where there is none, or why it cannot be read."""
        link = self._link
        path = f"/api/v1/namespaces/{ISTIO_NAMESPACE}/configmaps/{name}"
        try:
            async with link.listing:
                response = await fetch(link.connection, path, what=f"configmaps in {ISTIO_NAMESPACE}", verb="get")
            return msgspec.json.decode(response.content, type=wire.ConfigMapObject).data or {}
        except SourceProblem as problem:
            return None if problem.code == 404 else problem
        except msgspec.MsgspecError as error:
            return SourceProblem(
                State.STALE, f"{link.connection.name} sent a ConfigMap {name} that cannot be understood: {error}."
            )

    async def _read_metadata(
        self, kind: str, path: str, what: str, codec: Codec, selector: str, attribute: str, *, sparing: bool
    ) -> None:
        refusals, until = self._refused.get(kind, (0, 0.0))
        if sparing and self._link.clock() < until:
            return
        try:
            async with self._link.listing:
                listing = await list_all(
                    self._link.connection,
                    path,
                    codec,
                    what=what,
                    params={"labelSelector": selector},
                    headers={"Accept": METADATA_ONLY},
                    only=_METADATA_LIST,
                )
        except SourceProblem as problem:
            if problem.code == 403:
                self._put(attribute, ())
                pause = self._link.pace.denied * 2.0 ** min(refusals, _MOST_DOUBLINGS)
                self._refused[kind] = (refusals + 1, self._link.clock() + pause)
            self._note(kind, problem, len(getattr(self, attribute)))
            return
        self._refused.pop(kind, None)
        self._put(attribute, tuple(sorted(listing.objects, key=_key)))
        self._note(kind, None, len(listing.objects))

    def _put(self, attribute: str, value: Any) -> None:
        if getattr(self, attribute) != value:
            setattr(self, attribute, value)
            self.revision += 1

    def _note(self, kind: str, problem: SourceProblem | None, count: int) -> None:
        state = "fresh"
        if problem is not None:
            state = {403: "denied", 404: "missing"}.get(problem.code or 0, "stale" if count else "failed")
        error = problem.message if problem is not None else None
        status = KindStatus(kind=kind, state=state, count=count, error=error)
        if self._statuses.get(kind) != status:
            self._statuses[kind] = status
            self.revision += 1


def _key(item: Meta | RemoteSecret) -> tuple[str, str]:
    return item.meta.key if isinstance(item, RemoteSecret) else item.key
