"""`meshtop rules`: recording rules for big meshes, as a PrometheusRule or a plain rules file."""

from __future__ import annotations

from typing import Any

import click

from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, open_session, write
from meshtop.model.constants import ISTIO_NAMESPACE

FORMATS = ("prometheusrule", "file")
DEFAULT_NAME = "meshtop"


@click.command("rules", short_help="Recording rules for big meshes, or of SLOs: -o prometheusrule, file.")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="prometheusrule", help="What to print.")
@click.option("--name", default=DEFAULT_NAME, metavar="NAME", help="The PrometheusRule's name (meshtop, meshtop-slo).")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label by which your Prometheus selects rules."
)
@click.option("--slo", is_flag=True, help="Recording and alerting rules for the objectives (slos) of the settings.")
@common_options
@click.pass_context
def command(ctx: click.Context, output: str, name: str, labels: tuple[str, ...], slo: bool) -> int:
    """Print recording rules with which Prometheus precomputes the sums that meshtop queries, for the current window.

    Apply them in every cluster whose mesh is too big to be summed at each refresh:

      meshtop rules -n monitoring --label release=prometheus | kubectl apply -f -

    meshtop finds and uses them automatically for the same window; `meshtop doctor` shows whether it does.

    With --slo: rules that measure the objectives of the settings and alert when their error budgets burn. Give
    --cluster where the settings have objectives of several clusters.
    """
    from meshtop.analysis.traffic.rules import prometheus_rule, recording_rules
    from meshtop.cli.printers import to_yaml

    session = open_session(ctx)
    window = session.settings.window
    groups = _slo_groups(session) if slo else recording_rules(window)
    if output == "file":
        if labels:
            raise CommandError("A plain rules file has no labels; leave --label out, or print a prometheusrule.")
        write(to_yaml(groups).rstrip("\n"))
        return 0
    if len(session.common.namespace) > 1:
        raise CommandError("A PrometheusRule is in one namespace; give -n once.")
    namespace = session.common.namespace[0] if session.common.namespace else ISTIO_NAMESPACE
    rule = prometheus_rule(window, name=f"{name}-slo" if slo and name == DEFAULT_NAME else name, namespace=namespace)
    rule["spec"] = groups
    rule["metadata"]["labels"].update(_label(text) for text in labels)
    write(to_yaml(rule).rstrip("\n"))
    return 0


def _slo_groups(session: Session) -> dict[str, Any]:
    """The rules of the settings' objectives, for one cluster. Raises CommandError where there is none, or several."""
    from fnmatch import fnmatchcase

    from meshtop.settings.objectives import slo_targets
    from meshtop.views.reports.slo_rules import slo_rules

    targets = slo_targets(session.settings.slos)
    if not targets:
        raise CommandError("The settings have no objectives; write slos: in meshtop.yaml (docs/alerts.md).")
    chosen = session.common.cluster
    of = sorted({target.cluster for target in targets})
    if len(chosen) > 1 or (not chosen and len(of) > 1):
        raise CommandError(f"Rules are for one cluster; give --cluster once. The objectives are of {', '.join(of)}.")
    mine = [target for target in targets if not chosen or fnmatchcase(chosen[0], target.cluster)]
    if not mine:
        raise CommandError(f"No objective of the settings is of {chosen[0]}; they are of {', '.join(of)}.")
    return slo_rules(mine)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CommandError(f"{text!r} is not a label; write --label key=value.")
    return key, value
