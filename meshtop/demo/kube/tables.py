"""Tables: what ``kubectl get`` asks the server to print."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.demo.kube.entry import Entry, partial_metadata
from meshtop.demo.kube.resource import Json, Resource


def definitions(resource: Resource, version: str) -> list[Json]:
    """The column definitions of a kind."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in resource.columns_in(version)
    ]


def rows(entries: Iterable[Entry], resource: Resource, version: str, now: float, include: str) -> list[Json]:
    """The rows; `include` (None, Metadata or Object) says what each row carries along."""
    columns = resource.columns_in(version)
    result = []
    for entry in entries:
        row: Json = {"cells": [column.cell(entry.object, now) for column in columns]}
        if include == "Object":
            row["object"] = entry.in_version(version)
        elif include != "None":
            row["object"] = partial_metadata(entry.object)
        result.append(row)
    return result


def table(metadata: Json, column_definitions: list[Json], table_rows: list[Json]) -> Json:
    """A Table object."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": column_definitions,
        "rows": table_rows,
    }
