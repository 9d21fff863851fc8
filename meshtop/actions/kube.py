"""Client of one cluster's API server for actions: read and patch objects, check rights, hold Leases."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from meshtop.actions.cluster_identity import SYSTEM_NAMESPACE, ClusterIdentity
from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind, PatchTestFailed
from meshtop.actions.halt import Halt, Halted, HaltingWire
from meshtop.analysis.canary.routes import WeightedRoute, weighted_routes
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Manager, Meta
from meshtop.model.state import State
from meshtop.sources.http.client import Response
from meshtop.sources.http.transport import Wire
from meshtop.sources.problem import ODD_SHAPE, SourceProblem, error_text

FIELD_MANAGER = "meshtop"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
JSON = {"Content-Type": "application/json"}
_CONFLICTS = (409, 412)
_ADMISSION = re.compile(r"admission webhook .* denied|ValidatingAdmissionPolicy|denied (the )?request", re.IGNORECASE)
"""Messages of the API server when a webhook or policy denies a request; the status code is the policy's choice."""


class RouteObject(msgspec.Struct, frozen=True, kw_only=True):
    """The object that contains the weights in a cluster, and the index of its weighted route."""

    cluster: str
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    index: int

    @property
    def plural(self) -> str:
        """The resource's name in URLs and in RBAC."""
        return f"{self.kind.lower()}s"

    @property
    def path(self) -> str:
        """The object's path."""
        return f"/apis/{self.group}/{self.version}/namespaces/{self.namespace}/{self.plural}/{self.name}"

    @property
    def title(self) -> str:
        """Name in the journal and for users."""
        return f"{self.kind} {self.namespace}/{self.name}"


class KubeApi:
    """Requests to one cluster, with failures as ActionError. No request is ever retried.

    `server` is the API server's URL as the kubeconfig has it, `domain` the cluster's DNS domain, in which short hosts
    are completed. With `expected` nothing is sent before the cluster has said that it is that one.
    """

    def __init__(
        self,
        cluster: str,
        wire: Wire,
        *,
        server: str = "",
        domain: str = CLUSTER_DOMAIN,
        expected: ClusterIdentity | None = None,
    ) -> None:
        self.cluster = cluster
        self.wire = wire
        self.server = server
        self.domain = domain
        self._expected = expected
        self._identity: ClusterIdentity | None = None

    def under(self, halt: Halt) -> KubeApi:
        """This connection for an action that can be stopped by `halt`."""
        found = KubeApi(
            self.cluster, HaltingWire(self.wire, halt, self.cluster), server=self.server, expected=self._expected
        )
        found._identity = self._identity
        return found

    async def identity(self) -> ClusterIdentity:
        """The cluster's identity, read once. Its UID is empty where the namespace kube-system may not be read.

        Raises AnswerLost when the cluster does not answer.
        """
        if self._identity is None:
            self._identity = ClusterIdentity(await self._system_uid(), self.server)
        return self._identity

    async def _system_uid(self) -> str:
        try:
            response = await self._send("GET", SYSTEM_NAMESPACE, what="get the namespace kube-system")
        except (AnswerLost, Halted):
            raise
        except ActionError:
            return ""
        with contextlib.suppress(*ODD_SHAPE):
            if response.status_code < 400:
                return str((msgspec.json.decode(response.content).get("metadata") or {}).get("uid") or "")
        return ""

    async def _require_expected(self) -> None:
        """Raise ActionError (conflict) when this is not the expected cluster."""
        if self._expected is None:
            return
        if not (await self.identity()).may_be(self._expected):
            raise not_here(self.cluster, self._expected)
        self._expected = None

    async def send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Response:
        """Send one request; an answer whose status is below 400, or 404. `what` says for errors what was asked for.

        Raises ActionError: login where nobody could log in, and nothing was sent; refused for 401, 403, admission
        denials and invalid objects (422); conflict for 409 and 412; PatchTestFailed for the 422 of a JSON Patch that
        does not apply; rejected for other 4xx; AnswerLost without a response, or for 5xx and 429, after which the
        outcome is unknown.
        """
        await self._require_expected()
        return await self._send(method, path, what=what, body=body, headers=headers, params=params)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Response:
        content = None if body is None else msgspec.json.encode(body)
        try:
            response = await self.wire.request(method, path, params=params, headers=headers, content=content)
        except SourceProblem as problem:
            if problem.state is State.DENIED:
                kind = ErrorKind.LOGIN if problem.unsent else ErrorKind.REFUSED
                raise ActionError(kind, problem.message, cluster=self.cluster, remedy=problem.remedy) from problem
            raise AnswerLost(problem.message, cluster=self.cluster) from problem
        code = response.status_code
        if code < 400 or code == 404:
            return response
        detail = _status_message(response)
        if code < 500 and _ADMISSION.search(detail):
            raise self._refused(code, what, detail)
        if code == 422:
            if headers == JSON_PATCH and "is invalid" not in detail:
                raise PatchTestFailed(f"{self.cluster} answered 422 to {what}{detail}", cluster=self.cluster)
            raise self._refused(code, what, detail)
        if code in (401, 403):
            message = f"{self.cluster} does not let you {what}{detail}"
            raise ActionError(ErrorKind.REFUSED, message, cluster=self.cluster, remedy=f"Ask for the right to {what}.")
        if code in _CONFLICTS:
            raise ActionError(
                ErrorKind.CONFLICT, f"{self.cluster} answered {code} to {what}{detail}", cluster=self.cluster
            )
        if code >= 500 or code == 429:
            raise AnswerLost(f"{self.cluster} answered {code} to {what}{detail}", cluster=self.cluster)
        raise ActionError(ErrorKind.REJECTED, f"{self.cluster} rejects it: {code}{detail}", cluster=self.cluster)

    def _refused(self, code: int, what: str, detail: str) -> ActionError:
        """The error for a denial by the cluster's own rules, with their message."""
        return ActionError(
            ErrorKind.REFUSED, f"{self.cluster} refuses to {what} ({code}){detail}", cluster=self.cluster
        )

    async def read(self, where: RouteObject) -> WeightedRoute:
        """The current route. Raises ActionError, conflict when it no longer exists."""
        response = await self.send("GET", where.path, what=f"read {where.title}")
        if response.status_code == 404:
            raise ActionError(ErrorKind.CONFLICT, f"{where.title} is gone from {self.cluster}.", cluster=self.cluster)
        return self.parse(where, response.content)

    def parse(self, where: RouteObject, body: bytes) -> WeightedRoute:
        """The route out of an object's JSON. Raises ActionError."""
        try:
            obj = config_object(where, msgspec.json.decode(body))
            routes = weighted_routes(self.cluster, {where.kind: (obj,)}, self.domain)
        except ODD_SHAPE as error:
            raise AnswerLost(
                f"{self.cluster} sent an invalid {where.kind}: {error_text(error)}.", cluster=self.cluster
            ) from error
        found = next((route for route in routes if route.index == where.index), None)
        if found is None:
            message = f"{where.title} in {self.cluster} has no weighted route {where.index} any more."
            raise ActionError(ErrorKind.CONFLICT, message, cluster=self.cluster)
        return found

    async def patch(
        self, where: RouteObject, patch: Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> tuple[WeightedRoute, dict[str, Any]]:
        """Send a JSON Patch; returns the resulting route, and the whole object.

        Raises ActionError: conflict when the patch's tests fail, refused when they hold and the server denies the patch
        anyway.
        """
        params: dict[str, str | int] = {"fieldManager": FIELD_MANAGER}
        if dry_run:
            params["dryRun"] = "All"
        what = f"patch {where.plural}.{where.group} in {where.namespace}"
        try:
            response = await self.send(
                "PATCH", where.path, what=what, body=list(patch), headers=JSON_PATCH, params=params
            )
        except PatchTestFailed as failed:
            if await self._stands(where, patch):
                raise ActionError(ErrorKind.REFUSED, failed.message, cluster=self.cluster) from failed
            raise
        if response.status_code == 404:
            raise ActionError(ErrorKind.CONFLICT, f"{where.title} is gone from {self.cluster}.", cluster=self.cluster)
        return self.parse(where, response.content), msgspec.json.decode(response.content)

    async def _stands(self, where: RouteObject, patch: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the object still passes the patch's tests, so that a 422 was not caused by a failed test."""
        tested = next((op.get("value") for op in patch if op.get("path") == "/metadata/resourceVersion"), None)
        try:
            return (await self.read(where)).resource_version == tested
        except ActionError:
            return False

    async def may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether Kubernetes permits the request (SelfSubjectAccessReview). Raises ActionError."""
        attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        response = await self.send("POST", path, what="ask for rights", body=body, headers=JSON)
        with contextlib.suppress(*ODD_SHAPE):
            return bool(msgspec.json.decode(response.content).get("status", {}).get("allowed"))
        return False

    async def close(self) -> None:
        """Close the connection."""
        await self.wire.close()


def not_here(cluster: str, recorded: ClusterIdentity, *, taken: bool = True) -> ActionError:
    """The error for an action whose cluster is not available; `taken`: another cluster has its name."""
    which = f" ({recorded.server})" if recorded.server else ""
    other = f": what is called {cluster} here is another cluster" if taken else ""
    return ActionError(
        ErrorKind.CONFLICT,
        f"The cluster {cluster} of this action{which} is not here{other}.",
        cluster=cluster,
        remedy="Use the kubeconfig that the action was begun with.",
    )


def config_object(where: RouteObject, data: dict[str, Any]) -> ConfigObject:
    """An object's JSON as a ConfigObject for the analysis."""
    metadata = data["metadata"]
    return ConfigObject(
        group=where.group,
        version=where.version,
        kind=where.kind,
        meta=Meta(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            labels=metadata.get("labels") or {},
            annotations=metadata.get("annotations") or {},
        ),
        spec=data.get("spec") or {},
        managers=tuple(
            Manager(entry.get("manager", ""), entry.get("operation", ""), unix(entry.get("time")))
            for entry in metadata.get("managedFields") or ()
            if not entry.get("subresource")
        ),
    )


def unix(text: str | None) -> float:
    """Unix seconds of an RFC 3339 moment; 0 where it is missing or cannot be read."""
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _status_message(response: Response) -> str:
    with contextlib.suppress(*ODD_SHAPE):
        message = msgspec.json.decode(response.content).get("message")
        if message:
            return f": {' '.join(str(message).split())[:1000].rstrip('.')}."
    return "."
