"""Objects read without a watch: the control planes' ConfigMaps, remote secrets and webhooks (metadata only)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from meshtop.analysis.identity.control_planes import config_maps_to_read, homes, is_injector, istiods, revision_of
from meshtop.analysis.inventory.revisions import DEFAULT_REVISION
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.kube import (
    GATEWAY_SECRETS,
    INJECTORS,
    Controller,
    Credential,
    Identity,
    KindStatus,
    Meta,
    Namespace,
    Pod,
    RemoteSecret,
)
from meshtop.model.state import State
from meshtop.sources.kubernetes import wire
from meshtop.sources.kubernetes.kinds import REMOTE_SECRETS, WEBHOOKS, Codec
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.lists import fetch, list_all
from meshtop.sources.kubernetes.rights import who_am_i
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MOST_DOUBLINGS = 6
_METADATA_LIST = "PartialObjectMetadataList"


class ControlPlanes(Struct, frozen=True):
    """Known objects of control planes, from which the namespaces to read are derived."""

    controllers: tuple[Controller, ...] = ()
    pods: tuple[Pod, ...] = ()
    namespaces: tuple[Namespace, ...] = ()


class Extras:
    """Reads rarely changing objects. Secrets are requested as metadata only: their data is never received.

    With `identify`, the user's identity is requested too. Kinds that are not `asked` for are not read, and have no
    status.
    """

    def __init__(self, link: ServerLink, *, identify: bool = False, asked: Asked = EVERYTHING_ASKED) -> None:
        self._link = link
        self._asked = asked
        self._identify = identify
        self.identity: Identity | None = None
        self.config_maps: dict[str, dict[str, str]] = {}
        self.remote_secrets: tuple[RemoteSecret, ...] = ()
        self.webhooks: tuple[Meta, ...] = ()
        self.definitions: tuple[Meta, ...] = ()
        self.credentials: tuple[Credential, ...] = ()
        self.injectors: dict[str, dict[str, str]] = {}
        self.revision = 0
        self.homes: tuple[str, ...] = ()
        self._injectors: tuple[Meta, ...] = ()
        self._secrets: dict[str, tuple[RemoteSecret, ...]] = {}
        self._statuses: dict[str, KindStatus] = {}
        self._sparing = False
        self._refused: dict[str, tuple[int, float, SourceProblem]] = {}

    @property
    def statuses(self) -> tuple[KindStatus, ...]:
        """How each reading went."""
        return tuple(self._statuses[kind] for kind in sorted(self._statuses))

    @property
    def asks_control_planes(self) -> bool:
        """Whether anything is asked for that lies in the control planes' namespaces."""
        return self._asked.asks_kind("ConfigMap") or self._asked.asks_kind("Secret")

    async def read_webhooks(self, *, sparing: bool = False) -> None:
        """Read what is independent of control planes: webhooks, and the user's identity.

        With `sparing`, forbidden reads, here and in `read_control_planes`, are repeated after pauses that grow from
        minutes to an hour.
        """
        self._sparing = sparing
        await asyncio.gather(self._read_webhooks(), self._read_identity())

    async def read_control_planes(self, seen: ControlPlanes) -> None:
        """Read the ConfigMaps and remote secrets of the control planes found.

        Call it after `read_webhooks`. Like that it never raises for the cluster's sake.
        """
        found = istiods(seen.controllers, seen.pods, self.webhooks)
        self.homes = homes(found, seen.namespaces, self._injectors)
        places = config_maps_to_read(found, seen.namespaces, self._injectors)
        await asyncio.gather(
            *([self._read_config_maps(places)] if self._asked.asks_kind("ConfigMap") else ()),
            *([self._read_secrets(self.homes)] if self._asked.asks_kind("Secret") else ()),
        )

    async def read_for_findings(self, seen: ControlPlanes, gateways: tuple[str, ...]) -> None:
        """Read what only findings need: injectors' values, CRDs, and the names of Secrets where gateways run.

        Of CRDs and Secrets only the metadata is asked for. Call it after `read_control_planes`.
        """
        found = istiods(seen.controllers, seen.pods, self.webhooks)
        await asyncio.gather(self._read_injectors(found), self._read_definitions(), self._read_credentials(gateways))

    async def _read_injectors(self, found: list[Controller]) -> None:
        places = {(home, "istio-sidecar-injector"): None for home in self.homes}
        for istiod in found:
            revision = revision_of(istiod)
            suffix = "" if revision == DEFAULT_REVISION else f"-{revision}"
            places[istiod.meta.namespace, f"istio-sidecar-injector{suffix}"] = None
        results = await asyncio.gather(*(self._config_map(namespace, name) for namespace, name in places))
        kept: dict[str, dict[str, str]] = {}
        worst: SourceProblem | None = None
        for place, result in zip(places, results, strict=True):
            if isinstance(result, SourceProblem):
                worst = result
            elif result is not None:
                # The templates beside it are as large as they are of no use here.
                kept["/".join(place)] = {"values": result.get("values", "")}
        self._put("injectors", kept)
        self._note(INJECTORS, worst, len(kept))

    async def _read_definitions(self) -> None:
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        found = await self._metadata(path, "customresourcedefinitions.apiextensions.k8s.io", WEBHOOKS, {})
        if isinstance(found, SourceProblem):
            self._note("CustomResourceDefinition", found, len(self.definitions))
            return
        of_the_mesh = tuple(m for m in found if m.name.endswith((".istio.io", ".gateway.networking.k8s.io")))
        self._put("definitions", of_the_mesh)
        self._note("CustomResourceDefinition", None, len(of_the_mesh))

    async def _read_credentials(self, namespaces: tuple[str, ...]) -> None:
        results = await asyncio.gather(*(self._names_of_secrets(namespace) for namespace in namespaces))
        worst = next((result for result in results if isinstance(result, SourceProblem)), None)
        kept = [secret for result in results if not isinstance(result, SourceProblem) for secret in result]
        self._put("credentials", tuple(Credential(meta=secret.meta) for secret in kept))
        self._note(GATEWAY_SECRETS, worst, len(kept))

    async def _names_of_secrets(self, namespace: str) -> tuple[RemoteSecret, ...] | SourceProblem:
        return await self._metadata(
            f"/api/v1/namespaces/{namespace}/secrets", f"secrets in {namespace}", REMOTE_SECRETS, {}
        )

    async def _read_webhooks(self) -> None:
        if not self._asked.asks_kind("MutatingWebhookConfiguration"):
            return
        found = await self._metadata(
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            WEBHOOKS,
            {},
        )
        if isinstance(found, SourceProblem):
            if found.code == 403:
                self._injectors = ()
                self._put("webhooks", ())
            self._note("MutatingWebhookConfiguration", found, len(self.webhooks))
            return
        self._injectors = tuple(webhook for webhook in found if is_injector(webhook))
        self._put("webhooks", self._injectors)
        self._note("MutatingWebhookConfiguration", None, len(self._injectors))

    async def _read_secrets(self, namespaces: tuple[str, ...]) -> None:
        results = await asyncio.gather(*(self._secrets_in(namespace) for namespace in namespaces))
        kept: dict[str, tuple[RemoteSecret, ...]] = {}
        worst: SourceProblem | None = None
        for namespace, result in zip(namespaces, results, strict=True):
            if isinstance(result, SourceProblem):
                worst = result
                if result.code != 403:
                    kept[namespace] = self._secrets.get(namespace, ())
            else:
                kept[namespace] = result
        self._secrets = kept
        self._put("remote_secrets", tuple(secret for namespace in sorted(kept) for secret in kept[namespace]))
        self._note("Secret", worst, len(self.remote_secrets))

    async def _secrets_in(self, namespace: str) -> tuple[RemoteSecret, ...] | SourceProblem:
        return await self._metadata(
            f"/api/v1/namespaces/{namespace}/secrets",
            f"secrets in {namespace}",
            REMOTE_SECRETS,
            {"labelSelector": "istio/multiCluster=true"},
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

    async def _read_config_maps(self, places: tuple[tuple[str, str], ...]) -> None:
        results = await asyncio.gather(*(self._config_map(namespace, name) for namespace, name in places))
        kept: dict[str, dict[str, str]] = {}
        worst: SourceProblem | None = None
        for place, result in zip(map("/".join, places), results, strict=True):
            if not isinstance(result, SourceProblem):
                if result is not None:
                    kept[place] = result
                continue
            worst = result
            if result.code != 403 and place in self.config_maps:
                kept[place] = self.config_maps[place]
        self._put("config_maps", kept)
        self._note("ConfigMap", worst, len(kept))

    async def _config_map(self, namespace: str, name: str) -> dict[str, str] | SourceProblem | None:
        """The data of one ConfigMap, None where there is none, or the problem of reading it."""
        link = self._link
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        try:
            response = await fetch(
                link.connection, path, what=f"configmaps in {namespace}", verb="get", turn=link.listing
            )
            return msgspec.json.decode(response.content, type=wire.ConfigMapObject).data or {}
        except SourceProblem as problem:
            return None if problem.code == 404 else problem.kept()
        except NOT_UNDERSTOOD as error:
            return SourceProblem(
                State.STALE,
                f"{link.connection.name} sent a ConfigMap {name} that cannot be understood: {error_text(error)}.",
            )

    async def _metadata(
        self, path: str, what: str, codec: Codec, params: dict[str, str]
    ) -> tuple[Any, ...] | SourceProblem:
        """The metadata of the objects of a list, by namespace and name, or why they cannot be read."""
        refusals, until, refused = self._refused.get(path, (0, 0.0, None))
        if refused is not None and self._sparing and self._link.clock() < until:
            return refused
        try:
            listing = await list_all(
                self._link.connection,
                path,
                codec,
                what=what,
                params=params,
                headers={"Accept": METADATA_ONLY},
                only=_METADATA_LIST,
                turn=self._link.listing,
            )
        except SourceProblem as problem:
            if problem.code == 403:
                pause = self._link.pace.denied * 2.0 ** min(refusals, _MOST_DOUBLINGS)
                self._refused[path] = (refusals + 1, self._link.clock() + pause, problem.kept())
            return problem.kept()
        self._refused.pop(path, None)
        return tuple(sorted(listing.objects, key=_key))

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
