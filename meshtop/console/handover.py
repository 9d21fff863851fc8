"""Hands the terminal over to k9s, or to kubectl, in the cluster and namespace of the selected row (`!`).

The console is suspended meanwhile and comes back when the other program ends. What it can do there, meshtop does not
decide: so there is no handing over from a console that is read-only, nor from one in a browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from textual.app import App, SuspendNotSupported

from meshtop.model.text import clean
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.registry import view

if TYPE_CHECKING:
    from meshtop.console.host import ConsoleHost
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query

RESOURCES = {"services": "service", "namespaces": "namespace", "canaries": "virtualservice"}
"""What kubectl and k9s call the rows of a kind; workloads, routes and findings say their own kind."""
_NAMED = frozenset(
    {
        *("Deployment", "StatefulSet", "DaemonSet", "Service", "Pod", "Namespace", "VirtualService", "HTTPRoute"),
        *("GRPCRoute", "DestinationRule", "ServiceEntry", "Sidecar", "PeerAuthentication", "AuthorizationPolicy"),
        "RequestAuthentication",
    }
)
"""Kinds whose name, in lower case, kubectl and k9s take for one kind only."""


class OtherPlace(Struct, frozen=True):
    """Where the other program begins: the context, the namespace, and what is selected; "" for what is not told."""

    context: str
    namespace: str = ""
    resource: str = ""
    name: str = ""


def other_place(picture: Picture, query: Query, chosen: tuple[str, str] | None) -> OtherPlace | None:
    """The place of a row (kind and key), else of the scope; None where no single cluster is meant."""
    item = find_item(picture, *chosen) if chosen is not None else None
    if chosen is None or item is None:
        return _of_scope(picture.snapshot, query)
    kind = chosen[0]
    places = view(kind).places(item)
    cluster = picture.snapshot.cluster(places[0].cluster) if places else None
    if cluster is None or not cluster.context:
        return _of_scope(picture.snapshot, query)
    resource = _resource(kind, item)
    return OtherPlace(cluster.context, places[0].namespace, resource, item.name if resource else "")


def _resource(kind: str, item: Any) -> str:
    said = getattr(item, "kind", "")
    if kind in ("workloads", "findings") or (kind == "canaries" and said):
        return str(said).lower() if said in _NAMED else ""
    return "" if kind == "services" and said == "ServiceEntry" else RESOURCES.get(kind, "")


def _of_scope(snapshot: Snapshot, query: Query) -> OtherPlace | None:
    clusters = [c for c in snapshot.clusters if not query.clusters or c.name in query.clusters]
    named = [name for name in query.namespaces if "*" not in name]
    if len(clusters) != 1 or not clusters[0].context:
        return None
    return OtherPlace(clusters[0].context, named[0] if len(named) == 1 else "")


def command_line(place: OtherPlace, kubeconfig: str | None, find: Callable[[str], str | None]) -> list[str] | None:
    """The program and its arguments: k9s, else kubectl; None where neither is installed."""
    where = ["--context", place.context, *(("--namespace", place.namespace) if place.namespace else ())]
    where += ["--kubeconfig", kubeconfig] if kubeconfig else []
    if k9s := find("k9s"):
        return [k9s, *where, *(("--command", place.resource) if place.resource else ())]
    if kubectl := find("kubectl"):
        what = ["describe", place.resource, place.name] if place.resource else ["get", "pods", "--output", "wide"]
        everywhere = [] if place.namespace or place.resource else ["--all-namespaces"]
        return [kubectl, *where, *what, *everywhere]
    return None


def why_not(*, in_browser: bool, read_only: bool) -> str:
    """Why nothing is handed over from such a console; "" where it may be."""
    if in_browser:
        return "In a browser there is no terminal to hand over to k9s or kubectl."
    if read_only:
        return "This console is read-only, and k9s and kubectl would not be: nothing is handed over."
    return ""


async def run_instead(app: App[Any], words: Sequence[str]) -> int:
    """Suspend the console while a program has the terminal; the program's exit code. Raises OSError.

    The console's loop goes on, so what arrives does not pile up, but nothing is drawn.
    """
    with app.batch_update(), _keys_are_not_ours(), app.suspend():
        print(f"\n$ {shlex.join(map(clean, words))}", flush=True)
        process = await asyncio.create_subprocess_exec(*words)
        code = await process.wait()
        if not words[0].endswith("k9s"):
            print("\nenter: back to meshtop ", end="", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
    return code


@contextlib.contextmanager
def _keys_are_not_ours() -> Iterator[None]:
    """While another program has the terminal, its ctrl-c and ctrl-\\ end it and not the console.

    The driver handles SIGINT again when it takes the terminal back.
    """
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in before:
        # A handler and not SIG_IGN, which the program would inherit.
        signal.signal(number, _nothing)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _nothing:
                signal.signal(number, handler)


def _nothing(_number: int, _frame: object) -> None:
    """A signal that is for another program."""


async def hand_over(app: App[Any], host: ConsoleHost, kubeconfig: str | None) -> str:
    """Give the terminal to k9s or kubectl in the place of the row under the cursor; why not, in a sentence, else ""."""
    if refusal := why_not(in_browser=app.is_web, read_only=host.read_only):
        return refusal
    if host.picture is None:
        return "Nothing was read yet."
    place = other_place(host.picture, host.scope.query, getattr(app.screen, "meant", None))
    if place is None:
        return "k9s and kubectl look at one cluster: select a row of one, or narrow to one with x."
    words = command_line(place, kubeconfig, shutil.which)
    if words is None:
        return "Neither k9s nor kubectl is installed here (on the PATH)."
    try:
        await run_instead(app, words)
    except (OSError, SuspendNotSupported) as error:
        return f"{words[0]} could not be started: {error}."
    return ""
