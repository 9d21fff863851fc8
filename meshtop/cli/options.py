"""The options that every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from meshtop import __version__
from meshtop.cli.exits import CommandError, at_end
from meshtop.cli.moment import Duration, Moment
from meshtop.settings.document import KeyPath

if TYPE_CHECKING:
    from meshtop.settings.load import Loaded

Command = TypeVar("Command", bound=Callable[..., Any])


class Console(Protocol):
    """Opens the console and returns its exit code."""

    def __call__(
        self,
        loaded: Loaded,
        *,
        kubeconfig: str | None,
        contexts: tuple[str, ...],
        clusters: tuple[str, ...],
        namespaces: tuple[str, ...],
        tenant: str | None,
        moment: float | None,
        diff: bool,
    ) -> int:
        """Open it on these clusters, in this scope."""


class Common:
    """What the common options said, wherever they stood; None and empty are "not said"."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.kubeconfig: str | None = None
        self.context: tuple[str, ...] = ()
        self.cluster: tuple[str, ...] = ()
        self.namespace: tuple[str, ...] = ()
        self.tenant: str | None = None
        self.window: str | None = None
        self.at: float | None = None
        self.timeout: str | None = None
        self.read_only = False
        self.color: str | None = None
        self.ascii = False
        self.verbose = 0
        self.log: str | None = None
        self.console: Console | None = None
        """What opens the console; the program's entry point hands it in, as the command line knows no console."""

    def flags(self) -> dict[str, tuple[KeyPath, Any]]:
        """The flags that stand for settings, as `meshtop.settings.load` takes them."""
        said: dict[str, tuple[KeyPath, Any]] = {
            "--window": (("window",), self.window),
            "--timeout": (("timeout",), self.timeout),
            "--read-only": (("readOnly",), self.read_only or None),
            "--color": (("color",), self.color),
            "--ascii": (("ascii",), self.ascii or None),
        }
        return {flag: (key, value) for flag, (key, value) in said.items() if value is not None}


def common_of(ctx: click.Context) -> Common:
    """The options of this run; one object for the program and its command."""
    root = ctx.find_root()
    if not isinstance(root.obj, Common):
        root.obj = Common()
    return root.obj


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Note a value that was typed; a repeatable option adds up over both places, any other is the last one's."""
    if param.name is None or (ctx.resilient_parsing and value in (None, (), False, 0)):
        return
    if ctx.get_parameter_source(param.name) in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return
    common = common_of(ctx)
    before = getattr(common, param.name)
    adds = isinstance(before, tuple) or param.name == "verbose"
    setattr(common, param.name, before + value if adds else value)


def _begin_log(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Write the log to the file that was named, from here on. Raises CommandError where that cannot be."""
    _keep(ctx, param, value)
    if value is None or ctx.resilient_parsing:
        return
    from meshtop.log import start_log, stop_log

    try:
        start_log(Path(value), requests=True)
        at_end(stop_log)
    except OSError as error:
        raise CommandError(f"The log {value} (--log) cannot be written: {error.strerror or error}.") from error


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names from the kubeconfig, for completion; a kubeconfig that cannot be read completes nothing."""
    from meshtop.sources.auth.kubeconfig import KubeconfigError, find_clusters

    try:
        refs = find_clusters(kubeconfig=common_of(ctx).kubeconfig, contexts=(), clusters=())
    except KubeconfigError:
        return []
    found = (ref.context if param.name == "context" else ref.name for ref in refs)
    return [CompletionItem(name) for name in found if name and name.startswith(incomplete)]


def _option(*names: str, **more: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=_keep, **more)


_COMMON: tuple[Callable[[Any], Any], ...] = (
    _option("--config", metavar="FILE", type=click.Path(), help="The settings file; `none` for no file at all."),
    _option("--kubeconfig", metavar="FILE", type=click.Path(), is_eager=True, help="The kubeconfig to read."),
    _option(
        "--context",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_names,
        help="Only this context (repeatable).",
    ),
    _option(
        "--cluster",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_names,
        help="Only this cluster (repeatable).",
    ),
    _option("-n", "--namespace", metavar="NAME", multiple=True, help="Only this namespace; `shop-*` is a prefix."),
    _option("--tenant", metavar="NAME", help="Only this tenant's namespaces."),
    _option("--window", metavar="5m", type=Duration(), help="Over how long rates and latencies are measured."),
    _option("--at", metavar="TIME", type=Moment(), help="As it was then: 2026-08-01T14:05:00Z, -10m, 14:05."),
    _option("--timeout", metavar="5s", type=Duration(), help="How long one cluster may take."),
    _option("--read-only", is_flag=True, help="Take everything that writes out of the program."),
    _option("--color", type=click.Choice(["auto", "always", "never"]), help="Colour: by default on a terminal only."),
    _option("--ascii", is_flag=True, help="Draw with plain ASCII only."),
    _option("-v", "--verbose", count=True, help="Say more on stderr; -vv shows tracebacks."),
    click.option(
        "--log",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=_begin_log,
        help="Write what happens to FILE, tracebacks too; secrets are left out.",
    ),
    click.version_option(__version__, "--version", message="meshtop %(version)s"),
)


def common_options(command: Command) -> Command:
    """Add the options that every command takes."""
    for option in reversed(_COMMON):
        command = option(command)
    return command
