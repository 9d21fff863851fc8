"""The form of the shift dialog: fields with current values, errors below them, and the effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Label
from textual.widgets.input import Selection

from meshtop.console.desk.planning import FIELDS, FieldProblem, ShiftSubject, effect, initial_values, limit_of, plan_of
from meshtop.console.widgets.choice import Choice
from meshtop.model.text import clean

if TYPE_CHECKING:
    from meshtop.actions.shift.plan import ShiftPlan


def _slug(name: str) -> str:
    return name.replace(" ", "-")


class ShiftForm(VerticalScroll, can_focus=False):
    """The fields of a plan; `Entered` is posted by enter in any of them."""

    class Entered(Message):
        """Message: enter was pressed."""

    def __init__(self, subject: ShiftSubject, cluster: str, weights: str = "") -> None:
        super().__init__(id="form")
        self.subject = subject
        self._first = initial_values(subject, cluster) | ({"weights": weights} if weights else {})

    def compose(self) -> ComposeResult:
        """Each field with a line for its error, and at the end the help of the focused field."""
        for field in FIELDS:
            with Horizontal(classes="field", id=f"row-{_slug(field.name)}"):
                yield Label(field.name, classes="name")
                if field.choices:
                    yield Choice(field.choices, id=f"field-{_slug(field.name)}")
                else:
                    yield Input(
                        self._first[field.name],
                        placeholder=self._placeholder(field.name),
                        id=f"field-{_slug(field.name)}",
                        compact=True,
                        select_on_focus=False,
                    )
            wrong = Label("", classes="wrong", id=f"wrong-{_slug(field.name)}", markup=False)
            wrong.display = False
            yield wrong
        yield Label("", classes="effect", id="effect", markup=False)
        yield Label("", classes="help", id="field-help", markup=False)

    def _placeholder(self, name: str) -> str:
        clusters = self.subject.clusters
        if name == "clusters":
            return f"all: {', '.join(clusters)}"
        if name == "waves":
            return "all together" + (f"; one after another: {'; '.join(clusters[:2])}" if len(clusters) > 1 else "")
        if name == "owner":
            owners = self.subject.owners
            return f"{owners[0]} owns it: write that to override" if owners else "none"
        return {"steps": "none: at once", "reason": "kept in the journal"}.get(name, "")

    def on_mount(self) -> None:
        """Focus the first weight."""
        field = self.query_one("#field-weights", Input)
        field.focus()
        before, equals, number = field.value.rpartition("=")
        if equals:
            field.selection = Selection(len(before) + 1, len(before) + 1 + len(number))
        self._show_effect()

    @property
    def values(self) -> dict[str, str]:
        """Each field's value by its name."""
        found = {}
        for field in FIELDS:
            widget = self.query_one(f"#field-{_slug(field.name)}")
            assert isinstance(widget, Input | Choice)
            found[field.name] = widget.value
        return found

    def plan(self) -> tuple[ShiftPlan, tuple[str, ...]] | None:
        """The plan and the clusters that it is limited to; None if a field is invalid (its error is shown below it)."""
        try:
            found = plan_of(self.values, self.subject)
        except FieldProblem as problem:
            self.complain(problem.field, problem.message)
            self.query_one(f"#field-{_slug(problem.field)}").focus()
            return None
        self._clear_complaints()
        return found

    def complain(self, field: str, message: str) -> None:
        """Show an error below a field."""
        self._clear_complaints()
        label = self.query_one(f"#wrong-{_slug(field)}", Label)
        label.update(f"✗ {clean(message)}")
        label.display = True

    def update_subject(self, subject: ShiftSubject) -> None:
        """Update the route; values that were filled in stay."""
        field = self.query_one("#field-clusters", Input)
        if field.value == limit_of(self.subject):
            field.value = limit_of(subject)
        self.subject = subject
        field.placeholder = self._placeholder("clusters")
        self._show_effect()

    def _clear_complaints(self) -> None:
        for label in self.query(".wrong").results(Label):
            label.display = False

    def _show_effect(self) -> None:
        """Show the resulting weights, or the error of a field while typing."""
        values: Mapping[str, str] = self.values
        try:
            text = effect(values, self.subject)
            plan_of(values, self.subject)
        except FieldProblem as problem:
            self.complain(problem.field, problem.message)
            self.query_one("#effect", Label).update("")
            return
        self._clear_complaints()
        self.query_one("#effect", Label).update(clean(text))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Update the effect."""
        event.stop()
        self._show_effect()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Update the effect."""
        event.stop()
        self._show_effect()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Post `Entered`."""
        event.stop()
        self.post_message(self.Entered())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of the focused field."""
        name = (event.widget.id or "").removeprefix("field-")
        field = next((one for one in FIELDS if _slug(one.name) == name), None)
        if field is not None:
            self.query_one("#field-help", Label).update(field.help)
