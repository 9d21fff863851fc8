"""What screens with plots share: the keys that choose the time they show, and the way into them and out again."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.plot_memory import PlotSpan, plots_of


class PlottedScreen(MeshScreen):
    """A screen with plots; subclasses call `enter_plots` for the key that goes round, and ask again in `plots_changed`.

    The chosen time is the console's, so it travels from screen to screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "span(1)", "plots of a longer time", id="plots.longer", show=False),
        Binding("minus,underscore", "span(-1)", "plots of a shorter time", id="plots.shorter", show=False),
    ]
    _before_plots: Widget | None = None

    @property
    def span(self) -> PlotSpan:
        """The time that plots show."""
        return plots_of(self).span

    @property
    def plots(self) -> list[ChartView]:
        """The plots that can be seen."""
        return [
            one
            for one in self.query(ChartView)
            if all(node.display for node in one.ancestors_with_self if isinstance(node, Widget))
        ]

    @property
    def reading(self) -> bool:
        """Whether a plot has the keyboard."""
        return isinstance(self.focused, ChartView)

    @property
    def plots_are_all(self) -> bool:
        """Whether there is nothing else to give the keyboard to."""
        return False

    def enter_plots(self) -> bool:
        """Give the keyboard to the first plot; False where none can be seen."""
        plots = [one for one in self.plots if one.can_focus]
        if not plots or self.reading:
            return False
        self._before_plots = self.focused
        plots[0].focus()
        return True

    def leave_plots(self) -> None:
        """Give the keyboard back to what had it before the plots."""
        before, self._before_plots = self._before_plots, None
        if before is not None and before.is_attached and before.display:
            before.focus()
        else:
            self.set_focus(None)
            self.update()

    def on_chart_view_plot_left(self) -> None:
        """A plot gave the keyboard back."""
        self.leave_plots()

    def action_span(self, step: int) -> None:
        """Show a longer or shorter time in all plots."""
        before, span = self.span, plots_of(self).choose(step)
        if span is before:
            self.say(f"Plots show the last {span.name}; there is no {'longer' if step > 0 else 'shorter'} time.")
            return
        self.plots_changed()
        if self.plots:
            for one in self.plots:
                one.draw()
        else:
            self.say(f"Plots show the last {span.name}; there is no room for one here.")

    def plots_changed(self) -> None:
        """Another time was chosen."""
        self.update()
