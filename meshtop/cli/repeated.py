"""Commands in messages, completed so that they reach the clusters of this run.

A message that says `meshtop rollback 4f2a` is written where nobody knows how meshtop was called. Whoever gave a
kubeconfig, a context or a settings file has to give them again, so they are put into every command of meshtop and
kubectl when a message is printed. Whoever called it as kubectl's plugin may have no `meshtop` at all.
"""

from __future__ import annotations

import re
import shlex

_OURS = {"config": "--config", "kubeconfig": "--kubeconfig", "context": "--context"}
"""The common options that decide which clusters there are, by their names in `Common`."""
_given: dict[str, tuple[str, ...]] = {}
_program = "meshtop"
_MESHTOP = re.compile(
    r"\b(?<!kubectl )meshtop (get(?: [a-z]+)?|graph|watch|ack|whatif|shift|propagate|rollback|resume|journal|doctor"
    r"|rules|config validate|access(?: [a-z]+)?)\b(?!-|:)"
)
_KUBECTL = re.compile(r"\bkubectl (?=-|apply|delete|get|describe|label|annotate|logs|rollout|auth)([^|;`()\n]*)")
_CONTEXTS = re.compile(r"--context[ =]")


def remember_option(name: str, value: object) -> None:
    """Remember that a common option was given on the command line; others than those for clusters are ignored."""
    if name in _OURS:
        option = _OURS[name]
        _given[option] = (*_given.get(option, ()), *value) if isinstance(value, tuple) else (str(value),)


def remember_program(program: str) -> None:
    """Remember how the program was called: `meshtop`, or `kubectl meshtop`."""
    global _program
    _program = program


def forget_options() -> None:
    """Forget the options, and how the program was called, at the end of a run."""
    _given.clear()
    remember_program("meshtop")


def repeated(text: str) -> str:
    """The text with the options of this run in its commands; commands that have them already stay as they are."""
    if not _given and _program == "meshtop":
        return text
    return _KUBECTL.sub(_with_kubectl, _MESHTOP.sub(_with_meshtop, text))


def _with_meshtop(found: re.Match[str]) -> str:
    words = [part for option, values in _given.items() for value in values for part in (option, value)]
    command = f"{_program}{found[0].removeprefix('meshtop')}"
    written = found.string[found.end() :]
    return command if not words or written.startswith(f" {words[0]}") else f"{command} {shlex.join(words)}"


def _with_kubectl(found: re.Match[str]) -> str:
    rest = found[1]
    words: list[str] = []
    if "--kubeconfig" not in rest and (files := _given.get("--kubeconfig")):
        words += ["--kubeconfig", files[-1]]
    contexts = _given.get("--context", ())
    if len(contexts) == 1 and not _CONTEXTS.search(rest):
        words += ["--context", contexts[0]]
    return f"kubectl {shlex.join(words)} {rest}" if words else found[0]
