"""`meshtop rules`: recording rules for big meshes, as a PrometheusRule or a plain rules file."""

from __future__ import annotations

import click

from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import open_session, write
from meshtop.model.constants import ISTIO_NAMESPACE

FORMATS = ("prometheusrule", "file")


@click.command("rules", short_help="Recording rules for big meshes: -o prometheusrule, file.")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="prometheusrule", help="What to print.")
@click.option("--name", default="meshtop", metavar="NAME", help="The PrometheusRule's name (meshtop).")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label by which your Prometheus selects rules."
)
@common_options
@click.pass_context
def command(ctx: click.Context, output: str, name: str, labels: tuple[str, ...]) -> int:
    """Print recording rules with which Prometheus precomputes the sums that meshtop queries, for the current window.

    Apply them in every cluster whose mesh is too big to be summed at each refresh:

      meshtop rules -n monitoring --label release=prometheus | kubectl apply -f -

    meshtop finds and uses them automatically for the same window; `meshtop doctor` shows whether it does.
    """
    from meshtop.analysis.traffic.rules import prometheus_rule, recording_rules
    from meshtop.cli.printers import to_yaml

    session = open_session(ctx)
    window = session.settings.window
    if output == "file":
        if labels:
            raise CommandError("A plain rules file has no labels; leave --label out, or print a prometheusrule.")
        write(to_yaml(recording_rules(window)).rstrip("\n"))
        return 0
    if len(session.common.namespace) > 1:
        raise CommandError("A PrometheusRule is in one namespace; give -n once.")
    namespace = session.common.namespace[0] if session.common.namespace else ISTIO_NAMESPACE
    rule = prometheus_rule(window, name=name, namespace=namespace)
    rule["metadata"]["labels"].update(_label(text) for text in labels)
    write(to_yaml(rule).rstrip("\n"))
    return 0


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CommandError(f"{text!r} is not a label; write --label key=value.")
    return key, value
