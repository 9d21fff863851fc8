"""Which waypoint is bound to a Service or workload of a cluster, by the labels of Istio's ambient mode.

`istio.io/use-waypoint` on the Service or pod decides, else on its namespace; `none` switches it off. What kind of calls
a waypoint takes is `istio.io/waypoint-for` of its Gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtop.analysis.authorization.attachment import GATEWAY_NAME
from meshtop.analysis.authorization.call import UNTOLD, Untold
from meshtop.analysis.authorization.identities import principal_of
from meshtop.analysis.authorization.way import BoundWaypoint
from meshtop.model.kube import Inventory
from meshtop.model.mesh import Workload

USE_WAYPOINT = "istio.io/use-waypoint"
USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"
WAYPOINT_FOR = "istio.io/waypoint-for"
INGRESS_USE_WAYPOINT = "istio.io/ingress-use-waypoint"
_GATEWAYS = "Gateway.gateway.networking.k8s.io"
_KINDS = ("service", "workload", "all", "none")


class WaypointBindings:
    """The waypoints of one cluster; `unknown` says why they are not known, if they are not."""

    def __init__(self, inventory: Inventory, workloads: Iterable[Workload], trust_domain: str | None) -> None:
        self._namespaces = {one.meta.name: one.meta.labels for one in inventory.namespaces}
        self._services = {one.meta.key: one.meta.labels for one in inventory.services}
        self._gateways = {one.meta.key: one.meta.labels for one in inventory.config.get(_GATEWAYS, ())}
        self._proxies = {
            (one.namespace, dict(one.labels).get(GATEWAY_NAME, one.name)): one for one in workloads if one.is_waypoint
        }
        self._trust_domain = trust_domain
        unread = inventory.unread("Namespace", _GATEWAYS)
        self.unknown = (
            f"which waypoints there are was not read ({', '.join(kind for kind, _ in unread)})" if unread else None
        )

    def of(self, namespace: str, service: str | None, labels: Mapping[str, str]) -> BoundWaypoint | None:
        """The waypoint of a Service, or of a workload with these labels where no Service is called."""
        home = self._namespaces.get(namespace, {})
        own = self._services.get((namespace, service), {}) if service is not None else labels
        chosen = own if own.get(USE_WAYPOINT) else home
        name = chosen.get(USE_WAYPOINT)
        if not name or name == "none":
            return None
        where = chosen.get(USE_WAYPOINT_NAMESPACE) or namespace
        proxy = self._proxies.get((where, name))
        written = self._gateways.get((where, name), {}).get(WAYPOINT_FOR)
        principal: str | Untold = UNTOLD
        if proxy is not None and proxy.service_account and self._trust_domain:
            principal = principal_of(self._trust_domain, where, proxy.service_account)
        return BoundWaypoint(
            namespace=where,
            name=name,
            labels=dict(proxy.labels) if proxy is not None else {GATEWAY_NAME: name},
            serves=written if written in _KINDS else "service",
            principal=principal,
        )

    def takes_ingress(self, namespace: str, service: str | None) -> bool:
        """Whether gateways go through the waypoint of a Service too."""
        own = self._services.get((namespace, service or ""), {}).get(INGRESS_USE_WAYPOINT)
        return (own or self._namespaces.get(namespace, {}).get(INGRESS_USE_WAYPOINT)) == "true"
