"""An incident report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshtop.cli.graph_text import graph_lines
from meshtop.cli.text_table import Style
from meshtop.model.secrecy import text_without_secrets
from meshtop.model.text import clean, harmless
from meshtop.views.reports.incident import IncidentReport

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def incident_markdown(report: IncidentReport) -> str:
    """The report as Markdown; nothing of a name is taken for markup."""
    lines = [f"# {_plain(report.title)}", "", _plain(report.about)]
    for section in report.sections:
        lines += ["", f"## {_plain(section.title)}"]
        for sentence in section.sentences or ((section.nothing,) if section.is_empty else ()):
            lines += ["", _plain(sentence)]
        if section.table is not None:
            lines += ["", _row(section.table.titles), _row(["---"] * len(section.table.titles), raw=True)]
            lines += [_row(row) for row in section.table.rows]
        if section.graph is not None:
            drawn = graph_lines(section.graph, Style(color=False, ascii_only=False, width=None))
            # Names hold no line's end, so that none of them closes the block; four marks are longer than any of theirs.
            lines += ["", "````text", *(line.replace("````", "''''") for line in drawn), "````"]
    return harmless("\n".join(lines)) + "\n"


def _plain(text: str) -> str:
    """Text of which Markdown makes nothing."""
    return _SPECIAL.sub(r"\\\1", clean(text_without_secrets(text)))


def _row(cells: Sequence[str], *, raw: bool = False) -> str:
    return f"| {' | '.join(cell if raw else _plain(cell) for cell in cells)} |"
