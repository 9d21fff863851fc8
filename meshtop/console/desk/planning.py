"""The shift dialog's fields without the dialog: valid values, initial values, and the plan made from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from meshtop.analysis.canary.routes import WeightedRoute
from meshtop.analysis.canary.weights import WHOLE, apportion, new_weights, parse_targets
from meshtop.model.constants import DEFAULT_STEP_SECONDS
from meshtop.model.errors import MeshtopError
from meshtop.settings.durations import format_duration

if TYPE_CHECKING:
    from meshtop.actions.shift.plan import ShiftPlan
    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.views.picture.picture import Picture

Made = TypeVar("Made")
WATCH, LEAVE = "watch", "write and leave"
ROLL_BACK, HOLD = "roll back all", "hold the others"
GUARDS = ("errors, latency", "errors", "latency", "none")


class FormField(Struct, frozen=True):
    """A field of the form: its name, a help text, and its choices if any."""

    name: str
    help: str
    choices: tuple[str, ...] = ()


FIELDS = (
    FormField("weights", "Whole percents, such as v3=20 or v2=10,v3=5; others share the rest in proportion."),
    FormField("steps", "Percents such as 5,25,50,100, each watched; they replace the weight above. Empty: at once."),
    FormField("every", "How long each step is watched: 30s, 2m, 1h."),
    FormField("guard", "What rolls everything back when the canary is worse in it. ← → choose.", GUARDS),
    FormField("on failure", "When a cluster fails, or others change it. ← → choose.", (ROLL_BACK, HOLD)),
    FormField(
        "after each step",
        "Watch until the split follows and the guard passes, or only write. ← → choose.",
        (WATCH, LEAVE),
    ),
    FormField("clusters", "Comma-separated. Empty: every cluster of the mesh whose callers follow the route."),
    FormField("waves", "Clusters that go one after another: us-east; eu-west,ap-south. Empty: all together."),
    FormField("owner", "Only if a controller owns the weights; to override, write: flagger owns it."),
    FormField("reason", "The reason; it is kept in the journal."),
)
NAMES = tuple(field.name for field in FIELDS)


class FieldProblem(MeshtopError):
    """An invalid field: the problem, and how to write it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ShiftSubject(Struct, frozen=True):
    """The subject of the dialog: a route (ROUTE), in each cluster whose callers follow it.

    `routes` are those of one mesh, that of the row it was opened on; `others` are clusters with such a route in another
    mesh, or not known to be in the same; `unsure` is whether it is not known whose objects the row's cluster obeys.
    """

    route: str
    namespace: str
    routes: tuple[WeightedRoute, ...]
    others: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    unsure: bool = False

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters' names."""
        return tuple(route.cluster for route in self.routes)


def subject_of(row: CanaryRow, picture: Picture) -> ShiftSubject | None:
    """The subject for a row, from the latest picture; None when the route no longer exists."""
    survey = picture.canaries.survey
    unsure = survey.clusters[row.cluster].obeys_unknown is not None if row.cluster in survey.clusters else False
    alike = [
        s
        for s in survey.surveyed
        if s.route.label == row.label
        and (survey.clusters[s.route.cluster].obeys_itself or (unsure and s.route.cluster == row.cluster))
    ]
    own = next((s for s in survey.surveyed if s.route.label == row.label and s.route.cluster == row.cluster), None)
    if own is None or not alike:
        return None
    mine = [
        s for s in alike if s.route.cluster == row.cluster or (not unsure and s.mesh is not None and s.mesh == own.mesh)
    ]
    owners = dict.fromkeys(s.owner.controller for s in mine if s.owner.controller != "none")
    return ShiftSubject(
        route=row.label,
        namespace=row.namespace,
        routes=tuple(s.route for s in mine),
        others=tuple(s.route.cluster for s in alike if s not in mine),
        owners=tuple(owners),
        unsure=unsure,
    )


def initial_values(subject: ShiftSubject, cluster: str) -> dict[str, str]:
    """The form's initial values: the current weights in a cluster, and the command's defaults."""
    route = next((r for r in subject.routes if r.cluster == cluster), subject.routes[0])
    shares = [d.share for d in route.destinations]
    percents = apportion(WHOLE, shares) if any(shares) else [0] * len(shares)
    baseline = shares.index(max(shares))
    weights = ",".join(
        f"{d.name}={percent}"
        for number, (d, percent) in enumerate(zip(route.destinations, percents, strict=True))
        if number != baseline
    )
    values = dict.fromkeys(NAMES, "") | {
        "weights": weights,
        "every": format_duration(DEFAULT_STEP_SECONDS),
        "guard": GUARDS[0],
    }
    return values | {"on failure": ROLL_BACK, "after each step": WATCH, "clusters": limit_of(subject)}


def limit_of(subject: ShiftSubject) -> str:
    """Initial value of the clusters' field: empty, or the subject's clusters if others may have such a route too."""
    return ",".join(subject.clusters) if subject.others or subject.unsure else ""


def plan_of(values: Mapping[str, str], subject: ShiftSubject) -> tuple[ShiftPlan, tuple[str, ...]]:
    """The plan, and the clusters it is limited to (none: not limited). Raises FieldProblem."""
    from meshtop.actions.shift.plan import OnLoss, ShiftPlan, parse_guard
    from meshtop.settings.durations import positive_duration

    clusters = named_clusters(values["clusters"], subject)
    steps = steps_of(values["weights"], values["steps"])
    for route in subject.routes:
        if not clusters or route.cluster in clusters:
            for step in steps:
                _fits(route, step)
    every = _checked("every", lambda: positive_duration(values["every"]))
    wait = values["after each step"] != LEAVE
    if not wait and len(steps) > 1:
        raise FieldProblem("after each step", "steps need to be watched; leave steps empty, or choose watch")
    plan = ShiftPlan(
        route=subject.route,
        steps=steps,
        waves=_waves(values["waves"], clusters or subject.clusters),
        every_seconds=every,
        guard=parse_guard(values["guard"]),
        on_loss=OnLoss.HOLD if values["on failure"] == HOLD else OnLoss.TAKE_BACK,
        override=values["owner"].strip(),
        reason=values["reason"].strip(),
        wait=wait,
    )
    return plan, clusters


def steps_of(weights: str, steps: str) -> tuple[dict[str, int], ...]:
    """The steps of the two fields. With steps the weights name one destination. Raises FieldProblem."""
    from meshtop.actions.shift.plan import parse_steps

    weights, steps = weights.strip().rstrip("="), steps.strip()
    if not weights:
        raise FieldProblem("weights", "name a destination and its weight, such as v3=20")
    if not steps:
        return (_checked("weights", lambda: parse_targets(weights)),)
    name = weights.partition("=")[0] if weights.count("=") == 1 else weights
    if "," in weights:
        raise FieldProblem("weights", "steps move one destination; name only that one here, such as v3")
    return _checked("steps", lambda: parse_steps(name, steps))


def named_clusters(text: str, subject: ShiftSubject) -> tuple[str, ...]:
    """The clusters that the field names. Raises FieldProblem."""
    named = _names(text)
    for name in named:
        _known("clusters", name, subject.clusters)
    return named


def effect(values: Mapping[str, str], subject: ShiftSubject) -> str:
    """The resulting change of weights: `us-east, eu-west: v2 80 → 70 · v3 20 → 30`. Raises FieldProblem."""
    clusters = named_clusters(values["clusters"], subject)
    steps = steps_of(values["weights"], values["steps"])
    alike: dict[str, list[str]] = {}
    for route in subject.routes:
        if clusters and route.cluster not in clusters:
            continue
        ways = [[str(weight)] for weight in _percents(route)]
        for step in steps:
            for way, weight in zip(ways, _fits(route, step), strict=True):
                way.append(str(weight))
        text = " · ".join(f"{d.name} {' → '.join(way)}" for d, way in zip(route.destinations, ways, strict=True))
        alike.setdefault(text, []).append(route.cluster)
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in alike.items())


def _percents(route: WeightedRoute) -> Sequence[int]:
    shares = [d.share for d in route.destinations]
    return apportion(WHOLE, shares) if any(shares) else [0] * len(shares)


def _fits(route: WeightedRoute, step: Mapping[str, int]) -> tuple[int, ...]:
    return _checked("weights", lambda: new_weights(route, step))


def _waves(text: str, clusters: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    waves = tuple(wave for part in text.split(";") if (wave := _names(part)))
    seen: set[str] = set()
    for name in (name for wave in waves for name in wave):
        _known("waves", name, clusters)
        if name in seen:
            raise FieldProblem("waves", f"{name} is named twice; each cluster belongs to one wave")
        seen.add(name)
    return waves


def _known(field: str, name: str, clusters: Sequence[str]) -> None:
    if name not in clusters:
        raise FieldProblem(field, f"the route is not in {name}; it is in {', '.join(clusters)}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _checked(field: str, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except ValueError as error:
        raise FieldProblem(field, str(error)) from error
