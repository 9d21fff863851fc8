"""Which keys a section of the settings has: for hints and for `config schema`."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from meshtop.settings.document import KeyPath
from meshtop.settings.schema import Settings


def keys_of(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the section at `path` may have; empty where anything may stand."""
    if not path:
        return [field.alias or name for name, field in model.model_fields.items()]
    part, rest = path[0], path[1:]
    for name, field in model.model_fields.items():
        if part == (field.alias or name):
            rest = rest[1:] if rest and isinstance(rest[0], int) else rest
            for section in _models(field.annotation):
                return keys_of(section, rest)
    return []


def json_schema() -> dict[str, Any]:
    """The JSON Schema of meshtop.yaml, for editors."""
    schema = Settings.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "meshtop.yaml"
    return schema


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every section type named anywhere in an annotation, such as in `tuple[ClusterSettings, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
