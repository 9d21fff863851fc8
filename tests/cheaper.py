"""What the test processes do once instead of for each test; nothing of it is different for the product's code."""

from __future__ import annotations

import gc
from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

THRESHOLDS = (50_000, 20, 100)
"""As in the console (`process.CONSOLE_THRESHOLDS`), from the first test on: commands under test would set it later."""

COLLECT_EVERY_TESTS = 200
_since = 0
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}
_parse_rules = Stylesheet._parse_rules


def hide_what_was_imported() -> None:
    """Keep modules, collected tests and what else is there before the first test out of the collector's sight.

    None of it is garbage, and every full collection, of which some tests ask for dozens, would look through it.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


def hide_again() -> None:
    """The same after a test that had to make everything visible."""
    gc.collect()
    gc.freeze()


def collect_now_and_then() -> None:
    """Collect after some hundred tests: by the console's thresholds alone a test process grows to a gigabyte."""
    global _since
    _since += 1
    if _since >= COLLECT_EVERY_TESTS:
        _since = 0
        gc.collect()


def parse_styles_once() -> None:
    """Parse a stylesheet once for a process, as the console does, although a thousand consoles start in this one.

    Safe to share: Textual itself gives the same rules to every widget and screen of an app, and never changes them.
    The key is all that a parse depends on: the text, whose it is, its precedence, and every variable it may name.
    A text with a mistake in it is not kept, and raises each time.
    """

    def parse(
        self: Stylesheet,
        css: str,
        read_from: Any,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        key = (css, read_from, is_default_rules, tie_breaker, scope, frozenset(self._variables.items()))
        if (known := _parsed.get(key)) is not None:
            return known
        rules = _parse_rules(self, css, read_from, is_default_rules, tie_breaker, scope)
        if not any(rule.errors for rule in rules):
            _parsed[key] = rules
        return rules

    Stylesheet._parse_rules = parse  # type: ignore[method-assign]
