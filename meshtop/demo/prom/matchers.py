"""Label matchers: ``=``, ``!=``, ``=~``, ``!~`` with anchored regular expressions of RE2's syntax."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from meshtop.demo.prom.errors import BadData
from meshtop.demo.prom.series import NAME

_LEADING_FLAGS = re.compile(r"^\(\?([ims]+)\)")
_FOREIGN = re.compile(r"\[\[:|\\[pPQEzCxG]|[*+?}]\+|\(\?[imsU-]+\)|\(\?<?[=!]|\\[1-9]")
"""What RE2 reads differently from Python's ``re``, or not at all: refused instead of misread."""


@lru_cache(maxsize=1024)
def compile_regex(pattern: str) -> re.Pattern[str]:
    """Compile an expression of RE2's syntax, to be used with ``fullmatch``.

    Raises BadData where Python's ``re`` would read it differently from RE2.
    """
    flags = re.ASCII
    source = pattern
    if leading := _LEADING_FLAGS.match(pattern):
        source = pattern[leading.end() :]
        for letter in leading[1]:
            flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[letter]
    if _FOREIGN.search(source):
        raise BadData(f"regular expression {pattern!r} uses syntax that the simulated Prometheus does not support")
    try:
        return re.compile(source, flags)
    except re.error as err:
        raise BadData(f"error parsing regexp: {err}: {pattern!r}") from err


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher. Answers are remembered for each value: labels have few values and many series."""

    name: str
    op: str
    value: str
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)
    _test: list[Callable[[str], bool]] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.op in ("=~", "!~"):
            pattern, wanted = compile_regex(self.value), self.op == "=~"
            self._test.append(lambda value: (pattern.fullmatch(value) is not None) is wanted)
        else:
            wanted_value, wanted = self.value, self.op == "="
            self._test.append(lambda value: (value == wanted_value) is wanted)

    def matches(self, value: str) -> bool:
        """Whether a label value ("" for a missing label) satisfies this matcher."""
        answer = self._known.get(value)
        if answer is None:
            if len(self._known) >= 10_000:
                self._known.clear()
            answer = self._known[value] = self._test[0](value)
        return answer


def metric_name(matchers: Iterable[Matcher]) -> str | None:
    """The metric name that the matchers ask for by ``=``, if there is one."""
    return next((m.value for m in matchers if m.name == NAME and m.op == "=" and m.value), None)


def name_test(matchers: Iterable[Matcher]) -> Callable[[str], bool]:
    """Whether a metric of some name can satisfy the matchers: spares looking at the series of those that cannot."""
    of_name = [m for m in matchers if m.name == NAME]
    return lambda name: all(m.matches(name) for m in of_name)


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy every matcher."""
    # A loop, not all(…): most series differ in their first matcher; a generator for each costs as much again.
    for matcher in matchers:  # noqa: SIM110
        if not matcher.matches(labels.get(matcher.name, "")):
            return False
    return True
