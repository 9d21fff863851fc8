"""Pairs as a matrix: tenants, namespaces or clusters down the side and across the top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.table_layout import least_width
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone
from meshtop.views.reports.security import Matrix, namespace_matrix, trust_matrix

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query

NOTHING = Cell("·", Tone.DIM)


def table_of_matrix(matrix: Matrix) -> Table[str]:
    """A matrix as a table: a row for each name, a column for each name across the top."""

    def column(name: str, number: int) -> Column[str]:
        return Column(
            name=f"to:{name}",
            title=name,
            help=f"What goes to {name}.",
            value=lambda row: matrix.cells.get((row, name), NOTHING).text,
            cell=lambda row: matrix.cells.get((row, name), NOTHING),
            align=Align.RIGHT,
            priority=number,
            min_width=6,
            max_width=20,
        )

    names: Column[str] = Column(
        name="from",
        title="FROM ↓ TO →",
        help="Where it comes from.",
        value=lambda row: row,
        cell=lambda row: Cell(row, Tone.STRONG),
        priority=0,
        min_width=8,
        max_width=32,
    )
    columns = [column(name, number) for number, name in enumerate(matrix.columns, start=1)]
    return Table((names, *columns), matrix.rows, lambda row: row)


class MatrixScreen(TableScreen):
    """A kind of pairs: as a matrix if all of it fits, else as a list, the worst first; `m` switches.

    The rows of the list can be opened, sorted and filtered.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "matrix", "matrix/list", id="matrix.toggle")]

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._wanted: bool | None = None
        self._fits = True

    @property
    def as_matrix(self) -> bool:
        """Whether the matrix is shown: as chosen by key, else if it fits."""
        return self._fits if self._wanted is None else self._wanted

    def refresh_picture(self, picture: Picture) -> None:
        """Show the pairs of the scope."""
        table = self._matrix(picture, self.usable_query())
        self._fits = least_width(table.columns) <= self.size.width
        self.rows.sortable = not self.as_matrix
        if not self.as_matrix:
            super().refresh_picture(picture)
            return
        self.show_pages()
        self.query_one(".side").display = self.arrange_side(shown=False)
        if not len(table):
            self.rows.explain_empty(self.why_empty(picture))
        self.rows.show(table)

    def _show_side(self, picture: Picture, key: str | None) -> None:
        """What is beside a list is a pair's: a row of the matrix is several."""
        super()._show_side(picture, None if self.as_matrix else key)

    def _matrix(self, picture: Picture, query: Query) -> Table[Any]:
        if self.kind == "tenantmatrix":
            from meshtop.views.kinds.tenantmatrix import matrix_table

            return matrix_table(self.kind_view.items(picture, query))
        return table_of_matrix(
            trust_matrix(picture, query) if self.kind == "trust" else namespace_matrix(picture, query)
        )

    def why_no_choice(self) -> str:
        """A matrix has its columns from the mesh."""
        if not self.as_matrix:
            return super().why_no_choice()
        return "The columns of a matrix are whoever is called; m lists the pairs, whose columns K chooses."

    def action_matrix(self) -> None:
        """Switch between matrix and list."""
        self._wanted = not self.as_matrix
        self.update()

    def open_row(self, key: str) -> None:
        """Open a pair; for a row of the matrix, list its pairs."""
        if self.as_matrix:
            self.action_matrix()
        else:
            super().open_row(key)
