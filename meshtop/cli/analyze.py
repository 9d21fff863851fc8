"""`meshtop analyze [FILE…]`: findings on the configuration of clusters, of files, or of both. Nothing is sent."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.manifest_files import bytes_of, given_objects, home_of, listed_files
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.analysis.findings.suppression import Suppression
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.picture.query import Query
    from meshtop.views.reports.analyze import Analysis, ReadFiles


@click.command("analyze", short_help="Findings on the configuration of clusters, or of files before they are applied.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--over-clusters", is_flag=True, help="Judge FILEs as if they were applied to the clusters.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "info")),
    default="error",
    help="The least severe finding that exits with 1 (error).",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(("table", "wide", "json", "yaml", "csv", "name")),
    default="table",
    help="How to print.",
)
@click.option("--filter", "filter_", metavar="EXPR", default="", help="As of get: 'severity:error !code:IST0118'.")
@click.option("--sort", metavar="COLUMN", default="", help="As of get.")
@click.option(
    "--suppress",
    metavar="CODE[=KIND NAME]",
    multiple=True,
    help="Leave out findings; NAME is [NAMESPACE/]NAME, * anything.",
)
@click.option("--mesh-config", metavar="FILE", help="Files alone: the MeshConfig that they are meant for.")
@click.option("--mesh-networks", metavar="FILE", help="Files alone: the MeshNetworks that they are meant for.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    over_clusters: bool,
    fail_on: str,
    output: str,
    filter_: str,
    sort: str,
    suppress: tuple[str, ...],
    mesh_config: str | None,
    mesh_networks: str | None,
) -> int:
    """Findings on the configuration, with Istio's own message codes (docs/findings.md).

    Without FILE, of all clusters. With FILEs (or folders, or - for stdin), of these alone: no cluster is asked. With
    --over-clusters, of the clusters as they would be with the FILEs applied: what is found on their objects, and what
    comes with them elsewhere. CLUSTER=FILE is for one cluster.

    Exits with 1 where something is as severe as --fail-on says, and with 3 where what was not read may hide something.
    """
    from meshtop.views.kinds.findings import VIEW

    session = open_session(ctx)
    if over_clusters and not files:
        raise click.UsageError("--over-clusters needs a FILE to lay over them.", ctx)
    if (mesh_config or mesh_networks) and (over_clusters or not files):
        raise click.UsageError("--mesh-config and --mesh-networks are for files alone; clusters have their own.", ctx)
    query = session.query(filter_=filter_, sort=sort)
    VIEW.check(query)
    ignored = _ignored(session, suppress)
    if files and not over_clusters:
        return _of_files(session, files, (mesh_config, mesh_networks), ignored, query, output, fail_on)
    read = _read(session, files) if files else []
    return _of_clusters(session, read, ignored, query, output, fail_on)


def _ignored(session: Session, suppress: tuple[str, ...]) -> tuple[Suppression, ...]:
    from meshtop.analysis.findings.suppression import check_code, suppression
    from meshtop.views.picture.factory import ignored_findings

    try:
        given = [suppression(text) for text in suppress]
        for one in given:
            check_code(one)
        return (*ignored_findings(session.settings), *given)
    except ValueError as error:
        raise CommandError(f"--suppress {error}.") from error


def _of_files(
    session: Session,
    files: tuple[str, ...],
    mesh: tuple[str | None, str | None],
    ignored: tuple[Suppression, ...],
    query: Query,
    output: str,
    fail_on: str,
) -> Exit:
    from meshtop.views.reports.analyze import analyze_files

    read = _read(session, files, mesh, alone=True)
    analysis = analyze_files(read, ignored, query)
    return _print(session, analysis, output, fail_on)


def _of_clusters(
    session: Session,
    read: list[ReadFiles],
    ignored: tuple[Suppression, ...],
    query: Query,
    output: str,
    fail_on: str,
) -> Exit:
    from meshtop.views.picture.asks import ANALYZE
    from meshtop.views.reports.analyze import analyze_changes, analyze_clusters, laid_over

    snapshot = once(session, plaintext=not read, asked=ANALYZE)
    before = session.picture(snapshot)
    before.ignored = ignored
    names = [cluster.name for cluster in snapshot.clusters]
    for one in read:
        if one.cluster and one.cluster not in names:
            raise CommandError(f"There is no cluster {one.cluster}; there are {', '.join(names)}.")
    if read:
        after = session.picture(laid_over(snapshot, read))
        after.ignored = ignored
        analysis = analyze_changes(before, after, read, query)
    else:
        analysis = analyze_clusters(before, query)
    code = _print(session, analysis, output, fail_on, snapshot)
    say_missing(session, snapshot)
    reached = exit_code(snapshot)
    return code if reached is Exit.FINE else reached


def _print(session: Session, analysis: Analysis, output: str, fail_on: str, snapshot: Snapshot | None = None) -> Exit:
    from meshtop.cli.printers import json_text, qualified_name, to_csv, to_yaml
    from meshtop.views.frame.unknowns import doubt
    from meshtop.views.kinds.findings import VIEW
    from meshtop.views.reports.analyze import analysis_document, findings_counted

    items = analysis.items
    if output in ("json", "yaml"):
        at = snapshot.at if snapshot is not None else time.time()
        window = snapshot.window_seconds if snapshot is not None else session.settings.window
        document = analysis_document(analysis, at=at, window_seconds=window, snapshot=snapshot)
        write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
    elif output == "csv":
        write(to_csv(VIEW.item, items).rstrip("\n"))
    elif output == "name":
        write("\n".join(qualified_name(VIEW, item) for item in items))
    elif items:
        from meshtop.cli.text_table import render_table
        from meshtop.model.thresholds import DEFAULT_THRESHOLDS
        from meshtop.views.frame.table import Table

        table = Table(VIEW.shown(DEFAULT_THRESHOLDS, wide=output == "wide"), list(items), VIEW.key)
        write("\n".join(render_table(table, session.style(sys.stdout))))
    say(f"meshtop: {findings_counted(items)}")
    if analysis.unknowns:
        say(f"meshtop: This answer is not certain: {doubt(analysis.unknowns)}")
    if analysis.is_bad(fail_on):
        return Exit.BAD
    return Exit.UNREACHABLE if analysis.unknowns else Exit.FINE


def _read(
    session: Session, files: tuple[str, ...], mesh: tuple[str | None, str | None] = (None, None), *, alone: bool = False
) -> list[ReadFiles]:
    """The objects of the files by the cluster that they are for. Raises CommandError for what cannot be read."""
    from meshtop.views.reports.analyze import ReadFiles

    paths: dict[str, list[str]] = {}
    for written in files:
        cluster, path = _target(written)
        paths.setdefault(cluster, []).extend(listed_files(path, written))
    if alone and "" in paths and len(paths) > 1:
        named = ", ".join(cluster for cluster in paths if cluster)
        raise CommandError(
            f"{', '.join(paths[''][:3])} {'is' if len(paths['']) == 1 else 'are'} for no cluster, and {named} "
            f"{'is' if len(paths) == 2 else 'are'} named: write CLUSTER=FILE for every file, or for none."
        )
    settings = _settings(mesh)
    found = []
    for cluster, several in paths.items():
        read = given_objects(several, home_of(session.common.namespace), more=settings, default_gateway=alone)
        for kind in read.passed_over:
            say(f"meshtop: {kind} is a kind that nothing judges; it was passed over.")
        found.append(ReadFiles(cluster=cluster, inventory=read.inventory, misread=read.misread))
    return found


def _target(written: str) -> tuple[str, str]:
    """The cluster ("" for all) and the path of an argument: FILE, or CLUSTER=FILE where no file is called so."""
    cluster, equals, path = written.partition("=")
    if equals and cluster and path and "/" not in cluster and not Path(written).exists():
        return cluster, path
    return "", written


def _settings(mesh: tuple[str | None, str | None]) -> list[bytes]:
    """The ConfigMap in which istiod finds a MeshConfig and MeshNetworks, of the given files."""
    data = {
        name: _mesh_text(path, kind)
        for name, kind, path in zip(("mesh", "meshNetworks"), ("MeshConfig", "MeshNetworks"), mesh, strict=True)
        if path
    }
    if not data:
        return []
    meta = {"name": "istio", "namespace": "istio-system"}
    return [json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}).encode()]


def _mesh_text(path: str, kind: str) -> str:
    """The text of a MeshConfig or MeshNetworks. Raises CommandError for what is none, which would change nothing."""
    from meshtop.model.yaml_input import YamlRefused, load_yaml, text_of_yaml

    data = bytes_of(path)
    try:
        content, text = load_yaml(data), text_of_yaml(data)
    except YamlRefused as error:
        line = f" (line {error.line})" if error.line else ""
        raise CommandError(f"{path} {error.why}{line}.") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path} is no {kind}: it has to hold keys and values.")
    if "kind" in content and "apiVersion" in content:
        raise CommandError(f"{path} is an object ({content['kind']}) and no {kind}; give a ConfigMap as FILE.")
    return text
