"""Findings on the configuration of all clusters of a Picture, in the order of the calls that they touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.findings.calls import Calls, calls_of
from meshtop.analysis.findings.judge import JudgedConfiguration, judge_config, routes_left_idle, together
from meshtop.analysis.findings.revisions import JudgedCluster, RevisionConfig, revisions_of, well_formed
from meshtop.model.kube import Inventory, KindStatus
from meshtop.model.mesh import MeshFacts
from meshtop.model.state import State
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_NOTHING_READ = Inventory(kinds=(KindStatus(kind="everything", state="failed"),))
_CLUSTERS: Key[tuple[JudgedCluster, ...]] = Key("clusters, as findings are judged")
_CONFIGS: Key[tuple[RevisionConfig, ...]] = Key("configuration by revision")
_JUDGEMENT: Key[JudgedConfiguration] = Key("findings on the configuration")
_WEIGHED: Key[JudgedConfiguration] = Key("findings on the configuration, by calls")


def judged_clusters(picture: Picture) -> tuple[JudgedCluster, ...]:
    """All clusters as the rules take them; of one that was not read nothing is known, and nothing is absent."""
    found = (
        JudgedCluster(
            name=cluster.name,
            inventory=cluster.inventory if cluster.inventory is not None else _NOTHING_READ,
            facts=picture.facts.get(cluster.name, MeshFacts()),
            read=cluster.inventory is not None,
            hides=picture.snapshot.hidden is not None,
        )
        for cluster in picture.snapshot.clusters
    )
    return tuple(well_formed(cluster) for cluster in found)


def calls_in(picture: Picture) -> Calls:
    """The calls of this window; complete where the telemetry of every cluster was read."""
    states = picture.telemetry_states
    complete = bool(states) and all(state is State.FRESH for state in states.values())
    return calls_of(picture.edges, complete=complete)


def judgement_of(picture: Picture) -> JudgedConfiguration:
    """All findings on the configuration; computed once for each Picture, and anew only where something changed."""
    return picture.cached(_WEIGHED, lambda: _weighed(picture))


def _weighed(picture: Picture) -> JudgedConfiguration:
    ignored = picture.ignored
    clusters = picture.unless_changed(_CLUSTERS, lambda: judged_clusters(picture))
    configs = picture.unless_changed(_CONFIGS, lambda: tuple(revisions_of(clusters)))
    standing = picture.unless_changed(
        _JUDGEMENT, lambda: judge_config(clusters, ignored=ignored, configs=configs), also=ignored
    )
    calls = calls_in(picture)
    return together(standing, routes_left_idle(clusters, calls, ignored=ignored, configs=configs), calls)
