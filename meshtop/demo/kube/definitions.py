"""CustomResourceDefinition objects: what they install and what they say about themselves."""

from __future__ import annotations

from typing import Any

from meshtop.demo.kube import jsonpath
from meshtop.demo.kube.columns import AGE, NAME, age_of
from meshtop.demo.kube.ownership import compact_json
from meshtop.demo.kube.resource import Json, PrinterColumn, Resource


def _cell(path: str, kind: str, value_now: tuple[Json, float]) -> Any:
    obj, now = value_now
    found = jsonpath.find(obj, path)
    if not found or found[0] is None:
        return None
    value = found[0]
    if kind == "date":
        return age_of(value, now)
    if kind == "string" and not isinstance(value, str):
        return compact_json(value)
    return value


def _column(printer: Json) -> PrinterColumn:
    path, kind = printer["jsonPath"], printer.get("type", "string")
    return PrinterColumn(
        name=printer["name"],
        cell=lambda obj, now: _cell(path, kind, (obj, now)),
        type=kind,
        format=printer.get("format", ""),
        description=printer.get("description", ""),
        priority=printer.get("priority", 0),
    )


def _columns(version: Json) -> tuple[PrinterColumn, ...]:
    printers = version.get("additionalPrinterColumns")
    return (NAME, *map(_column, printers)) if printers else (NAME, AGE)


def resource_of_definition(definition: Json) -> Resource:
    """The kind that a CustomResourceDefinition describes. Raises KeyError where the definition lacks what it must have.

    Conversion webhooks are not simulated: all versions have the same content.
    """
    spec = definition["spec"]
    names = spec["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    served.sort(key=lambda version: not version.get("storage"))
    selectable = {field["jsonPath"].lstrip(".") for version in served for field in version.get("selectableFields", ())}
    return Resource(
        group=spec["group"],
        versions=tuple(version["name"] for version in served),
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        namespaced=spec.get("scope") == "Namespaced",
        version_columns={version["name"]: _columns(version) for version in served},
        status_subresource=any("status" in (version.get("subresources") or {}) for version in served),
        schemas={
            version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") or {"type": "object"}
            for version in served
        },
        custom=True,
        field_selectors=tuple(sorted(selectable)),
        categories=tuple(names.get("categories") or ()),
    )


def problems_of_definition(definition: Json) -> list[tuple[str, str, str]]:
    """What the API server refuses in a definition: (reason, field, message) each."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    problems = [
        ("FieldValueRequired", f"spec.{field}", "Required value")
        for field, value in (
            ("group", spec.get("group")),
            ("scope", spec.get("scope")),
            ("names.plural", names.get("plural")),
            ("names.kind", names.get("kind")),
            ("versions", spec.get("versions")),
        )
        if not value
    ]
    if problems:
        return problems
    expected = f"{names['plural']}.{spec['group']}"
    if definition["metadata"].get("name") != expected:
        message = f'Invalid value: "{definition["metadata"].get("name")}": must be spec.names.plural+"."+spec.group'
        problems.append(("FieldValueInvalid", "metadata.name", message))
    if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        problems.append(("FieldValueInvalid", "spec.versions", message))
    if not any(version.get("served") for version in spec["versions"]):
        message = "Invalid value: must have at least one served version"
        problems.append(("FieldValueInvalid", "spec.versions", message))
    return problems


def establish(definition: Json, status: Json | None, now: str) -> Json:
    """Fill in the names that may be left out; the status that follows `status` once the kind is served."""
    spec = definition["spec"]
    names = {"listKind": f"{spec['names']['kind']}List", "singular": spec["names"]["kind"].lower(), **spec["names"]}
    spec["names"] = names
    spec.setdefault("conversion", {"strategy": "None"})
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    old = status or {}
    stored = [*(old.get("storedVersions") or ())]
    if storage not in stored:
        stored.append(storage)
    since = {condition["type"]: condition["lastTransitionTime"] for condition in old.get("conditions") or ()}
    words = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    return {
        "acceptedNames": names,
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": since.get(kind, now),
            }
            for kind, reason, message in words
        ],
        "storedVersions": stored,
    }
