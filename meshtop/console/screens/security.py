"""The mTLS overview: the share of mutual TLS by cluster, tenant and namespace, and workloads, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from meshtop.console.places import FINDINGS, MTLS
from meshtop.console.screens.table import TableScreen
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView, LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.model.numbers import percent, quantity
from meshtop.model.state import Severity
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone
from meshtop.views.reports.security import Overview, overview, shares_table

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

TALL = 34
SHARES = {"clusters": "CLUSTER", "tenants": "TENANT", "namespaces": "NAMESPACE"}
_SEVERITIES = {
    Severity.ERROR: ("✗", "error", Tone.FAILING),
    Severity.WARNING: ("▲", "warning", Tone.DEGRADED),
    Severity.INFO: ("", "info", Tone.DIM),
}


class SecurityLine(LineWidget):
    """The whole scope in one line."""

    found: Overview | None = None

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The line."""
        if self.found is None:
            return []
        total = self.found.total
        words: list[tuple[str, Tone]] = [
            (percent(total.mtls_ratio), Tone.STRONG),
            (" % mTLS    ", Tone.DIM),
            (quantity(total.plaintext_per_second), Tone.STRONG),
            (" req/s in plaintext    ", Tone.DIM),
        ]
        for severity, (sign, name, tone) in _SEVERITIES.items():
            count = self.found.severities.get(severity, 0)
            if count:
                text = f"{sign} {count} {name}{'s' if count > 1 and sign else ''}".strip()
                words.append((f"{text}   ", tone))
        runs: list[TextRun] = []
        x = 2
        for text, tone in words:
            if x + cell_width(text.rstrip()) > width:
                break
            runs.append(TextRun(x, text, tone))
            x += cell_width(text)
        return [TextLine("plain", tuple(runs))]


class SecurityScreen(TableScreen):
    """Workloads by their mutual TLS, with the shares of it above them where there is room."""

    AUTO_FOCUS = "#rows"

    def __init__(self) -> None:
        super().__init__(MTLS)

    def body(self) -> ComposeResult:
        """One line, three tables of shares, workloads."""
        with Vertical(classes="security"):
            yield Pages(id="places")
            yield SecurityLine()
            with Horizontal(id="shares"):
                for name in SHARES:
                    yield LiveTable(id=f"share-{name}", sortable=False)
            with Horizontal(classes="body"):
                yield LiveTable(id="rows", waiting=Note("Reading policies and traffic …"))
                yield LineView(classes="side")

    @property
    def rows(self) -> LiveTable:
        """The workloads."""
        return self.query_one("#rows", LiveTable)

    def kinds(self) -> frozenset[str]:
        """Workloads, and what the overview counts."""
        return frozenset({MTLS, FINDINGS, "certificates"})

    def refresh_picture(self, picture: Picture) -> None:
        """Draw the overview, then the workloads."""
        line = self.query_one(SecurityLine)
        found = line.found = overview(picture, self.host.scope.query)
        line.draw()
        shares = self.query_one("#shares")
        shares.display = self.size.height >= TALL
        for name in SHARES if shares.display else ():
            table = self.query_one(f"#share-{name}", LiveTable)
            rows = getattr(found, name)
            table.display = bool(rows) and (name != "namespaces" or self.size.width >= 160)
            table.show(shares_table(rows, SHARES[name]))
        longest = max((len(getattr(found, name)) for name in ("clusters", "tenants")), default=0)
        shares.styles.height = min(longest + 2, self.size.height // 4)
        super().refresh_picture(picture)

    def open_other(self, table: LiveTable, key: str) -> None:
        """Narrow the scope to the cluster or tenant of a share."""
        if table.id == "share-clusters":
            self.host.set_scope(self.host.scope.narrowed(cluster=key))
        elif table.id == "share-tenants":
            self.host.set_scope(self.host.scope.narrowed(tenant=key))
