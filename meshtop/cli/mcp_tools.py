"""The tools of `meshtop mcp`: what the reading commands answer, for programs that call tools (Model Context Protocol).

Every kind of the registry is a tool, so a new kind is one by itself; graph, whatif and doctor stand beside them. This
module knows nothing of the protocol. A tool takes plain data and gives a document as `-o json` prints it, cut to a
bound that is said in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from meshtop.cli.exits import CommandError
from meshtop.cli.options import Common
from meshtop.cli.session import Session
from meshtop.model.snapshot import Snapshot
from meshtop.settings.load import load_settings
from meshtop.views.frame.registry import KINDS, Kind
from meshtop.views.frame.registry import view as find_view

DEFAULT_ITEMS, MOST_ITEMS = 50, 500
MOST_BYTES = 200_000
"""The longest answer, in bytes of its JSON: about what a model reads at once. Lists are cut until it fits."""
_OF_THE_COMMAND_LINE = re.compile(r"; (?:--|exits with ).*")
"""What the summary of a kind says about options and exit codes, which a tool has not."""
UNCUT = frozenset({"sources", "unknowns", "missing"})
"""Lists that say how far the answer can be relied on, and so are never cut."""

Names = Annotated[tuple[str, ...], Meta(max_length=200)]
Limit = Annotated[int, Meta(ge=1, le=MOST_ITEMS, description="The most items to answer with.")]


def _said(description: str) -> Meta:
    return Meta(description=description)


class ScopeArguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where and when to look; they narrow the scope that the server was started with, and never widen it."""

    clusters: Annotated[Names, _said("Only these clusters, by name; empty for all.")] = ()
    namespaces: Annotated[Names, _said("Only these namespaces; `shop-*` is a prefix; empty for all.")] = ()
    tenant: Annotated[str, _said("Only this tenant's namespaces.")] = ""
    window: Annotated[str, _said("Over how long rates and latencies are measured, such as 5m.")] = ""
    at: Annotated[str, _said("Telemetry of a past moment: 2026-08-01T14:05:00Z, or -10m.")] = ""


class ListArguments(ScopeArguments, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a kind is asked for."""

    names: Annotated[Names, _said("Only these: NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME; `*` for anything.")] = ()
    filter: Annotated[str, _said("Terms column:value, such as 'errorRatio:>1% health:failing !idle'.")] = ""
    sort: Annotated[str, _said("A column to sort by; -COLUMN reverses the order.")] = ""
    limit: Limit = DEFAULT_ITEMS
    offset: Annotated[int, Meta(ge=0, description="Leave out so many items at the beginning.")] = 0


class GraphArguments(ScopeArguments, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What part of the graph is asked for."""

    level: Annotated[
        Literal["clusters", "tenants", "namespaces", "services", "workloads"], _said("What a node stands for.")
    ] = "services"
    focus: Annotated[str, _said("Only this node and its surroundings: NAME or NAMESPACE/NAME.")] = ""
    hops: Annotated[int, Meta(ge=0, le=20, description="How many hops around the focus.")] = 1
    path: Annotated[Names, _said("Two nodes: only the shortest ways from the first to the second.")] = ()
    filter: Annotated[str, _said("Terms on edges, such as 'errorRatio:>1%'.")] = ""
    idle: Annotated[bool, _said("Include edges without traffic in the window.")] = False
    unhealthy: Annotated[bool, _said("Only edges that are degraded, failing or unknown.")] = False
    limit: Limit = DEFAULT_ITEMS


class StrictArguments(ScopeArguments, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where mutual TLS would be required."""

    scope: Annotated[str, Meta(min_length=1, description="A namespace (in every cluster), or `mesh` for all.")]
    limit: Limit = DEFAULT_ITEMS


class EvacuateArguments(ScopeArguments, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which cluster would take no more traffic."""

    cluster: Annotated[str, Meta(min_length=1, description="The cluster, by name.")]
    limit: Limit = DEFAULT_ITEMS


class DoctorArguments(ScopeArguments, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which clusters are examined."""

    limit: Limit = DEFAULT_ITEMS


class ToolAnswer(Struct, frozen=True):
    """What a tool found: the snapshot that was read and the document.

    Of the document's `items` the `first` were left out, and some at the end, where they are `total` in all.
    """

    snapshot: Snapshot
    document: Any
    first: int = 0
    total: int | None = None


class ReadTool(Struct, frozen=True):
    """A tool: its name, what it answers, the form of its arguments, and what makes the answer."""

    name: str
    title: str
    description: str
    arguments: type[ScopeArguments]
    answer: Callable[[Session, Any], ToolAnswer]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, with the object at its root."""
        _, known = msgspec.json.schema_components([self.arguments])
        found: dict[str, Any] = known[self.arguments.__name__]
        return found


def tools() -> tuple[ReadTool, ...]:
    """Every tool: one for each kind, then the questions that know several kinds."""
    return (
        *(_of_kind(kind) for kind in KINDS),
        ReadTool(
            "graph",
            "Service graph",
            "Who calls whom over all clusters, each edge counted once, with rates, errors, health and mutual TLS.",
            GraphArguments,
            _graph,
        ),
        ReadTool(
            "whatif_strict",
            "What if mutual TLS were required",
            "Which calls would break if a namespace, or the whole mesh, required mutual TLS (STRICT). Changes nothing.",
            StrictArguments,
            _strict,
        ),
        ReadTool(
            "whatif_evacuate",
            "What if a cluster took no traffic",
            "Which hosts would have no endpoint left, and which would double their load, without a cluster. "
            "Changes nothing.",
            EvacuateArguments,
            _evacuate,
        ),
        ReadTool(
            "doctor",
            "What can be reached and read",
            "For each cluster: what can be reached, read and found, the cost of each source, and how to fix faults.",
            DoctorArguments,
            _doctor,
        ),
    )


def _of_kind(kind: Kind) -> ReadTool:
    def answer(session: Session, asked: ListArguments) -> ToolAnswer:
        from meshtop.cli.get import read_for
        from meshtop.views.frame.document import document

        view = find_view(kind.name)
        query = session.query(names=asked.names, filter_=asked.filter, sort=asked.sort)
        view.check(query)
        snapshot = read_for(session, kind.name)
        picture = session.picture(snapshot)
        items = view.items(picture, query)
        some = items[asked.offset : asked.offset + asked.limit]
        found = msgspec.to_builtins(document(view, picture, some, query), str_keys=True)
        if lost := view.lost(picture):
            found["lost"] = lost
        return ToolAnswer(snapshot, found, min(asked.offset, len(items)), len(items))

    summary = _OF_THE_COMMAND_LINE.sub("", f"{kind.summary[:1].upper()}{kind.summary[1:]}")
    return ReadTool(
        f"get_{kind.name}", find_view(kind.name).title, f"{summary}.{_columns(kind)}", ListArguments, answer
    )


def _columns(kind: Kind) -> str:
    """What the columns mean, by which a filter or a sort may go."""
    said = (f"{column.name}: {column.help.rstrip('.')}" for column in find_view(kind.name).columns if column.help)
    return f" Columns to filter and sort by: {'; '.join(said)}."


def _graph(session: Session, asked: GraphArguments) -> ToolAnswer:
    from meshtop.analysis.graph.service_graph import Level
    from meshtop.cli.graph import graph_document, narrowed_graph
    from meshtop.cli.session import once
    from meshtop.views.kinds.edges import VIEW
    from meshtop.views.picture.asks import GRAPH
    from meshtop.views.reports.graph import BY_CLUSTER, GROUPINGS, Sight, lost_in_graph

    if len(asked.path) not in (0, 2):
        raise CommandError("`path` takes two nodes: the first and the last of the way.")
    query = session.query(filter_=asked.filter)
    VIEW.check(query)
    grouping = GROUPINGS[1][1] if asked.level == "tenants" else BY_CLUSTER
    sight = Sight(level=Level(asked.level), grouping=grouping, idle=asked.idle, unhealthy=asked.unhealthy)
    snapshot = once(session, asked=GRAPH)
    picture = session.picture(snapshot)
    way = (asked.path[0], asked.path[1]) if asked.path else None
    graph = narrowed_graph(picture, query, sight, focus=asked.focus or None, hops=asked.hops, path=way)
    found = msgspec.to_builtins(graph_document(snapshot, sight, graph), str_keys=True)
    found["unknowns"] = msgspec.to_builtins(VIEW.unknowns(picture, query))
    if lost := lost_in_graph(picture):
        found["lost"] = lost
    return ToolAnswer(snapshot, found)


def _strict(session: Session, asked: StrictArguments) -> ToolAnswer:
    from meshtop.cli.whatif import read_strict
    from meshtop.settings.durations import format_duration
    from meshtop.views.reports.whatif import strict_document, strict_sentences

    picture, answer = read_strict(session, asked.scope)
    document = strict_document(picture, answer, format_duration(picture.snapshot.window_seconds))
    found = {**msgspec.to_builtins(document, str_keys=True), "says": strict_sentences(answer)}
    return ToolAnswer(picture.snapshot, found)


def _evacuate(session: Session, asked: EvacuateArguments) -> ToolAnswer:
    from meshtop.cli.whatif import read_evacuation
    from meshtop.settings.durations import format_duration
    from meshtop.views.reports.evacuate import evacuation_document, evacuation_sentences

    picture, answer = read_evacuation(session, asked.cluster)
    document = evacuation_document(picture, answer, format_duration(picture.snapshot.window_seconds))
    found = {**msgspec.to_builtins(document, str_keys=True), "says": evacuation_sentences(answer)}
    return ToolAnswer(picture.snapshot, found)


def _doctor(session: Session, asked: DoctorArguments) -> ToolAnswer:
    from meshtop.cli.session import once
    from meshtop.views.frame.document import sources
    from meshtop.views.picture.asks import DOCTOR
    from meshtop.views.reports.doctor import examine

    snapshot = once(session, asked=DOCTOR)
    report = examine(snapshot, lambda: session.picture(snapshot).facts)
    found = {**msgspec.to_builtins(report, str_keys=True), "sources": msgspec.to_builtins(sources(snapshot))}
    return ToolAnswer(snapshot, found)


def call_tool(tool: ReadTool, given: Mapping[str, Any], started: Common) -> dict[str, Any]:
    """The answer of a tool, within the scope of the options that the server was started with, and within the bound.

    Raises MeshtopError with one sentence, also for arguments that are not of the tool's form.
    """
    from meshtop.views.frame.document import missing

    asked = _checked(tool, given)
    session = _session(started, asked)
    answer = tool.answer(session, asked)
    # Through JSON, so that what is not a number is null here too.
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer.document))
    if said := missing(answer.snapshot):
        found["missing"] = said
    return bounded(found, getattr(asked, "limit", DEFAULT_ITEMS), answer.first, answer.total)


def _checked(tool: ReadTool, given: Mapping[str, Any]) -> ScopeArguments:
    try:
        return msgspec.convert(dict(given), tool.arguments)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").lstrip(".")
        raise CommandError(
            f"{tool.name} does not take these arguments: {f'{place}: ' if place else ''}{what}."
        ) from error


def _session(started: Common, asked: ScopeArguments) -> Session:
    """A session that can only read, in the scope of the server narrowed by the arguments."""
    from meshtop.settings.durations import positive_duration
    from meshtop.views.frame.moments import parse_moment

    common = Common()
    common.config, common.kubeconfig, common.context = started.config, started.kubeconfig, started.context
    common.timeout, common.read_only = started.timeout, True
    common.cluster = _within("cluster", asked.clusters, started.cluster)
    common.namespace = _within("namespace", asked.namespaces, started.namespace)
    if asked.tenant and started.tenant and asked.tenant != started.tenant:
        raise CommandError(f"This server answers for tenant {started.tenant} only.")
    common.tenant = asked.tenant or started.tenant
    common.window, common.at = asked.window or started.window, started.at
    try:
        if asked.window:
            positive_duration(asked.window)
        if asked.at:
            common.at = parse_moment(asked.at, datetime.now().astimezone())
    except ValueError as error:
        raise CommandError(f"{str(error).rstrip('.')}.") from error
    return Session(common, load_settings(config=common.config, environ=os.environ, flags=common.flags()))


def _within(what: str, asked: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """What is asked for, which must be of what the server was started for; all of that where nothing is asked."""
    for name in asked:
        if allowed and not any(name == one or fnmatchcase(name, one) for one in allowed):
            raise CommandError(f"This server answers for {what} {', '.join(allowed)} only, not for {name}.")
    return tuple(asked) or tuple(allowed)


def bounded(document: dict[str, Any], limit: int, first: int = 0, total: int | None = None) -> dict[str, Any]:
    """The document with its lists cut to `limit`, and further until it is short enough; `cut` says what was left out.

    Its `items` are those after the `first` ones of `total`. Raises CommandError where it cannot be short enough.
    """
    found = _cut(document, limit, first, total)
    while len(msgspec.json.encode(found)) > MOST_BYTES and limit > 1:
        limit //= 2
        found = _cut(document, limit, first, total)
    if len(msgspec.json.encode(found)) > MOST_BYTES:
        raise CommandError("The answer is too long; name clusters or namespaces, or filter.")
    return found


def _cut(document: dict[str, Any], limit: int, first: int, total: int | None) -> dict[str, Any]:
    found, cut = dict(document), {}
    for key, value in document.items():
        if not isinstance(value, list) or key in UNCUT:
            continue
        found[key] = value[:limit]
        before, all_ = (first, total) if key == "items" and total is not None else (0, len(value))
        if len(found[key]) < all_:
            cut[key] = {"total": all_, "first": before, "shown": len(found[key])}
    if "edges" in cut:
        ends = {end for edge in found["edges"] for end in (edge["source"], edge["target"])}
        found["nodes"] = [node for node in document["nodes"] if node["id"] in ends]
        cut["nodes"] = {"total": len(document["nodes"]), "first": 0, "shown": len(found["nodes"])}
    if cut:
        found["cut"] = cut
    return found
