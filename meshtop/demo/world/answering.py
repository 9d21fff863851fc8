"""How requests are answered that reach a workload: by itself, or by policies in front of it."""

from __future__ import annotations

from meshtop.demo.world import company
from meshtop.demo.world.authorization import Request, applying, at_waypoint, permitted
from meshtop.demo.world.company import Service, Version
from meshtop.demo.world.plan import Workload
from meshtop.demo.world.routing import Config

Outcome = tuple[str, str, str, float]
"""Code, gRPC status, flags and the share of requests that end so."""
DENIED: Outcome = ("403", "", "-", 1.0)
DENIED_IN_GRPC: Outcome = ("200", "7", "-", 1.0)
"""PERMISSION_DENIED, in an HTTP 200."""


def allows(
    config: Config, client: Workload | None, endpoint: Workload, service: Service, host: str, waypoint: Workload | None
) -> bool:
    """Whether the policies on the way let requests pass; `client` is who mutual TLS shows, None in plaintext.

    `waypoint` is the one that they go through, if they do.
    """
    policies = config.policies()
    if not policies or endpoint.proxy == "none":
        return True
    request = Request(
        principal=_identity(client) if client is not None else None,
        port=service.port,
        host=host,
        method="POST" if service.protocol == "grpc" else "GET",
        http=service.protocol != "tcp",
    )
    if waypoint is not None:
        if not permitted(at_waypoint(policies, endpoint.namespace, service.name, waypoint.name), request):
            return False
        request = request._replace(principal=_identity(waypoint))
    if endpoint.proxy == "ambient":
        request = request._replace(http=False)
    return permitted(applying(policies, endpoint.namespace, endpoint.labels, config.root), request)


def _identity(workload: Workload) -> str:
    return workload.principal.removeprefix("spiffe://")


def refused(outcomes: list[Outcome]) -> bool:
    """Whether policies answer all requests, so that the workload sees none."""
    return outcomes in ([DENIED], [DENIED_IN_GRPC])


def with_success(errors: tuple[tuple[str, float], ...], protocol: str) -> list[Outcome]:
    """Error shares as outcomes, after what is left for success; in gRPC the numbers are statuses of an HTTP 200."""
    fine = 1.0 - sum(share for _, share in errors)
    if protocol == "grpc":
        return [("200", "0", "-", fine), *(("200", status, "-", share) for status, share in errors)]
    return [("200", "", "-", fine), *((code, "", "-", share) for code, share in errors if code != "0"),
            *(("0", "", "DC", share) for code, share in errors if code == "0")]  # fmt: skip


def machine_service(name: str) -> Service:
    """The Service in front of a virtual machine."""
    machine = next(m for m in company.MACHINES if m.name == name)
    return Service(
        machine.name, machine.namespace, machine.port, (Version(machine.version.name),), protocol=machine.protocol,
        request_bytes=machine.request_bytes, response_bytes=machine.response_bytes,
    )  # fmt: skip
