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
from meshtop.cli.repeated import remember_option
from meshtop.settings.document import KeyPath

if TYPE_CHECKING:
    from meshtop.settings.load import Loaded
    from meshtop.sources.recording.recorded import RecordedSnapshots

Command = TypeVar("Command", bound=Callable[..., Any])


class Console(Protocol):
    """A function that opens the console and returns its exit code."""

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
        opening: str | None,
        recording: RecordedSnapshots | None = None,
    ) -> int:
        """Open the console on these clusters, in this scope."""


class Common:
    """Values of the common options, given before or after the command; None and empty mean "not given"."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.kubeconfig: str | None = None
        self.context: tuple[str, ...] = ()
        self.cluster: tuple[str, ...] = ()
        self.namespace: tuple[str, ...] = ()
        self.all_namespaces = False
        self.tenant: str | None = None
        self.window: str | None = None
        self.at: float | None = None
        self.timeout: str | None = None
        self.read_only = False
        self.color: str | None = None
        self.ascii = False
        self.verbose = 0
        self.log: str | None = None
        self.recording: RecordedSnapshots | None = None
        """The recording that is read instead of clusters (`meshtop replay`)."""
        self.console: Console | None = None
        """Opens the console; set by the program's entry point, as the command line does not import the console."""
        self.keymap_problems: Callable[[dict[str, str]], list[str]] | None = None
        """What is wrong with the setting `keymap`; set likewise."""

    def flags(self) -> dict[str, tuple[KeyPath, Any]]:
        """The flags that override settings, in the form of `meshtop.settings.load`."""
        said: dict[str, tuple[KeyPath, Any]] = {
            "--window": (("window",), self.window),
            "--timeout": (("timeout",), self.timeout),
            "--read-only": (("readOnly",), self.read_only or None),
            "--color": (("color",), self.color),
            "--ascii": (("ascii",), self.ascii or None),
        }
        return {flag: (key, value) for flag, (key, value) in said.items() if value is not None}


def common_of(ctx: click.Context) -> Common:
    """The common options of this run; one object for the program and its command."""
    root = ctx.find_root()
    if not isinstance(root.obj, Common):
        root.obj = Common()
    return root.obj


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Store a given value; a repeatable option is collected from both places, for others the last one counts."""
    if param.name is None or (ctx.resilient_parsing and value in (None, (), False, 0)):
        return
    if ctx.get_parameter_source(param.name) in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return
    common = common_of(ctx)
    if param.name == "namespace" and common.all_namespaces:
        return
    before = getattr(common, param.name)
    adds = isinstance(before, tuple) or param.name == "verbose"
    setattr(common, param.name, before + value if adds else value)
    remember_option(param.name, value)


def _every_namespace(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """-A wins over -n wherever it stands, as kubectl has it."""
    if value:
        common = common_of(ctx)
        common.all_namespaces, common.namespace = True, ()


def _begin_log(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Start the log in the given file. Raises CommandError if that fails."""
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
    """Names from the kubeconfig for completion; none if it cannot be read."""
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
    click.option(
        "-A",
        "--all-namespaces",
        is_flag=True,
        expose_value=False,
        callback=_every_namespace,
        help="Every namespace, as without -n; wins over it.",
    ),
    _option("--tenant", metavar="NAME", help="Only this tenant's namespaces."),
    _option("--window", metavar="5m", type=Duration(), help="Window over which rates and latencies are measured."),
    _option("--at", metavar="TIME", type=Moment(), help="State at a past moment: 2026-08-01T14:05:00Z, -10m, 14:05."),
    _option("--timeout", metavar="5s", type=Duration(), help="Time limit for each cluster."),
    _option("--read-only", is_flag=True, help="Disable everything that writes."),
    _option("--color", type=click.Choice(["auto", "always", "never"]), help="Colour: by default on a terminal only."),
    _option("--ascii", is_flag=True, help="Use plain ASCII only."),
    _option("-v", "--verbose", count=True, help="More details on stderr; -vv shows tracebacks."),
    click.option(
        "--log",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        expose_value=False,
        callback=_begin_log,
        help="Write a log with tracebacks to FILE; secrets are left out.",
    ),
    click.version_option(__version__, "--version", message="meshtop %(version)s"),
)


def common_options(command: Command) -> Command:
    """Add the options that every command takes."""
    for option in reversed(_COMMON):
        command = option(command)
    return command
