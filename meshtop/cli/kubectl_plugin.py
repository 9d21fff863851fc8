"""meshtop as a plugin of kubectl: `kubectl meshtop`, and its completion in kubectl's own way.

kubectl runs the program `kubectl-meshtop` with everything after `kubectl meshtop`, and asks the program
`kubectl_complete-meshtop` what could follow (kubectl 1.26 and later). Both are this program under another name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from click.shell_completion import CompletionItem, ShellComplete

from meshtop.cli.exits import run
from meshtop.cli.main import COMPLETE_VARIABLE, cli, main
from meshtop.cli.options import Common
from meshtop.cli.repeated import remember_program
from meshtop.cli.session import write
from meshtop.model.errors import Exit
from meshtop.model.text import clean

PROGRAM = "kubectl meshtop"
COMPLETER = "kubectl_complete-"
"""How the name begins under which kubectl asks for completions."""
CURRENT_CONTEXT = "KUBECTL_PLUGINS_CURRENT_CONTEXT"
"""A context that whoever calls plugins wants them to use. kubectl itself sets nothing; wrappers do, and many plugins
read it."""
SCOPING = ("--context", "--cluster", "--kubeconfig")
"""Who gives one of these has said which clusters are meant."""


class Directive(IntEnum):
    """What a shell does besides offering the words (cobra's ShellCompDirective)."""

    FILES = 0
    NO_FILES = 4
    ONLY_FOLDERS = 16


def run_for_kubectl(called: str, arguments: Sequence[str], common: Common) -> int:
    """Run as kubectl's plugin, or answer kubectl's completion, by the name it was called under; the exit code."""
    if called.startswith(COMPLETER):
        return run(lambda: _complete(arguments))
    remember_program(PROGRAM)
    context = current_context(os.environ, arguments)
    return main([*(("--context", context) if context else ()), *arguments], common, program=PROGRAM)


def current_context(environ: Mapping[str, str], arguments: Sequence[str]) -> str:
    """The context that the caller of plugins wants, "" without one, or where the command line names clusters itself."""
    said = any(word == option or word.startswith(f"{option}=") for word in arguments for option in SCOPING)
    return "" if said else environ.get(CURRENT_CONTEXT, "")


def _complete(arguments: Sequence[str]) -> int:
    """Print what could follow; the last argument is the word that the cursor is in."""
    *before, incomplete = arguments or ("",)
    items = ShellComplete(cli, {"obj": Common()}, "meshtop", COMPLETE_VARIABLE).get_completions(before, incomplete)
    write(answer(items))
    return Exit.FINE


def answer(items: Iterable[CompletionItem[Any]]) -> str:
    """Completions as cobra writes them: a line `word<tab>help` for each, then the directive."""
    found = list(items)
    types = {item.type for item in found}
    directive = Directive.NO_FILES
    if "dir" in types:
        directive = Directive.ONLY_FOLDERS
    elif "file" in types:
        directive = Directive.FILES
    words = [item for item in found if item.type == "plain" and item.value == clean(item.value)]
    lines = [f"{item.value}\t{clean(item.help)}" if item.help else str(item.value) for item in words]
    return "\n".join((*lines, f":{int(directive)}"))
