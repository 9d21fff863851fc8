"""A pydantic schema on a YAML document: the first error in one sentence with file, line and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from meshtop.settings.document import ConfigError, KeyPath, YamlFile, dotted, read_document

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound="BaseModel")
Where = Callable[[KeyPath], str]
"""Function that gives a key's place in words: `tenancy.yaml, line 7`."""


def where_in(document: YamlFile) -> Where:
    """A function that gives the place of a key as file and line."""
    return lambda path: f"{document.path}, line {document.line(path)}"


def read_checked(model: type[Model], path: str | Path, what: str) -> tuple[Model, Where]:
    """Read a file and validate it against a schema; `what` names it in errors. Raises ConfigError."""
    document = read_document(Path(path), what)
    where = where_in(document)
    return checked(model, document.data, where), where


def checked(model: type[Model], data: Any, where: Where, under: KeyPath = ()) -> Model:
    """Validate data against a schema; raises ConfigError with the first error, how many more there are, and all.

    `under` is the key that holds the data, for messages.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = []
        for problem in causes_of(error):
            path: KeyPath = tuple(problem["loc"])
            message = field_problem_text(problem)
            if problem["type"] == "extra_forbidden":
                message = "there is no such key" + hint(path[-1], keys_of(model, path[:-1]))
            found.append(sentence(where(path), (*under, *path), message))
        raise all_errors(found) from error


def causes_of(error: ValidationError) -> list[Mapping[str, Any]]:
    """The errors of a validation without those that only follow: a list is not empty whose entries are wrong."""
    problems: list[Mapping[str, Any]] = [dict(problem) for problem in error.errors(include_url=False)]
    places = [tuple(problem["loc"]) for problem in problems]

    def follows(problem: Mapping[str, Any]) -> bool:
        loc = tuple(problem["loc"])
        return problem["type"] == "too_short" and any(at[: len(loc)] == loc and at != loc for at in places)

    return [problem for problem in problems if not follows(problem)]


def sentence(where: str, path: KeyPath, message: str) -> str:
    """One sentence with a key's place and what is wrong with it."""
    key = dotted(path)
    return f"{where}: {key + ': ' if key else ''}{message}."


def all_errors(sentences: Sequence[str]) -> ConfigError:
    """One error for all that is wrong: its message is the first sentence and how many more there are."""
    every = tuple(dict.fromkeys(sentences))
    more = len(every) - 1
    rest = f" (and {more} more {'error' if more == 1 else 'errors'})" if more else ""
    return ConfigError(f"{every[0].removesuffix('.')}{rest}.", every=every)


def hint(wrong: object, keys: Sequence[str]) -> str:
    """Suggestion for an unknown key: the most similar valid key, else all valid keys."""
    from difflib import get_close_matches  # here, as few write settings that are none

    close = get_close_matches(str(wrong), keys, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]}?)"
    return f"; valid keys: {', '.join(keys)}" if keys else ""


def fault(where: Where, path: KeyPath, message: str, under: KeyPath = ()) -> ConfigError:
    """A ConfigError for a problem that the schema cannot detect, worded like the schema's own errors."""
    return ConfigError(f"{where(path)}: {dotted((*under, *path))}: {message}.")


_WRITE = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "string_type": "write text; put numbers, true and false in quotes",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "finite_number": "must be a finite number",
    "tuple_type": "write a list: each entry on a line of its own, after a dash",
    "list_type": "write a list: each entry on a line of its own, after a dash",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "missing": "this key is missing",
}


def field_problem_text(problem: Mapping[str, Any]) -> str:
    """A pydantic error as an instruction what to write, without a full stop."""
    kind, context = str(problem["type"]), problem.get("ctx") or {}
    if kind in _WRITE:
        return _WRITE[kind]
    if kind == "literal_error":
        return f"write {context['expected']}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        ((_, bound),) = context.items()
        word = {
            "greater_than": "above",
            "greater_than_equal": "of at least",
            "less_than": "below",
            "less_than_equal": "of at most",
        }
        return f"write a number {word[kind]} {bound:g}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    return str(problem["msg"]).removeprefix("Value error, ").rstrip(".")


def keys_of(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The valid keys of the section at `path`; empty where any key is valid."""
    if not path:
        return [field.alias or name for name, field in model.model_fields.items()]
    part, rest = path[0], path[1:]
    for name, field in model.model_fields.items():
        if part == (field.alias or name):
            rest = rest[1:] if rest and isinstance(rest[0], int) else rest
            for section in _models(field.annotation):
                return keys_of(section, rest)
    return []


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every section type named anywhere in an annotation, such as in `tuple[ClusterSettings, ...]`."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
