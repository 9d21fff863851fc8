"""Refusals as the real API server words them: one exception that becomes a Status object."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.demo.kube.resource import Json, Resource


class ApiError(Exception):
    """A request refused; `status()` is the body of the answer."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Json:
        """The Status object of the refusal."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _details(resource: Resource, name: str) -> Json:
    details: Json = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def bad_request(message: str) -> ApiError:
    """400: the request makes no sense."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no token, or an unknown one."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for one object."""
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def no_such_path() -> ApiError:
    """404 for a path or kind that is not served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """405: the kind does not know this verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    """409 on create."""
    return ApiError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    """409: written against a state that is gone."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def invalid(resource: Resource, name: str, problems: Sequence[tuple[str, str, str]]) -> ApiError:
    """422 with a cause for each problem: (reason, field, message)."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    lines = [f"{field}: {message}" for _, field, message in problems]
    text = lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"
    details: Json = {"name": name, "group": resource.group, "kind": resource.kind}
    details["causes"] = [{"reason": reason, "message": message, "field": field} for reason, field, message in problems]
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {text}', details)


def unprocessable() -> ApiError:
    """422 for a JSON Patch that does not apply, such as a failed ``test``; like the real server, without details."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def expired(message: str) -> ApiError:
    """410: the resourceVersion or continue token is older than what is remembered."""
    return ApiError(410, "Expired", message)


def not_acceptable() -> ApiError:
    """406: only media types that are not spoken here."""
    message = (
        "only the following media types are accepted: application/json, "
        "application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    )
    return ApiError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415: a body in a language that is not spoken here."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiError(415, "UnsupportedMediaType", message)


def denied_by_webhook(webhook: str, message: str) -> ApiError:
    """400 as a validating webhook's denial arrives when the webhook names no code (Istio's does not)."""
    return ApiError(400, "", f'admission webhook "{webhook}" denied the request: {message}')
