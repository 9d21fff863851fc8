"""A pydantic schema on a YAML document: the first error in one sentence with file, line and key."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from meshtop.settings.document import Document, KeyPath, dotted, read_document
from meshtop.settings.errors import ConfigError
from meshtop.settings.words import in_words

Model = TypeVar("Model", bound=BaseModel)
Where = Callable[[KeyPath], str]
"""Where a key stands, in words: `tenancy.yaml, line 7`."""


def where_in(document: Document) -> Where:
    """Places in a file."""
    return lambda path: f"{document.path}, line {document.line(path)}"


def read_checked(model: type[Model], path: str | Path, what: str) -> tuple[Model, Where]:
    """Read a file and hold it against a schema; `what` names it in errors. Raises ConfigError."""
    document = read_document(Path(path), what)
    where = where_in(document)
    return checked(model, document.data, where), where


def checked(model: type[Model], data: Any, where: Where, under: KeyPath = ()) -> Model:
    """Hold data against a schema; raises ConfigError with the first error and how many more there are.

    `under` is the key that the data stands under, for messages.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = problems[0]
        path: KeyPath = tuple(first["loc"])
        message = in_words(first)
        if first["type"] == "extra_forbidden":
            message = "there is no such key" + _hint(model, path)
        name = dotted((*under, *path))
        more = len(problems) - 1
        rest = f" (and {more} more {'error' if more == 1 else 'errors'})" if more else ""
        raise ConfigError(f"{where(path)}: {name + ': ' if name else ''}{message}{rest}.") from error


def fault(where: Where, path: KeyPath, message: str, under: KeyPath = ()) -> ConfigError:
    """An error that a schema cannot see, in the same words."""
    return ConfigError(f"{where(path)}: {dotted((*under, *path))}: {message}.")


def _hint(model: type[BaseModel], path: KeyPath) -> str:
    keys = _keys(model, path[:-1])
    close = get_close_matches(str(path[-1]), keys, n=1, cutoff=0.6)
    if close:
        return f"; perhaps {close[0]} is meant"
    return f"; known here: {', '.join(keys)}" if keys else ""


def _keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    place: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int) or place is None:
            continue
        fields = {field.alias or name: field for name, field in place.model_fields.items()}
        place = _model(fields[part].annotation) if part in fields else None
    return [] if place is None else [field.alias or name for name, field in place.model_fields.items()]


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part)) is not None), None)
