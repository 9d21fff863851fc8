"""The settings of a cluster's control plane, and whether they are known: MeshConfig, values and MeshNetworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.identity.control_planes import ROOT_CERTIFICATE, istiods, settings_of
from meshtop.analysis.identity.trees import Tree, config_tree
from meshtop.model.kube import Controller, Inventory

_INJECTOR = "istio-sidecar-injector"


class PlaneSettings(Struct, frozen=True, kw_only=True):
    """Settings of a control plane; each part is None where it is absent or cannot be parsed.

    `complete` tells whether Istio's defaults apply to fields that are not set: the cluster has a control plane, and its
    mesh config was read or is known to be absent. Otherwise fields that are not set are unknown.
    """

    mesh: Tree | None = None
    values: Tree | None = None
    networks: Tree | None = None
    complete: bool = False
    values_known: bool = False


def plane_settings(inventory: Inventory) -> PlaneSettings:
    """The settings in force in a cluster: those of the first control plane, else of the next that has some."""
    return settings_among(inventory, istiods(inventory.controllers, inventory.pods, inventory.webhooks))


def settings_among(inventory: Inventory, found: Sequence[Controller]) -> PlaneSettings:
    """The settings in force in a cluster with these istiods, in order of precedence."""
    maps = inventory.config_maps
    read = inventory.evidence("ConfigMap").known
    mesh = values = networks = None
    written = False
    for istiod in found:
        (config, value, shared) = settings_of(istiod)
        own = maps.get(_key(config))
        if own is not None and not written:
            written = True
            mesh = _merged(own.get("mesh", ""), maps.get(_key(shared), {}) if shared else {})
            networks = config_tree(own.get("meshNetworks", ""))
        if values is None:
            values = _values(maps.get(_key(value), {}))
    if not written:
        # A cluster that another one serves has no istiod, and may still keep what was installed.
        mesh, networks = _first(maps, "istio", "mesh"), _first(maps, "istio", "meshNetworks")
        written = any(name == "istio" or name.startswith("istio-") for name in _names(maps))
    if values is None:
        values = _first(maps, "values", "merged-values") or _first(maps, "values", "values")
    return PlaneSettings(
        mesh=mesh,
        values=values,
        networks=networks,
        complete=bool(found) and (mesh is not None or (read and not written)),
        values_known=bool(found) and (values is not None or read),
    )


def _key(place: tuple[str, str]) -> str:
    return "/".join(place)


def _merged(text: str, shared: Mapping[str, str]) -> Tree | None:
    """The mesh config merged over the shared one (SHARED_MESH_CONFIG); the control plane's own fields win."""
    own, common = (config_tree(text) if text.strip() else {}), config_tree(shared.get("mesh", ""))
    if own is None or not common:
        return own
    merged = {**common, **own}
    for name in merged:
        parts = common.get(name), own.get(name)
        if isinstance(parts[0], Mapping) and isinstance(parts[1], Mapping):
            merged[name] = {**parts[0], **parts[1]}
    return merged


def _values(data: Mapping[str, str]) -> Tree | None:
    return config_tree(data.get("merged-values", "")) or config_tree(data.get("values", ""))


def _names(maps: Mapping[str, Mapping[str, str]]) -> list[str]:
    names = (key.rpartition("/")[2] for key in maps)
    return [name for name in names if name != ROOT_CERTIFICATE and not name.startswith(_INJECTOR)]


def _first(maps: Mapping[str, Mapping[str, str]], name: str, part: str) -> Tree | None:
    """A part of the default revision's ConfigMap, else of the first revision's that can be parsed."""
    for key in sorted(maps, key=lambda key: (key.rpartition("/")[2] != name, key)):
        known = key.rpartition("/")[2]
        if known == ROOT_CERTIFICATE or not (known == name or known.startswith(f"{name}-")):
            continue
        found = config_tree(maps[key].get(part, ""))
        if found is not None:
            return found
    return None
