"""The reviews of a user's own rights and identity."""

from __future__ import annotations

from aiohttp import web

from meshtop.demo.kube.access import EVERYBODY, Account, Attributes
from meshtop.demo.kube.answers import json_answer
from meshtop.demo.kube.bodies import read_object
from meshtop.demo.kube.resource import Json
from meshtop.demo.kube.status import bad_request, method_not_allowed


def _wanted(spec: Json) -> Attributes:
    if paths := spec.get("nonResourceAttributes"):
        return Attributes(paths.get("verb", ""), url=paths.get("path", ""))
    wanted = spec.get("resourceAttributes")
    if not wanted:
        raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    return Attributes(
        wanted.get("verb", ""),
        wanted.get("group", ""),
        wanted.get("resource", ""),
        wanted.get("subresource", ""),
        wanted.get("namespace", ""),
        wanted.get("name", ""),
    )


def _access(account: Account, spec: Json) -> Json:
    allowed = account.may(_wanted(spec))
    return {"allowed": allowed, "reason": f'RBAC: allowed to "{account.name}"'} if allowed else {"allowed": False}


def _rules(account: Account, spec: Json) -> Json:
    namespace = spec.get("namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    rules = [rule for rule in (*EVERYBODY, *account.rules) if rule.namespaces is None or namespace in rule.namespaces]
    return {
        "resourceRules": [rule.policy() for rule in rules if not rule.urls],
        "nonResourceRules": [rule.policy() for rule in rules if rule.urls],
        "incomplete": False,
    }


async def review(kind: str, account: Account, request: web.Request) -> web.Response:
    """Answer the creation of a review. Raises 405 for any other verb."""
    if request.method != "POST":
        raise method_not_allowed()
    body = await read_object(request)
    if body.get("kind") != kind:
        raise bad_request(f"the kind of the body is {body.get('kind')}, {kind} is expected")
    spec = body.get("spec") or {}
    match kind:
        case "SelfSubjectAccessReview":
            status = _access(account, spec)
        case "SelfSubjectRulesReview":
            status = _rules(account, spec)
        case _:
            status = {"userInfo": {"username": account.name, "groups": account.all_groups}}
    metadata = {**(body.get("metadata") or {}), "creationTimestamp": None}
    answer = {"kind": kind, "apiVersion": body["apiVersion"], "metadata": metadata, "spec": spec, "status": status}
    return json_answer({key: value for key, value in answer.items() if value != {}}, 201)
