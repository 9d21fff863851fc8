"""The namespaces that an object is exported to: by its `exportTo`, the mesh's default, or a Service's annotation.

`*` is every namespace, `.` the object's own, `~` none, anything else a namespace by its name (Istio's API, `exportTo`
and `MeshConfig.default*ExportTo`). What MeshConfig leaves out is `*`; its default for services is that of
ServiceEntries and of Kubernetes Services (istio/api, mesh/v1alpha1/config.proto).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import texts
from meshtop.model.kube import ConfigObject, Service

EVERYWHERE, OWN, NOWHERE = "*", ".", "~"
SERVICE_ANNOTATION = "networking.istio.io/exportTo"


class Audience(Struct, frozen=True):
    """The namespaces that see an object: all of them if `everyone`, else the named ones."""

    everyone: bool = True
    namespaces: frozenset[str] = frozenset()

    def includes(self, namespace: str) -> bool:
        """Whether clients of a namespace see it."""
        return self.everyone or namespace in self.namespaces

    def overlaps(self, other: Audience) -> bool:
        """Whether some namespace sees both (an object exported to none overlaps with nothing)."""
        if self.everyone and other.everyone:
            return True
        if self.everyone or other.everyone:
            return bool(other.namespaces if self.everyone else self.namespaces)
        return bool(self.namespaces & other.namespaces)


def audience(written: Iterable[str], home: str) -> Audience:
    """The audience of a list of namespaces and aliases, for an object in the namespace `home`."""
    named = set(written)
    if EVERYWHERE in named:
        return Audience()
    return Audience(everyone=False, namespaces=frozenset(home if n == OWN else n for n in named if n != NOWHERE))


class ExportDefaults(Struct, frozen=True, kw_only=True):
    """MeshConfig's defaults for objects without `exportTo`; `known` is False where no MeshConfig was read.

    Then Istio's own default `*` is used, and an answer about another namespace that depends on it is an assumption.
    """

    virtual_services: tuple[str, ...] = (EVERYWHERE,)
    destination_rules: tuple[str, ...] = (EVERYWHERE,)
    services: tuple[str, ...] = (EVERYWHERE,)
    known: bool = True

    def of(self, obj: ConfigObject) -> Audience:
        """The audience of a VirtualService, DestinationRule or ServiceEntry; objects of other kinds are seen by all."""
        default = {
            "VirtualService": self.virtual_services,
            "DestinationRule": self.destination_rules,
            "ServiceEntry": self.services,
        }.get(obj.kind, (EVERYWHERE,))
        return audience(texts(obj.spec.get("exportTo")) or default, obj.meta.namespace)

    def of_service(self, service: Service) -> Audience:
        """The audience of a Kubernetes Service, whose annotation lists namespaces separated by commas."""
        written = service.meta.annotations.get(SERVICE_ANNOTATION, "")
        named = tuple(part.strip() for part in written.split(",") if part.strip())
        return audience(named or self.services, service.meta.namespace)

    def settles(self, obj: ConfigObject, namespace: str) -> bool:
        """Whether a namespace's view of an object is known, rather than assumed without a MeshConfig."""
        return self.known or bool(texts(obj.spec.get("exportTo"))) or namespace == obj.meta.namespace


def export_defaults(mesh_config: Mapping[str, Any], *, known: bool = True) -> ExportDefaults:
    """The defaults of a MeshConfig; a field that is absent, empty or not a list of names means `*`."""

    def written(field: str) -> tuple[str, ...]:
        return texts(mesh_config.get(field)) or (EVERYWHERE,)

    return ExportDefaults(
        virtual_services=written("defaultVirtualServiceExportTo"),
        destination_rules=written("defaultDestinationRuleExportTo"),
        services=written("defaultServiceExportTo"),
        known=known,
    )
