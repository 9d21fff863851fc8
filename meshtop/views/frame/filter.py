"""The filter language (INTERFACE.md, "Filter").

`column:value` terms: the same column twice is OR, different columns are AND, `!` before a term negates it (every
negated term must hold). A value is compared whole and without regard to case, `*` stands for any run of characters;
`~` before it makes it a regular expression that may match anywhere. Numeric columns take `>`, `>=`, `<`, `<=`, a
plain number, a range `10..20`, and units (`500ms`, `1.2s`, `5%`, `12k`, `3Mi`). `null` matches unknown values. A bare
word is searched for in every column. Quotes protect spaces and colons: `"10.0.0.1:9090"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, Generic, TypeVar

from msgspec import Struct

from meshtop.model.errors import MeshtopError
from meshtop.views.frame.table import AnyColumn, Column

Item = TypeVar("Item")
Test = Callable[[Item], bool]
"""Predicate: whether an item matches."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%µ/]*)")
_TIMES_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}
_SIZES = {
    "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class FilterError(MeshtopError):
    """An invalid filter or sort: one sentence about the problem and how to write it."""


class Filter(Generic[Item]):
    """A parsed filter; `text` is the input, `matches` tests an item."""

    def __init__(self, text: str, groups: Sequence[tuple[Sequence[Test[Item]], Sequence[Test[Item]]]]) -> None:
        self.text = text
        self._groups = tuple((tuple(some), tuple(none)) for some, none in groups)

    def matches(self, item: Item) -> bool:
        """Whether the item passes every column's terms."""
        for some, none in self._groups:
            if some and not any(test(item) for test in some):
                return False
            if any(test(item) for test in none):
                return False
        return True


def parse_filter(text: str, columns: Sequence[Column[Item]], fields: Sequence[Column[Item]] = ()) -> Filter[Item]:
    """Parse a filter for these columns; raises FilterError.

    `fields` can be named too, but are not searched by bare words.
    """
    by_column: dict[str, tuple[list[Test[Item]], list[Test[Item]]]] = {}
    words: list[tuple[list[Test[Item]], list[Test[Item]]]] = []
    for term in _terms(text):
        if term.column is None:
            test = _anywhere(term, columns)
            words.append(([], [test]) if term.negated else ([test], []))
            continue
        literal = f"{term.column}:{term.value}"
        column = find_column(
            term.column, columns, fields, hint=f' (to look for the text itself, put it in quotes: "{literal}")'
        )
        side = by_column.setdefault(column.name, ([], []))
        side[1 if term.negated else 0].append(_test(column, term))
    return Filter(text.strip(), [*by_column.values(), *words])


def find_column(
    name: str, columns: Sequence[Column[Item]], fields: Sequence[Column[Item]] = (), *, hint: str = ""
) -> Column[Item]:
    """The column of that name or alias, in any case, else one of `fields`, whose names are JSON paths.

    Without `fields`, a path such as `traffic.latencyMs.p99` is matched by its last part. Raises FilterError with the
    nearest name.
    """
    wanted = name.lower()
    known = {field.name.lower(): field for field in fields}
    known |= {key.lower(): column for column in columns for key in (*column.aliases, column.name)}
    found = known.get(wanted) or (None if fields else known.get(wanted.rpartition(".")[2]))
    if found is not None:
        return found
    from difflib import get_close_matches  # here, as it is for who mistypes

    close = get_close_matches(wanted, known, n=1, cutoff=0.6)
    if close:
        raise FilterError(f"There is no column {name}; did you mean {known[close[0]].name}?{hint}")
    names = ", ".join(column.name for column in columns)
    raise FilterError(f"There is no column {name}{hint}; there are {names}.")


class _Term(Struct, frozen=True):
    """One term; `column` is None for a bare word; `literal`: the value was quoted and has no special characters."""

    negated: bool
    column: str | None
    value: str
    literal: bool


def _terms(text: str) -> list[_Term]:
    terms = []
    for token, quoted in _tokens(text):
        negated = token.startswith("!") and not (quoted and quoted[0] == 0)
        start = 1 if negated else 0
        colon = token.find(":", start)
        if colon < 0 or any(begin <= colon for begin in quoted) or token.startswith("~", start):
            name, value = None, token[start:]
        else:
            name, value = token[start:colon], token[colon + 1 :]
            if not name:
                raise FilterError(f"A column's name is missing before the colon in {token!r}; write name:value.")
        literal = len(token) - len(value) in quoted
        if not value and not literal:
            shown = token or "!"
            raise FilterError(f"A value is missing in {shown!r}; write {name or 'column'}:value, or null for unknown.")
        terms.append(_Term(negated, name, value, literal))
    return terms


def _tokens(text: str) -> list[tuple[str, list[int]]]:
    """Words, each with the positions at which quotes were opened."""
    tokens: list[tuple[str, list[int]]] = []
    word: list[str] = []
    quoted: list[int] = []
    quote = ""
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "\"'":
            quote = char
            quoted.append(len(word))
        elif char.isspace():
            if word or quoted:
                tokens.append(("".join(word), quoted))
            word, quoted = [], []
        else:
            word.append(char)
    if quote:
        raise FilterError(f"The quote {quote} is not closed.")
    if word or quoted:
        tokens.append(("".join(word), quoted))
    return tokens


def _test(column: Column[Item], term: _Term) -> Test[Item]:
    read, value = column.value, term.value
    if term.literal and not column.numeric:
        wanted = value.lower()
        return lambda item: any(said.lower() == wanted for said in _words_of(column, item))
    if value.lower() == "null":
        return lambda item: not _known(read(item))
    if value.startswith("~"):
        pattern = _pattern(value[1:])
        return lambda item: any(pattern.search(said) for said in _words_of(column, item))
    operator = next((sign for sign in _COMPARE if value.startswith(sign)), "")
    if column.numeric:
        return _numeric(column, operator, value)
    if operator:
        raise FilterError(f"{column.name} is not a number, so {value!r} cannot be compared; write {column.name}:value.")
    whole = re.compile(translate(re.sub(r"([\[\]?])", r"[\1]", value)), re.IGNORECASE)
    return lambda item: any(whole.match(said) for said in _words_of(column, item))


def _numeric(column: Column[Item], operator: str, value: str) -> Test[Item]:
    read = column.value
    if operator:
        compare, bound = _COMPARE[operator], number_in_unit(value[len(operator) :], column)
        return lambda item: (found := read(item)) is not None and compare(found, bound)
    low, dots, high = value.partition("..")
    if dots:
        least, most = number_in_unit(low, column), number_in_unit(high, column)
        return lambda item: (found := read(item)) is not None and least <= found <= most
    exact = number_in_unit(value, column)
    return lambda item: (found := read(item)) is not None and abs(found - exact) <= 1e-9 * max(1.0, abs(exact))


def number_in_unit(text: str, column: AnyColumn) -> float:
    """A number with its unit in the column's own unit; raises FilterError."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise FilterError(
            f"{text!r} is not a number, which {column.name} needs; write {column.name}:>{_example(column)}."
        )
    amount, unit = float(match[1]), match[2].removesuffix("/s") if column.unit.endswith("/s") else match[2]
    scales = {"": 1.0, **_SIZES}
    if column.unit == "ms":
        scales = {"": 1.0, **_TIMES_MS}
    elif column.unit == "ratio":
        scales = {"": 1.0, "%": 0.01}
    elif column.unit == "B/s":
        scales |= {f"{size}B": scale for size, scale in scales.items()}
    if unit not in scales:
        known = ", ".join(name for name in scales if name)
        raise FilterError(f"The unit {unit!r} does not fit {column.name}; write a plain number or one of {known}.")
    return amount * scales[unit]


def _example(column: AnyColumn) -> str:
    return {"ms": "500ms", "ratio": "5%"}.get(column.unit, "10")


def _anywhere(term: _Term, columns: Sequence[Column[Item]]) -> Test[Item]:
    value = term.value
    if value.startswith("~") and not term.literal:
        pattern = _pattern(value[1:])
        return lambda item: any(pattern.search(said) for column in columns for said in _words_of(column, item))
    wanted = value.lower()
    return lambda item: any(wanted in said.lower() for column in columns for said in _words_of(column, item))


def _pattern(text: str) -> re.Pattern[str]:
    if not text:
        raise FilterError("A regular expression is missing after ~; write column:~^prefix.")
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise FilterError(f"{text!r} is not a regular expression ({error}).") from error


def _known(value: Any) -> bool:
    return value is not None and value != "" and value != () and value != []


def _words_of(column: Column[Item], item: Item) -> Sequence[str]:
    """A column's value as words; empty where unknown, numbers as drawn."""
    value = column.value(item)
    if not _known(value):
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple | set | frozenset):
        return [str(part) for part in value]
    return (column.cell(item).text,)
