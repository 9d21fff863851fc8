"""An incident report as one HTML file that needs nothing beside it and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.svg import to_svg
from meshtop.model.secrecy import text_without_secrets
from meshtop.model.text import clean, harmless
from meshtop.views.reports.incident import IncidentReport, IncidentTable

_ROW_CLASSES = frozenset({"error", "warning", "info", "follows"})
"""First cells by which a row is coloured."""
_SHORT = 24
"""Up to so many signs are never broken: names hold hyphens."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.about { opacity: .7; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
td.short, th { white-space: nowrap; }
td:not(.short) { min-width: 15rem; }
tr.error td:first-child { color: #c62828; font-weight: 600; } tr.warning td:first-child { color: #b26a00; }
@media (prefers-color-scheme: dark) {
  tr.error td:first-child { color: #ff8a80; } tr.warning td:first-child { color: #ffb74d; }
}
tr.follows td { opacity: .8; } tr.follows td:nth-child(2) { padding-left: 1.5rem; }
svg { max-width: 100%; height: auto; }
"""


def incident_html(report: IncidentReport) -> str:
    """The report as one HTML document, with the graph as SVG; without scripts, and nothing is loaded."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_escaped(report.title)}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{_escaped(report.title)}</h1><p class="about">{_escaped(report.about)}</p>',
    ]
    for section in report.sections:
        parts.append(f"<h2>{_escaped(section.title)}</h2>")
        told = section.sentences or ((section.nothing,) if section.is_empty else ())
        parts += [f"<p>{_escaped(sentence)}</p>" for sentence in told]
        if section.table is not None:
            parts.append(_table(section.table))
        if section.graph is not None:
            drawing = to_svg(section.graph, layout(section.graph))
            parts.append(f'<div class="wide">{drawing[max(0, drawing.find("<svg")) :]}</div>')
    return harmless("\n".join([*parts, "</body></html>"])) + "\n"


def _escaped(text: str) -> str:
    """A text of the page; what servers said may hold a secret."""
    return escape(clean(text_without_secrets(text)))


def _table(table: IncidentTable) -> str:
    titles = "".join(f"<th>{_escaped(title)}</th>" for title in table.titles)
    rows = "".join(map(_table_row, table.rows))
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>'


def _table_row(row: Sequence[str]) -> str:
    kind = f' class="{row[0]}"' if row[0] in _ROW_CLASSES else ""
    return f"<tr{kind}>{''.join(map(_cell, row))}</tr>"


def _cell(text: str) -> str:
    kind = ' class="short"' if len(text) <= _SHORT else ""
    return f"<td{kind}>{_escaped(text)}</td>"
